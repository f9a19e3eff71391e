//! What the connections of one executor share. None of it is ever touched by another thread.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use proxy_core::caller::Caller;
use proxy_core::generation::Generation;
use tokio::sync::Notify;

use super::Shared;
use crate::clock::{Clock, HttpDate};
use crate::kit::Kit;
use crate::pool::Pool;
use crate::window::Spares;

/// A generation with its number.
#[derive(Debug)]
pub(crate) struct Pinned {
    number: u64,
    pub(crate) generation: Arc<Generation>,
}

pub(crate) struct Local {
    pub(crate) number: u32,
    pub(crate) shared: Arc<Shared>,
    pub(crate) clock: Arc<Clock>,
    pub(crate) caller: Caller,
    pub(crate) spares: RefCell<Spares>,
    pub(crate) pool: RefCell<Pool>,
    pinned: RefCell<Rc<Pinned>>,
    #[expect(clippy::vec_box, reason = "a kit is too large to be moved for each request")]
    kits: RefCell<Vec<Box<Kit>>>,
    date: RefCell<HttpDate>,
    requests: Cell<u64>,
    draining: Cell<bool>,
    present: RefCell<Present>,
    left: Notify,
}

/// The tasks of the connections, to be woken when the server drains or the generation changes.
#[derive(Default)]
struct Present {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// Another number in each process and executor, from the same source as the standard library's hash maps.
fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}

impl Local {
    pub(crate) fn new(number: u32, shared: Arc<Shared>, clock: Arc<Clock>) -> Self {
        let pinned = pin(&shared);
        Self {
            number,
            clock,
            caller: Caller::seeded(number, seed()),
            spares: RefCell::default(),
            pool: RefCell::new(Pool::new(Rc::clone(&pinned))),
            pinned: RefCell::new(pinned),
            kits: RefCell::default(),
            date: RefCell::new(HttpDate::new()),
            requests: Cell::new(0),
            draining: Cell::new(false),
            present: RefCell::default(),
            left: Notify::new(),
            shared,
        }
    }

    /// Brings `held` to the generation in force: one atomic load where nothing has changed.
    pub(crate) fn repin(&self, held: &mut Rc<Pinned>) {
        let number = self.shared.published.number();
        if held.number == number {
            return;
        }
        let mut pinned = self.pinned.borrow_mut();
        if pinned.number != number {
            *pinned = pin(&self.shared);
            self.pool.borrow_mut().follow(Rc::clone(&pinned));
        }
        *held = Rc::clone(&pinned);
    }

    pub(crate) fn pinned(&self) -> Rc<Pinned> {
        Rc::clone(&self.pinned.borrow())
    }

    pub(crate) fn take_kit(&self) -> Box<Kit> {
        let kit = self.kits.borrow_mut().pop();
        kit.unwrap_or_else(Kit::new)
    }

    pub(crate) fn give_kit(&self, mut kit: Box<Kit>) {
        const MOST: usize = 1024;
        kit.clear(&mut self.spares.borrow_mut());
        let mut kits = self.kits.borrow_mut();
        if kits.len() < MOST {
            kits.push(kit);
        }
    }

    /// The number of a new request, of which the executor's own number is the upper part.
    pub(crate) fn next_request(&self) -> u64 {
        let count = self.requests.get() + 1;
        self.requests.set(count);
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
        let present = self.present.borrow();
        present.wakers.len() - present.free.len()
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
        self.wake_all();
    }

    /// What is done now and then whatever happens.
    pub(super) fn make_round(&self) {
        let mut held = self.pinned();
        let before = held.number;
        self.repin(&mut held);
        if held.number != before {
            self.wake_all();
        }
        self.pool.borrow_mut().sweep(self.clock.now());
    }

    fn wake_all(&self) {
        for waker in self.present.borrow().wakers.iter().flatten() {
            waker.wake_by_ref();
        }
    }
}

/// That a connection is there; ends when dropped.
pub(crate) struct Presence {
    local: Rc<Local>,
    slot: usize,
}

impl Presence {
    pub(crate) fn new(local: Rc<Local>) -> Self {
        let slot = {
            let mut present = local.present.borrow_mut();
            present.free.pop().unwrap_or_else(|| {
                present.wakers.push(None);
                present.wakers.len() - 1
            })
        };
        Self { local, slot }
    }

    /// Has the task of `cx` woken on changes; a connection stays in one task, so once is enough.
    pub(crate) fn join(&self, cx: &Context<'_>) {
        let place = &mut self.local.present.borrow_mut().wakers[self.slot];
        if place.is_none() {
            *place = Some(cx.waker().clone());
        }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        let mut present = self.local.present.borrow_mut();
        present.wakers[self.slot] = None;
        present.free.push(self.slot);
        self.local.left.notify_one();
    }
}

fn pin(shared: &Shared) -> Rc<Pinned> {
    let (number, generation) = shared.published.current();
    Rc::new(Pinned { number, generation })
}
