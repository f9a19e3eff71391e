//! Response heads of endpoints: the same strictness, since an endpoint may be anybody's program and a response
//! that two readers see differently poisons a connection just as well.

use super::field::{self, Field, Fields, Span};
use super::lines::{self, StatusLine};
use super::name::Name;
use super::{Fault, Limits, Parsed, Version};

/// What was asked, as far as it decides what the answer may be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// The method was HEAD: no body follows whatever the head says.
    pub head: bool,
    /// An upgrade to WebSocket was sent: a 101 is an answer.
    pub websocket: bool,
}

/// How the end of a response body is found (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ResponseBody {
    /// There is none.
    #[default]
    None,
    /// So many bytes.
    Length(u64),
    /// Chunks, then perhaps trailers.
    Chunked,
    /// Everything until the connection ends; whether it is whole cannot be known.
    UntilClose,
}

/// An endpoint's answer cannot be trusted: the client gets a 502 and the endpoint connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadResponse {
    /// What was wrong; holds no byte of the response.
    pub reason: &'static str,
}

impl From<Fault> for BadResponse {
    fn from(fault: Fault) -> Self {
        Self { reason: fault.reason() }
    }
}

/// The index of a response head; belongs to an endpoint connection and is used again for each response.
#[derive(Debug, Default)]
pub struct ResponseHead {
    line: StatusLine,
    fields: Fields,
    facts: Facts,
}

#[derive(Debug, Clone, Copy, Default)]
struct Facts {
    status: u16,
    reason: Span,
    version: Version,
    body: ResponseBody,
    content_length: Option<u64>,
    keep_alive: bool,
}

impl ResponseHead {
    /// Parses the head at the beginning of `bytes`; an interim (1xx) head is a head of its own, after which the
    /// next one is parsed with the same `asked`.
    ///
    /// Call it again with the same and more bytes after [`Parsed::Partial`], and [`ResponseHead::clear`] when a
    /// head is given up half-way.
    ///
    /// # Errors
    /// See [`BadResponse`].
    pub fn parse(&mut self, bytes: &[u8], limits: &Limits, asked: Asked) -> Result<Parsed, BadResponse> {
        let window = &bytes[..bytes.len().min(limits.head).min(u32::MAX as usize)];
        let outcome = match self.read(window, limits) {
            Ok(None) if window.len() >= limits.head => Err(Fault::Fields("head is too long").into()),
            Ok(None) => return Ok(Parsed::Partial),
            Ok(Some(len)) => self.conclude(&window[..len], asked).map(|()| Parsed::Complete(len)),
            Err(bad) => Err(bad),
        };
        self.fields.end();
        outcome
    }

    /// Forgets a head that will not be completed.
    pub fn clear(&mut self) {
        self.fields.clear();
    }

    /// The response, read from the bytes that [`ResponseHead::parse`] found complete.
    #[must_use]
    pub fn view<'b>(&'b self, bytes: &'b [u8]) -> Response<'b> {
        Response { head: self, bytes }
    }

    /// Reads the lines that were not read before; gives the length of a head that is whole.
    fn read(&mut self, window: &[u8], limits: &Limits) -> Result<Option<usize>, BadResponse> {
        if !self.fields.has_begun() {
            if matches!(window.first(), Some(b'\r' | b'\n')) {
                return Err(BadResponse { reason: "empty line before the status line" });
            }
            let start = &window[..window.len().min(limits.line + 2)];
            match lines::status_line(start)? {
                None if lines::is_over(start, limits.line) => return Err(Fault::Line.into()),
                None => return Ok(None),
                Some(line) => self.line = line,
            }
            self.fields.begin(self.line.end);
        }
        Ok(self.fields.read(window, limits)?)
    }

