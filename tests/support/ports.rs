//! Addresses at which nobody answers, or not yet.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

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

/// A port that is free just now; whoever is started there is asked until it answers.
pub(crate) fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// An URL whose name no resolver knows (RFC 6761, section 6.4).
pub(crate) const UNRESOLVABLE: &str = "http://nosuchhost.invalid:80";
