//! The client's side: one task for each connection. It waits without a buffer, reads heads, has requests served one
//! after the other, and decides how the connection ends.

mod coroutine;
mod deadline;
mod linger;
mod parked;
mod read_head;
mod request;

use std::future::poll_fn;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::executor::{Local, Pinned, Presence};
use crate::flow::Flow;
use crate::kit::Kit;
use crate::message::Reject;
use crate::stream::Stream;
use crate::timer::Timer;
pub(crate) use coroutine::Coroutine;
use deadline::Terms;
pub(crate) use deadline::Waits;
use parked::Parked;
use read_head::Head;

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
            // Who only waits takes no memory.
            if self.stream.poll_readable(cx).is_pending() {
                break;
            }
            let mut spares = local.spares.borrow_mut();
            let room = up.window.tail(&mut spares);
            if room.is_empty() {
                return Poll::Pending;
            }
            match self.stream.poll_read(cx, room) {
                Poll::Pending => break,
                Poll::Ready(Ok(0)) => self.closed = true,
                Poll::Ready(Ok(count)) => up.window.filled(count),
                Poll::Ready(Err(_)) => return Poll::Ready(()),
            }
        }
        if !self.closed || up.may_be_whole() { Poll::Pending } else { Poll::Ready(()) }
    }
}

/// A client's connection.
struct Connection {
    local: Rc<Local>,
    // Before the client, whose socket is open as long as it is here.
    presence: Presence,
    client: Client,
    timer: Timer,
    pinned: Rc<Pinned>,
    peer: SocketAddr,
    /// The peer's address as text, without its port.
    peer_text: Box<str>,
    here: SocketAddr,
    terms: Terms,
    /// A head that has begun.
    parked: Parked,
    /// Requests so far.
    served: u32,
    /// How long the next one is waited for, in nanoseconds.
    patience: u64,
}

/// What there is after waiting.
enum Next {
    /// Bytes of a request, or a connection that is new.
    Bytes,
    /// Not the rest of a head, and its time is up.
    TooSlow,
    /// Nobody who is to be answered.
    End,
}

/// How long a first request, or the rest of a head, is waited for while the executor drains, in nanoseconds: it is
/// on the way, and nobody who was let in a moment ago expects to be sent away.
const WELCOME: u64 = 1_000_000_000;
const TOO_SLOW: Reject = Reject { status: 408, reason: "head was not complete in time" };

/// Serves a connection until it ends.
///
/// Cancel-safe at any point: endpoint connections in use are closed, trylists told.
pub(crate) fn serve(
    local: Rc<Local>,
    presence: Presence,
    socket: TcpStream,
    peer: SocketAddr,
    listener: SocketAddr,
) -> impl Future<Output = ()> {
    let stream = Stream::accepted(socket);
    let here =
        if listener.ip().is_unspecified() { stream.local_addr().unwrap_or(listener) } else { listener };
    let pinned = local.pinned();
    let terms = Terms::of(pinned.generation.servers().server(here, None).client());
    let patience = terms.silence();
    let connection = Box::new(Connection {
        timer: Timer::new(local.clock.clone()),
        client: Client { stream, closed: false },
        presence,
        pinned,
        peer,
        peer_text: peer.ip().to_canonical().to_string().into(),
        here,
        terms,
        parked: Parked::default(),
        served: 0,
        patience,
        local,
    });
    run(connection)
}

async fn run(mut connection: Box<Connection>) {
    // A fresh connection often has its first request with it.
    let mut next = Next::Bytes;
    loop {
        let local = Rc::clone(&connection.local);
        let mut coroutine = local.take_coroutine();
        coroutine.begin(connection, next);
        let (back, goes_on) = poll_fn(|cx| coroutine.poll(cx)).await;
        local.give_coroutine(coroutine);
        connection = back;
        if !goes_on {
            return;
        }
        next = connection.wait().await;
        if matches!(next, Next::End) {
            return;
        }
    }
}

impl Connection {
    /// Serves what there is, as long as there is something; false if the connection is to end.
    async fn serve(&mut self, kit: &mut Kit, next: Next) -> bool {
        if !self.parked.is_empty() {
            kit.up.window.refill(self.parked.bytes(), &mut self.local.spares.borrow_mut());
        }
        match next {
            Next::TooSlow => self.give_up(kit).await,
            _ => self.requests(kit).await,
        }
    }

    /// Waits for the next request, or for more of its head, holding no buffer.
    async fn wait(&mut self) -> Next {
        let now = self.local.clock.now();
        self.presence.rest(now, !self.parked.is_empty());
        self.timer.set(now.saturating_add(self.patience));
        let is_expected = self.served == 0 || !self.parked.is_empty();
        let welcome = if is_expected { now.saturating_add(WELCOME) } else { 0 };
        let next = poll_fn(|cx| {
            self.presence.join(cx);
            let is_draining = self.local.is_draining();
            if self.presence.is_unwanted() || (is_draining && self.local.clock.exact() >= welcome) {
                return Poll::Ready(Next::End);
            }
            // An idle connection must not hold an old generation for long.
            self.repin();
            if self.parked.is_empty() {
                if let Poll::Ready(readable) = self.client.stream.poll_readable(cx) {
                    return Poll::Ready(if readable.is_ok() { Next::Bytes } else { Next::End });
                }
                if is_draining {
                    self.timer.set(welcome.min(now.saturating_add(self.patience)));
                }
                return self.timer.poll(cx).map(|()| Next::End);
            }
            self.poll_piece(cx, if is_draining { welcome } else { u64::MAX })
        })
        .await;
        self.presence.work();
        next
    }

    /// Adds to the head that has begun, until it is worth a look; not for longer than `until`.
    fn poll_piece(&mut self, cx: &mut Context<'_>, until: u64) -> Poll<Next> {
        let mut piece = [0; 2048];
        while !self.parked.may_tell(&self.terms.limits) {
            match self.client.stream.poll_read(cx, &mut piece) {
                Poll::Ready(Ok(count)) if count > 0 => {
                    self.parked.push(&piece[..count], self.local.clock.now());
                }
                Poll::Ready(_) => return Poll::Ready(Next::End),
                Poll::Pending => {
                    let Parked { began, moved, .. } = self.parked;
                    self.timer.set(self.terms.head(began, moved, self.parked.bytes().len()).min(until));
                    return self.timer.poll(cx).map(|()| Next::TooSlow);
                }
            }
        }
        Poll::Ready(Next::Bytes)
    }

    /// Goes over to the generation in force.
    fn repin(&mut self) {
        if self.local.repin(&mut self.pinned) {
            self.terms = Terms::of(self.pinned.generation.servers().server(self.here, None).client());
        }
    }

    /// The head was too slow; false as the connection ends with that.
    async fn give_up(&mut self, kit: &mut Kit) -> bool {
        self.refuse(kit, TOO_SLOW).await;
        self.linger(kit).await;
        false
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
