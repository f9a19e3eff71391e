//! What the connections of one executor share. None of it is ever touched by another thread.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;

use proxy_core::caller::Caller;
use proxy_core::generation::Generation;
use tokio::sync::Notify;

use super::Shared;
use super::capacity::Refusals;
use super::line::Line;
use super::present::Present;
use super::sockets::Sockets;
use super::told::Told;
use super::youth::Young;
use crate::clock::{Clock, HttpDate};
use crate::connection::Coroutine;
use crate::pool::Pool;
use crate::transaction::TransactionLog;
use crate::window::Spares;

/// Requests after which the clock is read, however long the thread has not slept.
const SAME_TIME: u64 = 32;

/// A generation with its number.
pub(crate) struct Pinned {
    pub(super) number: u64,
    pub(crate) generation: Arc<Generation>,
    /// Who is told of its requests when they are over.
    pub(crate) transactions: Arc<dyn TransactionLog>,
}

pub(crate) struct Local {
    pub(crate) number: u32,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) caller: Caller,
    pub(crate) spares: RefCell<Spares>,
    pub(crate) pool: RefCell<Pool>,
    pinned: RefCell<Rc<Pinned>>,
    coroutines: RefCell<Vec<Coroutine>>,
    date: RefCell<HttpDate>,
    requests: Cell<u64>,
    draining: Cell<bool>,
    pub(super) present: RefCell<Present>,
    pub(super) sockets: Arc<Sockets>,
    pub(super) young: RefCell<Young>,
    /// The first of the young ones has begun.
    pub(super) began: Notify,
    pub(super) refusals: RefCell<Refusals>,
    pub(super) line: RefCell<Line>,
    /// The first of the line is there.
    pub(super) joined: Notify,
    pub(super) told: Told,
    pub(super) left: Notify,
}

/// Another number in each process and executor, from the same source as the standard library's hash maps.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Local {
    /// To be called on the executor's thread.
    pub(crate) fn new(number: u32, shared: Arc<Shared>, clock: Arc<Clock>) -> Self {
        let pinned = Rc::new(shared.pin());
        let caller = Caller::seeded(number, seed());
        caller.mark().begin(number, rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs());
        shared.marks.add(caller.mark());
        let sockets = Arc::default();
        shared.add_sockets(number, &sockets);
        Self {
            number,
            clock,
            caller,
            spares: RefCell::new(Spares::with_pipes(shared.capacity.pipes())),
            pool: RefCell::new(Pool::new(Rc::clone(&pinned))),
            pinned: RefCell::new(pinned),
            coroutines: RefCell::default(),
            date: RefCell::new(HttpDate::new()),
            requests: Cell::new(0),
            draining: Cell::new(false),
            present: RefCell::default(),
            sockets,
            young: RefCell::default(),
            began: Notify::new(),
            refusals: RefCell::default(),
            line: RefCell::default(),
            joined: Notify::new(),
            told: Told::default(),
            left: Notify::new(),
            shared,
        }
    }

    /// Brings `held` to the generation in force, and says whether it was another: one atomic load where it was not.
    pub(crate) fn repin(&self, held: &mut Rc<Pinned>) -> bool {
        let number = self.shared.published.number();
        if held.number == number {
            return false;
        }
        let mut pinned = self.pinned.borrow_mut();
        if pinned.number != number {
            *pinned = Rc::new(self.shared.pin());
            self.pool.borrow_mut().follow(Rc::clone(&pinned));
        }
        *held = Rc::clone(&pinned);
        true
    }

    pub(crate) fn pinned(&self) -> Rc<Pinned> {
        Rc::clone(&self.pinned.borrow())
    }

    pub(crate) fn take_coroutine(&self) -> Coroutine {
        let coroutine = self.coroutines.borrow_mut().pop();
        coroutine.unwrap_or_else(Coroutine::new)
    }

    /// Takes back one that serves nobody any more.
    pub(crate) fn give_coroutine(&self, coroutine: Coroutine) {
        const MOST: usize = 256;
        let mut coroutines = self.coroutines.borrow_mut();
        if coroutines.len() < MOST {
            coroutines.push(coroutine);
        }
    }

    /// The number of a new request, of which the executor's own number is the upper part.
    pub(crate) fn next_request(&self) -> u64 {
        let count = self.requests.get() + 1;
        self.requests.set(count);
        // A thread whose tasks never all wait does not wake up either.
        if count.is_multiple_of(SAME_TIME) {
            self.clock.tick();
        }
        self.caller.set_now(self.clock.now());
        self.caller.attend(&self.shared.observation);
        u64::from(self.number) << 48 | count
    }

    pub(crate) fn date(&self) -> [u8; 29] {
        self.date.borrow_mut().at(self.clock.wall())
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Connections that are there.
    pub(crate) fn connections(&self) -> usize {
        self.present.borrow().count()
    }

    /// Ready once no connection is left.
    pub(super) async fn emptied(&self) {
        while self.connections() > 0 {
            self.left.notified().await;
        }
    }

    /// From now on, connections end with the request they are in.
    pub(super) fn drain(&self) {
        self.draining.set(true);
        self.pool.borrow_mut().close_all();
        self.present.borrow().wake_all();
    }

    /// Goes over to the generation in force, with all connections that idle.
    pub(super) fn follow(&self) {
        self.repin(&mut self.pinned());
        // Another connection may have been first, which wakes nobody.
        self.present.borrow().wake_resting();
    }

    /// What is done now and then whatever happens.
    pub(super) fn make_round(&self) {
        self.pool.borrow_mut().sweep(self.clock.now());
        self.refusals.borrow_mut().make_round(&self.shared.capacity);
    }

    /// Gives back the descriptors that can be spared: those of idle endpoint connections, of refused clients and of
    /// idle pipes at once, that of a client that idles as soon as its task runs.
    pub(crate) fn make_room(&self) {
        self.pool.borrow_mut().close_all();
        self.refusals.borrow_mut().close_all();
        self.spares.borrow_mut().pipes.close_idle();
        self.evict();
    }

    /// Has a client leave that idles; false if none does.
    pub(super) fn evict(&self) -> bool {
        self.present.borrow_mut().evict(self.clock.now())
    }
}
