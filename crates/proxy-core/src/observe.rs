//! Looking on: each call into a module, shown to whoever asked to see it while the server is at work.
//!
//! An [`Observation`] is what all executors share: who looks on. With each request an executor compares one number
//! ([`Caller::attend`](crate::caller::Caller::attend)) and keeps one flag. While nobody looks on, a call costs the test
//! of that flag or less; no clock is read and nothing is allocated. While somebody does, each executor has a
//! [`Watcher`] of each observer to itself, so that no call waits for another executor's.

mod decoded;

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proxy_abi as abi;
use proxy_abi::{EditOp, Status};

pub use decoded::Shown;
pub(crate) use decoded::{done, failure, load_balance, next, response};

/// Somebody who looks on, from any number of executors.
pub trait Observer: Send + Sync + fmt::Debug {
    /// Its eyes at an executor that has just learnt of it. They are dropped there once it is gone.
    fn watcher(&self, executor: u32) -> Box<dyn Watcher>;
}

/// What an executor tells an observer, in this order: a request begins; calls are entered and left, within each other
/// where a module runs a hook; the request ends. Called between the calls into modules, on the executor's thread, which
/// waits: no blocking, no panic. Requests that are under way when looking on begins are told of by their calls alone.
pub trait Watcher {
    /// A request begins.
    fn begins(&mut self, request: &abi::Request<'_>);
    /// A module is about to be called.
    fn enters(&mut self);
    /// The module called last and not yet left changes a field of the message on its way.
    fn edits(&mut self, op: EditOp, name: &[u8], value: &[u8]);
    /// The call entered last and not yet left has returned after so many nanoseconds.
    fn leaves(&mut self, called: &Called<'_>, nanoseconds: u64);
    /// A request ended.
    fn ends(&mut self, finished: &Finished);
}

/// A call into a module, after it has returned.
#[derive(Debug)]
pub struct Called<'a> {
    /// The request's number; 0 outside of requests.
    pub request: u64,
    /// The hook's name; for the calls of a trylist that of the hook which answered it.
    pub hook: &'a str,
    /// Which function of `proxy.load_balance` and its trylist; none for hooks that are one function.
    pub function: Option<&'static str>,
    /// The module's ident.
    pub module: &'a str,
    /// What it answered; none from `drop`, which answers nothing.
    pub status: Option<Status>,
    /// What it said of an error, or nothing.
    pub said: String,
    /// What it was given.
    pub input: Vec<Field>,
    /// What it filled in.
    pub output: Vec<Field>,
}

/// A request that has ended.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// Its number.
    pub request: u64,
    /// As in the access log.
    pub status: u16,
    /// From its first byte to its end; exact to the executor's wake-up.
    pub elapsed: Duration,
}

/// One thing that crossed, by its name.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// As the struct that crossed has it.
    pub name: Cow<'static, str>,
    /// What it was.
    pub value: Datum,
}

/// A value that crossed.
#[derive(Clone, Debug, PartialEq)]
pub enum Datum {
    /// A number.
    Unsigned(u64),
    /// A number that may be negative.
    Signed(i64),
    /// A number with a fraction.
    Float(f64),
    /// Text; bytes that are no printable ASCII are escaped, and what is long is cut.
    Text(String),
}

impl Field {
    /// A number.
    #[must_use]
    pub fn number(name: impl Into<Cow<'static, str>>, value: impl Into<u64>) -> Self {
        Self { name: name.into(), value: Datum::Unsigned(value.into()) }
    }

    /// Text from the wire or a module.
    #[must_use]
    pub fn text(name: impl Into<Cow<'static, str>>, value: &[u8]) -> Self {
        Self { name: name.into(), value: Datum::Text(shortened(value)) }
    }
}

/// Bytes of a text that are shown.
const LONGEST: usize = 256;

/// Escaped, and cut with a mark of how much is missing.
#[must_use]
pub fn shortened(bytes: &[u8]) -> String {
    match bytes.get(..LONGEST) {
        Some(first) if bytes.len() > LONGEST => {
            format!("{}… {} more bytes", first.escape_ascii(), bytes.len() - LONGEST)
        }
        _ => bytes.escape_ascii().to_string(),
    }
}

/// Who looks on, for all executors of a server.
#[derive(Debug)]
pub struct Observation {
    /// Changes whenever the list does. Executors begin with 0: nobody.
    epoch: AtomicU64,
    observers: Mutex<Vec<Arc<dyn Observer>>>,
    clock: fn() -> u64,
}

