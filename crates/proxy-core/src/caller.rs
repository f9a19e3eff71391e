//! Who calls into modules: one for each executor, with what every call needs and none allocates.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;

use proxy_abi::{CacheLine, Call, ErrSink, Host, Random, Request};

use crate::containment::Mark;
use crate::observe::{self, Finished, Observation};

/// An executor as modules see it. Owned by the executor's thread.
pub struct Caller {
    executor: u32,
    now_ns: Cell<u64>,
    /// Which list of observers this thread follows.
    observed: Cell<u64>,
    watched: Cell<bool>,
    mark: Arc<Mark>,
    err: ErrSink,
    random: Random,
    /// What was given back last, and is taken first; empty if there is none.
    last: Cell<Scratch>,
    scratch: RefCell<Vec<Scratch>>,
    /// Bytes in `scratch`.
    pooled: Cell<usize>,
}

/// An executor keeps at most this many bytes of scratch for later requests: one burst is not paid for for ever.
const MOST_POOLED: usize = 1 << 20;

/// Memory for one trylist; stays where it is while the trylist moves.
/// No box, as moving one would end what the module has borrowed of it.
pub(crate) type Scratch = Vec<CacheLine>;

impl Caller {
    /// The caller that is executor number `executor`; `u32::MAX` for the thread that builds generations. Modules draw
    /// the same numbers from it each time.
    #[must_use]
    pub fn new(executor: u32) -> Self {
        Self::seeded(executor, executor as u64)
    }

    /// The same, with numbers that follow from `seed`.
    #[must_use]
    pub fn seeded(executor: u32, seed: u64) -> Self {
        Self {
            executor,
            now_ns: Cell::new(0),
            observed: Cell::new(0),
            watched: Cell::new(false),
            mark: Arc::default(),
            err: ErrSink::new(),
            random: Random::new(seed),
            last: Cell::new(Vec::new()),
            scratch: RefCell::new(Vec::new()),
            pooled: Cell::new(0),
        }
    }

    /// Where the calls that it makes are marked.
    #[must_use]
    #[inline]
    pub const fn mark(&self) -> &Arc<Mark> {
        &self.mark
    }

    /// Sets the clock that modules see: monotonic nanoseconds, read once per wake-up by the owner.
    pub fn set_now(&self, now_ns: u64) {
        self.now_ns.set(now_ns);
    }

    /// The clock as last set.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    /// Learns who looks on: one load where nothing has changed. To be called on the thread that makes the calls, between
    /// requests' calls.
    #[inline]
    pub fn attend(&self, observation: &Observation) {
        if self.observed.get() != observation.epoch() {
            let (epoch, watched) = observation.follow(self.executor);
            self.observed.set(epoch);
            self.watched.set(watched);
        }
    }

    /// Whether calls are to be shown.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        self.watched.get()
    }

    /// A request begins: tells whoever looks on.
    #[inline]
    pub fn begins(&self, request: &Request<'_>) {
        if self.is_watched() {
            observe::begins(request);
        }
    }

    /// A request has ended: tells whoever looks on.
    #[inline]
    pub fn ends(&self, finished: &Finished) {
        if self.is_watched() {
            observe::ends(finished);
        }
    }

    /// Leaves a text for whoever reads the error sink of the call under way; what the module says there counts more.
    pub(crate) fn say(&self, text: &str) {
        self.err.set(0, text.as_bytes(), 0);
    }

    #[cfg(test)]
    pub(crate) fn said(&self) -> String {
        self.err.to_string()
    }

    /// A call with an empty error sink.
    #[must_use]
    #[inline]
    pub fn call<'a>(&'a self, host: &'a Host, trace_id: u64) -> Call<'a> {
        self.err.clear();
        let mut call = Call::new(host, &self.err, &self.random, self.now_ns.get());
        call.executor = self.executor;
        call.trace_id = trace_id;
        call
    }

    /// Takes scratch of at least `size` bytes, aligned to 64.
    #[inline(always)]
    pub(crate) fn take_scratch(&self, size: usize) -> Scratch {
        let lines = size.div_ceil(size_of::<CacheLine>());
        let last = self.last.take();
        if !last.is_empty() && last.len() >= lines { last } else { self.take_pooled(last, lines) }
    }

    #[cold]
    #[inline(never)]
    fn take_pooled(&self, last: Scratch, lines: usize) -> Scratch {
        // What was too small this time may do the next.
        self.last.set(last);
        let pooled = self.scratch.borrow_mut().pop();
        self.pooled.set(self.pooled.get() - pooled.as_deref().map_or(0, size_of_val));
        let pooled = pooled.filter(|scratch| scratch.len() >= lines);
        pooled.unwrap_or_else(|| std::iter::repeat_with(CacheLine::new).take(lines.max(4)).collect())
    }

    /// Gives scratch back for the next trylist.
    #[inline]
    pub(crate) fn give_scratch(&self, scratch: Scratch) {
        let before = self.last.replace(scratch);
        if !before.is_empty() {
            self.give_pooled(before);
        }
    }

    #[cold]
    #[inline(never)]
    fn give_pooled(&self, scratch: Scratch) {
        let bytes = self.pooled.get() + size_of_val(&*scratch);
        if bytes <= MOST_POOLED {
            self.pooled.set(bytes);
            self.scratch.borrow_mut().push(scratch);
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("executor", &self.executor).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_of_scratch_is_bounded_by_bytes() {
        let caller = Caller::new(0);
        let burst: Vec<Scratch> = (0..100).map(|_| caller.take_scratch(64 << 10)).collect();
        burst.into_iter().for_each(|scratch| caller.give_scratch(scratch));
        // One more is what was given back last.
        assert_eq!((caller.scratch.borrow().len(), caller.pooled.get()), (16, MOST_POOLED));
        let last = caller.take_scratch(64 << 10);
        let larger = caller.take_scratch(128 << 10);
        assert_eq!(caller.pooled.get(), MOST_POOLED - (64 << 10), "what is too small is given up");
        caller.give_scratch(larger);
        caller.give_scratch(last);
        assert_eq!(caller.scratch.borrow().len(), 15, "the larger one does not fit beside them");
        for _ in 0..16 {
            caller.take_scratch(1);
        }
        assert_eq!((caller.pooled.get(), caller.scratch.borrow().len()), (0, 0));
    }
}
