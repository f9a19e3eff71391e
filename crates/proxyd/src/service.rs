//! What a service manager is told, if one listens at `$NOTIFY_SOCKET` (sd_notify(3)): that the server is ready,
//! reloads, stops, and that its main thread is alive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::time::{Instant, sleep_until};
use tracing::warn;

/// The service manager. Any thread may tell it something, which is one datagram; without one nothing is done. Clones are
/// the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notifier {
    manager: Option<Arc<Manager>>,
}

#[derive(Debug, Default)]
struct Manager {
    /// From then on nothing is reloaded or ready any more.
    is_stopping: AtomicBool,
    /// Of failures the first is told.
    has_failed: AtomicBool,
}

impl Notifier {
    /// The one that the environment names.
    pub(crate) fn from_env() -> Self {
        let is_there = std::env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty());
        Self { manager: is_there.then(Arc::default) }
    }

    /// The server is ready, also: done with reloading, whether that led to something new or not.
    /// `status` is shown to whoever asks the service manager.
    pub(crate) fn ready(&self, status: &str) {
        let pid = NotifyState::MainPid(std::process::id());
        self.tell_unless_stopping(&[NotifyState::Ready, pid, NotifyState::Status(&line(status))]);
    }

    /// A reload begins; [`ready`](Self::ready) ends it.
    pub(crate) fn reloading(&self) {
        // The manager takes a READY for the end of this reload only if this stamp is later than its request.
        match NotifyState::monotonic_usec_now() {
            Ok(now) => {
                self.tell_unless_stopping(&[NotifyState::Reloading, now, NotifyState::Status("reloading")]);
            }
            Err(error) => {
                warn!("the service manager is not told of the reload, as there is no clock: {error}");
            }
        }
    }

    fn stopping(&self, limit: Option<Duration>) {
        let Some(manager) = &self.manager else { return };
        manager.is_stopping.store(true, Relaxed);
        let status = match limit {
            Some(limit) => format!("stopping, requests have {} s to end", limit.as_millis().div_ceil(1000)),
            None => "stopping when the last request has ended".to_owned(),
        };
        let more_time = more_time(limit.unwrap_or(MORE_TIME));
        self.tell(&[NotifyState::Stopping, NotifyState::Status(&status), NotifyState::Custom(&more_time)]);
    }

    fn tell_unless_stopping(&self, state: &[NotifyState<'_>]) {
        if self.manager.as_ref().is_some_and(|manager| !manager.is_stopping.load(Relaxed)) {
            self.tell(state);
        }
    }

    fn tell(&self, state: &[NotifyState<'_>]) {
        let Some(manager) = &self.manager else { return };
        match sd_notify::notify(state) {
            Ok(()) => manager.has_failed.store(false, Relaxed),
            Err(error) => {
                if !manager.has_failed.swap(true, Relaxed) {
                    warn!("the service manager cannot be told anything at NOTIFY_SOCKET: {error}");
                }
            }
        }
    }
}

/// The signs of life of the main thread.
#[derive(Debug)]
pub(crate) struct Pulse {
    notifier: Notifier,
    /// The watchdog's.
    watchdog: Option<Rhythm>,
    /// While a stop has no deadline: when to ask for more time.
    patience: Option<Rhythm>,
}

#[derive(Debug)]
struct Rhythm {
    every: Duration,
    next: Instant,
}

/// What a stop without a deadline asks for at a time, twice as often as needed.
const MORE_TIME: Duration = Duration::from_secs(60);
/// What executors and logs may take after the last request.
const BESIDE: Duration = Duration::from_secs(10);

impl Pulse {
    /// As often as the environment asks this process for one.
    pub(crate) fn new(notifier: Notifier) -> Self {
        let wanted = sd_notify::watchdog_enabled().filter(|_| notifier.manager.is_some());
        // Twice as often as is asked for.
        let watchdog = wanted.filter(|wanted| !wanted.is_zero()).map(|wanted| Rhythm::every(wanted / 2));
        Self { notifier, watchdog, patience: None }
    }

    /// Waits until [`beat`](Self::beat) is due, for ever if it never is. Dropping the future loses nothing.
    pub(crate) async fn due(&self) {
        let next = self.watchdog.iter().chain(&self.patience).map(|rhythm| rhythm.next).min();
        match next {
            Some(next) => sleep_until(next).await,
            None => std::future::pending().await,
        }
    }

    /// Gives the signs that are due.
    pub(crate) fn beat(&mut self) {
        if self.watchdog.as_mut().is_some_and(Rhythm::is_due) {
            self.notifier.tell(&[NotifyState::Watchdog]);
        }
        if self.patience.as_mut().is_some_and(Rhythm::is_due) {
            self.notifier.tell(&[NotifyState::Custom(&more_time(MORE_TIME))]);
        }
    }

    /// The server stops, within `limit` or when its last request has ended.
    pub(crate) fn stopping(&mut self, limit: Option<Duration>) {
        self.notifier.stopping(limit);
        let is_needed = limit.is_none() && self.notifier.manager.is_some();
        self.patience = is_needed.then(|| Rhythm::every(MORE_TIME / 2));
    }
}

impl Rhythm {
    fn every(every: Duration) -> Self {
        Self { every, next: Instant::now() }
    }

    fn is_due(&mut self) -> bool {
        let now = Instant::now();
        if self.next > now {
            return false;
        }
        self.next = now + self.every;
        true
    }
}

/// Asks not to be killed for so long, and for what ending takes beside.
fn more_time(limit: Duration) -> String {
    let micros = (limit + BESIDE).as_micros();
    format!("EXTEND_TIMEOUT_USEC={}", u64::try_from(micros).unwrap_or(u64::MAX))
}

/// One line of the protocol: what follows a line's end would be another message.
fn line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
