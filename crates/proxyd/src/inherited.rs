//! Listening sockets that a service manager has opened and passed on (sd_listen_fds(3)): a Listen line of the same
//! address takes one instead of binding. The manager keeps them open, so that nobody is refused while the server
//! is away.

use std::net::{SocketAddr, TcpListener};

use listenfd::ListenFd;
use rustix::net::sockopt::socket_acceptconn;

/// Sockets that no Listen line has taken yet.
#[derive(Debug, Default)]
pub(crate) struct Inherited {
    sockets: Vec<Socket>,
}

#[derive(Debug)]
struct Socket {
    listener: TcpListener,
    addr: SocketAddr,
    /// What the manager calls it (FileDescriptorName=).
    name: String,
}

/// No manager passes more; the environment may say anything.
const MOST: usize = 1024;

impl Inherited {
    /// Those that the environment says are for this process. Before any other descriptor is opened and while there
    /// is no other thread, as the environment is changed.
    ///
    /// # Errors
    /// If one is not a listening TCP socket: which, and what to do.
    pub(crate) fn take() -> Result<Self, String> {
        let Some(count) = passed()? else { return Ok(Self::default()) };
        let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
        let mut names = names.split(':');
        let mut passed = ListenFd::from_env();
        let socket = |index| socket(&mut passed, index, names.next().unwrap_or_default());
        Ok(Self { sockets: (0..count).map(socket).collect::<Result<_, _>>()? })
    }

    /// The socket of this address, which is not among them any more then.
    pub(crate) fn socket(&mut self, addr: SocketAddr) -> Option<TcpListener> {
        let index = self.sockets.iter().position(|socket| socket.addr == addr)?;
        Some(self.sockets.swap_remove(index).listener)
    }

    /// For each that no Listen line has taken, what is wrong. Its clients would be accepted by nobody.
    pub(crate) fn left(&self) -> Vec<String> {
        let unnamed = |Socket { addr, name, .. }: &Socket| {
            format!(
                "the service manager passes a socket for {addr}{}, which no Listen line names: add `Listen {addr}`, or \
                 take it out of the manager's socket unit",
                named(name)
            )
        };
        self.sockets.iter().map(unnamed).collect()
    }
}

/// Whether sockets were passed to this process, and not to one that started it: how many.
pub(crate) fn passed() -> Result<Option<usize>, String> {
    let value = |name| std::env::var(name).ok();
    let is_for_us = value("LISTEN_PID").is_some_and(|pid| pid == std::process::id().to_string());
    let Some(count) = value("LISTEN_FDS").filter(|_| is_for_us) else { return Ok(None) };
    match count.parse() {
        Ok(count) if count <= MOST => Ok(Some(count)),
        _ => Err(format!("LISTEN_FDS={count} is no number of sockets, 0 to {MOST}")),
    }
}

fn socket(passed: &mut ListenFd, index: usize, name: &str) -> Result<Socket, String> {
    let place = format!("descriptor {}{} of the service manager", FIRST + index, named(name));
    let refused = |is: &str| format!("{place} is {is}, not a listening TCP socket: correct the socket unit");
    match passed.take_tcp_listener(index) {
        Ok(Some(listener)) => {
            let is_listening = socket_acceptconn(&listener).unwrap_or_default();
            if !is_listening {
                return Err(refused("a TCP socket that does not listen (as with Accept=yes)"));
            }
            let addr = listener.local_addr().map_err(|error| format!("{place} has no address: {error}"))?;
            Ok(Socket { listener, addr, name: name.to_owned() })
        }
        _ => Err(refused(kind(passed, index))),
    }
}

/// The first descriptor that is passed.
const FIRST: usize = 3;

/// In words, what is not a TCP socket.
fn kind(passed: &mut ListenFd, index: usize) -> &'static str {
    if passed.take_udp_socket(index).is_ok() {
        "a UDP socket"
    } else if passed.take_unix_listener(index).is_ok() || passed.take_unix_datagram(index).is_ok() {
        "a unix socket"
    } else {
        "something else"
    }
}

fn named(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" (`{name}`)") }
}
