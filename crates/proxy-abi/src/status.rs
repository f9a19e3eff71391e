//! What every hook and every host function answers.

use core::fmt;

/// A 32-bit answer. Numbers that a reader does not know are to be treated as [`Status::ERROR`].
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Status(pub i32);

impl Status {
    /// Done as asked.
    pub const OK: Self = Self(0);
    /// Not for this implementation: ask the next one.
    pub const DECLINED: Self = Self(1);
    /// Not yet. Reserved: this version hands out no waker, so nobody may answer it.
    pub const PENDING: Self = Self(2);
    /// Of a trylist's `next`: nothing is left.
    pub const DONE: Self = Self(3);
    /// An orderly refusal; the text is in the call's error sink.
    pub const ERROR: Self = Self(-1);
    /// The callee panicked and caught it: a fault.
    pub const PANICKED: Self = Self(-2);
    /// The caller broke the contract of this boundary: a fault.
    pub const ABI: Self = Self(-3);
    /// A limit was reached: a fault.
    pub const LIMIT: Self = Self(-4);

    /// From a request hook: answer the request with this HTTP status, 100 to 599. Any other number is
    /// [`ERROR`](Self::ERROR), since a wrong answer must not let a request pass.
    #[must_use]
    pub const fn http(code: u16) -> Self {
        if code >= 100 && code <= 599 { Self(code as i32) } else { Self::ERROR }
    }

    /// The HTTP status, if this is one.
    #[must_use]
    pub const fn as_http(self) -> Option<u16> {
        if self.0 >= 100 && self.0 <= 599 { Some(self.0 as u16) } else { None }
    }
}

impl fmt::Debug for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::OK => f.write_str("OK"),
            Self::DECLINED => f.write_str("DECLINED"),
            Self::PENDING => f.write_str("PENDING"),
            Self::DONE => f.write_str("DONE"),
            Self::ERROR => f.write_str("ERROR"),
            Self::PANICKED => f.write_str("PANICKED"),
            Self::ABI => f.write_str("ABI"),
            Self::LIMIT => f.write_str("LIMIT"),
            Self(other) => write!(f, "{other}"),
        }
    }
}
