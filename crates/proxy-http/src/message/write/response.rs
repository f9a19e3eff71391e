//! Responses as they go to a client: an endpoint's, and our own.

use proxy_core::edits::{self, Edit};

use super::super::field::Field;
use super::super::name::Name;
use super::super::{Response, ResponseBody, Version, reason_phrase};
use super::reverse::Reverse;
use super::{Copier, Via, extend, write_additions, write_field, write_length};

/// The interim response that asks the client for its body.
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// What is changed on the way of a response.
#[derive(Debug, Clone, Copy)]
pub struct ResponseRewrite<'a> {
    /// The version of the client's request: what framing it understands, and what it takes for granted.
    pub client: Version,
    /// The client's connection ends after this response.
    pub close: bool,
    /// What becomes of `Via`.
    pub via: Via<'a>,
    /// How the endpoint's own places are named outside (ProxyPassReverse).
    pub reverse: Option<Reverse<'a>>,
    /// The time in the form of RFC 9110 section 5.6.7, for a response without a Date; empty adds none.
    pub date: &'a [u8],
    /// What modules want changed of the fields; what they set is not renamed.
    pub edits: &'a [Edit],
}

/// Appends the head of `response` as it goes to a client, and says how the body has to follow: as it is
/// ([`ResponseBody::Length`]), in chunks, or until the connection is closed, which it then must be.
///
/// An accepted upgrade (101) is written with its own `Connection` and no framing.
pub fn write_response(
    out: &mut Vec<u8>,
    response: &Response<'_>,
    rewrite: &ResponseRewrite<'_>,
) -> ResponseBody {
    out.reserve(response.bytes().len() + 256);
    write_status_line(out, response);
    let dated = write_fields(out, response, rewrite.via, rewrite.reverse.as_ref(), rewrite.edits);
    write_additions(out, rewrite.edits);
    if response.status() == 101 {
        out.extend_from_slice(b"Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
        return ResponseBody::None;
    }
    if !dated && !rewrite.date.is_empty() && !edits::mentions(rewrite.edits, b"Date") {
        write_field(out, b"Date", rewrite.date);
    }
    rewrite.via.write(out, response.version());
    let body = client_framing(response.body(), rewrite.client);
    match (body, response.content_length()) {
        (ResponseBody::Chunked, _) => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        (ResponseBody::Length(length), _) | (ResponseBody::None, Some(length)) => write_length(out, length),
        _ => {}
    }
    let close = rewrite.close || body == ResponseBody::UntilClose;
    out.extend_from_slice(connection_line(close, rewrite.client));
    out.extend_from_slice(b"\r\n");
    body
}

/// Appends an interim response (1xx, not 101) of an endpoint. Whether the client may have it is the caller's to
/// decide: none to HTTP/1.0, 100 only if asked for.
pub fn write_interim(out: &mut Vec<u8>, response: &Response<'_>) {
    write_status_line(out, response);
    write_fields(out, response, Via::Off, None, &[]);
    out.extend_from_slice(b"\r\n");
}

/// A response that we make ourselves.
#[derive(Debug, Clone, Copy)]
pub struct Simple<'a> {
    /// The status; its phrase is the registered one.
    pub status: u16,
    /// The content, plain text; empty for none.
    pub body: &'a [u8],
    /// The request was HEAD: the head is the same, the content stays away.
    pub head: bool,
    /// The version of the client's request.
    pub client: Version,
    /// The client's connection ends after this response.
    pub close: bool,
    /// The time, as in [`ResponseRewrite::date`].
    pub date: &'a [u8],
    /// More fields: `Allow` with a 405, `Retry-After` with a 503. One that holds a control character is left out.
    pub fields: &'a [(&'a [u8], &'a [u8])],
}

/// Appends a response of our own, its content included.
pub fn write_simple(out: &mut Vec<u8>, simple: &Simple<'_>) {
    let mut number = itoa::Buffer::new();
    let status = number.format(simple.status).as_bytes();
    extend(out, &[b"HTTP/1.1 ", status, b" ", reason_phrase(simple.status).as_bytes(), b"\r\n"]);
    if !simple.date.is_empty() {
        write_field(out, b"Date", simple.date);
    }
    for (name, value) in simple.fields.iter().filter(|(_, value)| !value.iter().any(u8::is_ascii_control)) {
        write_field(out, name, value);
    }
    if !simple.body.is_empty() {
        write_field(out, b"Content-Type", b"text/plain; charset=utf-8");
    }
    if !matches!(simple.status, 100..200 | 204 | 304) {
        write_length(out, simple.body.len() as u64);
    }
    out.extend_from_slice(connection_line(simple.close, simple.client));
    out.extend_from_slice(b"\r\n");
    if !simple.head {
        out.extend_from_slice(simple.body);
    }
}

fn write_status_line(out: &mut Vec<u8>, response: &Response<'_>) {
    let mut number = itoa::Buffer::new();
    let status = number.format(response.status()).as_bytes();
    extend(out, &[b"HTTP/1.1 ", status, b" ", response.reason(), b"\r\n"]);
}

/// Copies the end-to-end fields and says whether one of them was a Date.
fn write_fields(
    out: &mut Vec<u8>,
    response: &Response<'_>,
    via: Via<'_>,
    reverse: Option<&Reverse<'_>>,
    edits: &[Edit],
) -> bool {
    let mut copier = Copier::new(response.bytes());
    let mut dated = false;
    let passes = |field: &&Field| {
        let ended = field.named || field.kind.is_hop_by_hop() || via.drops(field);
        !ended && !edits::removes(edits, field.name.of(response.bytes()))
    };
    for field in response.index().iter().filter(passes) {
        dated |= field.kind == Name::Date;
        let value = field.value.of(response.bytes());
        match reverse.and_then(|reverse| reverse.rename(field.kind, value)) {
            Some(renamed) => {
                copier.flush(out);
                extend(out, &[field.name.of(response.bytes()), b": "]);
                renamed.write(out);
                out.extend_from_slice(b"\r\n");
            }
            None => copier.copy(out, field),
        }
    }
    copier.flush(out);
    dated
}

const fn client_framing(body: ResponseBody, client: Version) -> ResponseBody {
    match (body, client) {
        (ResponseBody::Chunked | ResponseBody::UntilClose, Version::Http11) => ResponseBody::Chunked,
        (ResponseBody::Chunked, Version::Http10) => ResponseBody::UntilClose,
        (body, _) => body,
    }
}

const fn connection_line(close: bool, client: Version) -> &'static [u8] {
    match (close, client) {
        (true, _) => b"Connection: close\r\n",
        (false, Version::Http10) => b"Connection: keep-alive\r\n",
        (false, Version::Http11) => b"",
    }
}
