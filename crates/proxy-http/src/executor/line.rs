//! Those who wait for their turn while the executor has more to do than it can. As long as it keeps up, a newcomer is
//! served at once and this is empty. Where the system's queue of connections has not been empty for a while, the executor
//! takes what is there into this line, begins with a few of them in each turn, and so knows how long another one would
//! have to wait: where that is more than OverloadDelay, and what came is no burst that will be over, the newcomer is told to
//! come again at once, which costs little.
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

/// See the module.
#[derive(Default)]
pub(super) struct Line {
    waiting: VecDeque<Newcomer>,
    /// Since when somebody has waited all the time, here or in the system's queue.
    since: Option<u64>,
    /// The executor's own time when the line was empty last.
    began: u64,
    pace: Pace,
}

impl Line {
    /// Somebody is there. Says whether somebody has been for so long that whoever comes belongs in the line.
    pub(super) fn is_standing(&mut self, now: u64) -> bool {
        let since = *self.since.get_or_insert(now);
        now.saturating_sub(since) >= STANDING
    }

    /// The system's queue is empty.
    pub(super) fn clear(&mut self) {
        if self.waiting.is_empty() {
            self.since = None;
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Whether one more would have to wait for longer than `delay`, as far as can be told, and the line is no burst.
    pub(super) fn is_full(&self, delay: Duration) -> bool {
        let wait = self.pace.each.saturating_mul(self.waiting.len() as u64);
        wait > nanoseconds(delay) && (self.waiting.len() >= BURST || self.lasts(own_time()))
    }

    fn lasts(&self, own: u64) -> bool {
        own.saturating_sub(self.began) >= LASTING
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
        let mut line = Line::default();
        assert!(!line.is_standing(5 * MS));
        assert!(!line.is_standing(14 * MS));
        assert!(line.is_standing(15 * MS));
        line.clear();
        assert!(!line.is_standing(16 * MS));
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
    fn it_is_full_where_the_wait_would_be_too_long() {
        let mut line = Line::default();
        assert!(!line.is_full(Duration::ZERO), "nobody waits");
        line.pace.each = 1000 * MS;
        assert!(!line.is_full(Duration::ZERO), "nobody waits");
    }

    #[test]
    fn a_burst_is_over_after_a_second_of_the_executors_own() {
        let line = Line { began: 500 * MS, ..Line::default() };
        assert!(!line.lasts(1499 * MS));
        assert!(line.lasts(1500 * MS));
    }
}
