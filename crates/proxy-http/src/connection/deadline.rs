//! Who may keep us waiting, and how long. Deadlines are numbers compared with the executor's coarse clock when
//! something has woken the connection anyway: no clock is read and no timer set for a request.

use proxy_core::limits::{ClientLimits, Pace};

use crate::clock::nanoseconds;
use crate::message::Limits;

/// How long somebody has kept us waiting, all waits together. Waits for others do not count against him.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Waits {
    /// Those that are over, in nanoseconds.
    spent: u64,
    /// When the present one began.
    since: Option<u64>,
}

impl Waits {
    /// Takes note of whether we wait for him as of `now`. Gives the moment at which he has had the time that `allowed`
    /// tells, which is asked only if we wait; `u64::MAX` if we do not.
    pub(crate) fn deadline(&mut self, waiting: bool, now: u64, allowed: impl FnOnce() -> u64) -> u64 {
        if !waiting {
            if let Some(since) = self.since.take() {
                self.spent = self.spent.saturating_add(now.saturating_sub(since));
            }
            return u64::MAX;
        }
        let since = *self.since.get_or_insert(now);
        since.saturating_add(allowed().saturating_sub(self.spent))
    }
}

/// What holds for a client of whose request nothing is known yet: that of the first server of its address.
#[derive(Debug)]
pub(super) struct Terms {
    pub(super) limits: Limits,
    header: Pace,
    timeout: u64,
}

impl Terms {
    pub(super) fn of(client: &ClientLimits) -> Self {
        let ClientLimits { line, field, fields, header, timeout, .. } = *client;
        let limits = Limits { line, field, fields, head: client.head(), ..Limits::default() };
        Self { limits, header, timeout: nanoseconds(timeout) }
    }

    /// How long a fresh connection may say nothing.
    pub(super) fn silence(&self) -> u64 {
        self.header.allows(0).min(self.timeout)
    }

    /// When a head has to be complete of which there are `bytes`, the first since `began`, the last since `moved`.
    pub(super) fn head(&self, began: u64, moved: u64, bytes: usize) -> u64 {
        let whole = began.saturating_add(self.header.allows(bytes as u64));
        whole.min(moved.saturating_add(self.timeout))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn only_waits_for_him_count() {
        let mut waits = Waits::default();
        assert_eq!(waits.deadline(false, 5, || 100), u64::MAX);
        assert_eq!(waits.deadline(true, 10, || 100), 110);
        // Bytes came and were passed on: he is waited for all the time, and has earned more of it.
        assert_eq!(waits.deadline(true, 50, || 130), 140);
        assert_eq!(waits.deadline(false, 60, || 130), u64::MAX);
        assert_eq!(waits.deadline(true, 1000, || 130), 1080);
        assert_eq!(waits.deadline(true, 1001, || u64::MAX), u64::MAX);
    }

    #[test]
    fn a_head_is_due_by_its_pace_and_by_the_last_byte() {
        let client = ClientLimits {
            header: Pace { min_rate: Some(500), ..Pace::seconds(10) },
            timeout: Duration::from_secs(4),
            ..ClientLimits::default()
        };
        let terms = Terms::of(&client);
        let second = 1_000_000_000;
        assert_eq!(terms.silence(), 4 * second);
        assert_eq!(terms.head(0, 0, 100), 4 * second);
        assert_eq!(terms.head(0, 9 * second, 500), 11 * second);
        assert_eq!(terms.head(0, 9 * second, 1500), 13 * second);
    }
}
