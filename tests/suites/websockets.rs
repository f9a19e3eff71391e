//! httpd's t/modules/proxy_websockets.t: messages of growing sizes through a tunnel, each of them echoed.

use std::io;
use std::net::TcpStream;

use tungstenite::error::ProtocolError;
use tungstenite::{Error, Message};

use crate::support::origin::{Ledger, Origin};
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::DEADLINE;

/// What is sent, and how often repeated. The fifth is turned off in the source, as it was not reliable there.
const MESSAGES: [(&str, usize); 6] =
    [("ping0", 1), ("ping1", 10), ("ping2", 100), ("ping3", 1024), ("ping4", 4096), ("sendquit", 1)];

/// What ends the tunnel.
const QUIT: &str = "quit";

#[test]
fn suite_httpd_proxy_websockets() {
    let origin = Origin::conversing(echo);
    let server =
        Server::conf(&format!("ProxyPass /proxy/wsoc {}/modules/lua/websockets.lua\n", origin.url()));
    let stream = TcpStream::connect(server.addr()).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    let (mut socket, response) =
        tungstenite::client(format!("ws://{}/proxy/wsoc", server.addr()), stream).unwrap();
    assert_eq!(response.status(), 101);
    for (text, times) in MESSAGES {
        let message = Message::text(text.repeat(times));
        socket.send(message.clone()).unwrap();
        assert!(socket.read().unwrap() == message, "{text} {times} times is not what came back");
    }
    socket.send(Message::text(QUIT)).unwrap();
    let end = socket.read();
    assert!(
        matches!(end, Err(Error::Protocol(ProtocolError::ResetWithoutClosingHandshake))),
        "the end of the tunnel was not passed on: {end:?}"
    );
    figure(format_args!("httpd proxy_websockets.t: {} rows, all as expected", MESSAGES.len()));
}

/// Ends without a closing frame when it is told to quit.
fn echo(_: usize, stream: TcpStream, _: &Ledger) -> io::Result<()> {
    let mut socket = tungstenite::accept(stream).map_err(io::Error::other)?;
    loop {
        let message = socket.read().map_err(io::Error::other)?;
        if message == Message::text(QUIT) {
            return Ok(());
        }
        socket.send(message).map_err(io::Error::other)?;
    }
}
