//! The narrow seam around a socket: everything above reads, writes and waits through it, so that another reactor,
//! or TLS, can take its place.

use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::AsFd;
use rustix::io::retry_on_intr;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::pipe::{SpliceFlags, splice};
use socket2::SockRef;
use tokio::io::{AsyncWrite, Interest};
use tokio::net::TcpStream;

use crate::pipe::{FILL, Pipe};

/// A connected TCP socket, or a unix socket.
#[derive(Debug)]
pub(crate) struct Stream {
    state: State,
    /// The peer has read a long body.
    is_proven: bool,
    /// The last read took all that it was given room for: there may be more.
    has_more: bool,
}

/// An accepted socket is registered with the reactor only when it would block: a client that sends its request
/// at once and closes after the answer costs two system calls less.
#[derive(Debug)]
enum State {
    Fresh(std::net::TcpStream),
    Registered(TcpStream),
    /// Registering failed; nothing can be done with it.
    Lost,
}

/// What a connection has to say while nothing is asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Idleness {
    Quiet,
    /// The peer has ended it, or it broke.
    Ended,
    /// The peer sent something.
    Spoke,
}

impl Idleness {
    fn of(read: io::Result<usize>) -> Self {
        match read {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Self::Quiet,
            Ok(0) | Err(_) => Self::Ended,
            Ok(_) => Self::Spoke,
        }
    }
}

impl Stream {
    /// A socket just accepted, non-blocking.
    pub(crate) const fn accepted(socket: std::net::TcpStream) -> Self {
        Self { state: State::Fresh(socket), is_proven: false, has_more: false }
    }

    /// A socket that the reactor connected.
    pub(crate) const fn connected(socket: TcpStream) -> Self {
        Self { state: State::Registered(socket), is_proven: false, has_more: false }
    }

    /// A connected unix socket, non-blocking. It goes by the other's type: of what is done with a socket here nothing
    /// is TCP's alone.
    pub(crate) fn local(socket: UnixStream) -> io::Result<Self> {
        let socket = std::net::TcpStream::from(OwnedFd::from(socket));
        TcpStream::from_std(socket).map(Self::connected)
    }

    /// Whether the reactor does not know it yet.
    pub(crate) const fn is_fresh(&self) -> bool {
        matches!(self.state, State::Fresh(_))
    }

