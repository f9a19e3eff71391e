//! Marks: which call of a module each executor is in, for a thread that looks on.
//!
//! An executor writes two words when it calls and one when it is back, relaxed: who looks on wants to know of calls that
//! last, and these it sees many times.

use std::cell::OnceCell;
use std::ptr;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::door::Door;
use super::gate::Gate;

/// What one executor is in; in cache lines of its own, as it is written with each call.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Mark {
    /// The address of the door that the executor has called through, 0 outside of calls.
    door: AtomicUsize,
    /// How many such calls there were.
    calls: AtomicU64,
    /// The same of the innermost call, where modules call each other.
    inner: AtomicUsize,
    inner_calls: AtomicU64,
    /// How many calls between modules there were.
    all_inner: AtomicU64,
    executor: AtomicU32,
    thread: AtomicU32,
    connections: AtomicUsize,
    busy: AtomicUsize,
}

/// What a mark showed. Equal ones are of the same call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    door: usize,
    calls: u64,
    inner: usize,
    inner_calls: u64,
}

impl Look {
    /// Whether both are of the same call of the executor, whatever that has called since.
    #[must_use]
    pub const fn is_same_call(&self, other: &Self) -> bool {
        self.door == other.door && self.calls == other.calls
    }

    /// The door of that call, if the generation lives.
    #[must_use]
    pub fn door(&self) -> Option<Arc<Door>> {
        find(self.door)
    }

    /// The door of the innermost call.
    #[must_use]
    pub fn innermost(&self) -> Option<Arc<Door>> {
        if self.inner == 0 { self.door() } else { find(self.inner) }
    }
}

impl Mark {
    /// The executor's thread begins: calls between modules that are made in it are written here as well.
    pub fn begin(self: &Arc<Self>, executor: u32, thread: u32) {
        self.executor.store(executor, Relaxed);
        self.thread.store(thread, Relaxed);
        OF_THREAD.with(|mark| drop(mark.set(Arc::clone(self))));
    }

    /// The executor's number.
    #[must_use]
    pub fn executor(&self) -> u32 {
        self.executor.load(Relaxed)
    }

    /// The number that the system gave its thread.
    #[must_use]
    pub fn thread(&self) -> u32 {
        self.thread.load(Relaxed)
    }

    /// The executor has so many clients, of which so many do not idle.
    pub fn set_connections(&self, all: usize, busy: usize) {
        self.connections.store(all, Relaxed);
        self.busy.store(busy, Relaxed);
    }

    /// Its clients, and those of them that do not idle.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        (self.connections.load(Relaxed), self.busy.load(Relaxed))
    }

    /// How many calls the executor has made; another number after each.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.calls.load(Relaxed)
    }

    /// The call that the executor is in.
    #[must_use]
    pub fn look(&self) -> Option<Look> {
        let look = Look {
            door: self.door.load(Relaxed),
            calls: self.calls.load(Relaxed),
            inner: self.inner.load(Relaxed),
            inner_calls: self.inner_calls.load(Relaxed),
        };
        (look.door != 0).then_some(look)
    }

    /// The executor is about to call.
    #[inline]
    pub fn enter(&self, door: &Door) {
        self.door.store(ptr::from_ref(door).addr(), Relaxed);
        self.calls.store(self.calls.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Makes a call of the executor's.
    #[inline]
    pub fn during<R>(&self, door: &Door, call: impl FnOnce() -> R) -> R {
        self.enter(door);
        let answer = call();
        self.leave();
        answer
    }

    /// A module that the executor has called calls another, until what is answered is dropped.
    fn enter_inner(&self, door: &Door) -> Left<'_> {
        let left =
            Left { outer: self.inner.load(Relaxed), calls: self.inner_calls.load(Relaxed), mark: self };
        let calls = self.all_inner.load(Relaxed).wrapping_add(1);
        self.all_inner.store(calls, Relaxed);
        self.inner.store(ptr::from_ref(door).addr(), Relaxed);
        self.inner_calls.store(calls, Relaxed);
        left
    }

    /// It is back.
    #[inline]
    pub fn leave(&self) {
        self.door.store(0, Relaxed);
    }
}

