//! One client: its connection, and the request that is under way on it.

use std::time::Instant;

use rustix::event::epoll::{self, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{self, AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::plan::Plan;
use crate::reply::{Fed, Reply};

#[derive(Default)]
pub(super) struct Slot {
    conn: Option<Conn>,
    /// When the request under way was due.
    due: Option<Instant>,
}

struct Conn {
    socket: OwnedFd,
    reply: Reply,
    /// The request waits until the connection stands.
    unsent: bool,
}

/// What an event came to.
pub(super) enum Step {
    Waits,
    /// The answer is whole; when its request was due.
    Answered(Instant),
    /// The proxy closed a connection that nothing was under way on.
    Closed,
    Failed(String),
}

impl Slot {
    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Sends a request, on a new connection if there is none.
    pub(super) fn start(
        &mut self,
        plan: &Plan,
        poll: &OwnedFd,
        token: EventData,
        due: Instant,
    ) -> Result<(), String> {
        self.due = Some(due);
        let Some(conn) = &mut self.conn else {
            self.conn = Some(Conn::open(plan, poll, token)?);
            return Ok(());
        };
        if conn.send(plan)? { Ok(()) } else { Err("no room for a request".to_owned()) }
    }

    pub(super) fn step(&mut self, plan: &Plan, poll: &OwnedFd, token: EventData, buffer: &mut [u8]) -> Step {
        let Some(conn) = &mut self.conn else { return Step::Waits };
        if conn.unsent {
            return match conn.send_first(plan, poll, token) {
                Ok(()) => Step::Waits,
                Err(wrong) => Step::Failed(wrong),
            };
        }
        let count = match net::recv(&conn.socket, &mut *buffer, RecvFlags::empty()) {
            Ok((count, _)) => count,
            Err(Errno::AGAIN | Errno::INTR) => return Step::Waits,
            Err(error) => return Step::Failed(format!("receiving: {error}")),
        };
        let Some(due) = self.due else {
            self.conn = None;
            return if count == 0 { Step::Closed } else { Step::Failed("bytes nobody asked for".to_owned()) };
        };
        if count == 0 {
            let place = if conn.reply.is_begun() { "within" } else { "before" };
            return Step::Failed(format!("closed {place} a response"));
        }
        match conn.reply.feed(&buffer[..count], plan.size) {
            Fed::More => Step::Waits,
            Fed::Wrong(wrong) => Step::Failed(wrong),
            Fed::Done => {
                self.due = None;
                if plan.close {
                    self.conn = None;
                }
                Step::Answered(due)
            }
        }
    }
}

impl Conn {
    /// Connects, and sends at once if the connection stands at once, as it does on one machine.
    fn open(plan: &Plan, poll: &OwnedFd, token: EventData) -> Result<Self, String> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let told = |error: Errno| format!("connecting: {error}");
        let family = if plan.addr.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let socket = net::socket_with(family, SocketType::STREAM, flags, None).map_err(told)?;
        match net::connect(&socket, &plan.addr) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(told(error)),
        }
        let mut conn = Self { socket, reply: Reply::default(), unsent: false };
        conn.unsent = !conn.send(plan)?;
        let awaited = if conn.unsent { EventFlags::OUT } else { EventFlags::IN };
        epoll::add(poll, &conn.socket, token, awaited).map_err(told)?;
        Ok(conn)
    }

    fn send_first(&mut self, plan: &Plan, poll: &OwnedFd, token: EventData) -> Result<(), String> {
        if self.send(plan)? {
            self.unsent = false;
            epoll::modify(poll, &self.socket, token, EventFlags::IN).map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    /// Whether it was sent; if not, the connection does not stand yet.
    fn send(&self, plan: &Plan) -> Result<bool, String> {
        match net::send(&self.socket, &plan.request, SendFlags::NOSIGNAL) {
            Ok(count) if count == plan.request.len() => Ok(true),
            Ok(count) => Err(format!("{count} bytes of a request fitted")),
            Err(Errno::AGAIN) => Ok(false),
            Err(error) => Err(format!("sending: {error}")),
        }
    }
}
