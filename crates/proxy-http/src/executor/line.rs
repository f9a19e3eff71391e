//! Those who wait for their turn while the executor has more to do than it can. As long as it keeps up, a newcomer is
//! served at once and this is empty. Where the system's queue at a listening socket has not been empty for a while, the
//! executor takes what is there into this line, which is one for all its sockets, begins with a few of them in each turn,
//! and so knows how long another one would have to wait: where that is more than OverloadDelay, and what came is no burst
//! that will be over, the newcomer is told to come again at once, which costs little.
//!
//! It is the bounded queue that "Fail at Scale" (Maurer, ACM Queue 13(8), 2015) asks for, bounded by time as CoDel is
//! (RFC 8289), with one difference: who waits is served, and who comes last is refused, since his answer is then there
//! within a turn, and a standing queue that is bounded keeps the executor busy.

use std::collections::VecDeque;
use std::net::{SocketAddr, TcpStream};
use std::rc::Rc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::{Local, Presence};
use crate::clock::nanoseconds;
use crate::connection;

/// Newcomers that are begun with in one turn, so that those who are there get theirs.
pub(super) const PER_TURN: usize = 4;
/// How long the system's queue has not been empty when it counts as standing, in nanoseconds: a burst is over by then, and
/// another executor that had time would have emptied it.
const STANDING: u64 = 10_000_000;
/// So many who came at once are served however long that takes, as after a pause of the whole machine: no more come, so
/// that nobody is helped by a refusal.
const BURST: usize = 1024;
/// A line that has not been empty for so much of the executor's own time, in nanoseconds, is no burst.
const LASTING: u64 = 1_000_000_000;

/// Somebody who was let in and is not served yet.
pub(super) struct Newcomer {
    pub(super) presence: Presence,
    pub(super) socket: TcpStream,
    pub(super) client: SocketAddr,
    /// The address that was connected to.
    pub(super) here: SocketAddr,
}

impl Newcomer {
    /// Has it served from now on.
    pub(super) fn begin(self, local: &Rc<Local>) {
        self.presence.begin();
        let Self { presence, socket, client, here } = self;
        tokio::task::spawn_local(connection::serve(Rc::clone(local), presence, socket, client, here));
    }
}

/// What is known of the system's queue at one listening socket. Each has its own: that nobody waits at one says nothing
/// about another.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Since when it has not been seen empty.
    since: Option<u64>,
}

impl Queue {
    /// Somebody is there. Says whether somebody has been for so long that whoever comes belongs in the line.
    pub(super) fn is_standing(&mut self, now: u64) -> bool {
        let since = *self.since.get_or_insert(now);
        now.saturating_sub(since) >= STANDING
    }

    /// It is empty.
    pub(super) const fn clear(&mut self) {
        self.since = None;
    }
}

/// See the module.
#[derive(Default)]
pub(super) struct Line {
    waiting: VecDeque<Newcomer>,
    /// The executor's own time when the line was empty last.
    began: u64,
    pace: Pace,
}

impl Line {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one more would have to wait for longer than `delay`, as far as can be told, and the line is no burst.
    pub(super) fn is_full(&self, delay: Duration) -> bool {
        let lasted = || own_time().saturating_sub(self.began);
        is_too_long(self.waiting.len(), self.pace.each, nanoseconds(delay), lasted)
    }

    /// Puts somebody at the end; whether nobody was there.
    pub(super) fn join(&mut self, newcomer: Newcomer, now: u64) -> bool {
        let was_empty = self.waiting.is_empty();
        if was_empty {
            self.began = own_time();
            self.pace.start(now, self.began);
        }
        self.waiting.push_back(newcomer);
        was_empty
    }

    /// Those whose turn it is: as many as take a millisecond, so that the next ones to come are seen before long.
    fn next(&mut self, now: u64) -> Vec<Newcomer> {
        const SHARE: u64 = 1_000_000;
        let share = usize::try_from(SHARE / self.pace.each.max(1)).unwrap_or(PER_TURN).clamp(1, PER_TURN);
        let next: Vec<_> = self.waiting.drain(..share.min(self.waiting.len())).collect();
        self.pace.count(next.len() as u64, now, own_time);
        next
    }

    /// Closes the connections of all, as the executor ends.
    pub(super) fn abandon(&mut self) -> Self {
        std::mem::take(self)
    }
}

/// Whether one more has to be refused where so many wait of whom `each` takes so long: the last would wait for longer than
/// `delay`, and they are no burst. `lasted` is for how long of the executor's own time the line has not been empty, which
/// costs a call of the system. All times are nanoseconds.
fn is_too_long(waiting: usize, each: u64, delay: u64, lasted: impl FnOnce() -> u64) -> bool {
    each.saturating_mul(waiting as u64) > delay && (waiting >= BURST || lasted() >= LASTING)
}

