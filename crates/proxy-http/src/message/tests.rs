//! Tests of the message layer: what a proxy may never let through, and that it is the same however it arrives.

mod chunked;
mod desync;
mod request;
mod response;
mod suites;
mod tokens;
mod write;

use super::{Body, EndpointConnection, Forwarded, Request, RequestRewrite, Via};

/// What the connection loop asks for in the plainest case: a client that is not trusted, its Host preserved.
fn plain_rewrite<'a>(request: &Request<'a>) -> RequestRewrite<'a> {
    RequestRewrite {
        edits: &[],
        host: b"endpoint.test:8080",
        preserve_host: true,
        path: None,
        body: request.body(),
        forwarded: Some(Forwarded { client: b"192.0.2.1", proto: b"http" }),
        trusted: false,
        via: Via::Off,
        expect_continue: request.expect_continue(),
        connection: if request.wants_websocket() {
            EndpointConnection::Upgrade
        } else {
            EndpointConnection::Keep
        },
    }
}

fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn request_with(fields: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

/// Bytes of content that a head promises, where it does so by a length.
fn promised(body: Body) -> usize {
    match body {
        Body::Length(length) => usize::try_from(length).unwrap_or(usize::MAX),
        Body::None | Body::Chunked => 0,
    }
}
