//! How many clients there may be, and what those get that are too many: a 503 at once, in a bounded number of steps.

use std::collections::VecDeque;
use std::io::{self, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::io::Errno;
use rustix::net::{SendFlags, send};
use tracing::warn;

/// Connected clients, counted by all executors together.
#[derive(Debug)]
pub struct Capacity {
    most: AtomicUsize,
    lingering: usize,
    pipes: usize,
    connected: AtomicUsize,
}

impl Capacity {
    /// Room for `most` clients (MaxConnections), and in each executor for `lingering` sockets of those that were
    /// refused, which are kept until others need the place, and for `pipes` pipes that long bodies go through.
    #[must_use]
    pub const fn new(most: usize, lingering: usize, pipes: usize) -> Self {
        Self { most: AtomicUsize::new(most), lingering, pipes, connected: AtomicUsize::new(0) }
    }

    /// The most that there may be.
    #[must_use]
    pub fn most(&self) -> usize {
        self.most.load(Relaxed)
    }

    /// Makes room for `most` clients from now on; those that are too many then may stay.
    pub fn resize(&self, most: usize) {
        self.most.store(most, Relaxed);
    }

    /// The pipes of an executor.
    pub(crate) const fn pipes(&self) -> usize {
        self.pipes
    }

    /// How many there are.
    #[must_use]
    pub fn connected(&self) -> usize {
        self.connected.load(Relaxed)
    }

    /// Counts one more, if there is room for it.
    pub(super) fn enter(&self) -> bool {
        let is_room = self.connected.fetch_add(1, Relaxed) < self.most();
        if !is_room {
            self.leave();
        }
        is_room
    }

    /// Counts one more in the place of another that is about to leave.
    pub(super) fn replace(&self) {
        self.connected.fetch_add(1, Relaxed);
    }

    pub(super) fn leave(&self) {
        self.connected.fetch_sub(1, Relaxed);
    }
}

/// Whether an error says that this machine has no descriptor or no memory left.
pub(crate) fn is_exhausted(error: &io::Error) -> bool {
    const ALL: [Errno; 4] = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    error.raw_os_error().is_some_and(|code| ALL.iter().any(|errno| errno.raw_os_error() == code))
}

/// Why a client is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// There are as many clients as there may be.
    Full,
    /// It would have to wait for too long.
    Busy,
}

impl Cause {
    const fn answer(self) -> &'static [u8] {
        match self {
            Self::Full => {
                b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
                Content-Type: text/plain\r\nContent-Length: 60\r\n\r\n\
                503 Service Unavailable: the server has too many connections"
            }
            Self::Busy => {
                b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
                Content-Type: text/plain\r\nContent-Length: 54\r\n\r\n\
                503 Service Unavailable: the server has too much to do"
            }
        }
    }
}

/// The clients that an executor has refused.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// The last few: were a socket closed while its request is on the way, the reset that the request provokes could
    /// destroy the answer.
    kept: VecDeque<TcpStream>,
    /// Of which no line in the log has told.
    untold: Untold,
    is_told: bool,
}

/// How many were refused for what.
#[derive(Debug, Default)]
struct Untold {
    full: u64,
    busy: u64,
}

impl Refusals {
    /// Answers a client that is not to be served.
    pub(super) fn refuse(&mut self, socket: TcpStream, cause: Cause, capacity: &Capacity) {
        let is_to_be_kept = answer(&socket, cause.answer()).is_ok_and(|sent| sent == Sent::ToOneWhoMaySend);
        if is_to_be_kept && capacity.lingering > 0 {
            while self.kept.len() >= capacity.lingering {
                self.close_oldest();
            }
            self.kept.push_back(socket);
        }
        match cause {
            Cause::Full => self.untold.full += 1,
            Cause::Busy => self.untold.busy += 1,
        }
        if !std::mem::replace(&mut self.is_told, true) {
            self.tell(capacity);
        }
    }