/// How much of its own time an executor takes for a newcomer, with all else that it does meanwhile. While somebody waits it
/// is never idle; time that the system gives to others is not counted, since a busy machine shuts nobody out.
#[derive(Debug, Default)]
struct Pace {
    /// In nanoseconds; 0 before anything is known.
    each: u64,
    /// The beginning of what is being measured, by the executor's clock and by its own time.
    since: u64,
    own: u64,
    begun: u64,
}

impl Pace {
    /// The time that is measured together, in nanoseconds.
    const WINDOW: u64 = 10_000_000;

    fn start(&mut self, now: u64, own: u64) {
        (self.since, self.own, self.begun) = (now, own, 0);
    }

    fn count(&mut self, begun: u64, now: u64, own: impl FnOnce() -> u64) {
        self.begun += begun;
        if self.begun == 0 || now.saturating_sub(self.since) < Self::WINDOW {
            return;
        }
        let own = own();
        let each = own.saturating_sub(self.own) / self.begun;
        // One window may be an accident.
        self.each = if self.each == 0 { each } else { (3 * self.each + each) / 4 };
        self.start(now, own);
    }
}

/// The time that this thread has computed, in nanoseconds.
fn own_time() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let (seconds, rest) = (u64::try_from(time.tv_sec), u64::try_from(time.tv_nsec));
    seconds.unwrap_or_default().saturating_mul(1_000_000_000).saturating_add(rest.unwrap_or_default())
}

/// Begins with those who wait, turn by turn, for as long as the executor runs.
pub(super) async fn serve(local: Rc<Local>) {
    loop {
        local.joined.notified().await;
        while !local.line.borrow().is_empty() {
            let next = local.line.borrow_mut().next(local.clock.exact());
            next.into_iter().for_each(|newcomer| newcomer.begin(&local));
            tokio::task::yield_now().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_queue_stands_once_it_was_never_empty_for_a_while() {
        let mut queue = Queue::default();
        assert!(!queue.is_standing(5 * MS));
        assert!(!queue.is_standing(15 * MS - 1));
        assert!(queue.is_standing(15 * MS));
        queue.clear();
        assert!(!queue.is_standing(16 * MS));
        assert!(queue.is_standing(26 * MS));
    }

    #[test]
    fn the_pace_follows_what_is_measured() {
        let mut pace = Pace::default();
        pace.start(100 * MS, 7 * MS);
        pace.count(4, 105 * MS, || unreachable!("too early to say"));
        pace.count(6, 110 * MS, || 17 * MS);
        assert_eq!(pace.each, MS);
        pace.count(2, 120 * MS, || 27 * MS);
        assert_eq!(pace.each, 2 * MS);
        pace.count(2, 1000 * MS, || 31 * MS);
        assert_eq!(pace.each, 2 * MS, "others had the processor most of the time");
    }

    #[test]
    fn one_more_is_refused_where_the_wait_would_be_too_long_and_those_who_wait_are_no_burst() {
        const DELAY: u64 = 200 * MS;
        for (waiting, each, lasted, expected) in [
            // The wait is as long as it may be, and longer by the least.
            (100, 2 * MS, LASTING, false),
            (100, 2 * MS + 1, LASTING, true),
            (101, 2 * MS, LASTING, true),
            // A burst is over after a second of the executor's own.
            (101, 2 * MS, LASTING - 1, false),
            (101, 2 * MS, 0, false),
            // So many are no burst.
            (BURST - 1, MS, LASTING - 1, false),
            (BURST, MS, LASTING - 1, true),
            (BURST, MS, 0, true),
            (BURST - 1, MS, LASTING, true),
            // However many there are and for however long, if they are served soon enough.
            (BURST, DELAY / BURST as u64, LASTING, false),
            (BURST, DELAY / BURST as u64 + 1, LASTING, true),
            // Nobody waits, or nothing is known of the pace.
            (0, u64::MAX, u64::MAX, false),
            (usize::MAX, 0, u64::MAX, false),
            (usize::MAX, u64::MAX, u64::MAX, true),
        ] {
            let refused = is_too_long(waiting, each, DELAY, || lasted);
            assert_eq!(refused, expected, "{waiting} of {each} ns, for {lasted} ns");
        }
    }

    #[test]
    fn how_long_a_line_has_lasted_is_asked_only_where_it_decides() {
        assert!(!is_too_long(100, MS, 100 * MS, || unreachable!("the wait is short")));
        assert!(is_too_long(BURST, MS, 100 * MS, || unreachable!("they are too many for a burst")));
    }

    #[test]
    fn nobody_is_refused_where_nobody_waits() {
        let mut line = Line::default();
        line.pace.each = 1000 * MS;
        assert!(!line.is_full(Duration::ZERO));
    }
}