    /// Reads into `space`, which is not empty. `Ok(0)` is the end.
    pub(crate) fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        // Who sends and sends is asked for by way of the reactor, which lets others have their turn after some reads.
        if !self.has_more
            && let State::Fresh(socket) = &self.state
        {
            match read(socket, space) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => {
                    self.has_more = done.as_ref().is_ok_and(|count| *count == space.len());
                    return Poll::Ready(done);
                }
            }
        }
        if std::mem::take(&mut self.has_more) {
            ready!(self.registered()?.poll_read_ready(cx))?;
        }
        loop {
            let (socket, mut count) = (self.registered()?, None);
            let tried = socket.try_io(Interest::READABLE, || {
                let some = read(&*socket, space)?;
                count = Some(some);
                // The reactor forgets that there was something, and the read that would find nothing is spared.
                if some < space.len() && some > 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(()) }
            });
            match (count, tried) {
                (Some(count), _) => {
                    self.has_more = count == space.len();
                    return Poll::Ready(Ok(count));
                }
                (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                    return Poll::Ready(Err(error));
                }
                (None, _) => ready!(socket.poll_read_ready(cx))?,
            }
        }
    }

    /// Writes some of `bytes`, which are not empty.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if let State::Fresh(socket) = &self.state {
            match write(socket, bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
        let socket = self.registered()?;
        loop {
            // There is nearly always room, and being told when there is costs more than trying.
            match socket.try_io(Interest::WRITABLE, || write(&*socket, bytes)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(socket.poll_write_ready(cx))?;
                }
                done => return Poll::Ready(done),
            }
        }
    }

    /// Writes some of `parts`, which are not all empty, in one call.
    pub(crate) fn poll_write_parts(
        &mut self,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let State::Fresh(socket) = &mut self.state {
            match retry(|| socket.write_vectored(parts)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
        Pin::new(self.registered()?).poll_write_vectored(cx, parts)
    }

    /// Moves at most `most` bytes, not 0, into a pipe that is empty. `Ok(0)` is the end.
    pub(crate) fn poll_fill_pipe(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
        most: usize,
    ) -> Poll<io::Result<usize>> {
        debug_assert_eq!(pipe.held(), 0, "only the socket is waited for, never room in the pipe");
        let socket = self.registered()?;
        loop {
            ready!(socket.poll_read_ready(cx))?;
            let moved = socket.try_io(Interest::READABLE, || {
                Ok(splice(&*socket, None, &pipe.inlet, None, most.min(FILL), SpliceFlags::NONBLOCK)?)
            });
            if let Poll::Ready(moved) = settled(moved) {
                pipe.filled(*moved.as_ref().unwrap_or(&0));
                return Poll::Ready(moved);
            }
        }
    }

    /// Moves some of what is in a pipe, which is not empty, out of it.
    pub(crate) fn poll_drain_pipe(
        &mut self,
        cx: &mut Context<'_>,
        pipe: &mut Pipe,
    ) -> Poll<io::Result<usize>> {
        debug_assert!(pipe.held() > 0, "only the socket is waited for, never bytes in the pipe");
        let socket = self.registered()?;
        loop {
            ready!(socket.poll_write_ready(cx))?;
            let moved = socket.try_io(Interest::WRITABLE, || {
                Ok(splice(&pipe.outlet, None, &*socket, None, pipe.held(), SpliceFlags::NONBLOCK)?)
            });
            if let Poll::Ready(moved) = settled(moved) {
                pipe.drained(*moved.as_ref().unwrap_or(&0));
                return Poll::Ready(moved);
            }
        }
    }

    /// The peer was seen to read what is sent to it.
    pub(crate) const fn prove(&mut self) {
        self.is_proven = true;
    }

    /// Whether it ever was.
    pub(crate) const fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Ready when the system takes more to be written, as it knows at this instant and not as the reactor has heard
    /// last; also when it takes nothing ever again.
    pub(crate) fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_room() {
            return Poll::Ready(());
        }
        // The next write tells what is wrong.
        let Ok(socket) = self.registered() else { return Poll::Ready(()) };
        // The reactor forgets its good news, and waits for others.
        let _ = socket.try_io(Interest::WRITABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        socket.poll_write_ready(cx).map(drop)
    }

    fn has_room(&self) -> bool {
        const AT_ONCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };
        let asked = |mut socket: PollFd<'_>| {
            let found = poll(std::slice::from_mut(&mut socket), Some(&AT_ONCE));
            found != Ok(0)
        };
        match &self.state {
            State::Fresh(socket) => asked(PollFd::new(socket, PollFlags::OUT)),
            State::Registered(socket) => asked(PollFd::new(socket, PollFlags::OUT)),
            State::Lost => true,
        }
    }

    /// Ready when reading would not block.
    pub(crate) fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.registered()?.poll_read_ready(cx)
    }

    /// What has come while nothing was expected, as far as the reactor has heard: costs no system call where that is
    /// nothing. A byte is lost to that: what is not quiet is closed.
    pub(crate) fn idleness(&self) -> Idleness {
        let State::Registered(socket) = &self.state else { return Idleness::Ended };
        Idleness::of(socket.try_read(&mut [0]))
    }

    /// The same, as the system knows it at this instant.
    pub(crate) fn idleness_now(&self) -> Idleness {
        let State::Registered(socket) = &self.state else { return Idleness::Ended };
        Idleness::of(SockRef::from(socket).peek(&mut [MaybeUninit::uninit()]))
    }

    /// Tells the peer that nothing more comes.
    pub(crate) fn close_write(&self) {
        // It may be gone already.
        let _ = self.socket().map(|socket| socket.shutdown(Shutdown::Write));
    }

    /// Makes closing a reset: the peer must not take what it has for the whole.
    pub(crate) fn reset_on_close(&self) {
        let _ = self.socket().map(|socket| socket.set_linger(Some(Duration::ZERO)));
    }

    /// The address on our side.
    pub(crate) fn local_addr(&self) -> Option<SocketAddr> {
        self.socket().and_then(|socket| socket.local_addr().ok()).and_then(|addr| addr.as_socket())
    }

    fn socket(&self) -> Option<SockRef<'_>> {
        match &self.state {
            State::Fresh(socket) => Some(SockRef::from(socket)),
            State::Registered(socket) => Some(SockRef::from(socket)),
            State::Lost => None,
        }
    }

    #[inline]
    fn registered(&mut self) -> io::Result<&mut TcpStream> {
        if !matches!(self.state, State::Registered(_)) {
            self.register()?;
        }
        match &mut self.state {
            State::Registered(socket) => Ok(socket),
            _ => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    #[cold]
    fn register(&mut self) -> io::Result<()> {
        if let State::Fresh(socket) = std::mem::replace(&mut self.state, State::Lost) {
            self.state = State::Registered(TcpStream::from_std(socket)?);
        }
        Ok(())
    }
}

// By rustix: the C library's calls are points where a thread may be cancelled, which costs them two atomic operations.

fn read(socket: impl AsFd, space: &mut [u8]) -> io::Result<usize> {
    let (_, count) = retry_on_intr(|| recv(&socket, &mut *space, RecvFlags::empty()))?;
    Ok(count)
}

fn write(socket: impl AsFd, bytes: &[u8]) -> io::Result<usize> {
    Ok(retry_on_intr(|| send(&socket, bytes, SendFlags::NOSIGNAL))?)
}

/// Pending where the call is to be made again, once the reactor says so.
fn settled<T>(done: io::Result<T>) -> Poll<io::Result<T>> {
    match done {
        Err(error) if matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {
            Poll::Pending
        }
        done => Poll::Ready(done),
    }
}

fn retry<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_fresh_client_that_sends_and_sends_lets_others_have_their_turn() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let mut peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (ours, _) = listener.accept().unwrap();
            peer.write_all(&[1; 64]).unwrap();
            ours.set_nonblocking(true).unwrap();
            let mut stream = Stream::accepted(ours);
            let mut space = [0; 16];
            let mut read = async || {
                let mut stood_back = false;
                let count = poll_fn(|cx| {
                    let read = stream.poll_read(cx, &mut space);
                    stood_back |= read.is_pending();
                    read
                });
                (count.await.unwrap(), stood_back)
            };
            assert_eq!(read().await, (16, false));
            assert_eq!(read().await, (16, true), "the first read has left something");
        });
    }
}
