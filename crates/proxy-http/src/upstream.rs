//! The upstream side: which endpoint a request goes to, and a connection to it.
//!
//! [`create_connection`] runs `proxy.load_balance` and walks the trylist that it answers: resolving and connecting
//! both happen inside the loop, and a failure of either moves on to the next endpoint. Nothing of the request is
//! sent before a connection stands. Nothing else in this crate knows how an endpoint is chosen.

mod connect;

use proxy_abi as abi;
use proxy_abi::FailureKind;
use proxy_core::cluster::Endpoint;
use proxy_core::conf::ProxySettings;
use proxy_core::generation::Generation;
use proxy_core::routing::Route;
use proxy_core::trylist::{Ended, Trylist};
use tracing::{error, info};

pub(crate) use connect::Dial;
use connect::Failed;

use crate::executor::Local;
use crate::pool::Tail;
use crate::stream::Stream;

/// A connection to an endpoint; counted there as long as it lives.
pub(crate) struct EndpointConnection<'g> {
    pub(crate) endpoint: &'g Endpoint,
    /// Taken only by [`EndpointConnection::keep`].
    stream: Option<Stream>,
}

impl<'g> EndpointConnection<'g> {
    fn opened(endpoint: &'g Endpoint, stream: Stream) -> Self {
        endpoint.connection_opened();
        Self { endpoint, stream: Some(stream) }
    }

    /// The socket.
    pub(crate) const fn stream(&mut self) -> Option<&mut Stream> {
        self.stream.as_mut()
    }

    /// Puts the connection where the next request finds it; right only if it is clean.
    pub(crate) fn keep(mut self, tail: Tail, local: &Local) {
        if let Some(stream) = self.stream.take() {
            local.pool.borrow_mut().put(self.endpoint, stream, tail, &local.clock);
        }
    }
}

impl Drop for EndpointConnection<'_> {
    fn drop(&mut self) {
        if self.stream.is_some() {
            self.endpoint.connection_closed();
        }
    }
}

/// What a request is sent on.
pub(crate) struct Upstream<'g> {
    pub(crate) connection: EndpointConnection<'g>,
    /// It served requests before: the endpoint may be about to close it.
    pub(crate) reused: bool,
    /// Nanoseconds that connecting took.
    pub(crate) connect: u64,
}

/// There is no connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unconnected {
    /// No endpoint is left.
    AllFailed,
    /// The client did not wait.
    ClientGone,
    /// This machine has no descriptor or memory for a connection, whoever it is to.
    Exhausted,
}

/// Asks for the trylist of a request and connects to the first endpoint of it that can be connected to.
///
/// Cancel-safe: what was handed out by the trylist then counts as cancelled.
pub(crate) async fn create_connection<'g>(
    dial: &mut Dial<'_>,
    generation: &'g Generation,
    route: &'g Route,
    settings: &ProxySettings,
    request: &'g abi::Request<'g>,
    local: &'g Local,
) -> (Trylist<'g>, Result<Upstream<'g>, Unconnected>) {
    let mut trylist = generation.trylist(&local.caller, route, settings, request);
    let upstream = next_connection(dial, &mut trylist).await;
    (trylist, upstream)
}

/// Walks on in a trylist until a connection stands.
pub(crate) async fn next_connection<'g>(
    dial: &mut Dial<'_>,
    trylist: &mut Trylist<'g>,
) -> Result<Upstream<'g>, Unconnected> {
    while let Some(endpoint) = trylist.next() {
        if let Some(stream) = dial.idle_connection(endpoint) {
            let connection = EndpointConnection { endpoint, stream: Some(stream) };
            return Ok(Upstream { connection, reused: true, connect: 0 });
        }
        if let Ok(upstream) = connect_to(dial, trylist, endpoint).await? {
            return Ok(upstream);
        }
    }
    report_end(dial, trylist);
    Err(Unconnected::AllFailed)
}

/// Makes a fresh connection to an endpoint that the trylist has handed out, or reports its failure.
pub(crate) async fn connect_to<'g>(
    dial: &mut Dial<'_>,
    trylist: &mut Trylist<'g>,
    endpoint: &'g Endpoint,
) -> Result<Result<Upstream<'g>, ()>, Unconnected> {
    let began = dial.local.clock.now();
    // Boxed, as what is rare must not make the task of each idle connection larger.
    match Box::pin(dial.connect(endpoint)).await {
        Ok(stream) => {
            let connect = dial.local.clock.now().saturating_sub(began).max(1);
            let connection = EndpointConnection::opened(endpoint, stream);
            Ok(Ok(Upstream { connection, reused: false, connect }))
        }
        Err(Failed::ClientGone) => Err(Unconnected::ClientGone),
        Err(Failed::Exhausted { text }) => {
            let addr = &*endpoint.addr;
            error!(
                event = "fd_limit",
                endpoint = addr,
                req = dial.request,
                "no connection to {addr} can be made, which is not its fault: {text}; raise the limit of open \
                 files, or lower MaxConnections"
            );
            Err(Unconnected::Exhausted)
        }
        Err(Failed::Endpoint { kind, os_error, text }) => {
            let elapsed = dial.local.clock.exact().saturating_sub(began) / 1000;
            error!(
                event = event_of(kind),
                endpoint = %endpoint.addr,
                attempt = %format_args!("{}/{}", trylist.attempts(), trylist.cluster().endpoints().len()),
                req = dial.request,
                "no connection to {} of {} after {elapsed} us: {text}",
                endpoint.addr,
                trylist.cluster().name
            );
            trylist.failed(kind, os_error, elapsed);
            Ok(Err(()))
        }
    }
}

fn report_end(dial: &Dial<'_>, trylist: &Trylist<'_>) {
    let cluster = &trylist.cluster().name;
    let why = match trylist.why_ended() {
        Some(Ended::TriesUsedUp) => "MaxTries is reached",
        Some(Ended::PolicyError) => "its balancer gave an error",
        Some(Ended::Declined) => "no balancer answers for it",
        Some(Ended::Exhausted) | None => "all its endpoints were tried",
    };
    if trylist.attempts() == 0 {
        error!(
            event = "cluster_down",
            cluster,
            req = dial.request,
            "nobody of {cluster} can be asked: {why}"
        );
    } else {
        info!(event = "cluster_down", cluster, req = dial.request, "nobody of {cluster} can be asked: {why}");
    }
}

fn event_of(kind: FailureKind) -> &'static str {
    match kind {
        FailureKind::RESOLVE => "dns_unresolved",
        FailureKind::REFUSED => "connect_refused",
        FailureKind::TIMEOUT => "connect_timeout",
        FailureKind::UNREACHABLE => "connect_unreachable",
        FailureKind::NO_LOCAL_PORT => "no_local_port",
        _ => "connect_failed",
    }
}
