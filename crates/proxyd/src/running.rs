//! The executors' threads, and how each of them ended.

use std::io;
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use proxy_core::observe::Observation;
use proxy_http::executor::{self, Drained, Phase, Seat, Shared};
use tokio::sync::{mpsc, watch};
use tracing::error;

use crate::admin::Serving;

/// Executors at work.
#[derive(Debug)]
pub(crate) struct Running {
    phase: watch::Sender<Phase>,
    ends: mpsc::Receiver<Option<Drained>>,
    threads: Vec<JoinHandle<()>>,
    admin: Option<Serving>,
    observation: Arc<Observation>,
}

impl Running {
    /// Starts `count` executors with duplicates of the listeners.
    ///
    /// # Errors
    /// Those of the system; executors that were started end again.
    pub(crate) fn start(count: usize, listeners: &[TcpListener], shared: Arc<Shared>) -> io::Result<Self> {
        let (phase, watched) = watch::channel(Phase::Running);
        let (ended, ends) = mpsc::channel(count.max(1));
        let (threads, observation) = (Vec::with_capacity(count), Arc::clone(&shared.observation));
        let mut running = Self { phase, ends, threads, admin: None, observation };
        for number in (0..).take(count) {
            let listeners = listeners.iter().map(TcpListener::try_clone).collect::<io::Result<_>>()?;
            let seat = Seat { number, listeners, shared: Arc::clone(&shared), phase: watched.clone() };
            let ended = ended.clone();
            let body = move || {
                let end = end_of(seat);
                // The receiver is gone only when nobody waits any more.
                let _ = ended.blocking_send(end);
            };
            running.threads.push(thread::Builder::new().name(format!("executor-{number}")).spawn(body)?);
        }
        Ok(running)
    }

    /// Keeps the admin socket open as long as the executors are at work.
    pub(crate) fn keep(&mut self, admin: Serving) {
        self.admin = Some(admin);
    }

    /// Where to look on.
    pub(crate) const fn observation(&self) -> &Arc<Observation> {
        &self.observation
    }

    /// Tells the executors; later phases cannot be taken back.
    pub(crate) fn tell(&self, phase: Phase) {
        self.phase.send_if_modified(|current| {
            let is_later = phase > *current;
            *current = phase.max(*current);
            is_later
        });
    }

    /// Waits for the next executor to end: how it did, `Some(None)` if it failed; `None` once all have ended.
    /// Dropping the future loses nothing.
    pub(crate) async fn next_end(&mut self) -> Option<Option<Drained>> {
        self.ends.recv().await
    }

    /// Stops at once and waits; whether nothing was cut and no executor failed. Outside of any runtime.
    pub(crate) fn stop(mut self) -> bool {
        self.tell(Phase::Stop);
        let mut is_clean = true;
        while let Some(end) = self.ends.blocking_recv() {
            is_clean &= end == Some(Drained { cut: 0 });
        }
        self.join();
        is_clean
    }

    /// Waits for the threads, if all executors have ended; what they shared is gone then, modules included. A
    /// thread that does not end is left behind.
    pub(crate) fn join(self) {
        drop(self.admin);
        if self.ends.is_closed() && self.ends.is_empty() {
            for thread in self.threads {
                // Its panics were caught and told.
                let _ = thread.join();
            }
        }
    }
}

fn end_of(seat: Seat) -> Option<Drained> {
    let number = seat.number;
    match catch_unwind(AssertUnwindSafe(|| executor::run(seat))) {
        Ok(Ok(drained)) => Some(drained),
        Ok(Err(failure)) => {
            error!(executor = number, "the executor failed: {failure}");
            None
        }
        Err(payload) => {
            // The panic hook has told it; dropping the payload could panic again.
            std::mem::forget(payload);
            error!(executor = number, "the executor panicked and is gone");
            None
        }
    }
}
