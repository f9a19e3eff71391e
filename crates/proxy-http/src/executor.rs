//! An executor: one thread with a runtime of its own that owns its connections, its idle endpoint connections and
//! its buffers. Executors share the generation, the name cache and the transaction log, nothing else.

mod accept;
mod capacity;
mod local;
mod present;
mod youth;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use proxy_core::generation::Published;
use proxy_core::observe::Observation;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;

pub use capacity::Capacity;
pub(crate) use capacity::is_exhausted;
pub(crate) use local::{Local, Pinned};
pub(crate) use present::Presence;
pub(crate) use youth::YOUTH;

use crate::clock::Clock;
use crate::names::NameCache;
use crate::transaction::TransactionLog;

/// What all executors share.
pub struct Shared {
    /// The generation in force.
    pub published: Published,
    /// Addresses of names.
    pub names: NameCache,
    /// Who looks on.
    pub observation: Arc<Observation>,
    /// How many clients there may be.
    pub capacity: Capacity,
    /// Who is told of finished requests.
    pub transactions: Box<dyn TransactionLog>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("published", &self.published.number()).finish_non_exhaustive()
    }
}

/// How far the server is from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Connections are accepted and kept.
    Running,
    /// Nothing is accepted; idle connections are closed, busy ones after the request they are in.
    Draining,
    /// Whatever is still there is cut.
    Stop,
}

/// What one executor is started with.
#[derive(Debug)]
pub struct Seat {
    /// Its number, from 0.
    pub number: u32,
    /// Duplicates of the listening sockets ([`crate::listen::bind`]).
    pub listeners: Vec<TcpListener>,
    /// What it shares with the others.
    pub shared: Arc<Shared>,
    /// When to stop; a sender that is dropped means [`Phase::Stop`].
    pub phase: watch::Receiver<Phase>,
}

/// How an executor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they did not end in time.
    pub cut: usize,
}

/// How often idle endpoint connections are looked over, and idle clients brought to a new generation.
const ROUND: Duration = Duration::from_secs(5);

/// Runs an executor until it is drained or told to stop: the body of its thread.
///
/// # Errors
/// If the runtime cannot be made, or a listener cannot be registered with it.
pub fn run(seat: Seat) -> io::Result<Drained> {
    let clock = Arc::new(Clock::new());
    let ticking = Arc::clone(&clock);
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .on_thread_unpark(move || ticking.wake())
        .build_local(LocalOptions::default())?;
    let drained = runtime.block_on(serve(seat, clock));
    runtime.shutdown_background();
    drained
}

async fn serve(seat: Seat, clock: Arc<Clock>) -> io::Result<Drained> {
    let Seat { number, listeners, shared, mut phase } = seat;
    let local = Rc::new(Local::new(number, shared, clock));
    let mut accepting = Vec::with_capacity(listeners.len());
    for listener in listeners {
        let accept = accept::Listener::new(listener)?.run(Rc::clone(&local));
        accepting.push(tokio::task::spawn_local(accept));
    }
    let rounds = tokio::task::spawn_local(make_rounds(Rc::clone(&local)));
    let youths = tokio::task::spawn_local(youth::watch(Rc::clone(&local)));
    until(&mut phase, Phase::Draining).await;
    for task in &accepting {
        task.abort();
    }
    // Aborted tasks drop their listeners only when they are polled once more.
    for task in accepting {
        let _ = task.await;
    }
    local.drain();
    tokio::select! {
        () = local.emptied() => {}
        () = until(&mut phase, Phase::Stop) => {}
    }
    rounds.abort();
    youths.abort();
    Ok(Drained { cut: local.connections() })
}

async fn make_rounds(local: Rc<Local>) {
    loop {
        tokio::time::sleep(ROUND).await;
        local.make_round();
    }
}

async fn until(phase: &mut watch::Receiver<Phase>, wanted: Phase) {
    // An error says that nobody is left to change the phase.
    let _ = phase.wait_for(|phase| *phase >= wanted).await;
}
