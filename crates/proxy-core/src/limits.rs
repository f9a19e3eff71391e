//! What a client may take of the server: sizes of heads, times and rates, and how long its connection is kept.
//! Each server has its own; a virtual host says only what differs from the main server.

use std::time::Duration;

/// Limits of one server.
///
/// What counts before a request is known (its line, its fields, its head's time) is that of the first virtual host
/// of the address that the client connected to, as in httpd; the rest is that of the server the request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// LimitRequestLine: bytes of the request line without its end.
    pub line: usize,
    /// LimitRequestFieldSize: bytes of one field line without its end.
    pub field: usize,
    /// LimitRequestFields: how many fields.
    pub fields: usize,
    /// RequestReadTimeout `header=`: from the first byte of a head to its last; also how long a fresh connection
    /// may say nothing.
    pub header: Pace,
    /// RequestReadTimeout `body=`: how long a request may wait for its own body, all waits together.
    pub body: Pace,
    /// ResponseWriteTimeout: how long a response may wait for a client to take it, all waits together.
    pub response: Pace,
    /// Timeout: the longest wait for a client that sends or takes nothing at all.
    pub timeout: Duration,
    /// KeepAlive.
    pub keep_alive: bool,
    /// KeepAliveTimeout: from one request to the next.
    pub keep_alive_timeout: Duration,
    /// MaxKeepAliveRequests; as many as the client likes if `None`.
    pub keep_alive_requests: Option<u32>,
}

impl ClientLimits {
    /// The most that LimitRequestFields can say: each is kept, and looked at several times.
    pub const MOST_FIELDS: u32 = 128;
    /// The most that LimitRequestLine and LimitRequestFieldSize can say, in bytes.
    pub const MOST_LINE: u32 = 131_072;

    /// Bytes that a whole head may have: 64 KiB, or more where one line and one field alone are allowed more.
    #[must_use]
    pub const fn head(&self) -> usize {
        const LEAST: usize = 65_536;
        let asked = self.line + 2 * self.field;
        if asked > LEAST { asked } else { LEAST }
    }
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            line: 8192,
            field: 8192,
            fields: 100,
            header: Pace::seconds(10),
            body: Pace { min_rate: Some(500), ..Pace::seconds(20) },
            response: Pace { min_rate: Some(500), ..Pace::seconds(60) },
            timeout: Duration::from_secs(60),
            keep_alive: true,
            keep_alive_timeout: Duration::from_secs(5),
            keep_alive_requests: None,
        }
    }
}

/// A time that grows with what has come: httpd's `MIN[-MAX][,MinRate=N]` (`modules/filters/mod_reqtimeout.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// What there is from the start; nothing is limited if this is zero.
    pub first: Duration,
    /// Where it ends to grow.
    pub most: Option<Duration>,
    /// Bytes for which it grows by a second; it does not grow if `None`. Not 0.
    pub min_rate: Option<u32>,
}

impl Pace {
    /// So many seconds, whatever comes.
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self { first: Duration::from_secs(seconds), most: None, min_rate: None }
    }

    /// The time that so many bytes may take, in nanoseconds; `u64::MAX` if nothing is limited.
    #[must_use]
    pub fn allows(&self, bytes: u64) -> u64 {
        if self.first.is_zero() {
            return u64::MAX;
        }
        let rate = u128::from(self.min_rate.unwrap_or(u32::MAX));
        let grown = self.min_rate.map_or(0, |_| u128::from(bytes) * 1_000_000_000 / rate.max(1));
        let allowed = self.first.as_nanos() + grown;
        let allowed = self.most.map_or(allowed, |most| allowed.min(most.as_nanos()));
        u64::try_from(allowed).unwrap_or(u64::MAX)
    }
}

/// What one server says of [`ClientLimits`]; `None` where it says nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ClientOverrides {
    pub(crate) line: Option<usize>,
    pub(crate) field: Option<usize>,
    pub(crate) fields: Option<usize>,
    pub(crate) header: Option<Pace>,
    pub(crate) body: Option<Pace>,
    pub(crate) response: Option<Pace>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) keep_alive: Option<bool>,
    pub(crate) keep_alive_timeout: Option<Duration>,
    pub(crate) keep_alive_requests: Option<Option<u32>>,
}

impl ClientOverrides {
    /// `base` with these over it.
    pub(crate) fn over(&self, base: &ClientLimits) -> ClientLimits {
        ClientLimits {
            line: self.line.unwrap_or(base.line),
            field: self.field.unwrap_or(base.field),
            fields: self.fields.unwrap_or(base.fields),
            header: self.header.unwrap_or(base.header),
            body: self.body.unwrap_or(base.body),
            response: self.response.unwrap_or(base.response),
            timeout: self.timeout.unwrap_or(base.timeout),
            keep_alive: self.keep_alive.unwrap_or(base.keep_alive),
            keep_alive_timeout: self.keep_alive_timeout.unwrap_or(base.keep_alive_timeout),
            keep_alive_requests: self.keep_alive_requests.unwrap_or(base.keep_alive_requests),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn a_pace_grows_with_what_has_come() {
        let fixed = Pace::seconds(10);
        assert_eq!((fixed.allows(0), fixed.allows(1_000_000)), (10 * SECOND, 10 * SECOND));
        let growing = Pace { min_rate: Some(500), ..fixed };
        assert_eq!((growing.allows(0), growing.allows(499)), (10 * SECOND, 10 * SECOND + 998_000_000));
        assert_eq!(growing.allows(5000), 20 * SECOND);
        let bounded = Pace { most: Some(Duration::from_secs(15)), ..growing };
        assert_eq!((bounded.allows(2000), bounded.allows(u64::MAX)), (14 * SECOND, 15 * SECOND));
        let off = Pace { first: Duration::ZERO, ..growing };
        assert_eq!(off.allows(0), u64::MAX);
        assert_eq!(Pace { min_rate: Some(1), ..fixed }.allows(u64::MAX), u64::MAX);
    }

    #[test]
    fn a_head_has_room_for_its_line_and_a_field() {
        assert_eq!(ClientLimits::default().head(), 65_536);
        let most = ClientLimits::MOST_LINE as usize;
        let large = ClientLimits { line: most, field: most, ..ClientLimits::default() };
        assert_eq!(large.head(), 3 * most);
    }
}
