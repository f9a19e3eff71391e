//! Accepting: few connections for each wake-up, so that executors share them, and never a spin.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::task::JoinHandle;
use tracing::warn;

use super::capacity::Cause;
use super::line::{Newcomer, PER_TURN, Queue};
use super::{Local, Presence, is_exhausted};

/// Connections refused, or put in the line, before others get their turn.
const PUT_OFF_PER_TURN: usize = 32;
/// Connections taken of those that wait when a socket is closed.
const REST: usize = 4096;
/// How long accepting rests when it cannot go on.
const PAUSE: Duration = Duration::from_millis(50);
/// The shortest time between two complaints about it: idle clients make room for others again and again.
const COMPLAINT_EVERY: Duration = Duration::from_secs(10);

/// Where an executor accepts.
pub(super) struct Accepting {
    local: Rc<Local>,
    at: Vec<Accepted>,
}

/// The task that accepts at one socket.
struct Accepted {
    socket: Arc<TcpListener>,
    task: JoinHandle<()>,
}

impl Accepting {
    pub(super) const fn new(local: Rc<Local>) -> Self {
        Self { local, at: Vec::new() }
    }

    /// Accepts at these sockets from now on, and no longer at others.
    ///
    /// Not cancel-safe: a socket may be forgotten that is still accepted at.
    pub(super) async fn follow(&mut self, wanted: &[Arc<TcpListener>]) -> io::Result<()> {
        let (kept, gone) =
            std::mem::take(&mut self.at).into_iter().partition(|accepted| accepted.is_at_one_of(wanted));
        self.at = kept;
        self.close(gone).await;
        for socket in wanted {
            if !self.at.iter().any(|accepted| Arc::ptr_eq(&accepted.socket, socket)) {
                let listener = Listener::new(Arc::clone(socket))?;
                let task = tokio::task::spawn_local(listener.run(Rc::clone(&self.local)));
                self.at.push(Accepted { socket: Arc::clone(socket), task });
            }
        }
        Ok(())
    }

    /// Accepts no longer; the sockets are closed here when this is ready.
    pub(super) async fn end(mut self) {
        let all = std::mem::take(&mut self.at);
        self.close(all).await;
    }

    async fn close(&self, accepted: Vec<Accepted>) {
        for Accepted { socket, task } in accepted {
            task.abort();
            // An aborted task drops its listener only when it is polled once more.
            let _ = task.await;
            accept_rest(&socket, &self.local);
        }
    }
}

impl Accepted {
    fn is_at_one_of(&self, sockets: &[Arc<TcpListener>]) -> bool {
        sockets.iter().any(|socket| Arc::ptr_eq(socket, &self.socket))
    }
}

/// One listening socket of an executor.
struct Listener {
    socket: AsyncFd<Arc<TcpListener>>,
    local: SocketAddr,
    queue: Queue,
    /// A descriptor for answering clients when there is no other. None where it is lost to somebody else.
    spare: Option<TcpListener>,
    complained: Option<Instant>,
}

