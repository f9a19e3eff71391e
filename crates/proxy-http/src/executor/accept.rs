//! Accepting: few connections for each wake-up, so that executors share them, and never a spin.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use rustix::net::{SocketFlags, acceptfrom_with};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tracing::warn;

use super::{Local, Presence};
use crate::connection;

/// Connections taken before others get their turn.
const PER_WAKE: usize = 4;
/// How long accepting rests when it cannot go on.
const PAUSE: Duration = Duration::from_millis(50);

/// One listening socket of an executor.
pub(super) struct Listener {
    socket: AsyncFd<TcpListener>,
    local: SocketAddr,
}

impl Listener {
    pub(super) fn new(socket: TcpListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        // Accepted sockets inherit it.
        SockRef::from(&socket).set_tcp_nodelay(true)?;
        let local = socket.local_addr()?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for types that lie about their descriptor; std's do not"
        )]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self { socket, local })
    }

    /// Accepts until it is dropped.
    pub(super) async fn run(self, local: Rc<Local>) {
        let mut resting = false;
        loop {
            match self.accept_some(&local).await {
                Ok(()) => resting = false,
                Err(error) => {
                    if !resting {
                        self.complain(&error);
                    }
                    resting = true;
                    // Idle endpoint connections are the descriptors that we can spare.
                    local.pool.borrow_mut().close_all();
                    tokio::time::sleep(PAUSE).await;
                }
            }
        }
    }

    async fn accept_some(&self, local: &Rc<Local>) -> io::Result<()> {
        let mut ready = self.socket.readable().await?;
        for _ in 0..PER_WAKE {
            match ready.try_io(|socket| accept(socket.get_ref())) {
                Ok(Ok((stream, client))) => self.begin(stream, client, local),
                Ok(Err(error)) if concerns_one_connection(&error) => {}
                Ok(Err(error)) => return Err(error),
                Err(_would_block) => return Ok(()),
            }
        }
        drop(ready);
        tokio::task::yield_now().await;
        Ok(())
    }

    fn begin(&self, stream: TcpStream, client: SocketAddr, local: &Rc<Local>) {
        let presence = Presence::new(Rc::clone(local));
        tokio::task::spawn_local(connection::serve(Rc::clone(local), presence, stream, client, self.local));
    }

    fn complain(&self, error: &io::Error) {
        let out_of_files = matches!(error.raw_os_error(), Some(EMFILE | ENFILE));
        let event = if out_of_files { "fd_limit" } else { "accept_error" };
        warn!(event, listen = %self.local, "cannot accept: {error}; raise the limit of open files if this stays");
    }
}

const ENFILE: i32 = rustix::io::Errno::NFILE.raw_os_error();
const EMFILE: i32 = rustix::io::Errno::MFILE.raw_os_error();

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
