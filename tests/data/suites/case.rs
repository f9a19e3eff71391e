//! What a row of a transcribed suite says: the bytes, what the suite of another server expects of them, and where
//! proxyd answers otherwise on purpose. Used by the suites over sockets and by the tests of the pure parser.

/// What the suite that a row comes from expects.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Expect {
    /// One answer, 200 to 399.
    Success,
    /// One answer, 400 or above.
    Failure,
    /// One answer with this status.
    Status(u16),
    /// One answer with a status from the first to the second.
    Within(u16, u16),
    /// The end of the connection without an answer.
    Dropped,
    /// No answer that is whole and a success: the body of the endpoint's is wrong.
    Broken,
    /// No answer before the rest of the request has come.
    Waits(&'static [u8]),
    /// So many requests, each answered with success.
    Messages(usize),
    /// So many requests answered with success, then a refusal or the end of the connection.
    Stops(usize),
}

/// proxyd's answer where it is another one on purpose.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deviation {
    /// The statuses of all answers on the connection.
    pub(crate) statuses: &'static [u16],
    pub(crate) reason: &'static str,
}

/// One row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    /// Unique in its suite; where the row stands in its source.
    pub(crate) id: &'static str,
    pub(crate) expect: Expect,
    /// What the client sends before it ends its side of the connection.
    pub(crate) bytes: &'static [u8],
    /// What the origin answers before it ends the connection, where the row is about that.
    pub(crate) answer: Option<&'static [u8]>,
    /// Must be in what the origin is sent.
    pub(crate) sent_on: &'static [u8],
    /// Must be in the head of the first answer.
    pub(crate) handed_on: &'static [u8],
    pub(crate) deviates: Option<Deviation>,
}

pub(crate) const fn case(id: &'static str, expect: Expect, bytes: &'static [u8]) -> Case {
    Case { id, expect, bytes, answer: None, sent_on: b"", handed_on: b"", deviates: None }
}

/// A row about an origin's answer, to a plain GET.
pub(crate) const fn answer(id: &'static str, expect: Expect, bytes: &'static [u8]) -> Case {
    let mut case = case(id, expect, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    case.answer = Some(bytes);
    case
}

impl Case {
    /// proxyd gives these answers instead.
    pub(crate) const fn but(mut self, statuses: &'static [u16], reason: &'static str) -> Self {
        self.deviates = Some(Deviation { statuses, reason });
        self
    }

    pub(crate) const fn sends_on(mut self, fragment: &'static [u8]) -> Self {
        self.sent_on = fragment;
        self
    }

    pub(crate) const fn hands_on(mut self, fragment: &'static [u8]) -> Self {
        self.handed_on = fragment;
        self
    }

    /// For a row whose request matters as much as its answer.
    pub(crate) const fn answered(mut self, bytes: &'static [u8]) -> Self {
        self.answer = Some(bytes);
        self
    }
}

/// Reasons that many rows share.
pub(crate) mod why {
    pub(crate) const STRICT: &str = "HttpProtocolOptions Unsafe: proxyd is always strict";
    pub(crate) const LENIENT: &str = "a lenient mode: proxyd has none";
    pub(crate) const VERSION: &str = "a version other than 1.0 and 1.1 is refused";
}
