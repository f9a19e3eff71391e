//! The origin: answers `/N` with a body of N bytes, keeps every connection alive, reads a body that comes along.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::{AsFd as _, OwnedFd};
use rustix::io::Errno;
use rustix::net::{
    self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, accept_with, bind, listen, sockopt,
};

use crate::wait;

/// Bodies longer than this are refused.
const MAX_BODY: usize = 64 << 20;
/// Responses that a connection may have waiting in the kernel.
const BACKLOG: i32 = 4096;

/// An origin that listens.
pub struct Origin {
    /// Where it listens.
    pub addrs: Vec<SocketAddr>,
    poll: OwnedFd,
    listeners: Vec<OwnedFd>,
    conns: Vec<Option<Conn>>,
    free: Vec<usize>,
    /// Whole responses by the length of their body.
    responses: BTreeMap<usize, Vec<u8>>,
    buffer: Vec<u8>,
}

struct Conn {
    socket: OwnedFd,
    /// What came of a request so far.
    head: Vec<u8>,
    /// The response under way: length of its body, bytes that were sent.
    sending: Option<(usize, usize)>,
    waits_for_room: bool,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").field("addrs", &self.addrs).finish_non_exhaustive()
    }
}

impl Origin {
    /// Listens at `count` ports of the system's choice.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn open(count: usize) -> Result<Self, Errno> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let (mut listeners, mut addrs) = (Vec::new(), Vec::new());
        for index in 0..count.max(1) {
            let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
            let listener = net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None)?;
            sockopt::set_tcp_nodelay(&listener, true)?;
            bind(&listener, &SocketAddr::from(([127, 0, 0, 1], 0)))?;
            listen(&listener, BACKLOG)?;
            epoll::add(&poll, &listener, EventData::new_u64(index as u64), EventFlags::IN)?;
            addrs.push(SocketAddr::try_from(net::getsockname(&listener)?)?);
            listeners.push(listener);
        }
        Ok(Self {
            addrs,
            poll,
            listeners,
            conns: Vec::new(),
            free: Vec::new(),
            responses: BTreeMap::new(),
            buffer: vec![0; 256 * 1024],
        })
    }

    /// Answers for ever.
    ///
    /// # Errors
    /// If the system refuses; a connection that breaks is none.
    pub fn run(&mut self) -> Result<(), Errno> {
        let mut events: Vec<Event> = Vec::with_capacity(256);
        loop {
            wait(&self.poll, &mut events, None)?;
            for event in &events {
                let token = event.data.u64() as usize;
                if token < self.listeners.len() {
                    self.accept(token)?;
                } else {
                    self.serve_one(token - self.listeners.len());
                }
            }
        }
    }

    fn accept(&mut self, listener: usize) -> Result<(), Errno> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = match accept_with(&self.listeners[listener], flags) {
            Ok(socket) => socket,
            Err(Errno::AGAIN | Errno::CONNABORTED | Errno::INTR) => return Ok(()),
            Err(error) => return Err(error),
        };
        let index = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() - 1
        });
        let token = EventData::new_u64((index + self.listeners.len()) as u64);
        epoll::add(&self.poll, &socket, token, EventFlags::IN)?;
        let conn = Conn { socket, head: Vec::new(), sending: None, waits_for_room: false };
        self.conns[index] = Some(conn);
        Ok(())
    }

    fn serve_one(&mut self, index: usize) {
        let Some(conn) = self.conns[index].as_mut() else { return };
        let went =
            if conn.sending.is_some() { Ok(()) } else { conn.receive(&mut self.buffer, &mut self.responses) };
        let token = EventData::new_u64((index + self.listeners.len()) as u64);
        let went = went.and_then(|()| conn.send(&self.responses, &self.poll, token));
        if went.is_err() {
            self.conns[index] = None;
            self.free.push(index);
        }
    }
}

/// The connection is over, well or not.
struct Over;

impl Conn {
    fn receive(&mut self, buffer: &mut [u8], responses: &mut BTreeMap<usize, Vec<u8>>) -> Result<(), Over> {
        let count = match net::recv(&self.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((0, _)) => return Err(Over),
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Ok(()),
            Err(_) => return Err(Over),
        };
        self.head.extend_from_slice(&buffer[..count]);
        let Some((head, body, wanted)) = parse(&self.head)? else { return Ok(()) };
        if self.head.len() < head + body {
            return Ok(());
        }
        if self.head.len() > head + body {
            return Err(Over);
        }
        self.head.clear();
        responses.entry(wanted).or_insert_with(|| response(wanted));
        self.sending = Some((wanted, 0));
        Ok(())
    }

    fn send(
        &mut self,
        responses: &BTreeMap<usize, Vec<u8>>,
        poll: &OwnedFd,
        token: EventData,
    ) -> Result<(), Over> {
        let Some((size, sent)) = &mut self.sending else { return Ok(()) };
        let bytes = &responses[size];
        while *sent < bytes.len() {
            match net::send(&self.socket, &bytes[*sent..], SendFlags::NOSIGNAL) {
                Ok(count) => *sent += count,
                Err(Errno::AGAIN) => {
                    if !self.waits_for_room {
                        self.waits_for_room = true;
                        epoll::modify(poll, self.socket.as_fd(), token, EventFlags::OUT).map_err(|_| Over)?;
                    }
                    return Ok(());
                }
                Err(Errno::INTR) => {}
                Err(_) => return Err(Over),
            }
        }
        self.sending = None;
        if self.waits_for_room {
            self.waits_for_room = false;
            epoll::modify(poll, self.socket.as_fd(), token, EventFlags::IN).map_err(|_| Over)?;
        }
        Ok(())
    }
}

/// Length of the head, of the body behind it, and of the body that is asked for; nothing while the head is cut.
fn parse(bytes: &[u8]) -> Result<Option<(usize, usize, usize)>, Over> {
    let mut fields = [httparse::EMPTY_HEADER; 48];
    let mut request = httparse::Request::new(&mut fields);
    let Ok(parsed) = request.parse(bytes) else { return Err(Over) };
    let httparse::Status::Complete(head) = parsed else { return Ok(None) };
    let wanted = request.path.and_then(|path| path.rsplit('/').next()).and_then(|last| last.parse().ok());
    let said = request.headers.iter().find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let body = match said {
        None => 0,
        Some(field) => {
            std::str::from_utf8(field.value).ok().and_then(|text| text.parse().ok()).ok_or(Over)?
        }
    };
    let wanted = wanted.filter(|wanted| *wanted <= MAX_BODY).ok_or(Over)?;
    if body > MAX_BODY { Err(Over) } else { Ok(Some((head, body, wanted))) }
}

fn response(size: usize) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n"
    );
    let mut bytes = head.into_bytes();
    bytes.resize(bytes.len() + size, b'o');
    bytes
}
