//! The canonical writers: what leaves is spelt by us, whatever came in.
//!
//! All of them append to a buffer that the connection keeps, and end with the empty line of the head.

mod cookies;
mod request;
mod response;
mod reverse;

pub use request::{EndpointConnection, Forwarded, RequestRewrite, write_request};
pub use response::{CONTINUE, ResponseRewrite, Simple, write_interim, write_response, write_simple};
pub use reverse::{Reverse, ReversePair};

use proxy_core::edits::{Edit, additions};

use super::Version;
use super::field::Field;
use super::name::Name;

/// What becomes of `Via` (httpd's ProxyVia; RFC 9110 section 7.6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Via<'a> {
    /// Fields of others pass, none is added.
    #[default]
    Off,
    /// Ours is added, with this name (and port, where it is not 80).
    On(&'a [u8]),
    /// The same, with a comment that tells our version.
    Full(&'a [u8]),
    /// All are removed.
    Block,
}

impl Via<'_> {
    fn drops(self, field: &Field) -> bool {
        self == Self::Block && field.kind == Name::Via
    }

    /// Adds the line of a hop that received the message in `version`.
    fn write(self, out: &mut Vec<u8>, version: Version) {
        let (name, comment) = match self {
            Self::Off | Self::Block => return,
            Self::On(name) => (name, &b""[..]),
            Self::Full(name) => (name, concat!(" (proxyd/", env!("CARGO_PKG_VERSION"), ")").as_bytes()),
        };
        let version: &[u8] = if version == Version::Http10 { b"1.0 " } else { b"1.1 " };
        extend(out, &[b"Via: ", version, name, comment, b"\r\n"]);
    }
}

fn extend(out: &mut Vec<u8>, parts: &[&[u8]]) {
    for part in parts {
        out.extend_from_slice(part);
    }
}

fn write_field(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    extend(out, &[name, b": ", value, b"\r\n"]);
}

/// What modules add or put in the place of others.
fn write_additions(out: &mut Vec<u8>, edits: &[Edit]) {
    for (name, value) in additions(edits) {
        write_field(out, name, value);
    }
}

fn write_length(out: &mut Vec<u8>, length: u64) {
    extend(out, &[b"Content-Length: ", itoa::Buffer::new().format(length).as_bytes(), b"\r\n"]);
}

/// Copies fields, adjacent ones that are canonical as they stand by one move.
struct Copier<'b> {
    bytes: &'b [u8],
    start: usize,
    end: usize,
}

impl<'b> Copier<'b> {
    fn new(bytes: &'b [u8]) -> Self {
        Self { bytes, start: 0, end: 0 }
    }

    fn copy(&mut self, out: &mut Vec<u8>, field: &Field) {
        if !field.canonical {
            self.flush(out);
            write_field(out, field.name.of(self.bytes), field.value.of(self.bytes));
            return;
        }
        let start = field.name.start as usize;
        if start != self.end {
            self.flush(out);
            self.start = start;
        }
        self.end = field.value.end as usize + b"\r\n".len();
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.bytes.get(self.start..self.end).unwrap_or_default());
        self.start = self.end;
    }
}
