//! A module's gate: the state machine that its doors follow.
//!
//! ```text
//! closed ── faults, or a call that is stuck ──▶ open ── rest is over ──▶ half open ── 100 clean ──▶ closed
//!                                                 ▲──── a fault, the rest doubled ────┘
//! ```
//!
//! As with fuses, *closed* is the state in which calls pass. All changes are made under one lock, which calls do not
//! take as long as the gate is closed, nor while it is open.

mod lines;

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use proxy_abi::Status;
use tracing::error;

use super::door::{Door, Site};
use super::mark;
use super::settings::{OnPanic, Quarantine};
use super::telling::Telling;
use crate::sync::{AtomicU32, AtomicU64, Mutex, MutexGuard};

/// Half open, one call in so many enters; in models, as few as show each change.
const ONE_IN: u64 = if cfg!(loom) { 2 } else { 100 };
/// After so many without a fault the gate is closed.
const CLEAN: u32 = if cfg!(loom) { 1 } else { 100 };

/// Where a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All calls enter.
    Closed,
    /// None does.
    Open,
    /// One in a hundred does.
    HalfOpen,
}

impl State {
    const ALL: [Self; 3] = [Self::Closed, Self::Open, Self::HalfOpen];

    /// The word that dumps print.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        }
    }
}

/// What is no orderly answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A panic, caught on the module's side.
    Panic,
    /// A breach of the contract: an index that is none, an unknown answer.
    Breach,
    /// A call that does not come back.
    Stuck,
}

impl FaultKind {
    /// What an answer is that is neither orderly nor an error.
    #[must_use]
    pub fn of(status: Status) -> Self {
        if status == Status::PANICKED { Self::Panic } else { Self::Breach }
    }
}

/// What becomes of a request that met a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// Somebody else answers.
    Contained,
    /// It fails.
    Fails,
}

/// What was counted at a gate, each since its generation began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Calls that did not enter.
    pub refused: u64,
    /// Panics.
    pub panics: u64,
    /// Breaches of the contract.
    pub breaches: u64,
    /// Calls that took more than the hard budget.
    pub stuck: u64,
    /// Calls that were seen to take more than the soft budget.
    pub slow: u64,
    /// How often the gate was opened.
    pub quarantines: u64,
}

/// A module's gate in one generation.
#[derive(Debug)]
pub struct Gate {
    ident: Arc<str>,
    on_panic: OnPanic,
    /// 0 until the generation is in force.
    generation: AtomicU64,
    /// A place in [`State::ALL`]. Written under the lock.
    state: AtomicU32,
    /// While open: when that ends. Written under the lock, before the state.
    until_ns: AtomicU64,
    /// While half open: calls that came.
    came: AtomicU64,
    inside: Mutex<Inside>,
    refused: AtomicU64,
}

/// What only changes of state and faults look at.
#[derive(Debug)]
struct Inside {
    doors: Vec<Weak<Door>>,
    /// When the last faults were, oldest first; while closed.
    faults: VecDeque<u64>,
    /// The next rest.
    rest: Duration,
    /// While half open: calls that were let in.
    tried: u32,
    telling: Telling,
    telling_slow: Telling,
    counts: Counts,
}

/// The gate was opened, which is told once the lock is released.
struct Opened {
    faults: u64,
    rest: Duration,
}

static LAST_RESORT: std::sync::OnceLock<fn() -> !> = std::sync::OnceLock::new();

/// How the process ends where `ModuleOnPanic abort` says so. Without it, such a fault fails its request.
pub fn set_last_resort(end: fn() -> !) {
    let _ = LAST_RESORT.set(end);
}

impl Gate {
    /// A closed one for the module `ident`.
    #[must_use]
    pub fn new(ident: &str, on_panic: OnPanic) -> Arc<Self> {
        let rest = quarantine_of(on_panic).rest;
        let inside = Inside {
            doors: Vec::new(),
            faults: VecDeque::new(),
            rest,
            tried: 0,
            telling: Telling::default(),
            telling_slow: Telling::default(),
            counts: Counts::default(),
        };
        Arc::new(Self {
            ident: ident.into(),
            on_panic,
            generation: AtomicU64::new(0),
            state: AtomicU32::new(0),
            until_ns: AtomicU64::new(0),
            came: AtomicU64::new(0),
            inside: Mutex::new(inside),
            refused: AtomicU64::new(0),
        })
    }

    /// The module's ident.
    #[must_use]
    pub const fn ident(&self) -> &Arc<str> {
        &self.ident
    }

    /// What `ModuleOnPanic` says of it.
    #[must_use]
    pub const fn on_panic(&self) -> OnPanic {
        self.on_panic
    }

    /// The number of its generation; 0 until that is in force.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// Its generation is put in force with this number.
    pub(crate) fn set_generation(&self, number: u64) {
        self.generation.store(number, Relaxed);
    }

    /// Where it is. Any thread.
    #[must_use]
    pub fn state(&self) -> State {
        State::ALL[self.state.load(Acquire) as usize % State::ALL.len()]
    }

