//! `httparse`, and the framing rules of RFC 9112 section 6.3 written down a second time, as plainly as can be.

use std::str;

use crate::seen::{Seen, sorted};

const SLOTS: usize = 128;

/// The request at the beginning of `bytes`; none if it is refused, or not whole.
#[must_use]
pub fn request(bytes: &[u8]) -> Option<Seen> {
    let mut slots = [httparse::EMPTY_HEADER; SLOTS];
    let mut request = httparse::Request::new(&mut slots);
    let httparse::Status::Complete(len) = request.parse(bytes).ok()? else { return None };
    let (body, used) = match framing(request.headers)? {
        Framing::Chunked => chunked(&bytes[len..])?,
        Framing::Length(length) => fixed(&bytes[len..], length)?,
        Framing::Nothing => (Vec::new(), 0),
    };
    Some(Seen {
        first: request.method?.into(),
        target: request.path?.into(),
        fields: sorted(request.headers.iter().map(|field| (field.name, field.value))),
        body,
        keep_alive: keep_alive(request.headers, request.version?),
        len: Some(len + used),
    })
}

/// The final response at the beginning of `bytes`, to a GET.
#[must_use]
pub fn response(bytes: &[u8]) -> Option<Seen> {
    let mut slots = [httparse::EMPTY_HEADER; SLOTS];
    let mut response = httparse::Response::new(&mut slots);
    let httparse::Status::Complete(len) = response.parse(bytes).ok()? else { return None };
    let rest = &bytes[len..];
    let status = response.code?;
    let (body, used) = match framing(response.headers)? {
        _ if matches!(status, 100..200 | 204 | 304) => (Vec::new(), Some(0)),
        Framing::Chunked => chunked(rest).map(|(body, used)| (body, Some(used)))?,
        Framing::Length(length) => fixed(rest, length).map(|(body, used)| (body, Some(used)))?,
        Framing::Nothing => (rest.to_vec(), None),
    };
    Some(Seen {
        first: status.to_string().into_bytes(),
        target: Vec::new(),
        fields: sorted(response.headers.iter().map(|field| (field.name, field.value))),
        body,
        keep_alive: used.is_some() && keep_alive(response.headers, response.version?),
        len: used.map(|used| len + used),
    })
}

/// The content of a chunked body, and its length with its framing.
#[must_use]
pub fn chunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut content, mut at) = (Vec::new(), 0);
    loop {
        let httparse::Status::Complete((line, size)) = httparse::parse_chunk_size(&bytes[at..]).ok()? else {
            return None;
        };
        at += line;
        if size == 0 {
            break;
        }
        let end = at.checked_add(usize::try_from(size).ok()?)?;
        content.extend_from_slice(bytes.get(at..end)?);
        at = end + 2;
        (bytes.get(end..at)? == b"\r\n").then_some(())?;
    }
    let mut slots = [httparse::EMPTY_HEADER; SLOTS];
    match httparse::parse_headers(&bytes[at..], &mut slots).ok()? {
        httparse::Status::Complete((len, _)) => Some((content, at + len)),
        httparse::Status::Partial => None,
    }
}

enum Framing {
    Nothing,
    Length(u64),
    Chunked,
}

fn framing(fields: &[httparse::Header<'_>]) -> Option<Framing> {
    let mut framing = Framing::Nothing;
    for field in fields {
        if field.name.eq_ignore_ascii_case("transfer-encoding") {
            framing = Framing::Chunked;
        } else if field.name.eq_ignore_ascii_case("content-length") && !matches!(framing, Framing::Chunked) {
            framing = Framing::Length(str::from_utf8(field.value).ok()?.parse().ok()?);
        }
    }
    Some(framing)
}

fn keep_alive(fields: &[httparse::Header<'_>], version: u8) -> bool {
    let lists = fields.iter().filter(|field| field.name.eq_ignore_ascii_case("connection"));
    let tokens: Vec<_> = lists
        .flat_map(|field| field.value.split(|byte| *byte == b','))
        .map(|token| token.trim_ascii().to_ascii_lowercase())
        .collect();
    let has = |wanted: &[u8]| tokens.iter().any(|token| token == wanted);
    !has(b"close") && (version == 1 || has(b"keep-alive"))
}

fn fixed(bytes: &[u8], length: u64) -> Option<(Vec<u8>, usize)> {
    let length = usize::try_from(length).ok()?;
    Some((bytes.get(..length)?.to_vec(), length))
}
