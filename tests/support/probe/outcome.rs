//! What came of a load: how many requests failed in which way, and how long the others took.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::time::Duration;

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Came {
    /// The answer to it, and all of it.
    Right,
    /// There was no connection to be had.
    Refused,
    /// The connection ended before the head of an answer was whole.
    Reset,
    /// There was no answer for as long as any test waits.
    Late,
    /// Less than was promised.
    Short,
    /// An answer, but not to this request.
    Wrong,
    /// Another status than 200.
    Status(u16),
}

impl fmt::Display for Came {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Right => f.write_str("right"),
            Self::Refused => f.write_str("refused"),
            Self::Reset => f.write_str("reset"),
            Self::Late => f.write_str("late"),
            Self::Short => f.write_str("short"),
            Self::Wrong => f.write_str("wrong"),
            Self::Status(status) => write!(f, "status {status}"),
        }
    }
}

/// A request that was made. Small, since there are millions; its times are in microseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    due: u32,
    took: u32,
    came: Came,
    origin: u8,
    is_fresh: bool,
}

impl Sample {
    /// `due` is counted from when the load began, `took` from when the request was due to the end of its answer.
    pub(super) fn new(due: Duration, took: Duration, came: Came, origin: u8, is_fresh: bool) -> Self {
        let micros = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        Self { due: micros(due), took: micros(took), came, origin, is_fresh }
    }

    /// When it was due, since the load began.
    pub(crate) const fn due(&self) -> Duration {
        Duration::from_micros(self.due as u64)
    }

    pub(crate) const fn took(&self) -> Duration {
        Duration::from_micros(self.took as u64)
    }

    pub(crate) fn is_right(&self) -> bool {
        self.came == Came::Right
    }
}

/// All that came of a load.
#[derive(Debug)]
pub(crate) struct Outcome {
    samples: Vec<Sample>,
    told: Vec<String>,
}

impl Outcome {
    pub(super) fn new(mut samples: Vec<Sample>, told: Vec<String>) -> Self {
        samples.sort_by_key(|sample| sample.due);
        Self { samples, told }
    }

    pub(crate) fn all(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn of(&self, came: Came) -> usize {
        self.samples.iter().filter(|sample| sample.came == came).count()
    }

    pub(crate) fn failed(&self) -> usize {
        self.all() - self.of(Came::Right)
    }

    /// How many were made on connections of their own.
    pub(crate) fn fresh(&self) -> usize {
        self.samples.iter().filter(|sample| sample.is_fresh).count()
    }

    /// How many the origin of that number has answered.
    pub(crate) fn answered_by(&self, number: u8) -> usize {
        self.samples.iter().filter(|sample| sample.is_right() && sample.origin == number).count()
    }

    /// How many were under way at some time from `from` to `to`.
    pub(crate) fn under_way(&self, from: Duration, to: Duration) -> usize {
        let is_meant = |sample: &&Sample| sample.due() <= to && sample.due() + sample.took() >= from;
        self.samples.iter().filter(is_meant).count()
    }

    /// How many were answered as they should within that time, whenever they were due.
    pub(crate) fn answered_within(&self, time: &Range<Duration>) -> usize {
        let is_meant = |sample: &&Sample| sample.is_right() && time.contains(&(sample.due() + sample.took()));
        self.samples.iter().filter(is_meant).count()
    }

    /// How many of those failed that were due within that time.
    pub(crate) fn failed_within(&self, time: &Range<Duration>) -> usize {
        let is_meant = |sample: &&Sample| !sample.is_right() && time.contains(&sample.due());
        self.samples.iter().filter(is_meant).count()
    }

    /// How many took longer, failed or not, of those that were due within that time.
    pub(crate) fn slower_than(&self, most: Duration, time: &Range<Duration>) -> usize {
        let is_meant = |sample: &&Sample| sample.took() > most && time.contains(&sample.due());
        self.samples.iter().filter(is_meant).count()
    }

    /// How long those took that did not fail and are meant, by when they were due.
    pub(crate) fn latency(&self, is_meant: impl Fn(Duration) -> bool) -> Latency {
        let meant = self.samples.iter().filter(|sample| sample.is_right() && is_meant(sample.due()));
        Latency::of(meant.map(Sample::took).collect())
    }

    /// # Panics
    /// If any request has failed; the first are told.
    pub(crate) fn assert_none_failed(&self) {
        assert_eq!(self.failed(), 0, "{self}\n{}", self.told.join("\n"));
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} requests, {} on new connections, {} failed", self.all(), self.fresh(), self.failed())?;
        let mut kinds = BTreeMap::<Came, usize>::new();
        for sample in self.samples.iter().filter(|sample| !sample.is_right()) {
            *kinds.entry(sample.came).or_default() += 1;
        }
        kinds.iter().try_for_each(|(came, count)| write!(f, ", {came}: {count}"))
    }
}

/// How long something took, of many times.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Latency {
    pub(crate) count: usize,
    pub(crate) p50: Duration,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

impl Latency {
    pub(crate) fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        let [p50, p99, max] = [50, 99, 100].map(|percent| at(percent).unwrap_or_default());
        Self { count: times.len(), p50, p99, max }
    }
}

impl fmt::Display for Latency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p50 {:.1?}, p99 {:.1?}, max {:.1?}", self.p50, self.p99, self.max)
    }
}
