//! The executors' threads: each can be started and let go while the others serve, and one that is stuck is left alone.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use proxy_http::executor::{self, Drained, Listeners, Orders, Phase, Seat, Shared};
use tokio::sync::{Notify, mpsc, watch};
use tracing::{error, info, warn};

#[cfg(test)]
mod tests;

/// All executors of a server. Any thread may start one or let one go.
#[derive(Debug)]
pub(crate) struct Executors {
    shared: Arc<Shared>,
    crew: Mutex<Crew>,
    ended: mpsc::Sender<End>,
    /// One was abandoned: whoever waits for its end waits in vain.
    abandoned: Notify,
}

#[derive(Debug)]
struct Crew {
    /// What those are told that are not about to end.
    orders: Orders,
    next_number: u32,
    /// Those whose end is waited for.
    seated: Vec<Seated>,
    /// Those that were left alone and have not ended.
    abandoned: Vec<u32>,
}

#[derive(Debug)]
struct Seated {
    number: u32,
    orders: watch::Sender<Orders>,
    thread: JoinHandle<()>,
    /// It was let go: its end is none of the server's.
    is_leaving: bool,
}

/// The end of an executor: how it was, or that it failed.
#[derive(Debug)]
struct End {
    number: u32,
    drained: Option<Drained>,
}

/// How many there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) at_work: usize,
    /// Those that were let go and finish their requests.
    pub(crate) leaving: usize,
    pub(crate) abandoned: usize,
}

/// Hears of the ends of executors.
#[derive(Debug)]
pub(crate) struct Ends {
    executors: Arc<Executors>,
    ended: mpsc::Receiver<End>,
}

/// Ends that wait to be heard of; an executor that has ended may well wait.
const WAITING: usize = 16;

impl Executors {
    /// None yet; those that are added accept at the listeners.
    pub(crate) fn prepare(listeners: Listeners, shared: Arc<Shared>) -> Ends {
        let (sender, ended) = mpsc::channel(WAITING);
        let orders = Orders { phase: Phase::Running, listeners };
        let crew = Crew { orders, next_number: 0, seated: Vec::new(), abandoned: Vec::new() };
        let executors = Self { shared, crew: Mutex::new(crew), ended: sender, abandoned: Notify::new() };
        Ends { executors: Arc::new(executors), ended }
    }

    /// What they share.
    pub(crate) const fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Starts one more, with a number that none has had before, and waits until it accepts.
    ///
    /// # Errors
    /// If there can be no thread, or no descriptors for it, or the server is about to end.
    pub(crate) fn add(&self) -> io::Result<u32> {
        let mut crew = self.crew();
        if crew.orders.phase != Phase::Running {
            return Err(io::Error::other("the server is about to end"));
        }
        let number = crew.next_number;
        let (orders, given) = watch::channel(crew.orders.clone());
        let seat = Seat { number, shared: Arc::clone(&self.shared), orders: given };
        let ended = self.ended.clone();
        let (begun, hear) = sync_channel(1);
        let body = move || match begin(seat, &begun) {
            // The receiver is gone only when nobody waits any more.
            Ok(drained) => drop(ended.blocking_send(End { number, drained })),
            Err(failure) => drop(begun.send(Err(failure))),
        };
        let thread = thread::Builder::new().name(format!("executor-{number}")).spawn(body)?;
        hear.recv().unwrap_or_else(|_| Err(io::Error::other("the executor ended as it began")))?;
        crew.next_number += 1;
        crew.seated.push(Seated { number, orders, thread, is_leaving: false });
        Ok(number)
    }

    /// Starts as many as are missing to `count`: their numbers.
    ///
    /// # Errors
    /// As [`add`](Self::add); those that were started are let go again.
    pub(crate) fn grow(&self, count: usize) -> io::Result<Vec<u32>> {
        let missing = count.saturating_sub(self.counts().at_work);
        let mut added = Vec::with_capacity(missing);
        for _ in 0..missing {
            match self.add() {
                Ok(number) => added.push(number),
                Err(error) => {
                    for number in added {
                        self.release(number);
                    }
                    return Err(error);
                }
            }
        }
        Ok(added)
    }

    /// Lets go as many as there are more than `count`, those that came last.
    pub(crate) fn shrink(&self, count: usize) {
        let at_work: Vec<u32> = self.crew().at_work().map(|seated| seated.number).collect();
        for number in at_work.iter().skip(count) {
            self.release(*number);
        }
    }

    /// Lets one go: it accepts nothing more, and ends when its connections have. Whether it was at work.
    pub(crate) fn release(&self, number: u32) -> bool {
        let mut crew = self.crew();
        let seated = crew.seated.iter_mut().find(|seated| seated.number == number && !seated.is_leaving);
        let Some(seated) = seated else { return false };
        seated.is_leaving = true;
        seated.tell(Phase::Draining);
        true
    }