thread_local! {
    static OF_THREAD: OnceCell<Arc<Mark>> = const { OnceCell::new() };
}

/// Makes a call that one module makes of another: marked if this is the thread of an executor.
pub fn within<R>(door: &Door, call: impl FnOnce() -> R) -> R {
    // As an option, since there is one way out of three to call it.
    let mut call = Some(call);
    let marked = OF_THREAD.try_with(|mark| {
        let (mark, call) = (mark.get()?, call.take()?);
        let _left = mark.enter_inner(door);
        Some(call())
    });
    match (marked.ok().flatten(), call) {
        (Some(answer), _) => answer,
        (None, Some(call)) => call(),
        (None, None) => unreachable!("what was called has answered"),
    }
}

/// The call around it is the innermost again, however this one ends.
struct Left<'a> {
    outer: usize,
    calls: u64,
    mark: &'a Mark,
}

impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.mark.inner.store(self.outer, Relaxed);
        self.mark.inner_calls.store(self.calls, Relaxed);
    }
}

/// The marks of executors that have begun, for the one who looks on.
#[derive(Debug, Default)]
pub struct Marks(Mutex<Vec<Arc<Mark>>>);

impl Marks {
    /// One more.
    pub fn add(&self, mark: &Arc<Mark>) {
        self.begun().push(Arc::clone(mark));
    }

    /// Those that have come since the last time. Who takes them holds the last one of an executor that has ended.
    #[must_use]
    pub fn take(&self) -> Vec<Arc<Mark>> {
        std::mem::take(&mut *self.begun())
    }

    fn begun(&self) -> MutexGuard<'_, Vec<Arc<Mark>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The doors of all generations: a call may be of one that is no longer in force.
static DOORS: Mutex<Vec<Weak<Door>>> = Mutex::new(Vec::new());

fn doors() -> MutexGuard<'static, Vec<Weak<Door>>> {
    DOORS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A door from now on has an address that means it.
pub(super) fn register(door: &Arc<Door>) {
    let mut doors = doors();
    if doors.len() == doors.capacity() {
        doors.retain(|door| door.strong_count() > 0);
    }
    doors.push(Arc::downgrade(door));
}

/// The gates of all generations that live. Whoever holds one holds nothing else of its generation.
#[must_use]
pub fn gates() -> Vec<Arc<Gate>> {
    let mut gates: Vec<Arc<Gate>> = Vec::new();
    for door in doors().iter().filter_map(Weak::upgrade) {
        if !gates.iter().any(|gate| Arc::ptr_eq(gate, door.gate())) {
            gates.push(Arc::clone(door.gate()));
        }
    }
    gates
}

fn find(address: usize) -> Option<Arc<Door>> {
    doors().iter().find(|door| door.as_ptr().addr() == address).and_then(Weak::upgrade)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::containment::OnPanic;

    #[test]
    fn a_mark_shows_the_call_and_the_innermost_one_within_it() {
        let gate = Gate::new("x_module", OnPanic::Fail);
        let [door, inner] = ["a.b", "a.c"].map(|name| gate.door(name));
        let mark = Arc::new(Mark::default());
        let shown = |look: Option<Look>| look.map(|look| (look.door().unwrap(), look.innermost().unwrap()));
        let names = |(door, inner): (Arc<Door>, Arc<Door>)| format!("{} {}", door.name(), inner.name());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                mark.begin(3, 7);
                assert!(mark.look().is_none());
                mark.enter(&door);
                let first = mark.look();
                assert_eq!(shown(first).map(names).unwrap(), "a.b a.b");
                let nested = within(&inner, || mark.look());
                assert_eq!(shown(nested).map(names).unwrap(), "a.b a.c");
                assert!(first.unwrap().is_same_call(&nested.unwrap()) && first != nested);
                assert_eq!(mark.look(), first);
                mark.leave();
                assert!(mark.look().is_none());
                mark.enter(&door);
                assert!(!first.unwrap().is_same_call(&mark.look().unwrap()));
            });
        });
        assert_eq!((mark.executor(), mark.thread(), mark.calls()), (3, 7, 2));
        let look = mark.look().unwrap();
        drop(door);
        assert!(look.door().is_none(), "its generation is gone");
    }
}
