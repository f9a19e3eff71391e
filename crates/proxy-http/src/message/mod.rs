//! HTTP/1 messages: strict in, canonical out.
//!
//! A head is parsed without leniency and written again by us, or refused with a status; nothing passes
//! verbatim. Everything here is a pure function over bytes: no socket, no clock, no task. The tokenizer is ours
//! (`lines.rs`): each byte of what is usual is looked at once, and what a general parser would let through is never
//! let in, because two parsers that read one message differently are all that request smuggling needs. `httparse` is
//! the oracle of its tests.
//!
//! * [`RequestHead`] and [`ResponseHead`] index the bytes of a head and hold the facts that follow from it. They
//!   belong to a connection and are used again for every message, so that parsing allocates nothing.
//! * [`ChunkedDecoder`] takes a chunked body apart where it lies; [`chunk_header`] and [`last_chunk`] frame it
//!   anew.
//! * [`write_request`], [`write_response`], [`write_interim`] and [`write_simple`] append canonical heads.
//!
//! Sources: RFC 9110, RFC 9112; the cases of `tests/data/desync_cases.rs`.

mod authority;
mod chunked;
mod field;
mod lines;
mod name;
mod request;
mod response;
mod rules;
mod status;
mod target;
mod write;

#[cfg(test)]
mod tests;

pub use chunked::{ChunkError, ChunkHeader, ChunkedDecoder, Event, Step, chunk_header, last_chunk};
pub use field::Field;
pub use name::Name;
pub use request::{Body, Method, Request, RequestHead};
pub use response::{Asked, BadResponse, Response, ResponseBody, ResponseHead};
pub use status::reason_phrase;
pub use write::{
    CONTINUE, EndpointConnection, Forwarded, RequestRewrite, ResponseRewrite, Reverse, ReversePair, Simple,
    Via, write_interim, write_request, write_response, write_simple,
};

/// The most bytes and fields a message may have. A message exactly at a limit passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the request line or status line, without CRLF: beyond it 414.
    pub line: usize,
    /// Bytes of one field line, without CRLF: beyond it 431. Also the bytes of a whole trailer section.
    pub field: usize,
    /// Field lines of one head: beyond it 431.
    pub fields: usize,
    /// Bytes of a whole head, its empty line included: beyond it 431.
    pub head: usize,
    /// Bytes of the method: beyond it 501.
    pub method: usize,
    /// Bytes of chunk extensions in one message: beyond it 400.
    pub chunk_extensions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 8192, field: 8192, fields: 100, head: 65_536, method: 32, chunk_extensions: 4096 }
    }
}

/// How far the parsing of a head came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parsed {
    /// The end of the head is not there yet: read more and parse again, from the start of the same head.
    Partial,
    /// The head ends before this offset into the bytes, where the body begins.
    Complete(usize),
}

/// A request is refused: answer with `status`, then close the connection, since where the next request would
/// begin is no longer known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Reject {
    /// 400, 405, 414, 417, 431 or 501.
    pub status: u16,
    /// What was wrong, for the error log and for the body of the answer; holds no byte of the request.
    pub reason: &'static str,
}

/// The HTTP/1 versions that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Version {
    /// `HTTP/1.0`
    Http10,
    /// `HTTP/1.1`
    #[default]
    Http11,
}

/// What is wrong with a head, before it becomes a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The first line is longer than [`Limits::line`].
    Line,
    /// The fields are longer or more than the limits allow.
    Fields(&'static str),
    /// The grammar, or a rule stricter than it, is broken.
    Grammar(&'static str),
}

impl Fault {
    const fn reason(self) -> &'static str {
        match self {
            Self::Line => "first line is too long",
            Self::Fields(reason) | Self::Grammar(reason) => reason,
        }
    }
}
