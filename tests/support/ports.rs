//! Addresses at which nobody answers.

use std::net::{Ipv4Addr, SocketAddr};

use socket2::{Domain, Socket, Type};

/// An address that refuses connections for as long as this lives: the port is taken, but nobody listens, so that
/// no other test can be given it.
pub(crate) struct Refused {
    _socket: Socket,
    addr: SocketAddr,
}

impl Refused {
    pub(crate) fn new() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        let addr = socket.local_addr().unwrap().as_socket().unwrap();
        Self { _socket: socket, addr }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}

/// An URL whose name no resolver knows (RFC 6761, section 6.4).
pub(crate) const UNRESOLVABLE: &str = "http://nosuchhost.invalid:80";