impl Observation {
    /// So many may look on at a time: each of them costs every call.
    pub const MOST: usize = 4;

    /// Nobody looks on. `clock` tells monotonic nanoseconds, from any thread.
    #[must_use]
    pub const fn new(clock: fn() -> u64) -> Self {
        Self { epoch: AtomicU64::new(0), observers: Mutex::new(Vec::new()), clock }
    }

    /// From its next request on, each executor shows `observer` what it does.
    ///
    /// # Errors
    /// If [`MOST`](Self::MOST) look on already.
    pub fn add(&self, observer: Arc<dyn Observer>) -> Result<(), Crowded> {
        self.change(|observers| {
            if observers.len() == Self::MOST {
                return Err(Crowded);
            }
            observers.push(observer);
            Ok(())
        })
    }

    /// From its next request on, no executor shows it anything.
    pub fn remove(&self, observer: &Arc<dyn Observer>) {
        self.change(|observers| observers.retain(|other| !Arc::ptr_eq(other, observer)));
    }

    fn change<R>(&self, change: impl FnOnce(&mut Vec<Arc<dyn Observer>>) -> R) -> R {
        let mut observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut observers);
        self.epoch.fetch_add(1, Relaxed);
        result
    }

    /// The number that changes with the list.
    #[inline]
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch.load(Relaxed)
    }

    /// Brings this thread's watchers up to date; the epoch of the list that they follow, and whether there are any.
    #[cold]
    pub(crate) fn follow(&self, executor: u32) -> (u64, bool) {
        let observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner);
        let epoch = self.epoch();
        SEAT.with_borrow_mut(|seat| {
            seat.clock = self.clock;
            seat.watching.retain(|(observer, _)| observers.iter().any(|other| Arc::ptr_eq(other, observer)));
            for observer in &*observers {
                if !seat.watching.iter().any(|(other, _)| Arc::ptr_eq(other, observer)) {
                    seat.watching.push((Arc::clone(observer), observer.watcher(executor)));
                }
            }
        });
        WATCHED.set(!observers.is_empty());
        (epoch, !observers.is_empty())
    }
}

/// As many look on as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Crowded;

/// What an executor's thread knows of those who look on.
struct Seat {
    clock: fn() -> u64,
    watching: Vec<(Arc<dyn Observer>, Box<dyn Watcher>)>,
    /// When the calls under way began, outermost first.
    entered: Vec<u64>,
}

thread_local! {
    /// By itself, so that a thread of a module which runs a hook finds out without making a seat.
    static WATCHED: Cell<bool> = const { Cell::new(false) };
    static SEAT: RefCell<Seat> =
        const { RefCell::new(Seat { clock: || 0, watching: Vec::new(), entered: Vec::new() }) };
}

/// Whether calls made by this thread are to be shown.
#[must_use]
#[inline]
pub fn is_watched() -> bool {
    WATCHED.get()
}

/// Comes before a call that is shown; [`leave`] must follow.
#[cold]
pub fn enter() {
    told(|seat| {
        for (_, watcher) in &mut seat.watching {
            watcher.enters();
        }
        seat.entered.push((seat.clock)());
    });
}

/// Comes after it. The time is taken before `called` is asked for.
#[cold]
pub fn leave<'a>(called: impl FnOnce() -> Called<'a>) {
    told(|seat| {
        let now = (seat.clock)();
        let Some(began) = seat.entered.pop() else { return };
        let called = called();
        for (_, watcher) in &mut seat.watching {
            watcher.leaves(&called, now.saturating_sub(began));
        }
    });
}

#[cold]
pub(crate) fn begins(request: &abi::Request<'_>) {
    told(|seat| seat.watching.iter_mut().for_each(|(_, watcher)| watcher.begins(request)));
}

#[cold]
pub(crate) fn ends(finished: &Finished) {
    told(|seat| seat.watching.iter_mut().for_each(|(_, watcher)| watcher.ends(finished)));
}

#[cold]
pub(crate) fn edits(op: EditOp, name: &[u8], value: &[u8]) {
    told(|seat| seat.watching.iter_mut().for_each(|(_, watcher)| watcher.edits(op, name, value)));
}

fn told(tell: impl FnOnce(&mut Seat)) {
    // Neither the end of the thread nor a watcher that comes back here is worth a panic.
    let _ = SEAT.try_with(|seat| seat.try_borrow_mut().map(|mut seat| tell(&mut seat)));
}

#[cfg(test)]
mod tests;
