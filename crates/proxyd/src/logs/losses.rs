//! Lines of one log that could not be written: how many they are, and when the error log tells it. Counts are never
//! set back: a report that is lost itself is made good by the next one.

use std::fmt::Display;
use std::sync::OnceLock;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::time::Instant;

/// The losses of one destination. Any thread may count, and tells in passing.
#[derive(Debug)]
pub(crate) struct Losses {
    log: String,
    /// Whether the error log goes there: it is not told of what it could not hold.
    holds_errors: AtomicBool,
    /// Since the process began.
    lost: AtomicU64,
    /// How many of them were told.
    told: AtomicU64,
    failing: Pace,
    over: Pace,
}

impl Losses {
    pub(crate) const fn of(log: String) -> Self {
        let (lost, told) = (AtomicU64::new(0), AtomicU64::new(0));
        let holds_errors = AtomicBool::new(false);
        Self { log, holds_errors, lost, told, failing: Pace::new(), over: Pace::new() }
    }

    pub(crate) fn set_holds_errors(&self, holds: bool) {
        self.holds_errors.store(holds, Relaxed);
    }

    pub(crate) fn holds_errors(&self) -> bool {
        self.holds_errors.load(Relaxed)
    }

    /// Counts lines that are gone; tells it if it was not told for a minute.
    pub(crate) fn add(&self, lines: u64, cause: &dyn Display) {
        let lost = self.lost.fetch_add(lines, Relaxed) + lines;
        if !self.holds_errors() && self.failing.is_due(seconds()) {
            self.told.store(lost, Relaxed);
            tracing::warn!(target: "proxyd", log = self.log, lost, "log lines are lost: {cause}");
        }
    }

    /// After a line that was written again: tells what was lost before it, at most once a minute.
    pub(crate) fn wrote(&self) {
        let lost = self.lost.load(Relaxed);
        if lost != self.told.load(Relaxed) && self.over.is_due(seconds()) {
            self.tell(lost);
        }
    }

    /// At the end: tells what nobody was told yet.
    pub(crate) fn conclude(&self) {
        let lost = self.lost.load(Relaxed);
        if lost != self.told.load(Relaxed) {
            self.tell(lost);
        }
    }

    /// How many lines were lost.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.lost.load(Relaxed)
    }

    fn tell(&self, lost: u64) {
        self.told.store(lost, Relaxed);
        tracing::warn!(target: "proxyd", log = self.log, lost, "log lines were lost since the start");
    }
}

/// Lets something happen once a minute.
#[derive(Debug)]
struct Pace {
    /// When it last did, in seconds since the process began to log, plus one; 0 for never.
    last: AtomicU64,
}

const SECONDS: u64 = 60;

impl Pace {
    const fn new() -> Self {
        Self { last: AtomicU64::new(0) }
    }

    fn is_due(&self, now: u64) -> bool {
        let last = self.last.load(Relaxed);
        let due = last == 0 || now.saturating_sub(last - 1) >= SECONDS;
        // Of several threads one does it.
        due && self.last.compare_exchange(last, now + 1, Relaxed, Relaxed).is_ok()
    }
}

fn seconds() -> u64 {
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    BEGIN.get_or_init(Instant::now).elapsed().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn once_a_minute_is_once_a_minute() {
        let pace = Pace::new();
        assert!(pace.is_due(7));
        assert!(!pace.is_due(7 + SECONDS - 1));
        assert!(pace.is_due(7 + SECONDS));
        assert!(!pace.is_due(7 + SECONDS));
    }

    #[test]
    fn the_error_log_hears_of_its_own_losses_when_they_are_over() {
        let losses = Losses::of("a".to_owned());
        losses.set_holds_errors(true);
        losses.add(2, &"full");
        assert_eq!((losses.count(), losses.told.load(Relaxed)), (2, 0));
        losses.wrote();
        assert_eq!(losses.told.load(Relaxed), 2);
        losses.add(1, &"full");
        losses.wrote();
        assert_eq!(losses.told.load(Relaxed), 2, "within the same minute");
        losses.conclude();
        assert_eq!(losses.told.load(Relaxed), 3);
    }

    #[test]
    fn another_log_is_told_of_at_once() {
        let losses = Losses::of("a".to_owned());
        losses.add(1, &"full");
        losses.add(1, &"full");
        assert_eq!((losses.count(), losses.told.load(Relaxed)), (2, 1));
    }
}
