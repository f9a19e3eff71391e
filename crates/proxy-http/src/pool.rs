//! Idle connections to endpoints, of one executor. A connection is here only if it is provably clean; any byte, or
//! the end, that comes while it is idle closes it.

use std::collections::BTreeMap;
use std::rc::Rc;

use proxy_core::cluster::Endpoint;

use crate::clock::Clock;
use crate::executor::Pinned;
use crate::stream::Stream;

/// Idle connections kept for one endpoint.
const MOST: usize = 512;
/// How long one may be idle, in nanoseconds. Endpoints that close earlier are noticed by that.
const LONGEST: u64 = 60_000_000_000;

pub(crate) struct Pool {
    pinned: Rc<Pinned>,
    /// By the slots of the pinned generation's endpoints.
    slots: Vec<Slot>,
    /// Where an endpoint of another generation has its slot, by its id.
    places: BTreeMap<u64, usize>,
}

struct Slot {
    endpoint: u64,
    /// Those of which the reactor would have heard; the one used last is last.
    rested: Vec<Idle>,
    /// Those put here in the turn `turn`.
    fresh: Vec<Idle>,
    turn: u64,
}

struct Idle {
    stream: Stream,
    since: u64,
}

impl Pool {
    pub(crate) fn new(pinned: Rc<Pinned>) -> Self {
        let slots = empty_slots(&pinned);
        let places = places(&slots);
        Self { pinned, slots, places }
    }

    /// Takes a connection that is still good, if there is one: the last used of those that have been idle since before
    /// the reactor last listened. One that became idle after that is taken only if the system itself says that nothing
    /// came since: an unasked-for answer right behind the last one would be taken for the next request's. With
    /// `exact` the system is asked in any case, as for a request that cannot be sent twice.
    pub(crate) fn take(&mut self, endpoint: &Endpoint, clock: &Clock, exact: bool) -> Option<Stream> {
        let slot = self.slot(endpoint)?;
        slot.turn_to(clock.turn());
        loop {
            let (idle, rested) = match slot.rested.pop() {
                Some(idle) => (idle, true),
                None => (slot.fresh.pop()?, false),
            };
            let is_quiet = if rested && !exact { idle.stream.is_quiet() } else { idle.stream.is_quiet_now() };
            if is_quiet && clock.now().saturating_sub(idle.since) < LONGEST {
                return Some(idle.stream);
            }
            endpoint.connection_closed();
        }
    }

    /// Keeps a connection, or closes it if there are enough.
    pub(crate) fn put(&mut self, endpoint: &Endpoint, stream: Stream, clock: &Clock) {
        match self.slot(endpoint) {
            Some(slot) if slot.len() < MOST => {
                slot.turn_to(clock.turn());
                slot.fresh.push(Idle { stream, since: clock.now() });
            }
            _ => endpoint.connection_closed(),
        }
    }

    /// Closes what is too old, or was closed by the endpoint.
    pub(crate) fn sweep(&mut self, now: u64) {
        self.close(|idle| now.saturating_sub(idle.since) >= LONGEST || !idle.stream.is_quiet());
    }

    /// Closes all.
    pub(crate) fn close_all(&mut self) {
        self.close(|_| true);
    }

    /// Goes over to another generation; connections of endpoints that are in both are kept.
    pub(crate) fn follow(&mut self, pinned: Rc<Pinned>) {
        let (mut slots, all): (_, Vec<&Endpoint>) = (empty_slots(&pinned), endpoints(&pinned).collect());
        let places = places(&slots);
        for (old, idle) in endpoints(&self.pinned).zip(&mut self.slots) {
            let place = places.get(&old.id).copied();
            // Their counters may be the same: at no time do they say that there are less than there are.
            if let Some(new) = place.and_then(|place| all.get(place)) {
                (0..idle.len()).for_each(|_| new.connection_opened());
            }
            (0..idle.len()).for_each(|_| old.connection_closed());
            if let Some(slot) = place.and_then(|place| slots.get_mut(place)) {
                std::mem::swap(slot, idle);
            }
        }
        drop(all);
        self.slots = slots;
        self.places = places;
        self.pinned = pinned;
    }

    /// The endpoint's own slot, also if the endpoint is of another generation.
    fn slot(&mut self, endpoint: &Endpoint) -> Option<&mut Slot> {
        let at_home = self.slots.get(endpoint.slot).is_some_and(|slot| slot.endpoint == endpoint.id);
        if at_home {
            return self.slots.get_mut(endpoint.slot);
        }
        self.places.get(&endpoint.id).and_then(|place| self.slots.get_mut(*place))
    }

    fn close(&mut self, unwanted: impl Fn(&Idle) -> bool) {
        for (slot, endpoint) in self.slots.iter_mut().zip(endpoints(&self.pinned)) {
            let before = slot.len();
            slot.rested.retain(|idle| !unwanted(idle));
            slot.fresh.retain(|idle| !unwanted(idle));
            for _ in slot.len()..before {
                endpoint.connection_closed();
            }
        }
    }
}

impl Slot {
    fn len(&self) -> usize {
        self.rested.len() + self.fresh.len()
    }

    /// In a new turn, those of the turns before have rested.
    fn turn_to(&mut self, turn: u64) {
        if self.turn != turn {
            self.turn = turn;
            self.rested.append(&mut self.fresh);
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.close_all();
    }
}

fn endpoints(pinned: &Pinned) -> impl Iterator<Item = &Endpoint> {
    pinned.generation.clusters().flat_map(|cluster| cluster.endpoints())
}

fn places(slots: &[Slot]) -> BTreeMap<u64, usize> {
    slots.iter().enumerate().map(|(place, slot)| (slot.endpoint, place)).collect()
}

fn empty_slots(pinned: &Pinned) -> Vec<Slot> {
    let slot =
        |endpoint: &Endpoint| Slot { endpoint: endpoint.id, rested: Vec::new(), fresh: Vec::new(), turn: 0 };
    endpoints(pinned).map(slot).collect()
}
