//! The watchdog: a thread that looks at what executors are in, and acts where a call of a module does not come back.
//!
//! It samples the executors' marks every 5 ms. A call that it sees ten times in a row has the module fenced: no new call
//! enters. One that it sees twenty times has its executor replaced, so that nothing new waits behind it. It counts samples
//! of its own, and not time, so that a process which was stopped has missed none; and a thread that waits for a processor
//! in the middle of a call is not blamed for it.

mod sight;
mod thread;

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Weak};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Duration;

use proxy_core::containment::{self, Door, Look, Mark};
use proxy_http::executor::{Phase, monotonic};
use tracing::{error, warn};

use crate::executors::Executors;
use sight::{Seen, Sight};

/// Between two samples while modules are called.
const TICK: Duration = Duration::from_millis(5);
/// The same once nothing was called for a while: late by so much, a call is still fenced within 100 ms.
const IDLE_TICK: Duration = Duration::from_millis(25);
/// So many samples without any call are a while.
const QUIET: u32 = 200;
/// The soft budget: a call that is seen is looked at again after so long.
const SOFT: Duration = Duration::from_millis(1);
/// The hard budget, in samples.
const HARD: u32 = 10;
/// An executor whose call lasts for so many samples is replaced.
const STUCK: u32 = 20;
/// One whose call lasts for so many, a second, gets its clients ended: they would wait in vain.
const LOST: u32 = 200;
/// A thread that has run for less since it was first seen in a call was kept from running.
const LEAST_RUN_NS: u64 = 10_000_000;
/// How often untold faults are told.
const TELL_NS: u64 = 1_000_000_000;

/// The thread, as long as this lives.
#[derive(Debug)]
pub(crate) struct Watchdog {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Watchdog {
    /// Looks after these executors.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(crate) fn start(executors: Weak<Executors>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let watch = Watch { executors, sights: Vec::new(), calls: 0, quiet: 0, told_ns: 0 };
        let thread = Builder::new().name("watchdog".to_owned()).spawn(move || watch.run(&stopped))?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What it knows from sample to sample.
#[derive(Debug)]
struct Watch {
    executors: Weak<Executors>,
    sights: Vec<(Arc<Mark>, Sight)>,
    /// How many calls were made when it last looked, by all executors together.
    calls: u64,
    /// Samples since one of them made a call.
    quiet: u32,
    told_ns: u64,
}

impl Watch {
    fn run(mut self, stopped: &Receiver<()>) {
        loop {
            let tick = if self.quiet < QUIET { TICK } else { IDLE_TICK };
            if stopped.recv_timeout(tick) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let Some(executors) = self.executors.upgrade() else { return };
            self.sample(&executors);
        }
    }

    fn sample(&mut self, executors: &Executors) {
        let begun = executors.shared().marks.take();
        self.sights.extend(begun.into_iter().map(|mark| (mark, Sight::default())));
        let (mut is_any_in, mut calls) = (false, 0_u64);
        for (mark, sight) in &mut self.sights {
            is_any_in |= mark.look().is_some();
            calls = calls.wrapping_add(mark.calls());
            see(sight, mark, executors);
        }
        // Of an executor that has ended, this is the last one who has the mark.
        self.sights.retain(|(mark, _)| Arc::strong_count(mark) > 1);
        let is_quiet = !is_any_in && calls == self.calls;
        (self.calls, self.quiet) = (calls, if is_quiet { self.quiet.saturating_add(1) } else { 0 });
        if is_any_in {
            self.look_for_slow_ones();
        }
        self.tell_rest();
    }

    /// Calls that are there still, a moment later.
    fn look_for_slow_ones(&mut self) {
        sleep(SOFT);
        for (mark, sight) in &mut self.sights {
            let (Some(before), Some(look)) = (sight.look(), mark.look()) else { continue };
            if before.is_same_call(&look) && !sight.is_slow {
                sight.is_slow = true;
                if let Some(door) = look.innermost() {
                    door.gate().count_slow(monotonic(), door.name(), mark.executor());
                }
            }
        }
    }

