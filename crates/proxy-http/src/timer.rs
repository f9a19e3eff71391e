//! The one timer of a connection. Deadlines move with every request; the runtime's timer does not: it fires when
//! it was once set to, and is set again only if there is still something to wait for.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Sleep;

use crate::clock::Clock;

/// How long a connection is young, in nanoseconds: most that bring one request are over by then.
const YOUTH: u64 = 10_000_000;

#[derive(Debug)]
pub(crate) struct Timer {
    clock: Arc<Clock>,
    sleep: Pin<Box<Sleep>>,
    /// When `sleep` fires.
    armed: u64,
    /// It was not armed anew yet.
    young: bool,
    /// The task will be woken when it does: a connection stays in one task.
    watched: bool,
    deadline: u64,
}

impl Timer {
    /// A timer without a deadline yet. It fires once when youth is over, whatever the deadline is by then.
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        let first = clock.now() + YOUTH;
        let sleep = Box::pin(tokio::time::sleep_until(clock.instant(first)));
        Self { clock, sleep, armed: first, young: true, watched: false, deadline: u64::MAX }
    }

    /// Whether the connection is so young that it may well be over before anything else is to be done for it. The task
    /// is woken when that has passed.
    pub(crate) fn is_young(&self) -> bool {
        self.young && !self.sleep.is_elapsed()
    }

    /// From now on, `deadline` counts and no earlier one does.
    pub(crate) fn set(&mut self, deadline: u64) {
        self.deadline = deadline;
        if deadline < self.armed {
            self.arm();
        }
    }

    /// Ready once the deadline has passed.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.watched && !self.sleep.is_elapsed() {
            return Poll::Pending;
        }
        while self.sleep.as_mut().poll(cx).is_ready() {
            if self.deadline <= self.clock.exact() {
                return Poll::Ready(());
            }
            self.arm();
        }
        self.watched = true;
        Poll::Pending
    }

    fn arm(&mut self) {
        // Not for ever: a deadline of `u64::MAX` is none.
        const FARTHEST: u64 = 3_600_000_000_000;
        self.armed = self.deadline.min(self.clock.now() + FARTHEST);
        let at = self.clock.instant(self.armed);
        self.sleep.as_mut().reset(at);
        (self.young, self.watched) = (false, false);
    }
}
