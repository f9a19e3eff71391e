//! The connections of an executor that are there, each with a way to wake it, and which of them idle: those make room
//! for others when there are too many.

use std::cell::RefCell;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::task::{Context, Waker};

use proxy_core::containment::Mark;

use super::Local;

/// The tasks of the connections, to be woken when the server drains, the generation changes or room is wanted.
#[derive(Debug, Default)]
pub(super) struct Present {
    places: Vec<Place>,
    free: Vec<usize>,
    /// Those that do not idle.
    busy: usize,
    /// Where the last search for an idle one ended.
    cursor: usize,
}

#[derive(Debug, Default)]
struct Place {
    /// The number of the beginning of who is here; 0 before.
    number: u64,
    waker: Option<Waker>,
    rests: Rests,
}

/// What a connection is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Rests {
    /// A request.
    #[default]
    No,
    /// Nothing, and from this moment on it may be told to leave.
    Until(u64),
    /// It was told to leave.
    Unwanted,
}

/// How long an idle connection is left alone whatever happens, in nanoseconds: its next request may be on the way.
const AWHILE: u64 = 100_000_000;
/// The same for one with a part of a head.
const LONGER: u64 = 1_000_000_000;
/// Connections that are looked at for one that idles.
const SAMPLE: usize = 256;

impl Present {
    pub(super) fn count(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// Tells those who look on.
    fn publish(&self, mark: &Mark) {
        mark.set_connections(self.count(), self.busy);
    }

    pub(super) fn wake_all(&self) {
        for waker in self.places.iter().filter_map(|place| place.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// Wakes the one at `slot`, if it is still the one that began as `number`.
    pub(super) fn wake(&self, slot: usize, number: u64) {
        let place = self.places.get(slot).filter(|place| place.number == number);
        if let Some(waker) = place.and_then(|place| place.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// Those that wait for a request or for the rest of a head.
    pub(super) fn wake_resting(&self) {
        let resting = self.places.iter().filter(|place| place.rests != Rests::No);
        for waker in resting.filter_map(|place| place.waker.as_ref()) {
            waker.wake_by_ref();
        }
    }

    /// Tells the one that has idled longest of some to leave; false if none has idled long enough.
    pub(super) fn evict(&mut self, now: u64) -> bool {
        let count = self.places.len();
        let looked_at = (0..count.min(SAMPLE)).map(|step| (self.cursor + step) % count);
        let idle = looked_at.filter_map(|slot| match &self.places[slot] {
            Place { waker: Some(_), rests: Rests::Until(until), .. } if *until <= now => Some((*until, slot)),
            _ => None,
        });
        let oldest = idle.min();
        self.cursor = (self.cursor + SAMPLE).checked_rem(count).unwrap_or(0);
        let Some((_, slot)) = oldest else { return false };
        let place = &mut self.places[slot];
        place.rests = Rests::Unwanted;
        if let Some(waker) = &place.waker {
            waker.wake_by_ref();
        }
        true
    }

    fn take(&mut self) -> usize {
        self.busy += 1;
        self.free.pop().unwrap_or_else(|| {
            self.places.push(Place::default());
            self.places.len() - 1
        })
    }
}

/// That a connection is there; ends when dropped.
pub(crate) struct Presence {
    local: Rc<Local>,
    slot: usize,
}

impl Presence {
    /// Of a connection that was counted ([`Capacity`](super::Capacity)), with its `socket`, which is closed after this was
    /// dropped.
    pub(super) fn new(local: Rc<Local>, socket: &impl AsRawFd) -> Self {
        let slot = local.present.borrow_mut().take();
        local.sockets.remember(slot, socket.as_raw_fd());
        local.present.borrow().publish(local.caller.mark());
        Self { local, slot }
    }

    /// Its task begins: it is young from now on.
    pub(super) fn begin(&self) {
        let local = &*self.local;
        let (number, is_only) = local.young.borrow_mut().begin(self.slot, local.clock.now());
        local.present.borrow_mut().places[self.slot].number = number;
        if is_only {
            local.began.notify_one();
        }
    }

    /// Has the task of `cx` woken on changes; a connection stays in one task, so once is enough.
    pub(crate) fn join(&self, cx: &Context<'_>) {
        let place = &mut self.present().borrow_mut().places[self.slot];
        if place.waker.is_none() {
            place.waker = Some(cx.waker().clone());
        }
    }

    /// It waits for a request, or for the rest of a head that has begun.
    pub(crate) fn rest(&self, now: u64, has_begun: bool) {
        let time = if has_begun { LONGER } else { AWHILE };
        self.set(Rests::Until(now.saturating_add(time)));
    }

    /// It has something to do again.
    pub(crate) fn work(&self) {
        self.set(Rests::No);
    }

    /// Whether it was told to leave.
    pub(crate) fn is_unwanted(&self) -> bool {
        self.present().borrow().places[self.slot].rests == Rests::Unwanted
    }

    fn set(&self, rests: Rests) {
        let mut present = self.present().borrow_mut();
        let before = std::mem::replace(&mut present.places[self.slot].rests, rests);
        if (before == Rests::No) != (rests == Rests::No) {
            present.busy = if rests == Rests::No { present.busy + 1 } else { present.busy - 1 };
            present.publish(self.local.caller.mark());
        }
    }

    fn present(&self) -> &RefCell<Present> {
        &self.local.present
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.local.sockets.forget(self.slot);
        let mut present = self.local.present.borrow_mut();
        let place = std::mem::take(&mut present.places[self.slot]);
        present.busy -= usize::from(place.rests == Rests::No);
        present.free.push(self.slot);
        present.publish(self.local.caller.mark());
        self.local.shared.capacity.leave();
        self.local.left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resting(until: u64) -> Place {
        Place { waker: Some(Waker::noop().clone()), rests: Rests::Until(until), ..Place::default() }
    }

    #[test]
    fn the_one_that_idled_longest_leaves() {
        let places = vec![resting(30), resting(10), Place::default(), resting(20)];
        let mut present = Present { places, ..Present::default() };
        assert!(!present.evict(9), "nobody has idled long enough");
        assert!(present.evict(25) && present.evict(25) && !present.evict(25));
        let rests: Vec<_> = present.places.iter().map(|place| place.rests).collect();
        assert_eq!(rests, [Rests::Until(30), Rests::Unwanted, Rests::No, Rests::Unwanted]);
        assert!(!Present::default().evict(u64::MAX));
    }

    #[test]
    fn all_are_looked_at_in_turn() {
        let mut places: Vec<_> = (0..3 * SAMPLE).map(|_| Place::default()).collect();
        places.push(resting(1));
        let mut present = Present { places, ..Present::default() };
        assert!((0..4).any(|_| present.evict(1)));
    }
}
