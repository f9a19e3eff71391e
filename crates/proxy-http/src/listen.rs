//! Listening sockets: one for each address, shared by all executors.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that may wait for an executor; the system caps it at its own limit.
const BACKLOG: i32 = 4096;

/// Bytes that may wait unsent in the system before a socket is full.
const UNSENT: u32 = 128 * 1024;

/// Binds `addr` and listens, ready for [`Orders::listeners`](crate::executor::Orders::listeners).
///
/// What accepted sockets inherit is set here, once, instead of on each of them.
///
/// # Errors
/// Those of the system.
pub fn bind(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        // `[::]:80` beside `0.0.0.0:80` has to be possible.
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&addr.into())?;
    prepare(&socket)?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes a listening socket that somebody else has bound as if [`bind`] had; how many connections may wait at it
/// remains with its owner.
///
/// # Errors
/// Those of the system.
pub fn adopt(listener: TcpListener) -> io::Result<TcpListener> {
    let socket = Socket::from(listener);
    prepare(&socket)?;
    Ok(socket.into())
}

fn prepare(socket: &Socket) -> io::Result<()> {
    socket.set_tcp_nodelay(true)?;
    // A slow reader makes a socket writable by every little that it takes, and is not thought silent while megabytes
    // of its response wait in the system.
    socket.set_tcp_notsent_lowat(UNSENT)?;
    socket.set_nonblocking(true)
}
