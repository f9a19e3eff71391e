//! The floor: what the system alone costs whoever passes a request on over sockets. It reads, writes and waits as few
//! times as that takes, understands nothing of what it passes, and balances nothing; no proxy over sockets can use less
//! time. It is no proxy: it trusts that a message comes in as few pieces as it reads.

use std::net::SocketAddr;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{
    self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, connect, listen,
    sockopt,
};

use crate::wait;

const BACKLOG: i32 = 4096;
/// What the listening socket is known by.
const LISTENER: u64 = u64::MAX;

/// Passes bytes on between clients and one origin.
pub struct Floor {
    epoll: OwnedFd,
    listener: OwnedFd,
    origin: SocketAddr,
    ends: Vec<Option<End>>,
    free: Vec<usize>,
    /// Connections to the origin that nobody uses.
    idle: Vec<usize>,
    buffer: Vec<u8>,
}

/// One side of a pair.
struct End {
    socket: OwnedFd,
    other: Option<usize>,
    is_client: bool,
    /// The client wants its connection closed behind the response.
    closes: bool,
}

impl std::fmt::Debug for Floor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Floor").field("origin", &self.origin).finish_non_exhaustive()
    }
}

impl Floor {
    /// Listens at `addr`.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(addr: SocketAddr, origin: SocketAddr) -> Result<Self, Errno> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let listener = socket()?;
        sockopt::set_socket_reuseaddr(&listener, true)?;
        bind(&listener, &addr)?;
        listen(&listener, BACKLOG)?;
        epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
        let buffer = vec![0; 256 * 1024];
        Ok(Self { epoll, listener, origin, ends: Vec::new(), free: Vec::new(), idle: Vec::new(), buffer })
    }

    /// Passes on for ever.
    ///
    /// # Errors
    /// If the system refuses; a connection that breaks is none.
    pub fn run(&mut self) -> Result<(), Errno> {
        let mut events: Vec<Event> = Vec::with_capacity(256);
        loop {
            wait(&self.epoll, &mut events, None)?;
            for event in &events {
                let data = event.data.u64();
                let went = if data == LISTENER { self.accept() } else { self.pass(data as usize) };
                if went.is_err() {
                    self.close(data as usize, false);
                }
            }
        }
    }

    fn accept(&mut self) -> Result<(), Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let Ok(socket) = accept_with(&self.listener, flags) else { return Ok(()) };
        let client = self.keep(socket, true)?;
        // Its request is mostly there.
        if self.pass(client).is_err() {
            self.close(client, false);
        }
        Ok(())
    }

    /// Reads once from one side and writes it to the other.
    fn pass(&mut self, index: usize) -> Result<(), Errno> {
        let Some(end) = &self.ends[index] else { return Ok(()) };
        let count = match net::recv(&end.socket, &mut self.buffer, RecvFlags::empty()) {
            Ok((0, _)) => return Err(Errno::CONNRESET),
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error),
        };
        let (is_client, other) = (end.is_client, end.other);
        let to = match other {
            Some(other) => other,
            None => self.pair(index)?,
        };
        let Some(end) = &mut self.ends[to] else { return Err(Errno::CONNRESET) };
        send_all(&end.socket, &self.buffer[..count])?;
        if !is_client && end.closes {
            self.close(to, true);
        } else if is_client && let Some(client) = &mut self.ends[index] {
            client.closes |= self.buffer[..count].windows(5).any(|word| word == b"close");
        }
        Ok(())
    }

    /// Finds a connection to the origin for a client.
    fn pair(&mut self, client: usize) -> Result<usize, Errno> {
        let upstream = match self.idle.pop() {
            Some(upstream) => upstream,
            None => {
                let socket = socket()?;
                match connect(&socket, &self.origin) {
                    Ok(()) | Err(Errno::INPROGRESS) => {}
                    Err(error) => return Err(error),
                }
                self.keep(socket, false)?
            }
        };
        for (one, other) in [(client, upstream), (upstream, client)] {
            if let Some(end) = &mut self.ends[one] {
                end.other = Some(other);
            }
        }
        Ok(upstream)
    }

    fn keep(&mut self, socket: OwnedFd, is_client: bool) -> Result<usize, Errno> {
        let index = self.free.pop().unwrap_or_else(|| {
            self.ends.push(None);
            self.ends.len() - 1
        });
        epoll::add(&self.epoll, &socket, EventData::new_u64(index as u64), EventFlags::IN)?;
        self.ends[index] = Some(End { socket, other: None, is_client, closes: false });
        Ok(index)
    }

    /// Closes one side, and the other unless the next client can have it.
    fn close(&mut self, index: usize, is_clean: bool) {
        let Some(end) = self.ends.get_mut(index).and_then(Option::take) else { return };
        self.free.push(index);
        let Some(other) = end.other else {
            self.idle.retain(|idle| *idle != index);
            return;
        };
        match &mut self.ends[other] {
            Some(upstream) if is_clean => {
                upstream.other = None;
                self.idle.push(other);
            }
            other_end => {
                *other_end = None;
                self.free.push(other);
            }
        }
    }
}

fn socket() -> Result<OwnedFd, Errno> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
    sockopt::set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

/// Waits where there is no room: that is rare with what is measured here.
fn send_all(socket: &OwnedFd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match net::send(socket, bytes, SendFlags::NOSIGNAL) {
            Ok(count) => bytes = &bytes[count..],
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN | Errno::NOTCONN) => {
                poll(&mut [PollFd::new(socket, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