    /// What was counted. Any thread.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts { refused: self.refused.load(Relaxed), ..self.inside().counts }
    }

    /// A door in this gate for the function `name`.
    #[must_use]
    pub fn door(self: &Arc<Self>, name: &str) -> Arc<Door> {
        let mut inside = self.inside();
        let door = Arc::new(Door::new(self, name, self.state() != State::Closed));
        inside.doors.push(Arc::downgrade(&door));
        mark::register(&door);
        door
    }

    /// Whether a call that comes to a shut door may enter all the same.
    #[cold]
    #[inline(never)]
    pub(super) fn tries(&self, now_ns: u64) -> bool {
        let enters = match self.state() {
            State::Closed => true,
            State::Open if now_ns < self.until_ns.load(Relaxed) => false,
            State::Open => self.half_open(now_ns),
            State::HalfOpen => self.came.fetch_add(1, Relaxed).is_multiple_of(ONE_IN) && self.try_one(),
        };
        if !enters {
            self.refused.fetch_add(1, Relaxed);
        }
        enters
    }

    /// The rest is over, and the first call comes.
    fn half_open(&self, now_ns: u64) -> bool {
        let mut inside = self.inside();
        // Another thread may have been faster.
        if self.state() == State::Open && now_ns >= self.until_ns.load(Relaxed) {
            self.came.store(1, Relaxed);
            inside.tried = 1;
            self.state.store(State::HalfOpen as u32, Release);
            return true;
        }
        false
    }

    /// Lets one in, and all if enough were let in without a fault.
    fn try_one(&self) -> bool {
        let mut inside = self.inside();
        if self.state() != State::HalfOpen {
            return self.state() == State::Closed;
        }
        inside.tried += 1;
        if inside.tried > CLEAN {
            inside.rest = quarantine_of(self.on_panic).rest;
            inside.faults.clear();
            self.state.store(State::Closed as u32, Release);
            inside.set_shut(false);
            let counts = inside.counts;
            drop(inside);
            self.tell_recovered(&counts);
        }
        true
    }

    /// A fault: told, counted, and too many of them open the gate.
    pub(super) fn fault(
        &self,
        kind: FaultKind,
        now_ns: u64,
        door: &str,
        site: Site<'_>,
        what: &dyn fmt::Display,
    ) -> Consequence {
        let mut inside = self.inside();
        inside.count(kind);
        let untold = inside.telling.may_tell(now_ns);
        let opened = match self.on_panic {
            OnPanic::Quarantine(quarantine) if self.is_too_much(&mut inside, quarantine, now_ns) => {
                Some(self.open(&mut inside, quarantine, now_ns))
            }
            _ => None,
        };
        drop(inside);
        if let Some(untold) = untold {
            self.tell_fault(kind, door, site, what, untold);
        }
        if let Some(opened) = opened {
            self.tell_quarantined(&opened);
        }
        match self.on_panic {
            OnPanic::Quarantine(_) => Consequence::Contained,
            OnPanic::Fail => Consequence::Fails,
            OnPanic::Abort => self.end(),
        }
    }

    /// A call does not come back: no other one enters from now on, whatever `ModuleOnPanic` says.
    pub fn fence(&self, now_ns: u64) {
        let mut inside = self.inside();
        inside.count(FaultKind::Stuck);
        let quarantine = quarantine_of(self.on_panic);
        let opened = (self.state() != State::Open).then(|| self.open(&mut inside, quarantine, now_ns));
        drop(inside);
        if let Some(opened) = opened {
            self.tell_quarantined(&opened);
        }
    }

    /// A call through `door` was seen to take more than the soft budget.
    pub fn count_slow(&self, now_ns: u64, door: &str, executor: u32) {
        let mut inside = self.inside();
        inside.counts.slow += 1;
        let untold = inside.telling_slow.may_tell(now_ns);
        drop(inside);
        if let Some(untold) = untold {
            self.tell_slow(door, executor, untold);
        }
    }

    /// Whether a fault at this time is one too many.
    fn is_too_much(&self, inside: &mut Inside, quarantine: Quarantine, now_ns: u64) -> bool {
        match self.state() {
            State::Open => false,
            State::HalfOpen => true,
            State::Closed => {
                let oldest = now_ns.saturating_sub(nanoseconds(quarantine.within));
                while inside.faults.front().is_some_and(|at| *at < oldest) {
                    inside.faults.pop_front();
                }
                inside.faults.push_back(now_ns);
                inside.faults.len() >= quarantine.faults as usize
            }
        }
    }

    fn open(&self, inside: &mut Inside, quarantine: Quarantine, now_ns: u64) -> Opened {
        if self.state() == State::HalfOpen {
            inside.rest = quarantine.after(inside.rest);
        }
        let rest = inside.rest;
        inside.faults = VecDeque::new();
        inside.counts.quarantines += 1;
        self.until_ns.store(now_ns.saturating_add(nanoseconds(rest)), Relaxed);
        self.state.store(State::Open as u32, Release);
        inside.set_shut(true);
        Opened { faults: inside.counts.faults(), rest }
    }

    fn end(&self) -> Consequence {
        let Some(end) = LAST_RESORT.get() else { return Consequence::Fails };
        error!(
            event = "module_abort",
            module = &*self.ident,
            generation = self.generation(),
            "the process ends, as ModuleOnPanic abort says"
        );
        end()
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What counts where the module is fenced although `ModuleOnPanic` says nothing of quarantine.
const fn quarantine_of(on_panic: OnPanic) -> Quarantine {
    match on_panic {
        OnPanic::Quarantine(quarantine) => quarantine,
        OnPanic::Fail | OnPanic::Abort => Quarantine::DEFAULT,
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

impl Counts {
    /// Faults of all kinds.
    #[must_use]
    pub const fn faults(&self) -> u64 {
        self.panics + self.breaches + self.stuck
    }
}

impl Inside {
    const fn count(&mut self, kind: FaultKind) {
        match kind {
            FaultKind::Panic => self.counts.panics += 1,
            FaultKind::Breach => self.counts.breaches += 1,
            FaultKind::Stuck => self.counts.stuck += 1,
        }
    }

    fn set_shut(&self, is_shut: bool) {
        for door in self.doors.iter().filter_map(Weak::upgrade) {
            door.set_shut(is_shut);
        }
    }
}

#[cfg(test)]
mod tests;
