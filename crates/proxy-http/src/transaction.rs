//! What is known of a request once it is over, and who is told.

use std::fmt;
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use proxy_core::cluster::{Cluster, Endpoint};
use proxy_core::generation::Generation;

use crate::message::Request;

/// Told of each request at its end, refused ones included, before `proxy.log_transaction` runs. Called on the executor's
/// thread, which waits: no blocking, no panic.
pub trait TransactionLog: Send + Sync {
    /// A request ended. Whether something was put off that [`flush`](Self::flush) is to do.
    fn log(&self, executor: u32, transaction: &Transaction<'_>) -> bool;

    /// The requests that ended together have been told of: called before the executor waits for anything.
    fn flush(&self, executor: u32);
}

/// One request and how it ended.
#[derive(Clone, Copy)]
pub struct Transaction<'a> {
    /// The generation that the request saw.
    pub generation: &'a Generation,
    /// Place of the server in `ServerConf::servers`.
    pub server: usize,
    /// The request's number in this process, as in the error log and as modules see it.
    pub id: u64,
    /// The client.
    pub client: SocketAddr,
    /// Its address as modules see it.
    pub client_text: &'a str,
    /// Where it connected to.
    pub local: SocketAddr,
    /// The first line as it came, without its end; holds any byte, and nothing if none was read.
    pub line: &'a [u8],
    /// The request; none if it was refused as malformed.
    pub request: Option<Request<'a>>,
    /// The status: of the final response, or 499 if the client left before one was sent.
    pub status: u16,
    /// Body bytes sent to the client.
    pub sent: u64,
    /// Body bytes received from the client.
    pub received: u64,
    /// When the request began; exact to the executor's wake-up.
    pub started: SystemTime,
    /// From there to the end.
    pub elapsed: Duration,
    /// The endpoint that was asked last, if a connection to one stood.
    pub endpoint: Option<&'a Endpoint>,
    /// Its cluster, or the one that no endpoint of could be reached.
    pub cluster: Option<&'a Cluster>,
    /// How many endpoints were tried.
    pub tries: u32,
    /// The status that the endpoint answered; 0 if none came.
    pub upstream_status: u16,
    /// The client went away before it had everything.
    pub client_aborted: bool,
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction")
            .field("id", &self.id)
            .field("line", &self.line.escape_ascii().to_string())
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
