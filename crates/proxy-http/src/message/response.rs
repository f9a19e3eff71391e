//! Response heads of endpoints: the same strictness, since an endpoint may be anybody's program and a response
//! that two readers see differently poisons a connection just as well.

use std::mem::MaybeUninit;

use super::field::{self, Field, Name, Span};
use super::progress::Progress;
use super::rules::names;
use super::{Fault, Limits, MAX_FIELDS, Parsed, Version};

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
    fields: Vec<Field>,
    facts: Facts,
    progress: Progress,
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
        let outcome = match self.progress.resume(window) {
            Some(line) => line.map(|()| None).map_err(Into::into),
            None => self.parse_window(window, limits, asked),
        };
        let outcome = match outcome {
            Ok(None) => {
                self.progress.wait(window, limits).map_err(BadResponse::from).map(|()| Parsed::Partial)
            }
            Ok(Some(len)) => Ok(Parsed::Complete(len)),
            Err(bad) => Err(bad),
        };
        if outcome != Ok(Parsed::Partial) {
            self.progress = Progress::default();
        }
        outcome
    }

    /// Forgets a head that will not be completed.
    pub fn clear(&mut self) {
        self.progress = Progress::default();
        self.fields.clear();
    }

    /// The response, read from the bytes that [`ResponseHead::parse`] found complete.
    #[must_use]
    pub fn view<'b>(&'b self, bytes: &'b [u8]) -> Response<'b> {
        Response { head: self, bytes }
    }

    fn parse_window(
        &mut self,
        window: &[u8],
        limits: &Limits,
        asked: Asked,
    ) -> Result<Option<usize>, BadResponse> {
        if matches!(window.first(), Some(b'\r' | b'\n')) {
            return Err(BadResponse { reason: "empty line before the status line" });
        }
        let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
        let mut tokens = httparse::Response::new(&mut []);
        let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(
            &mut tokens,
            window,
            &mut slots[..limits.fields.min(MAX_FIELDS)],
        );
        match parsed.map_err(Fault::from)? {
            httparse::Status::Partial => {
                self.progress.restart(window, 0);
                Ok(None)
            }
            httparse::Status::Complete(len) => {
                let head = &window[..len];
                field::index(&mut self.fields, tokens.headers, head, limits)?;
                let version = if tokens.version == Some(0) { Version::Http10 } else { Version::Http11 };
                self.conclude(head, tokens.code.unwrap_or_default(), version, limits, asked)?;
                Ok(Some(len))
            }
        }
    }

    fn conclude(
        &mut self,
        head: &[u8],
        status: u16,
        version: Version,
        limits: &Limits,
        asked: Asked,
    ) -> Result<(), BadResponse> {
        let reason = reason_phrase(head, limits)?;
        if status < 100 {
            return Err(BadResponse { reason: "status is below 100" });
        }
        let connection = field::connection(&mut self.fields, head)?;
        let switching = status == 101;
        if switching && !(asked.websocket && names(&self.fields, head, Name::Upgrade, b"websocket")) {
            return Err(BadResponse { reason: "101 to a protocol that was not asked for" });
        }
        let (body, content_length) = framing(&self.fields, head, status, version, asked)?;
        self.facts = Facts {
            status,
            reason: Span::within(head, reason),
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
        self.head.fields.iter().map(move |field| (field.name.of(bytes), field.value.of(bytes)))
    }

    /// The value of the first field of this name, in any case.
    #[must_use]
    pub fn field(&self, name: &[u8]) -> Option<&'b [u8]> {
        self.fields().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    pub(crate) fn index(&self) -> &'b [Field] {
        &self.head.fields
    }

    pub(crate) fn bytes(&self) -> &'b [u8] {
        self.bytes
    }
}

/// The bytes behind `HTTP/1.x nnn`; the tokenizer has seen that they are text.
fn reason_phrase<'b>(head: &'b [u8], limits: &Limits) -> Result<&'b [u8], BadResponse> {
    let end = head.iter().position(|byte| *byte == b'\n').unwrap_or_default();
    let line =
        head[..end].strip_suffix(b"\r").ok_or(BadResponse { reason: "status line ends in LF without CR" })?;
    if line.len() > limits.line {
        return Err(Fault::Line.into());
    }
    let rest = line.get(12..).unwrap_or_default();
    Ok(rest.strip_prefix(b" ").unwrap_or(rest))
}

fn framing(
    fields: &[Field],
    head: &[u8],
    status: u16,
    version: Version,
    asked: Asked,
) -> Result<(ResponseBody, Option<u64>), BadResponse> {
    let bad = |reason| Err(BadResponse { reason });
    let Ok(length) = field::only(fields, head, Name::ContentLength) else {
        return bad("more than one Content-Length");
    };
    let Ok(coding) = field::only(fields, head, Name::TransferEncoding) else {
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