    /// Closes all, for their descriptors.
    pub(super) fn close_all(&mut self) {
        while !self.kept.is_empty() {
            self.close_oldest();
        }
    }

    /// What is done now and then: a line in the log for all since the last one.
    pub(super) fn make_round(&mut self, capacity: &Capacity) {
        self.close_all();
        self.is_told = self.untold.full > 0 || self.untold.busy > 0;
        if self.is_told {
            self.tell(capacity);
        }
    }

    fn tell(&mut self, capacity: &Capacity) {
        let Untold { full, busy } = std::mem::take(&mut self.untold);
        let (connected, most) = (capacity.connected(), capacity.most());
        if full > 0 {
            warn!(
                event = "overload",
                refused = full,
                connected,
                "{full} refused with 503: {connected} of at most {most} clients are connected; see MaxConnections"
            );
        }
        if busy > 0 {
            warn!(
                event = "overload",
                refused = busy,
                connected,
                "{busy} refused with 503: an executor has more to do than it can, and they would have waited for longer \
                 than OverloadDelay; {connected} clients are connected"
            );
        }
    }

    fn close_oldest(&mut self) {
        if let Some(socket) = self.kept.pop_front() {
            drain(&socket);
        }
    }
}

/// What is known of a client that has been answered.
#[derive(Debug, PartialEq, Eq)]
enum Sent {
    /// Its request has been read whole.
    ToOneWhoIsDone,
    ToOneWhoMaySend,
}

/// In few calls and one packet, since an executor that refuses has no time: the answer waits for the end of the
/// connection, which goes with it.
fn answer(socket: &TcpStream, text: &[u8]) -> io::Result<Sent> {
    let mut piece = [0; 4096];
    let came = (&*socket).read(&mut piece).unwrap_or_default();
    if came == piece.len() {
        drain(socket);
    }
    // A fresh socket takes so few bytes in one go, and what it does not take is lost on nobody who listens.
    send(socket, text, SendFlags::MORE | SendFlags::NOSIGNAL)?;
    if is_whole(&piece[..came]) {
        // Closing it ends the connection as well.
        return Ok(Sent::ToOneWhoIsDone);
    }
    socket.shutdown(Shutdown::Write)?;
    Ok(Sent::ToOneWhoMaySend)
}

/// Whether these bytes are a request behind which nothing comes.
fn is_whole(bytes: &[u8]) -> bool {
    let announces_body = |line: &[u8]| {
        [&b"content-length:"[..], b"transfer-encoding:"]
            .iter()
            .any(|name| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name)))
    };
    let is_get = bytes.starts_with(b"GET ") && bytes.ends_with(b"\r\n\r\n");
    is_get && !bytes.split(|byte| *byte == b'\n').any(announces_body)
}

/// What has been read provokes no reset.
fn drain(mut socket: &TcpStream) {
    let mut piece = [0; 4096];
    for _ in 0..4 {
        match socket.read(&mut piece) {
            Ok(count) if count == piece.len() => {}
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_framed_as_they_say() {
        for cause in [Cause::Full, Cause::Busy] {
            let text = str::from_utf8(cause.answer()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
        }
    }

    #[test]
    fn only_a_request_without_a_body_is_known_to_be_whole() {
        assert!(is_whole(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        for more in [
            "GET / HTTP/1.1\r\nHost: a\r\n",
            "POST / HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\ncontent-LENGTH: 1\r\n\r\n",
        ] {
            assert!(!is_whole(more.as_bytes()), "{more}");
        }
    }

    #[test]
    fn there_is_room_until_there_are_too_many() {
        let capacity = Capacity::new(2, 0, 0);
        assert!(capacity.enter() && capacity.enter() && !capacity.enter());
        assert_eq!(capacity.connected(), 2);
        capacity.leave();
        assert!(capacity.enter());
        capacity.replace();
        assert_eq!(capacity.connected(), 3);
    }
}
