//! Idle connections to endpoints, of one executor. A connection comes here only if its last response was read whole and
//! nothing was seen behind it; any byte, or the end, that is seen while it is idle closes it.
//!
//! HTTP/1 cannot tell a late byte of the last response from the first of the next, and a byte that is still on its way
//! when a request is sent is seen by nobody. What can be done is to look right before that, as exactly as is worth it:
//! see [`Pool::take`].

use std::collections::BTreeMap;
use std::rc::Rc;

use proxy_core::cluster::Endpoint;

use crate::clock::Clock;
use crate::executor::Pinned;
use crate::stream::{Idleness, Stream};

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
    /// The one used last is last.
    idle: Vec<Idle>,
    /// The endpoint has once said something that nobody had asked for.
    speaks_unasked: bool,
}

struct Idle {
    stream: Stream,
    since: u64,
    tail: Tail,
}

/// What may follow the last response of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// It said where it ends.
    Certain,
    /// The endpoint may see it otherwise than we do, and send more: a body where none may be, or the answer to what it
    /// took for another request.
    Doubtful,
}

impl Pool {
    pub(crate) fn new(pinned: Rc<Pinned>) -> Self {
        let slots = empty_slots(&pinned);
        let places = places(&slots);
        Self { pinned, slots, places }
    }

    /// Takes a connection that is still good, if there is one: the one used last, whose state is still in the
    /// processor's caches.
    ///
    /// What is good is known from the reactor, which hears of all that came before it last listened. The system itself
    /// is asked, which is a call, with `exact`, as for a request that cannot be sent twice, for a connection whose last
    /// answer is one of those that wrongly have something behind them ([`Tail::Doubtful`]), and for an endpoint that has
    /// once said something unasked. Within the turn in which that answer was read the reactor would know of nothing.
    pub(crate) fn take(&mut self, endpoint: &Endpoint, clock: &Clock, exact: bool) -> Option<Stream> {
        let slot = self.slot(endpoint)?;
        while let Some(idle) = slot.idle.pop() {
            let exact = exact || slot.speaks_unasked || idle.tail == Tail::Doubtful;
            let state = if exact { idle.stream.idleness_now() } else { idle.stream.idleness() };
            if state == Idleness::Quiet && !idle.is_old(clock.now()) {
                return Some(idle.stream);
            }
            slot.speaks_unasked |= state == Idleness::Spoke;
            endpoint.connection_closed();
        }
        None
    }

    /// The endpoint said something that nobody had asked for.
    pub(crate) fn spoke_unasked(&mut self, endpoint: &Endpoint) {
        if let Some(slot) = self.slot(endpoint) {
            slot.speaks_unasked = true;
        }
    }

    /// Keeps a connection, or closes it if there are enough.
    pub(crate) fn put(&mut self, endpoint: &Endpoint, stream: Stream, tail: Tail, clock: &Clock) {
        match self.slot(endpoint) {
            Some(slot) if slot.idle.len() < MOST => {
                slot.idle.push(Idle { stream, since: clock.now(), tail });
            }
            _ => endpoint.connection_closed(),
        }
    }

    /// Closes what is too old, was closed by the endpoint, or has something to say.
    pub(crate) fn sweep(&mut self, now: u64) {
        self.close(|slot| slot.sweep(now));
    }

    /// Closes all.
    pub(crate) fn close_all(&mut self) {
        self.close(|slot| slot.idle.clear());
    }

    /// Goes over to another generation; connections of endpoints that are in both are kept.
    pub(crate) fn follow(&mut self, pinned: Rc<Pinned>) {
        let (mut slots, all): (_, Vec<&Endpoint>) = (empty_slots(&pinned), endpoints(&pinned).collect());
        let places = places(&slots);
        for (old, slot) in endpoints(&self.pinned).zip(&mut self.slots) {
            let place = places.get(&old.id).copied();
            // Their counters may be the same: at no time do they say that there are less than there are.
            if let Some(new) = place.and_then(|place| all.get(place)) {
                (0..slot.idle.len()).for_each(|_| new.connection_opened());
            }
            (0..slot.idle.len()).for_each(|_| old.connection_closed());
            if let Some(new) = place.and_then(|place| slots.get_mut(place)) {
                std::mem::swap(new, slot);
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

    /// Has `some` drop connections, and counts which are gone.
    fn close(&mut self, some: impl Fn(&mut Slot)) {
        for (slot, endpoint) in self.slots.iter_mut().zip(endpoints(&self.pinned)) {
            let before = slot.idle.len();
            some(slot);
            for _ in slot.idle.len()..before {
                endpoint.connection_closed();
            }
        }
    }
}

impl Slot {
    /// Each connection is asked once: asking takes away what it has to say.
    fn sweep(&mut self, now: u64) {
        let Self { idle, speaks_unasked, .. } = self;
        idle.retain(|idle| {
            let state = idle.stream.idleness();
            *speaks_unasked |= state == Idleness::Spoke;
            state == Idleness::Quiet && !idle.is_old(now)
        });
    }
}

impl Idle {
    const fn is_old(&self, now: u64) -> bool {
        now.saturating_sub(self.since) >= LONGEST
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
    let slot = |endpoint: &Endpoint| Slot { endpoint: endpoint.id, idle: Vec::new(), speaks_unasked: false };
    endpoints(pinned).map(slot).collect()
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A slot whose one connection is to the endpoint that is given with it. In a runtime only.
    fn slot() -> (Slot, UnixStream) {
        let (ours, endpoint) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let idle = Idle { stream: Stream::local(ours).unwrap(), since: 0, tail: Tail::Certain };
        (Slot { endpoint: 0, idle: vec![idle], speaks_unasked: false }, endpoint)
    }

    #[tokio::test]
    async fn a_single_byte_on_an_idle_connection_closes_it() {
        let (mut slot, mut endpoint) = slot();
        slot.sweep(0);
        assert_eq!((slot.idle.len(), slot.speaks_unasked), (1, false));
        endpoint.write_all(b"x").unwrap();
        poll_fn(|cx| slot.idle[0].stream.poll_readable(cx)).await.unwrap();
        slot.sweep(0);
        assert_eq!((slot.idle.len(), slot.speaks_unasked), (0, true));
        assert_eq!(endpoint.read(&mut [0]).unwrap(), 0);
    }

    #[tokio::test]
    async fn what_ended_or_is_old_is_closed_and_has_said_nothing() {
        let (mut slot_of_ended, endpoint) = slot();
        drop(endpoint);
        poll_fn(|cx| slot_of_ended.idle[0].stream.poll_readable(cx)).await.unwrap();
        slot_of_ended.sweep(0);
        assert_eq!((slot_of_ended.idle.len(), slot_of_ended.speaks_unasked), (0, false));
        let (mut slot_of_old, _endpoint) = slot();
        slot_of_old.sweep(LONGEST);
        assert_eq!((slot_of_old.idle.len(), slot_of_old.speaks_unasked), (0, false));
    }
}
