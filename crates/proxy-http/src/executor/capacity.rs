//! How many clients there may be, and what those get that are too many: a 503 at once, in a bounded number of steps.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use rustix::io::Errno;
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

const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\n\
    Content-Type: text/plain\r\nContent-Length: 60\r\n\r\n\
    503 Service Unavailable: the server has too many connections";

/// The clients that an executor has refused.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// The last few: were a socket closed while its request is on the way, the reset that the request provokes could
    /// destroy the answer.
    kept: VecDeque<TcpStream>,
    untold: u64,
    is_told: bool,
}

impl Refusals {
    /// Answers a client that there is no room for.
    pub(super) fn refuse(&mut self, socket: TcpStream, capacity: &Capacity) {
        if answer(&socket).is_ok() && capacity.lingering > 0 {
            while self.kept.len() >= capacity.lingering {
                self.close_oldest();
            }
            self.kept.push_back(socket);
        }
        self.untold += 1;
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
        self.is_told = self.untold > 0;
        if self.is_told {
            self.tell(capacity);
        }
    }

    fn tell(&mut self, capacity: &Capacity) {
        let (refused, connected, most) = (self.untold, capacity.connected(), capacity.most());
        self.untold = 0;
        warn!(
            event = "overload",
            refused,
            connected,
            "{refused} refused with 503: {connected} of at most {most} clients are connected; see MaxConnections"
        );
    }

    fn close_oldest(&mut self) {
        if let Some(socket) = self.kept.pop_front() {
            drain(&socket);
        }
    }
}

fn answer(socket: &TcpStream) -> io::Result<()> {
    drain(socket);
    // A fresh socket takes so few bytes in one go, and what it does not take is lost on nobody who listens.
    (&*socket).write_all(BUSY)?;
    socket.shutdown(Shutdown::Write)
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
    fn the_answer_is_framed_as_it_says() {
        let text = str::from_utf8(BUSY).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("\r\nContent-Length: {}", body.len())), "{head}");
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