impl Listener {
    fn new(socket: Arc<TcpListener>) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Accepted sockets inherit it.
        SockRef::from(&*socket).set_tcp_nodelay(true)?;
        let local = socket.local_addr()?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that lie about their descriptor; std's do not"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        let spare = socket.get_ref().try_clone().ok();
        Ok(Self { socket, local, queue: Queue::default(), spare, complained: None })
    }

    /// Accepts until it is dropped.
    async fn run(mut self, local: Rc<Local>) {
        let mut resting = false;
        loop {
            match self.accept_some(&local).await {
                Ok(()) => resting = false,
                Err(error) => {
                    self.complain(&error);
                    local.make_room();
                    if std::mem::replace(&mut resting, true) {
                        // What could be spared was not enough.
                        self.refuse_some(&local);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn accept_some(&mut self, local: &Rc<Local>) -> io::Result<()> {
        let mut ready = self.socket.readable().await?;
        let is_standing = self.queue.is_standing(local.clock.now());
        let (mut begun, mut put_off) = (0, 0);
        while put_off < PUT_OFF_PER_TURN && (begun < PER_TURN || is_standing) {
            match ready.try_io(|socket| accept(socket.get_ref())) {
                Ok(Ok((stream, client))) => {
                    let waits = begun == PER_TURN || !local.line.borrow().is_empty();
                    match receive(stream, client, self.local, waits, local) {
                        Received::Begun => begun += 1,
                        Received::PutOff => put_off += 1,
                    }
                }
                Ok(Err(error)) if concerns_one_connection(&error) => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => {
                    self.queue.clear();
                    return Ok(());
                }
            }
        }
        drop(ready);
        tokio::task::yield_now().await;
        // Where there is always something to do the thread does not go to sleep, and the clock is set by nobody else.
        local.clock.exact();
        Ok(())
    }

    /// Without a descriptor to accept with: answers those who wait, one after the other by the spare one.
    fn refuse_some(&mut self, local: &Local) {
        let listener = self.socket.get_ref();
        let Some(spare) = self.spare.take() else {
            self.spare = listener.try_clone().ok();
            return;
        };
        drop(spare);
        for _ in 0..PUT_OFF_PER_TURN {
            let Ok((stream, _)) = accept(listener) else { break };
            let mut refusals = local.refusals.borrow_mut();
            refusals.refuse(stream, Cause::Full, &local.shared.capacity);
            refusals.close_all();
        }
        self.spare = listener.try_clone().ok();
    }

    fn complain(&mut self, error: &io::Error) {
        if self.complained.is_some_and(|last| last.elapsed() < COMPLAINT_EVERY) {
            return;
        }
        self.complained = Some(Instant::now());
        let event = if is_exhausted(error) { "fd_limit" } else { "accept_error" };
        warn!(event, listen = %self.local, "cannot accept: {error}; raise the limit of open files if this stays");
    }
}

/// Accepts what waits: closing the socket would reset it.
fn accept_rest(socket: &TcpListener, local: &Rc<Local>) {
    let Ok(here) = socket.local_addr() else { return };
    // Who goes on connecting has no end of it.
    for _ in 0..REST {
        match accept(socket) {
            Ok((stream, client)) => {
                receive(stream, client, here, false, local);
            }
            Err(error) if concerns_one_connection(&error) => {}
            Err(_nobody_waits) => return,
        }
    }
}

/// What became of a connection.
enum Received {
    Begun,
    /// It waits, or was refused.
    PutOff,
}

/// Begins to serve a connection, or puts it in the line if it `waits`; where there is no room, it is refused.
fn receive(
    socket: TcpStream,
    client: SocketAddr,
    here: SocketAddr,
    waits: bool,
    local: &Rc<Local>,
) -> Received {
    let cause = if waits && is_line_full(local) {
        Cause::Busy
    } else if has_room(local) {
        let newcomer = Newcomer { presence: Presence::new(Rc::clone(local), &socket), socket, client, here };
        if !waits {
            newcomer.begin(local);
            return Received::Begun;
        }
        if local.line.borrow_mut().join(newcomer, local.clock.now()) {
            local.joined.notify_one();
        }
        return Received::PutOff;
    } else {
        Cause::Full
    };
    local.refusals.borrow_mut().refuse(socket, cause, &local.shared.capacity);
    Received::PutOff
}

fn is_line_full(local: &Local) -> bool {
    let delay = local.pinned().generation.conf().overload_delay;
    delay.is_some_and(|delay| local.line.borrow().is_full(delay))
}

/// Counts one more client: there are less than there may be, or one that idles makes room.
fn has_room(local: &Local) -> bool {
    let capacity = &local.shared.capacity;
    let is_room = capacity.enter();
    if !is_room && local.evict() {
        capacity.replace();
        return true;
    }
    is_room
}

fn accept(socket: &TcpListener) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, client) = acceptfrom_with(socket, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    let client = client.and_then(|client| SocketAddr::try_from(client).ok());
    let client = client.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionAborted))?;
    Ok((stream.into(), client))
}

/// Errors of a connection that was gone before it was taken (accept(2), "Error handling").
fn concerns_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind;
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted
            | ErrorKind::ConnectionReset
            | ErrorKind::Interrupted
            | ErrorKind::HostUnreachable
            | ErrorKind::NetworkUnreachable
            | ErrorKind::NetworkDown
            | ErrorKind::PermissionDenied
    )
}