    fn conclude(&mut self, head: &[u8], asked: Asked) -> Result<(), BadResponse> {
        let StatusLine { version, status, reason, .. } = self.line;
        if status < 100 {
            return Err(BadResponse { reason: "status is below 100" });
        }
        let connection = self.fields.connection(head)?;
        let switching = status == 101;
        if switching && !(asked.websocket && self.fields.names(head, Name::Upgrade, b"websocket")) {
            return Err(BadResponse { reason: "101 to a protocol that was not asked for" });
        }
        let (body, content_length) = framing(&self.fields, head, status, version, asked)?;
        self.facts = Facts {
            status,
            reason,
            version,
            body,
            content_length,
            keep_alive: !connection.close
                && (version == Version::Http11 || connection.keep_alive)
                && body != ResponseBody::UntilClose
                && !switching,
        };
        Ok(())
    }
}

/// A parsed response: facts, and views into the bytes of its head.
#[derive(Debug, Clone, Copy)]
pub struct Response<'b> {
    head: &'b ResponseHead,
    bytes: &'b [u8],
}

impl<'b> Response<'b> {
    /// The status, 100 to 999.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.head.facts.status
    }

    /// Whether another head follows for the same request: a 1xx, but not 101.
    #[must_use]
    pub fn is_interim(&self) -> bool {
        matches!(self.status(), 100 | 102..200)
    }

    /// The reason phrase as sent; may be empty.
    #[must_use]
    pub fn reason(&self) -> &'b [u8] {
        self.head.facts.reason.of(self.bytes)
    }

    /// The version that the endpoint speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        self.head.facts.version
    }

    /// How the end of the body is found.
    #[must_use]
    pub fn body(&self) -> ResponseBody {
        self.head.facts.body
    }

    /// The length announced, also where no body follows (HEAD, 304).
    #[must_use]
    pub fn content_length(&self) -> Option<u64> {
        self.head.facts.content_length
    }

    /// Whether the endpoint keeps the connection and the body's end will be certain.
    #[must_use]
    pub fn keep_alive(&self) -> bool {
        self.head.facts.keep_alive
    }

    /// All fields in order, as name and value.
    pub fn fields(&self) -> impl Iterator<Item = (&'b [u8], &'b [u8])> + use<'b> {
        let bytes = self.bytes;
        self.head.fields.list().iter().map(move |field| (field.name.of(bytes), field.value.of(bytes)))
    }

    /// The value of the first field of this name, in any case.
    #[must_use]
    pub fn field(&self, name: &[u8]) -> Option<&'b [u8]> {
        self.fields().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn index(&self) -> &'b [Field] {
        self.head.fields.list()
    }

    pub(crate) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }
}

fn framing(
    fields: &Fields,
    head: &[u8],
    status: u16,
    version: Version,
    asked: Asked,
) -> Result<(ResponseBody, Option<u64>), BadResponse> {
    let bad = |reason| Err(BadResponse { reason });
    let Ok(length) = fields.only_value(head, Name::ContentLength) else {
        return bad("more than one Content-Length");
    };
    let Ok(coding) = fields.only_value(head, Name::TransferEncoding) else {
        return bad("more than one Transfer-Encoding");
    };
    let length = match length.map(field::content_length) {
        Some(None) => return bad("Content-Length is not a number up to 2^63 - 1"),
        Some(length) => length,
        None => None,
    };
    match coding {
        Some(_) if length.is_some() => return bad("both Content-Length and Transfer-Encoding"),
        Some(_) if version == Version::Http10 => return bad("Transfer-Encoding in HTTP/1.0"),
        Some(coding) if !coding.eq_ignore_ascii_case(b"chunked") => {
            return bad("Transfer-Encoding is not chunked");
        }
        _ => {}
    }
    match status {
        // Zero is a common slip and announces nothing; it is dropped.
        100..200 | 204 if coding.is_some() || length.is_some_and(|length| length > 0) => {
            bad("1xx or 204 announces a body")
        }
        100..200 | 204 => Ok((ResponseBody::None, None)),
        304 => Ok((ResponseBody::None, length)),
        _ if asked.head => Ok((ResponseBody::None, length)),
        _ if coding.is_some() => Ok((ResponseBody::Chunked, None)),
        _ => Ok((length.map_or(ResponseBody::UntilClose, ResponseBody::Length), length)),
    }
}
