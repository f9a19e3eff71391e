//! An executor: one thread with a runtime of its own that owns its connections, its idle endpoint connections and
//! its buffers. Executors share the generation, the name cache and the transaction log, nothing else.

mod accept;
mod capacity;
mod line;
mod local;
mod present;
mod sockets;
mod told;
mod youth;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use proxy_core::containment::Marks;
use proxy_core::generation::{Generation, Published};
use proxy_core::observe::Observation;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::watch;
use tracing::error;

use accept::Accepting;
pub use capacity::Capacity;
pub(crate) use capacity::is_exhausted;
pub(crate) use local::{Local, Pinned};
pub(crate) use present::Presence;
use sockets::Sockets;
pub(crate) use youth::YOUTH;

use crate::clock::Clock;
pub use crate::clock::monotonic;
use crate::names::NameCache;
use crate::transaction::TransactionLog;

/// What all executors share.
pub struct Shared {
    /// The generation in force; [`Shared::publish`] puts the next one there.
    pub published: Published,
    /// Addresses of names.
    pub names: NameCache,
    /// Who looks on.
    pub observation: Arc<Observation>,
    /// How many clients there may be.
    pub capacity: Capacity,
    /// Which calls of modules they are in.
    pub marks: Marks,
    /// The client sockets of each executor, by its number.
    sockets: Mutex<Vec<(u32, Weak<Sockets>)>>,
    /// Who is told of finished requests. Locked while another generation is put in force: both change together.
    transactions: Mutex<Arc<dyn TransactionLog>>,
}

impl Shared {
    /// With the first generation, whose requests `transactions` is told of, and nobody connected.
    #[must_use]
    pub fn new(
        first: Arc<Generation>,
        transactions: Arc<dyn TransactionLog>,
        capacity: Capacity,
        observation: Arc<Observation>,
    ) -> Self {
        let transactions = Mutex::new(transactions);
        Self {
            published: Published::new(first),
            names: NameCache::default(),
            marks: Marks::default(),
            sockets: Mutex::default(),
            observation,
            capacity,
            transactions,
        }
    }

    /// Ends the connections of all clients of an executor that cannot, as it is stuck, and says how many there were; what
    /// the executor finds of them when it is back is over. Any thread.
    ///
    /// # Errors
    /// If the system does not let this process have its own files twice.
    pub fn end_clients(&self, executor: u32) -> io::Result<usize> {
        let of_executor = {
            let sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
            sockets.iter().find(|(number, _)| *number == executor).and_then(|(_, sockets)| sockets.upgrade())
        };
        of_executor.map_or(Ok(0), |sockets| sockets.end_all())
    }

    /// An executor begins, which keeps its client sockets there.
    fn add_sockets(&self, executor: u32, of_executor: &Arc<Sockets>) {
        let mut sockets = self.sockets.lock().unwrap_or_else(PoisonError::into_inner);
        sockets.retain(|(_, sockets)| sockets.strong_count() > 0);
        sockets.push((executor, Arc::downgrade(of_executor)));
    }

    /// Puts the next generation in force, of whose requests `transactions` is told, and gives back the old one, which
    /// requests may still use; they are told of to whom they were. [`Orders`] have executors look for it.
    pub fn publish(
        &self,
        next: Arc<Generation>,
        transactions: Arc<dyn TransactionLog>,
    ) -> (Arc<Generation>, Arc<dyn TransactionLog>) {
        let mut current = self.transactions.lock().unwrap_or_else(PoisonError::into_inner);
        (self.published.publish(next), std::mem::replace(&mut current, transactions))
    }

    /// The generation in force with what goes with it.
    fn pin(&self) -> Pinned {
        let current = self.transactions.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, generation) = self.published.current();
        Pinned { number, generation, transactions: Arc::clone(&current) }
    }
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

/// Listening sockets ([`crate::listen::bind`]), the same for all executors: whoever has time accepts, and one that is
/// stuck keeps no new connection waiting. A socket closes once nobody has it any more.
pub type Listeners = Arc<[Arc<TcpListener>]>;

