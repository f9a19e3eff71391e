//! Connecting to one endpoint within its time, while the client is watched.

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::slice;
use std::task::Poll;
use std::time::Duration;

use proxy_abi::FailureKind;
use proxy_core::cluster::Endpoint;
use proxy_core::origin::Host;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use tokio::net::TcpSocket;

use crate::clock::nanoseconds;
use crate::connection::Client;
use crate::executor::{Local, is_exhausted};
use crate::flow::Flow;
use crate::names::Addresses;
use crate::stream::Stream;
use crate::timer::Timer;

/// What connecting needs.
pub(crate) struct Dial<'a> {
    pub(crate) local: &'a Local,
    pub(crate) timer: &'a mut Timer,
    pub(crate) client: &'a mut Client,
    /// Takes what the client sends meanwhile.
    pub(crate) up: &'a mut Flow,
    /// For all addresses of an endpoint together (ProxyConnectTimeout).
    pub(crate) timeout: Duration,
    /// The request's number.
    pub(crate) request: u64,
    /// It may be sent once more if a connection turns out to be dead.
    pub(crate) repeatable: bool,
}

/// Why there is no connection.
pub(super) enum Failed {
    ClientGone,
    /// The machine's fault, not the endpoint's: no balancer hears of it.
    Exhausted {
        text: String,
    },
    Endpoint {
        kind: FailureKind,
        os_error: i32,
        text: String,
    },
}

/// Why something was not waited for.
enum Interrupted {
    Timeout,
    ClientGone,
}

impl Dial<'_> {
    /// An idle connection to the endpoint.
    pub(super) fn idle_connection(&self, endpoint: &Endpoint) -> Option<Stream> {
        self.local.pool.borrow_mut().take(endpoint, &self.local.clock, !self.repeatable)
    }

    /// Resolves and connects: all addresses in their order, each with an equal share of the time that is left.
    pub(super) async fn connect(&mut self, endpoint: &Endpoint) -> Result<Stream, Failed> {
        let deadline = self.local.clock.exact() + nanoseconds(self.timeout);
        self.timer.set(deadline);
        if let Some(path) = &endpoint.origin.socket {
            return self.connect_address(Address::Unix(path)).await;
        }
        let resolved: Addresses;
        let addresses = match &endpoint.origin.host {
            Host::Ip(address) => slice::from_ref(address),
            Host::Name(name) => {
                resolved = self.resolve(name).await?;
                &resolved
            }
        };
        let mut failed = None;
        for (place, address) in addresses.iter().enumerate() {
            let now = self.local.clock.now();
            let share = deadline.saturating_sub(now) / (addresses.len() - place) as u64;
            self.timer.set(now + share);
            let address = Address::Tcp(SocketAddr::new(*address, endpoint.origin.port));
            match self.connect_address(address).await {
                Ok(stream) => return Ok(stream),
                Err(endpoint @ Failed::Endpoint { .. }) => failed = Some(endpoint),
                Err(other) => return Err(other),
            }
        }
        Err(failed.unwrap_or_else(|| unresolved("it has no address")))
    }

    async fn resolve(&mut self, name: &str) -> Result<Addresses, Failed> {
        let names = self.local.shared.names.clone();
        match self.guard(names.resolve(name)).await {
            Ok(Ok(addresses)) => Ok(addresses),
            Ok(Err(error)) => Err(unresolved(&format!("{name} cannot be resolved: {error}"))),
            Err(Interrupted::Timeout) => Err(unresolved(&format!("{name} was not resolved in time"))),
            Err(Interrupted::ClientGone) => Err(Failed::ClientGone),
        }
    }

    async fn connect_address(&mut self, address: Address<'_>) -> Result<Stream, Failed> {
        let mut connected = self.guard(connect_socket(address)).await;
        if matches!(&connected, Ok(Err(error)) if is_exhausted(error)) {
            self.local.make_room();
            connected = self.guard(connect_socket(address)).await;
        }
        match connected {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) if is_exhausted(&error) => Err(Failed::Exhausted { text: error.to_string() }),
            Ok(Err(error)) => Err(Failed::Endpoint {
                kind: kind_of(&error),
                os_error: error.raw_os_error().unwrap_or_default(),
                text: format!("{address}: {error}"),
            }),
            Err(Interrupted::Timeout) => Err(Failed::Endpoint {
                kind: FailureKind::TIMEOUT,
                os_error: 0,
                text: format!("{address}: no answer within ProxyConnectTimeout"),
            }),
            Err(Interrupted::ClientGone) => Err(Failed::ClientGone),
        }
    }

    /// Waits for `future` as long as the timer allows and the client is there.
    async fn guard<T>(&mut self, future: impl Future<Output = T>) -> Result<T, Interrupted> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(done) = future.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            if self.client.poll_gone(cx, self.up, self.local).is_ready() {
                return Poll::Ready(Err(Interrupted::ClientGone));
            }
            self.timer.poll(cx).map(|()| Err(Interrupted::Timeout))
        })
        .await
    }
}

/// One of those that an endpoint may have.
#[derive(Clone, Copy)]
enum Address<'a> {
    Tcp(SocketAddr),
    Unix(&'a Path),
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

async fn connect_socket(address: Address<'_>) -> io::Result<Stream> {
    let address = match address {
        Address::Tcp(address) => address,
        Address::Unix(path) => return connect_local(path),
    };
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_nodelay(true)?;
    socket.connect(address).await.map(Stream::connected)
}

/// A unix socket is connected at once, or not at all if its backlog is full: nothing is waited for.
fn connect_local(path: &Path) -> io::Result<Stream> {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    Stream::local(socket.into())
}

fn unresolved(text: &str) -> Failed {
    Failed::Endpoint { kind: FailureKind::RESOLVE, os_error: 0, text: text.to_owned() }
}

fn kind_of(error: &io::Error) -> FailureKind {
    use io::ErrorKind;
    match error.kind() {
        ErrorKind::ConnectionRefused => FailureKind::REFUSED,
        ErrorKind::TimedOut => FailureKind::TIMEOUT,
        ErrorKind::AddrNotAvailable => FailureKind::NO_LOCAL_PORT,
        ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown
        // No such unix socket.
        | ErrorKind::NotFound
        | ErrorKind::InvalidInput
        | ErrorKind::PermissionDenied => FailureKind::UNREACHABLE,
        _ => FailureKind::OTHER,
    }
}
