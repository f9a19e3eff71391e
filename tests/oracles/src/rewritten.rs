//! What goes on of a message that we accept: written anew, so that no reader finds another meaning in it.

use proxy_core::edits::Edit;
use proxy_http::message::{
    Asked, Body, EndpointConnection, Forwarded, Limits, Parsed, RequestHead, RequestRewrite, ResponseBody,
    ResponseHead, ResponseRewrite, Version, Via, chunk_header, last_chunk, write_request, write_response,
};

use crate::seen::{self, Seen};

const NO_EDITS: &[Edit] = &[];

/// The request at the beginning of `bytes` as an endpoint gets it: as much of what the client says as is ever passed
/// on. None if it is refused, or not whole.
#[must_use]
pub fn request(bytes: &[u8]) -> Option<Vec<u8>> {
    let seen = seen::request(bytes)?;
    let mut head = RequestHead::default();
    let Ok(Parsed::Complete(len)) = head.parse(bytes, &Limits::default()) else { return None };
    let request = head.view(&bytes[..len]);
    let rewrite = RequestRewrite {
        host: b"endpoint.test:8080",
        preserve_host: true,
        path: None,
        body: request.body(),
        forwarded: Some(Forwarded { client: b"192.0.2.1", proto: b"http" }),
        trusted: true,
        via: Via::On(b"proxy.test"),
        edits: NO_EDITS,
        expect_continue: request.expect_continue(),
        connection: if request.wants_websocket() {
            EndpointConnection::Upgrade
        } else {
            EndpointConnection::Keep
        },
    };
    let mut out = Vec::new();
    write_request(&mut out, &request, &rewrite);
    let is_chunked = request.body() == Body::Chunked;
    let content = Content::of(seen, is_chunked.then_some(&bytes[len..]));
    write_body(&mut out, &content, is_chunked);
    Some(out)
}

/// The final response at the beginning of `bytes`, to a GET, as a client of that version gets it. None if it is
/// refused, interim or not whole.
#[must_use]
pub fn response(bytes: &[u8], client: Version) -> Option<Vec<u8>> {
    let seen = seen::response(bytes)?;
    let mut head = ResponseHead::default();
    let Ok(Parsed::Complete(len)) = head.parse(bytes, &Limits::default(), Asked::default()) else {
        return None;
    };
    let rewrite = ResponseRewrite {
        client,
        close: false,
        via: Via::On(b"proxy.test"),
        reverse: None,
        date: b"Tue, 24 Nov 2026 12:00:00 GMT",
        edits: NO_EDITS,
    };
    let mut out = Vec::new();
    let response = head.view(&bytes[..len]);
    let body = write_response(&mut out, &response, &rewrite);
    let chunked = (response.body() == ResponseBody::Chunked).then_some(&bytes[len..]);
    write_body(&mut out, &Content::of(seen, chunked), body == ResponseBody::Chunked);
    Some(out)
}

/// A chunked body as it is sent on, in pieces of three bytes and with its trailers; one of another framing as it is.
fn write_body(out: &mut Vec<u8>, body: &Content, is_chunked: bool) {
    if !is_chunked {
        out.extend_from_slice(&body.bytes);
        return;
    }
    for piece in body.bytes.chunks(3) {
        out.extend_from_slice(chunk_header(piece.len() as u64).as_ref());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    last_chunk(out, &body.trailers);
}

/// What a body holds.
struct Content {
    bytes: Vec<u8>,
    trailers: Vec<u8>,
}

impl Content {
    fn of(seen: Seen, chunked: Option<&[u8]>) -> Self {
        let trailers = chunked.and_then(seen::trailers).unwrap_or_default();
        Self { bytes: seen.body, trailers }
    }
}
