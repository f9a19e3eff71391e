//! The one timer of a connection. Deadlines move with every request; the runtime's timer does not: it fires when
//! it was once set to, and is set again only if there is still something to wait for. A young connection has none:
//! its executor wakes it when its youth is over (`executor/youth.rs`), which many do not live to see.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::time::Sleep;

use crate::clock::Clock;
use crate::executor::YOUTH;

#[derive(Debug)]
pub(crate) struct Timer {
    clock: Arc<Clock>,
    /// None until it is needed.
    sleep: Option<Pin<Box<Sleep>>>,
    /// When `sleep` fires, or youth is over.
    armed: u64,
    /// It was not armed yet.
    young: bool,
    /// The task will be woken when it does: a connection stays in one task.
    watched: bool,
    deadline: u64,
}

impl Timer {
    /// A timer without a deadline yet, of a connection that begins now.
    pub(crate) fn new(clock: Arc<Clock>) -> Self {
        let armed = clock.now() + YOUTH;
        Self { clock, sleep: None, armed, young: true, watched: false, deadline: u64::MAX }
    }

    /// Whether the connection is so young that it may well be over before anything else is to be done for it. The task
    /// is woken when that has passed.
    pub(crate) fn is_young(&self) -> bool {
        self.young && self.clock.now() < self.armed
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
        if self.is_young() {
            return Poll::Pending;
        }
        if self.sleep.is_none() {
            self.arm();
        }
        while self.poll_sleep(cx).is_ready() {
            if self.deadline <= self.clock.exact() {
                return Poll::Ready(());
            }
            self.arm();
        }
        self.watched = true;
        Poll::Pending
    }

    fn poll_sleep(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.sleep {
            Some(sleep) if !self.watched || sleep.is_elapsed() => sleep.as_mut().poll(cx),
            _ => Poll::Pending,
        }
    }

    fn arm(&mut self) {
        // Not for ever: a deadline of `u64::MAX` is none.
        const FARTHEST: u64 = 3_600_000_000_000;
        self.armed = self.deadline.min(self.clock.now() + FARTHEST);
        let at = self.clock.instant(self.armed);
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(at),
            None => self.sleep = Some(Box::pin(tokio::time::sleep_until(at))),
        }
        (self.young, self.watched) = (false, false);
    }
}
