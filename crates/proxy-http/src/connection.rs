//! The client's side: one task for each connection. It waits without a buffer, reads heads, has requests served one
//! after the other, and decides how the connection ends.

mod linger;
mod read_head;
mod request;

use std::future::poll_fn;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::executor::{Local, Pinned, Presence};
use crate::flow::Flow;
use crate::kit::Kit;
use crate::message::Limits;
use crate::stream::Stream;
use crate::timer::Timer;
use read_head::Head;

/// From the first byte of a head to its last, in nanoseconds.
const HEAD: u64 = 10_000_000_000;
/// From the accept to the first byte, and between requests.
const IDLE: u64 = 15_000_000_000;

/// What becomes of a connection after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// Another request may come.
    Keep,
    /// It ends; the client gets all that was written.
    Close,
    /// It ends by a reset: what the client got must not look whole.
    Reset,
}

/// The client's socket.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) stream: Stream,
    /// It sends nothing more. It may still be reading: that is no abort.
    pub(crate) closed: bool,
}

impl Client {
    /// Whether it sends nothing more, and all that it has sent was dealt with.
    pub(crate) fn has_finished(&self, up: &Flow) -> bool {
        self.closed && up.window.raw().is_empty()
    }

    /// Ready once the client has gone: by a reset, or by an end in the middle of its request. What it sends
    /// meanwhile is kept behind the raw bytes of `up`.
    pub(crate) fn poll_gone(&mut self, cx: &mut Context<'_>, up: &mut Flow, local: &Local) -> Poll<()> {
        while !self.closed {
            let mut spares = local.spares.borrow_mut();
            let room = up.window.tail(&mut spares);
            if room.is_empty() {
                return Poll::Pending;
            }
            match self.stream.poll_watch(cx, room) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(0)) => self.closed = true,
                Poll::Ready(Ok(count)) => up.window.filled(count),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
            }
        }
        if up.has_ended() { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// A client's connection.
struct Connection {
    local: Rc<Local>,
    client: Client,
    timer: Timer,
    presence: Presence,
    pinned: Rc<Pinned>,
    peer: SocketAddr,
    /// The peer's address as text, without its port.
    peer_text: Box<str>,
    here: SocketAddr,
    limits: Limits,
}

/// Serves a connection until it ends.
///
/// Cancel-safe at any point: endpoint connections in use are closed, trylists told.
pub(crate) async fn serve(
    local: Rc<Local>,
    presence: Presence,
    socket: TcpStream,
    peer: SocketAddr,
    listener: SocketAddr,
) {
    let stream = Stream::accepted(socket);
    let here =
        if listener.ip().is_unspecified() { stream.local_addr().unwrap_or(listener) } else { listener };
    let mut connection = Connection {
        timer: Timer::new(local.clock.clone()),
        client: Client { stream, closed: false },
        presence,
        pinned: local.pinned(),
        peer,
        peer_text: peer.ip().to_canonical().to_string().into(),
        here,
        limits: Limits::default(),
        local,
    };
    connection.run().await;
}

impl Connection {
    async fn run(&mut self) {
        let mut kit = self.local.take_kit();
        // A fresh connection often has its first request with it.
        let mut going_on = self.requests(&mut kit).await;
        self.local.give_kit(kit);
        while going_on && self.wait().await {
            let mut kit = self.local.take_kit();
            going_on = self.requests(&mut kit).await;
            self.local.give_kit(kit);
        }
    }

    /// Waits for the next request, holding nothing; false if the connection is to end.
    async fn wait(&mut self) -> bool {
        self.timer.set(self.local.clock.now() + IDLE);
        poll_fn(|cx| {
            self.presence.join(cx);
            if self.local.is_draining() {
                return Poll::Ready(false);
            }
            // An idle connection must not hold an old generation for long.
            self.local.repin(&mut self.pinned);
            if let Poll::Ready(readable) = self.client.stream.poll_readable(cx) {
                return Poll::Ready(readable.is_ok());
            }
            self.timer.poll(cx).map(|()| false)
        })
        .await
    }

    /// Serves requests as long as bytes of them are there; false if the connection is to end.
    async fn requests(&mut self, kit: &mut Kit) -> bool {
        loop {
            let after = match self.read_head(kit).await {
                Head::None => return true,
                Head::Ended => return false,
                Head::Complete(len) => self.request(kit, len).await,
                Head::Refused(reject) => self.refuse(kit, reject).await,
            };
            match after {
                After::Keep => {
                    kit.settle(&mut self.local.spares.borrow_mut());
                    // The next request is seldom there yet, and waiting asks the reactor as reading would.
                    if kit.up.window.raw().is_empty() && !self.client.closed {
                        return true;
                    }
                }
                After::Close => {
                    self.linger(kit).await;
                    return false;
                }
                After::Reset => {
                    self.client.stream.reset_on_close();
                    return false;
                }
            }
        }
    }
}