/// What an executor is to do. With each change it also looks for another generation in force and has its idle
/// connections go over to it.
#[derive(Debug, Clone)]
pub struct Orders {
    /// How far it is from its end; later phases are not taken back.
    pub phase: Phase,
    /// Where it accepts while it runs. What waits at a socket that is no longer here is accepted first.
    pub listeners: Listeners,
}

/// What one executor is started with.
#[derive(Debug)]
pub struct Seat {
    /// Its number, which no other executor of the process has had.
    pub number: u32,
    /// What it shares with the others.
    pub shared: Arc<Shared>,
    /// What it is to do; a sender that is dropped means [`Phase::Stop`].
    pub orders: watch::Receiver<Orders>,
}

/// How an executor ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drained {
    /// Connections that were cut because they did not end in time.
    pub cut: usize,
}

/// Polls of tasks between two looks at the reactor, where there is no end of tasks: enough for what comes together to be
/// dealt with together (`turn.rs`), twice for each connection of a few dozen.
const EVENT_INTERVAL: u32 = 128;

/// How often idle endpoint connections are looked over.
const ROUND: Duration = Duration::from_secs(5);

/// Runs an executor until it is drained or told to stop: the body of its thread. `ready` is called on it once it
/// accepts, after which it does not fail.
///
/// # Errors
/// If the runtime cannot be made, or a listener cannot be registered with it.
pub fn run(seat: Seat, ready: impl FnOnce()) -> io::Result<Drained> {
    let clock = Arc::new(Clock::new());
    let ticking = Arc::clone(&clock);
    let runtime = Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .event_interval(EVENT_INTERVAL)
        .on_thread_unpark(move || ticking.tick())
        .build_local(LocalOptions::default())?;
    let drained = runtime.block_on(serve(seat, clock, ready));
    runtime.shutdown_background();
    drained
}

async fn serve(seat: Seat, clock: Arc<Clock>, ready: impl FnOnce()) -> io::Result<Drained> {
    let Seat { number, shared, mut orders } = seat;
    let local = Rc::new(Local::new(number, shared, clock));
    let mut accepting = Accepting::new(Rc::clone(&local));
    let rounds = tokio::task::spawn_local(make_rounds(Rc::clone(&local)));
    let youths = tokio::task::spawn_local(youth::watch(Rc::clone(&local)));
    let line = tokio::task::spawn_local(line::serve(Rc::clone(&local)));
    let flushes = tokio::task::spawn_local(told::flush_together(Rc::clone(&local)));
    if let Some(first) = listeners(&mut orders) {
        accepting.follow(&first).await?;
        // Else its sockets would stay open for as long as this executor is there.
        drop(first);
        ready();
        while let Some(wanted) = next_listeners(&mut orders).await {
            local.follow();
            if let Err(failure) = accepting.follow(&wanted).await {
                error!(
                    event = "accept_error",
                    executor = number,
                    "a new address is not listened at: {failure}"
                );
            }
        }
    }
    accepting.end().await;
    local.drain();
    tokio::select! {
        () = local.emptied() => {}
        () = follow_until_stopped(&local, &mut orders) => {}
    }
    rounds.abort();
    youths.abort();
    line.abort();
    flushes.abort();
    local.flush();
    let drained = Drained { cut: local.connections() };
    let abandoned = local.line.borrow_mut().abandon();
    // Each of them knows its executor.
    drop(abandoned);
    Ok(drained)
}

async fn make_rounds(local: Rc<Local>) {
    loop {
        tokio::time::sleep(ROUND).await;
        local.make_round();
    }
}

/// Waits for other orders: where to accept from now on; none if that is over.
async fn next_listeners(orders: &mut watch::Receiver<Orders>) -> Option<Listeners> {
    // An error says that nobody is left to give orders.
    orders.changed().await.ok()?;
    listeners(orders)
}

fn listeners(orders: &mut watch::Receiver<Orders>) -> Option<Listeners> {
    let orders = orders.borrow_and_update();
    (orders.phase == Phase::Running).then(|| Arc::clone(&orders.listeners))
}

/// What still has requests must not hold the generations of others.
async fn follow_until_stopped(local: &Local, orders: &mut watch::Receiver<Orders>) {
    while orders.borrow_and_update().phase < Phase::Stop {
        local.follow();
        if orders.changed().await.is_err() {
            return;
        }
    }
}
