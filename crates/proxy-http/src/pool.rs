//! Idle connections to endpoints, of one executor. A connection is here only if it is provably clean; any byte, or
//! the end, that comes while it is idle closes it.

use std::rc::Rc;

use proxy_core::cluster::Endpoint;

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
}

struct Slot {
    endpoint: u64,
    /// The one used last is last.
    idle: Vec<Idle>,
}

struct Idle {
    stream: Stream,
    since: u64,
}

impl Pool {
    pub(crate) fn new(pinned: Rc<Pinned>) -> Self {
        let slots = empty_slots(&pinned);
        Self { pinned, slots }
    }

    /// Takes the connection that was used last, if one is still good. The system is asked, and not only what the
    /// reactor has heard of so far: a byte that came meanwhile would be taken for the next request's answer.
    pub(crate) fn take(&mut self, endpoint: &Endpoint, now: u64) -> Option<Stream> {
        let slot = self.slot(endpoint)?;
        while let Some(idle) = slot.idle.pop() {
            if idle.stream.is_quiet_now() && now.saturating_sub(idle.since) < LONGEST {
                return Some(idle.stream);
            }
            endpoint.connection_closed();
        }
        None
    }

    /// Keeps a connection, or closes it if there are enough.
    pub(crate) fn put(&mut self, endpoint: &Endpoint, stream: Stream, now: u64) {
        match self.slot(endpoint) {
            Some(slot) if slot.idle.len() < MOST => slot.idle.push(Idle { stream, since: now }),
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
        let mut slots = empty_slots(&pinned);
        for (old, new) in endpoints(&self.pinned).zip(&mut self.slots) {
            let kept = slots.iter_mut().zip(endpoints(&pinned)).find(|(slot, _)| slot.endpoint == old.id);
            let idle = std::mem::take(&mut new.idle);
            for _ in &idle {
                old.connection_closed();
            }
            if let Some((slot, endpoint)) = kept {
                for _ in &idle {
                    endpoint.connection_opened();
                }
                slot.idle = idle;
            }
        }
        self.slots = slots;
        self.pinned = pinned;
    }

    /// The endpoint's own slot, also if the endpoint is of another generation.
    fn slot(&mut self, endpoint: &Endpoint) -> Option<&mut Slot> {
        let at_home = self.slots.get(endpoint.slot).is_some_and(|slot| slot.endpoint == endpoint.id);
        if at_home {
            return self.slots.get_mut(endpoint.slot);
        }
        self.slots.iter_mut().find(|slot| slot.endpoint == endpoint.id)
    }

    fn close(&mut self, unwanted: impl Fn(&Idle) -> bool) {
        for (slot, endpoint) in self.slots.iter_mut().zip(endpoints(&self.pinned)) {
            let before = slot.idle.len();
            slot.idle.retain(|idle| !unwanted(idle));
            for _ in slot.idle.len()..before {
                endpoint.connection_closed();
            }
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

fn empty_slots(pinned: &Pinned) -> Vec<Slot> {
    endpoints(pinned).map(|endpoint| Slot { endpoint: endpoint.id, idle: Vec::new() }).collect()
}
