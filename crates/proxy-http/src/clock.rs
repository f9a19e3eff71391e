//! The coarse clock of an executor: read once for each wake-up of its thread, not once for each question.

use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Monotonic and wall time as of the last wake-up. Written and read by one thread; atomic only because the runtime
/// wants its wake-up callback to be `Sync`.
#[derive(Debug)]
pub(crate) struct Clock {
    base: Instant,
    /// Nanoseconds since `base`.
    now: AtomicU64,
    /// Nanoseconds since 1970.
    wall: AtomicU64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let zero = || AtomicU64::new(0);
        let clock = Self { base: base(), now: zero(), wall: zero() };
        clock.tick();
        clock
    }

    /// Reads the system's clocks: the thread woke up.
    pub(crate) fn tick(&self) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.now.store(nanoseconds(self.base.elapsed()), Relaxed);
        self.wall.store(nanoseconds(wall), Relaxed);
    }

    /// Nanoseconds since the first executor began: modules compare what they read on one with what they read on another.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Relaxed)
    }

    /// Reads the system's clock first: where waiting may have passed without a wake-up, and a deadline counts.
    pub(crate) fn exact(&self) -> u64 {
        self.tick();
        self.now()
    }

    pub(crate) fn wall(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.wall.load(Relaxed))
    }

    /// The runtime's name for a moment of this clock.
    pub(crate) fn instant(&self, at: u64) -> tokio::time::Instant {
        (self.base + Duration::from_nanos(at)).into()
    }
}

/// The clock of all executors, read anew: what modules are given that are called outside of them.
#[must_use]
pub fn monotonic() -> u64 {
    nanoseconds(base().elapsed())
}

/// The same for all executors, whenever they begin.
fn base() -> Instant {
    static BASE: OnceLock<Instant> = OnceLock::new();
    *BASE.get_or_init(Instant::now)
}

pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The time as RFC 9110 section 5.6.7 has it, spelt anew at most once a second.
#[derive(Debug)]
pub(crate) struct HttpDate {
    second: u64,
    text: [u8; 29],
}

impl HttpDate {
    pub(crate) const fn new() -> Self {
        Self { second: u64::MAX, text: [b' '; 29] }
    }

    pub(crate) fn at(&mut self, wall: SystemTime) -> [u8; 29] {
        let second = wall.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if second != self.second {
            let text = httpdate::fmt_http_date(wall);
            if let Ok(text) = text.as_bytes().try_into() {
                self.text = text;
                self.second = second;
            }
        }
        self.text
    }
}
