//! The error a module answers with: a text, and maybe the configuration value it is about.

use std::borrow::Cow;
use std::fmt;

/// [`Result`](std::result::Result) with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An orderly refusal. Its text goes to the server's log, never to a client.
///
/// Made from anything that displays, so that `?` works on every other error; for that reason it does not
/// display itself: [`message`](Self::message) gives the text.
pub struct Error {
    message: Cow<'static, str>,
    at: usize,
    said_by_host: bool,
}

impl Error {
    /// An error that says `message`. Of a literal, nothing is allocated.
    #[must_use]
    pub fn msg(message: impl Into<Cow<'static, str>>) -> Self {
        Self { message: message.into(), at: 0, said_by_host: false }
    }

    /// The text.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// An error about the configuration value at address `at`, which the host turns into file and line.
    pub(crate) fn about(message: String, at: usize) -> Self {
        Self { message: message.into(), at, said_by_host: false }
    }

    /// The host refused something in `init`, and keeps its own, better text.
    pub(crate) fn refused(message: String) -> Self {
        Self { message: message.into(), at: 0, said_by_host: true }
    }

    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    pub(crate) const fn is_said_by_host(&self) -> bool {
        self.said_by_host
    }
}

impl<E: fmt::Display> From<E> for Error {
    fn from(cause: E) -> Self {
        Self { message: cause.to_string().into(), at: 0, said_by_host: false }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({:?})", self.message)
    }
}
