//! Tracing: what the modules of a running server are asked and what they answer, request by request.
//!
//! A [`Session`] is one reader. Executors put a request together while it runs and hand it over when it ends; a reader
//! that is slower than the server misses requests, which are counted, and holds up nobody.

mod record;
mod text;
mod watcher;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};
use std::time::Instant;

use proxy_core::observe::{Crowded, Observation, Observer};
use tokio::sync::mpsc;

pub(crate) use record::{Call, Record};
use watcher::Desk;

/// Requests that wait for a reader.
const WAITING: usize = 256;

/// An observation by the system's clock, at which nobody looks yet.
pub(crate) fn observation() -> Arc<Observation> {
    Arc::new(Observation::new(monotonic))
}

fn monotonic() -> u64 {
    static BEGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    u64::try_from(BEGIN.get_or_init(Instant::now).elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Which requests a reader wants to see.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Those that call an implementation of this hook, and no other calls of them but those that lead there.
    pub(crate) hook: Option<String>,
    /// This one alone.
    pub(crate) request: Option<u64>,
}

/// What a reader is given.
#[derive(Debug)]
pub(crate) enum Seen {
    /// A request that has ended.
    Request(Record),
    /// So many requests were missed since the last word of it.
    Missed(u64),
}

/// One reader; executors stop showing it anything when it is dropped.
#[derive(Debug)]
pub(crate) struct Session {
    observation: Arc<Observation>,
    observer: Arc<dyn Observer>,
    records: mpsc::Receiver<Record>,
    missed: Arc<AtomicU64>,
    told: u64,
}

impl Session {
    /// Requests that begin from now on are shown.
    ///
    /// # Errors
    /// If there are as many readers as may be.
    pub(crate) fn open(observation: &Arc<Observation>, filter: Filter) -> Result<Self, Crowded> {
        let (sender, records) = mpsc::channel(WAITING);
        let missed = Arc::new(AtomicU64::new(0));
        let observer: Arc<dyn Observer> = Arc::new(Desk::new(filter, sender, Arc::clone(&missed)));
        observation.add(Arc::clone(&observer))?;
        Ok(Self { observation: Arc::clone(observation), observer, records, missed, told: 0 })
    }

    /// What comes next.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Seen> {
        let missed = self.missed.load(Relaxed);
        if missed > self.told {
            let news = missed - self.told;
            self.told = missed;
            return Poll::Ready(Seen::Missed(news));
        }
        match self.records.poll_recv(cx) {
            Poll::Ready(Some(record)) => Poll::Ready(Seen::Request(record)),
            // The observer, which this keeps, holds a sender.
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.observation.remove(&self.observer);
    }
}

#[cfg(test)]
mod tests;
