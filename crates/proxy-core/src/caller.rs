//! Who calls into modules: one for each executor, with what every call needs and none allocates.

use std::cell::{Cell, RefCell};
use std::fmt;

use proxy_abi::{CacheLine, Call, ErrSink, Host};

/// An executor as modules see it. Owned by the executor's thread.
pub struct Caller {
    executor: u32,
    now_ns: Cell<u64>,
    err: ErrSink,
    scratch: RefCell<Vec<Scratch>>,
}

/// Memory for one trylist; stays where it is while the trylist moves.
pub(crate) type Scratch = Box<[CacheLine]>;

impl Caller {
    /// The caller that is executor number `executor`; `u32::MAX` for the thread that builds generations.
    #[must_use]
    pub const fn new(executor: u32) -> Self {
        Self { executor, now_ns: Cell::new(0), err: ErrSink::new(), scratch: RefCell::new(Vec::new()) }
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

    /// A call with an empty error sink.
    #[must_use]
    pub fn call<'a>(&'a self, host: &'a Host, trace_id: u64) -> Call<'a> {
        self.err.clear();
        let mut call = Call::new(host, &self.err, self.now_ns.get());
        call.executor = self.executor;
        call.trace_id = trace_id;
        call
    }

    /// Takes scratch of at least `size` bytes, aligned to 64.
    pub(crate) fn take_scratch(&self, size: usize) -> Scratch {
        let lines = size.div_ceil(size_of::<CacheLine>());
        let pooled = self.scratch.borrow_mut().pop().filter(|scratch| scratch.len() >= lines);
        pooled.unwrap_or_else(|| std::iter::repeat_with(CacheLine::new).take(lines.max(4)).collect())
    }

    /// Gives scratch back for the next trylist.
    pub(crate) fn give_scratch(&self, scratch: Scratch) {
        const MOST: usize = 1024;
        let mut pool = self.scratch.borrow_mut();
        if pool.len() < MOST {
            pool.push(scratch);
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Caller").field("executor", &self.executor).finish_non_exhaustive()
    }
}
