//! What an endpoint gets of a request and a client of an answer: fields, framing, bodies both ways, connections.

use crate::support::client::Response;
use crate::support::origin::{Origin, Seen, Then};
use crate::support::server::Server;

mod answers;
mod connections;
mod long_bodies;
mod request_bodies;
mod request_fields;
mod routing;
mod unix_sockets;

/// A server that passes everything on to one origin, with further lines in front.
fn server(origin: &Origin, lines: &str) -> Server {
    Server::conf(&format!("ProxyTimeout 2s\n{lines}\nProxyPass / {}/\n", origin.url()))
}

/// What the origin gets of a request.
fn passed_on(lines: &str, request: &str) -> Seen {
    let origin = Origin::named("ok");
    let response = server(&origin, lines).send(request);
    assert_eq!(response.status, 200, "{request:?}");
    origin.only_request()
}

/// What the client gets of an answer to GET.
fn passed_back(lines: &str, answer: &str) -> Response {
    let origin = Origin::saying(answer.as_bytes(), Then::Close);
    server(&origin, lines).get("/")
}
