//! The request as it goes to an endpoint.

use proxy_core::edits::{self, Edit};

use super::super::field::Field;
use super::super::name::Name;
use super::super::{Body, Request};
use super::{Copier, Via, extend, write_additions, write_field, write_length};

/// What is to happen to the connection to the endpoint after this request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum EndpointConnection {
    /// It is kept, which HTTP/1.1 does without a word.
    #[default]
    Keep,
    /// `Connection: close`.
    Close,
    /// It becomes a WebSocket if the endpoint agrees.
    Upgrade,
}

/// What the endpoint is told about the client.
#[derive(Debug, Clone, Copy)]
pub struct Forwarded<'a> {
    /// The client's address without a port, as text.
    pub client: &'a [u8],
    /// `http` or `https`.
    pub proto: &'a [u8],
}

/// What is changed on the way of a request.
#[derive(Debug, Clone, Copy)]
pub struct RequestRewrite<'a> {
    /// The endpoint's authority, for `Host`.
    pub host: &'a [u8],
    /// Send the client's Host instead, if it gave one (ProxyPreserveHost).
    pub preserve_host: bool,
    /// Replaces the path by these two pieces joined: the new prefix, and [`proxy_core::path::rest_after`] the
    /// matched one. Without it the target goes on unchanged.
    pub path: Option<[&'a [u8]; 2]>,
    /// The framing on this side: that of the request, or a length once a chunked body is all there.
    pub body: Body,
    /// Fields to add about the client; none with ProxyAddHeaders Off.
    pub forwarded: Option<Forwarded<'a>>,
    /// Whether what the peer says about its own clients is believed: then `X-Forwarded-*` is added to, else
    /// it, `Forwarded` and `X-Real-IP` are removed first.
    pub trusted: bool,
    /// What becomes of `Via`.
    pub via: Via<'a>,
    /// What modules want changed of the fields.
    pub edits: &'a [Edit],
    /// Send `Expect: 100-continue`.
    pub expect_continue: bool,
    /// What happens to the endpoint connection.
    pub connection: EndpointConnection,
}

/// Appends the head of `request` as it goes to an endpoint: HTTP/1.1, hop-by-hop fields removed, and those of
/// ours written last, so that no `Connection` field of the client removes them.
pub fn write_request(out: &mut Vec<u8>, request: &Request<'_>, rewrite: &RequestRewrite<'_>) {
    out.reserve(request.bytes().len() + 512);
    write_line(out, request, rewrite);
    let host = request.host().filter(|_| rewrite.preserve_host).unwrap_or(rewrite.host);
    extend(out, &[b"Host: ", host, b"\r\n"]);
    let mut copier = Copier::new(request.bytes());
    for field in request.index().iter().filter(|field| passes(field, request.bytes(), rewrite)) {
        if field.kind == Name::MaxForwards && request.max_forwards().is_some() {
            continue;
        }
        copier.copy(out, field);
    }
    copier.flush(out);
    write_additions(out, rewrite.edits);
    if let Some(hops) = request.max_forwards() {
        write_field(out, b"Max-Forwards", itoa::Buffer::new().format(hops.saturating_sub(1)).as_bytes());
    }
    write_forwarded(out, request, rewrite);
    rewrite.via.write(out, request.version());
    match rewrite.body {
        Body::None => {}
        Body::Length(length) => write_length(out, length),
        Body::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    if rewrite.expect_continue {
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    out.extend_from_slice(connection_lines(rewrite.connection, request.te_trailers()));
    out.extend_from_slice(b"\r\n");
}

fn write_line(out: &mut Vec<u8>, request: &Request<'_>, rewrite: &RequestRewrite<'_>) {
    extend(out, &[request.method_name(), b" "]);
    match rewrite.path {
        Some([prefix, rest]) => {
            // A target is a path, whatever the configuration made of it.
            if prefix.iter().chain(rest).next() != Some(&b'/') {
                out.push(b'/');
            }
            extend(out, &[prefix, rest]);
        }
        None => out.extend_from_slice(request.path()),
    }
    if let Some(query) = request.query() {
        extend(out, &[b"?", query]);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
}

fn passes(field: &Field, bytes: &[u8], rewrite: &RequestRewrite<'_>) -> bool {
    let about_client = match field.kind {
        Name::Host | Name::Expect => return false,
        // Gathered into one line of ours.
        Name::XForwardedFor if rewrite.forwarded.is_some() => return false,
        Name::XForwardedFor
        | Name::XForwardedHost
        | Name::XForwardedProto
        | Name::XForwardedOther
        | Name::Forwarded => true,
        _ => false,
    };
    !(field.named
        || field.kind.is_hop_by_hop()
        || rewrite.via.drops(field)
        || about_client && !rewrite.trusted
        || edits::removes(rewrite.edits, field.name.of(bytes)))
}

fn write_forwarded(out: &mut Vec<u8>, request: &Request<'_>, rewrite: &RequestRewrite<'_>) {
    let Some(forwarded) = rewrite.forwarded else { return };
    let believed = |kind: Name| {
        let bytes = request.bytes();
        let fields = request.index().iter().filter(move |field| {
            rewrite.trusted && !field.named && field.kind == kind && !field.value.of(bytes).is_empty()
        });
        fields.map(move |field| field.value.of(bytes))
    };
    out.extend_from_slice(b"X-Forwarded-For: ");
    for hop in believed(Name::XForwardedFor) {
        extend(out, &[hop, b", "]);
    }
    extend(out, &[forwarded.client, b"\r\n"]);
    if let Some(host) = request.host()
        && believed(Name::XForwardedHost).next().is_none()
    {
        extend(out, &[b"X-Forwarded-Host: ", host, b"\r\n"]);
    }
    if believed(Name::XForwardedProto).next().is_none() {
        extend(out, &[b"X-Forwarded-Proto: ", forwarded.proto, b"\r\n"]);
    }
}

/// RFC 9110 section 10.1.4: whoever sends TE says so in Connection.
fn connection_lines(connection: EndpointConnection, te_trailers: bool) -> &'static [u8] {
    match (connection, te_trailers) {
        (EndpointConnection::Keep, false) => b"",
        (EndpointConnection::Keep, true) => b"TE: trailers\r\nConnection: TE\r\n",
        (EndpointConnection::Close, false) => b"Connection: close\r\n",
        (EndpointConnection::Close, true) => b"TE: trailers\r\nConnection: close, TE\r\n",
        (EndpointConnection::Upgrade, false) => b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
        (EndpointConnection::Upgrade, true) => {
            b"Upgrade: websocket\r\nTE: trailers\r\nConnection: Upgrade, TE\r\n"
        }
    }
}
