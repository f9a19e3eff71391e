//! A listener whose backlog is full: its SYNs are dropped without a word, as by a dead machine, so that connecting
//! to it ends only when somebody's patience does.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

pub(crate) struct FullBacklog {
    _listener: Socket,
    _fill: Vec<TcpStream>,
    addr: SocketAddr,
}

impl FullBacklog {
    pub(crate) fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).unwrap();
        listener.listen(0).unwrap();
        let addr = listener.local_addr().unwrap().as_socket().unwrap();
        let mut fill = Vec::new();
        // One connection fits into a backlog of 0; the first that does not is the proof that it is full.
        while let Ok(conn) = TcpStream::connect_timeout(&addr, Duration::from_millis(150)) {
            fill.push(conn);
            assert!(fill.len() < 16, "the backlog of {addr} does not fill");
        }
        Self { _listener: listener, _fill: fill, addr }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }
}