    fn tell_rest(&mut self) {
        let now_ns = monotonic();
        if now_ns.saturating_sub(self.told_ns) >= TELL_NS {
            self.told_ns = now_ns;
            containment::gates().iter().for_each(|gate| gate.tell_rest(now_ns));
        }
    }
}

/// Takes note of a sample of one executor, and does what that asks for.
fn see(sight: &mut Sight, mark: &Mark, executors: &Executors) {
    match sight.see(mark.look()) {
        Seen::Moved => {}
        Seen::Same(2) => sight.ran_ns = thread::ran_ns(mark.thread()),
        Seen::Same(samples) => {
            if samples >= HARD && !sight.is_fenced && is_at_it(sight, mark) {
                fence(sight, mark.executor());
            }
            if samples >= STUCK && sight.is_fenced {
                do_without(sight, mark, executors);
            }
            if samples >= LOST && sight.is_replaced && !sight.is_lost {
                sight.is_lost = true;
                end_clients(mark.executor(), executors);
            }
        }
        Seen::Back(samples) => tell_back(mark.executor(), samples, sight.is_replaced),
    }
}

fn tell_back(executor: u32, samples: u32, is_replaced: bool) {
    let about = (TICK * samples).as_millis();
    let then = if is_replaced { "; it ends with its connections" } else { "" };
    warn!(
        event = "module_back",
        executor, "the call on executor {executor} came back after about {about} ms{then}"
    );
}

/// Whether a thread that is in a call does something there, or waits for something, and not for a processor.
fn is_at_it(sight: &Sight, mark: &Mark) -> bool {
    let (Some(before), Some(now)) = (sight.ran_ns, thread::ran_ns(mark.thread())) else { return true };
    now.saturating_sub(before) >= LEAST_RUN_NS || !thread::is_runnable(mark.thread())
}

/// The door that a call goes through which does not come back.
fn to_blame(sight: &Sight) -> Option<Arc<Door>> {
    let look: &Look = sight.look()?;
    if sight.is_innermost_to_blame(HARD) { look.innermost() } else { look.door() }
}

fn fence(sight: &mut Sight, executor: u32) {
    let Some(door) = to_blame(sight) else { return };
    let (gate, hook) = (door.gate(), door.name());
    sight.is_fenced = true;
    gate.fence(monotonic());
    error!(
        event = "module_stuck",
        module = &**gate.ident(),
        hook,
        generation = gate.generation(),
        executor,
        "a call of {} does not come back: executor {executor} is lost meanwhile",
        gate.ident()
    );
}

/// While the server serves, another executor takes the place of a stuck one; at its end nobody waits for that.
fn do_without(sight: &mut Sight, mark: &Mark, executors: &Executors) {
    match executors.phase() {
        Phase::Running if !sight.is_replaced => {
            // Once, also where it cannot be had: another try would fail as well, and be told at each sample.
            sight.is_replaced = true;
            replace(mark, executors);
        }
        Phase::Running | Phase::Draining => {}
        Phase::Stop => {
            executors.abandon(mark.executor());
        }
    }
}

fn replace(mark: &Mark, executors: &Executors) {
    let (executor, (connections, requests)) = (mark.executor(), mark.connections());
    match executors.add() {
        Ok(replacement) => {
            executors.release(executor);
            error!(
                event = "executor_stuck",
                executor,
                replacement,
                connections,
                requests,
                "executor {replacement} takes the place of {executor}; requests on the stuck executor: {requests}"
            );
        }
        Err(failure) => {
            error!(event = "executor_stuck", executor, connections, requests, "no other executor: {failure}");
        }
    }
}

fn end_clients(executor: u32, executors: &Executors) {
    match executors.shared().end_clients(executor) {
        Ok(ended) => error!(
            event = "executor_lost",
            executor,
            ended,
            "executor {executor} is stuck for a second: connections that were ended: {ended}"
        ),
        Err(failure) => error!(
            event = "executor_lost",
            executor, "the connections of executor {executor}, which is stuck, cannot be ended: {failure}"
        ),
    }
}

#[cfg(test)]
mod tests;
