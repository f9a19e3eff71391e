//! Generations that are no longer in force: kept until nobody uses them, and ended on a thread of their own, since a
//! module's `fini` may take its time and an executor has none.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fmt, io};

use proxy_core::generation::Retired;
use proxy_http::transaction::TransactionLog;
use tracing::info;

#[cfg(test)]
mod tests;

/// The thread, and what it shares with others.
#[derive(Debug)]
pub(crate) struct Retirement {
    home: Arc<Home>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Debug, Default)]
struct Home {
    state: Mutex<State>,
    /// Another one has come, or the server ends.
    news: Condvar,
}

#[derive(Debug, Default)]
struct State {
    old: Vec<Old>,
    /// The one that is being ended, its modules perhaps at their last work.
    ending: Option<(u64, Instant)>,
    is_closed: bool,
}

struct Old {
    number: u64,
    since: Instant,
    is_told: bool,
    retired: Retired,
    /// What its requests are logged to.
    logs: Arc<dyn TransactionLog>,
}

impl fmt::Debug for Old {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Old")
            .field("number", &self.number)
            .field("since", &self.since)
            .finish_non_exhaustive()
    }
}

/// How long one may be used before that is told.
const PINNED: Duration = Duration::from_secs(60);
/// How often one is looked at that was just replaced: most are free once each executor has woken up.
const OFTEN: Duration = Duration::from_millis(5);
/// The same for one that is used for longer.
const SELDOM: Duration = Duration::from_millis(250);
/// How long the end of the server waits for what nobody but a module can hold up.
const PATIENCE: Duration = Duration::from_secs(5);

impl Retirement {
    /// Starts the thread.
    ///
    /// # Errors
    /// If there can be none.
    pub(crate) fn start() -> io::Result<Self> {
        let home = Arc::new(Home::default());
        let at_home = Arc::clone(&home);
        let thread = thread::Builder::new().name("generations".to_owned()).spawn(move || at_home.keep())?;
        Ok(Self { home, thread: Mutex::new(Some(thread)) })
    }

    /// Takes in the generation `number` that was just replaced, with what its requests are logged to.
    pub(crate) fn take(&self, number: u64, retired: Retired, logs: Arc<dyn TransactionLog>) {
        let old = Old { number, since: Instant::now(), is_told: false, retired, logs };
        self.home.state().old.push(old);
        self.home.news.notify_one();
    }

    /// Those that live on, the oldest first, each with the time since it was replaced.
    pub(crate) fn living(&self) -> Vec<(u64, Duration)> {
        let state = self.home.state();
        let ending = state.ending.iter().copied();
        let old = state.old.iter().map(|old| (old.number, old.since));
        ending.chain(old).map(|(number, since)| (number, since.elapsed())).collect()
    }

    /// The server ends: waits for those to end that nobody uses; the others are left to their users.
    pub(crate) fn close(&self) {
        self.home.state().is_closed = true;
        self.home.news.notify_one();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(thread) = thread else { return };
        let deadline = Instant::now() + PATIENCE;
        while !thread.is_finished() && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(1));
        }
        if thread.is_finished() {
            // A panic was told by the panic hook.
            let _ = thread.join();
        }
    }
}

impl Home {
    fn keep(&self) {
        loop {
            let (numbers, is_last) = self.wait();
            for number in numbers {
                self.end(number);
            }
            if is_last {
                return;
            }
        }
    }

    /// Waits a while: which may be free now, and whether that is all.
    fn wait(&self) -> (Vec<u64>, bool) {
        let mut state = self.state();
        if !state.is_closed {
            state = match state.pause() {
                Some(pause) => self.news.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner).0,
                None => self.news.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
        state.tell(Instant::now());
        (state.old.iter().map(|old| old.number).collect(), state.is_closed)
    }

    fn end(&self, number: u64) {
        let Some(old) = self.state().begin(number) else { return };
        let Old { since, is_told, retired, logs, .. } = old;
        // Not under the lock: modules end here.
        let ended = retired.end();
        let mut state = self.state();
        state.ending = None;
        if let Err(retired) = ended {
            state.keep(Old { number, since, is_told, retired, logs });
            return;
        }
        drop(state);
        drop(logs);
        let lived = since.elapsed().as_secs_f64();
        info!(
            event = "generation_end",
            generation = number,
            "generation {number} ended, {lived:.3} s after it was replaced"
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes one out to end it.
    fn begin(&mut self, number: u64) -> Option<Old> {
        let place = self.old.iter().position(|old| old.number == number)?;
        let old = self.old.remove(place);
        self.ending = Some((number, old.since));
        Some(old)
    }

    /// Puts one where it was, before those that came after it.
    fn keep(&mut self, old: Old) {
        let place = self.old.partition_point(|other| other.number < old.number);
        self.old.insert(place, old);
    }

    /// How long to wait until they are looked at again; for ever if there is none.
    fn pause(&self) -> Option<Duration> {
        let youngest = self.old.last()?.since.elapsed();
        Some(if youngest < Duration::from_secs(1) { OFTEN } else { SELDOM })
    }

    /// Tells once of each that is used for long.
    fn tell(&mut self, now: Instant) {
        for old in self.old.iter_mut().filter(|old| !old.is_told) {
            let lived = now.saturating_duration_since(old.since);
            if lived >= PINNED {
                old.is_told = true;
                let (number, seconds) = (old.number, lived.as_secs());
                info!(
                    event = "generation_pinned",
                    generation = number,
                    "generation {number} is still used, {seconds} s after it was replaced: a long download, a \
                     WebSocket or a slow client keeps it in memory"
                );
            }
        }
    }
}