    /// Leaves one alone that is stuck: nobody waits for it any more, not even the end of the process. Should it come
    /// back, it cuts its connections and ends. Whether it was there.
    pub(crate) fn abandon(&self, number: u32) -> bool {
        let mut crew = self.crew();
        let Some(place) = crew.seated.iter().position(|seated| seated.number == number) else { return false };
        crew.seated.remove(place).tell(Phase::Stop);
        crew.abandoned.push(number);
        drop(crew);
        self.abandoned.notify_one();
        true
    }

    /// From now on they accept at these listeners, unless they are about to end, and go over to the generation in force.
    pub(crate) fn follow(&self, listeners: &Listeners) {
        let mut crew = self.crew();
        let take = |orders: &mut Orders| {
            if orders.phase == Phase::Running {
                orders.listeners = Arc::clone(listeners);
            }
        };
        take(&mut crew.orders);
        crew.seated.iter().for_each(|seated| seated.orders.send_modify(take));
    }

    /// Tells all how far the server is; later phases cannot be taken back.
    pub(crate) fn tell(&self, phase: Phase) {
        let mut crew = self.crew();
        advance(&mut crew.orders, phase);
        crew.seated.iter().for_each(|seated| seated.tell(phase));
    }

    /// How far the server is from its end.
    pub(crate) fn phase(&self) -> Phase {
        self.crew().orders.phase
    }

    /// How many there are.
    pub(crate) fn counts(&self) -> Counts {
        let crew = self.crew();
        let at_work = crew.at_work().count();
        Counts { at_work, leaving: crew.seated.len() - at_work, abandoned: crew.abandoned.len() }
    }

    /// Takes note of an end: how it was, if that is of interest to whoever waits for the end of the server.
    fn note(&self, end: End) -> Option<Option<Drained>> {
        let End { number, drained } = end;
        let mut crew = self.crew();
        let Some(place) = crew.seated.iter().position(|seated| seated.number == number) else {
            crew.abandoned.retain(|abandoned| *abandoned != number);
            warn!(executor = number, "an executor that was stuck has ended after all");
            return None;
        };
        let seated = crew.seated.remove(place);
        drop(crew);
        // What it shared is dropped with its thread, which has nothing more to do. Its panic was caught and told.
        let _ = seated.thread.join();
        if seated.is_leaving && drained == Some(Drained { cut: 0 }) {
            info!(executor = number, "executor {number} has finished its requests and ended");
            return None;
        }
        Some(drained)
    }

    fn crew(&self) -> MutexGuard<'_, Crew> {
        self.crew.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Crew {
    fn at_work(&self) -> impl Iterator<Item = &Seated> {
        self.seated.iter().filter(|seated| !seated.is_leaving)
    }
}

impl Seated {
    fn tell(&self, phase: Phase) {
        self.orders.send_if_modified(|orders| advance(orders, phase));
    }
}

/// Goes on to a later phase; whether it is one. A socket that is still in orders would stay open.
fn advance(orders: &mut Orders, phase: Phase) -> bool {
    let is_later = phase > orders.phase;
    if is_later {
        *orders = Orders { phase, listeners: Listeners::default() };
    }
    is_later
}

impl Ends {
    /// Those whose ends these are.
    pub(crate) const fn executors(&self) -> &Arc<Executors> {
        &self.executors
    }

    /// Waits for the next executor to end that was not let go: how it did, `Some(None)` if it failed; `None` once
    /// there is none left to wait for. Dropping the future loses nothing.
    pub(crate) async fn next(&mut self) -> Option<Option<Drained>> {
        loop {
            if self.executors.crew().seated.is_empty() {
                return None;
            }
            let end = tokio::select! {
                end = self.ended.recv() => end?,
                () = self.executors.abandoned.notified() => continue,
            };
            if let Some(drained) = self.executors.note(end) {
                return Some(drained);
            }
        }
    }
}

impl Drop for Ends {
    /// Nobody waits any more: whoever is still there ends by himself.
    fn drop(&mut self) {
        self.executors.tell(Phase::Stop);
    }
}

/// The whole life of an executor: how it ended, none if it panicked. `begun` is told once it accepts.
///
/// # Errors
/// If it could not begin: nobody has been told.
fn begin(seat: Seat, begun: &SyncSender<io::Result<()>>) -> io::Result<Option<Drained>> {
    let number = seat.number;
    let ready = || drop(begun.send(Ok(())));
    match catch_unwind(AssertUnwindSafe(|| executor::run(seat, ready))) {
        Ok(drained) => drained.map(Some),
        Err(payload) => {
            // The panic hook has told it; dropping the payload could panic again.
            std::mem::forget(payload);
            error!(executor = number, "the executor panicked and is gone");
            Ok(None)
        }
    }
}
