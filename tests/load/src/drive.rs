//! The clients: one epoll loop that sends requests and checks responses.
//!
//! In a closed loop each answer is followed at once by the next request, which finds how much a proxy can do. In an
//! open loop requests are due at fixed moments, whether or not earlier ones are answered, and latency is counted from
//! the moment a request was due; a proxy that stalls cannot hide it by holding the generator up.

mod slot;

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use crate::accounts::{Reading, Spent};
use crate::plan::Plan;
use crate::wait;
use slot::{Slot, Step};

/// What came of a load. As text it is words `key=value`: times in seconds, latencies in nanoseconds.
#[derive(Clone, Debug)]
pub struct Tally {
    /// Requests answered rightly in the counted window.
    pub requests: u64,
    /// Requests that were not, before and in it.
    pub errors: u64,
    /// Connections that a proxy closed between two requests.
    pub reopened: u64,
    /// Whose time it took.
    pub spent: Spent,
    /// From the moment a request was due to its answer, in order; empty in a closed loop.
    pub latencies: Vec<u64>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spent { wall, proxy, clients } = self.spent;
        write!(f, "requests={} errors={} reopened={}", self.requests, self.errors, self.reopened)?;
        write!(
            f,
            " seconds={wall:.4} cpu={:.2} busy={:.2} stolen={:.2}",
            proxy.own, proxy.busy, proxy.stolen
        )?;
        write!(
            f,
            " load_cpu={:.2} load_busy={:.2} load_stolen={:.2}",
            clients.own, clients.busy, clients.stolen
        )?;
        for (name, share) in [("p50", 0.5), ("p99", 0.99), ("max", 1.0)] {
            write!(f, " {name}={}", percentile(&self.latencies, share))?;
        }
        Ok(())
    }
}

/// The smallest value that `share` of the sorted values do not exceed; 0 of none.
#[must_use]
pub fn percentile(sorted: &[u64], share: f64) -> u64 {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or(0)
}

/// Sends what the plan says.
///
/// # Errors
/// If the system refuses, a process to be watched is gone, nothing is answered for ten seconds, or a thousand
/// requests failed; the first failure is named.
pub fn run(plan: &Plan) -> Result<Tally, String> {
    let mut driver = Driver::new(plan).map_err(|error| error.to_string())?;
    driver.run()?;
    driver.tally()
}

/// Nothing answered for as long as this is an error.
const STALLED: Duration = Duration::from_secs(10);
/// More errors than this end the load.
const MAX_ERRORS: u64 = 1000;
/// The clock of an open loop ticks no faster.
const MIN_TICK: f64 = 20e-6;
const TIMER: u64 = u64::MAX;

struct Driver<'a> {
    plan: &'a Plan,
    poll: OwnedFd,
    /// Wakes an open loop when a request is due.
    timer: Option<OwnedFd>,
    slots: Vec<Slot>,
    buffer: Vec<u8>,
    /// Slots without a request under way.
    free: VecDeque<usize>,
    /// Moments of requests that found no free slot.
    overdue: VecDeque<Instant>,
    begun: Instant,
    /// Requests of an open loop that were due so far.
    due: u64,
    started: u64,
    completed: u64,
    errors: u64,
    first_error: Option<String>,
    reopened: u64,
    latencies: Vec<u64>,
    window: Option<Window>,
}

/// The counted part.
struct Window {
    from: Reading,
    completed: u64,
    until: Option<Reading>,
}

impl<'a> Driver<'a> {
    fn new(plan: &'a Plan) -> Result<Self, Errno> {
        let poll = epoll::create(CreateFlags::CLOEXEC)?;
        let timer = plan.rate.map(|rate| timer(&poll, rate)).transpose()?;
        Ok(Self {
            plan,
            poll,
            timer,
            slots: (0..plan.connections).map(|_| Slot::default()).collect(),
            buffer: vec![0; 512 * 1024],
            free: (0..plan.connections).collect(),
            overdue: VecDeque::new(),
            begun: Instant::now(),
            due: 0,
            started: 0,
            completed: 0,
            errors: 0,
            first_error: None,
            reopened: 0,
            latencies: Vec::new(),
            window: None,
        })
    }

    fn run(&mut self) -> Result<(), String> {
        let told = |error: Errno| error.to_string();
        let mut events: Vec<Event> = Vec::with_capacity(512);
        let mut progress = (self.begun, 0);
        let mut now = Instant::now();
        self.begun = now;
        while !self.is_over(now)? {
            self.start_what_is_due(now);
            let patience = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            wait(&self.poll, &mut events, Some(&patience)).map_err(told)?;
            now = Instant::now();
            for event in &events {
                match event.data.u64() {
                    TIMER => self.take_tick(),
                    slot => self.step(slot as usize),
                }
            }
            if self.completed != progress.1 {
                progress = (now, self.completed);
            }
            if now.duration_since(progress.0) > STALLED || self.errors > MAX_ERRORS {
                let first = self.first_error.as_deref().unwrap_or("no answer for ten seconds");
                return Err(format!("given up after {} errors: {first}", self.errors));
            }
        }
        Ok(())
    }

    /// Opens and closes the counted window.
    fn is_over(&mut self, now: Instant) -> Result<bool, String> {
        let elapsed = now.duration_since(self.begun);
        let over = match self.plan.count {
            Some(count) => self.completed + self.errors >= count,
            None => elapsed >= self.plan.warm + self.plan.measured,
        };
        match &mut self.window {
            None if elapsed >= self.plan.warm || over => {
                let from = Reading::now(&self.plan.accounts)?;
                let completed = if self.plan.count.is_some() { 0 } else { self.completed };
                self.window = Some(Window { from, completed, until: None });
            }
            Some(window) if over => {
                window.until = Some(Reading::now(&self.plan.accounts)?);
            }
            _ => {}
        }
        Ok(over && self.window.as_ref().is_some_and(|window| window.until.is_some()))
    }

    /// A timer that is not read does not go on.
    fn take_tick(&self) {
        if let Some(timer) = &self.timer {
            // It may have been taken for an earlier tick: what is due is known from the clock.
            let _ = rustix::io::read(timer, &mut [0; 8]);
        }
    }

    fn start_what_is_due(&mut self, now: Instant) {
        let Some(rate) = self.plan.rate else {
            // No more than there are: a slot that fails at once is free again, and waits for the next turn.
            for _ in 0..self.free.len() {
                if self.may_start() {
                    self.start_next(now);
                }
            }
            return;
        };
        loop {
            let moment = self.begun + Duration::from_secs_f64(self.due as f64 / rate);
            if moment > now {
                break;
            }
            self.due += 1;
            self.overdue.push_back(moment);
        }
        for _ in 0..self.free.len() {
            let Some(moment) = self.overdue.pop_front() else { return };
            self.start_next(moment);
        }
    }

    fn may_start(&self) -> bool {
        self.plan.count.is_none_or(|count| self.started < count)
    }

    /// On the connection that was idle for longest, so that all are used.
    fn start_next(&mut self, due: Instant) {
        if let Some(index) = self.free.pop_front() {
            self.start(index, due);
        }
    }

    fn start(&mut self, index: usize, due: Instant) {
        self.started += 1;
        let token = EventData::new_u64(index as u64);
        if let Err(wrong) = self.slots[index].start(self.plan, &self.poll, token, due) {
            self.failed(index, wrong);
        }
    }

    fn step(&mut self, index: usize) {
        let token = EventData::new_u64(index as u64);
        match self.slots[index].step(self.plan, &self.poll, token, &mut self.buffer) {
            Step::Waits => {}
            Step::Closed => self.reopened += 1,
            Step::Failed(wrong) => self.failed(index, wrong),
            Step::Answered(due) => {
                self.completed += 1;
                let now = if self.plan.rate.is_some() { Instant::now() } else { due };
                if self.plan.rate.is_some() && self.window.is_some() {
                    self.latencies.push(nanoseconds(due, now));
                }
                // At once, rather than after the other events of this turn.
                match self.overdue.pop_front() {
                    Some(moment) => self.start(index, moment),
                    None if self.plan.rate.is_none() && self.may_start() => self.start(index, now),
                    None => self.free.push_back(index),
                }
            }
        }
    }

    fn failed(&mut self, index: usize, wrong: String) {
        self.errors += 1;
        self.first_error.get_or_insert(wrong);
        self.slots[index] = Slot::default();
        self.free.push_back(index);
    }

    fn tally(mut self) -> Result<Tally, String> {
        let window = self.window.take();
        let Some((window, until)) = window.and_then(|window| window.until.map(|until| (window, until)))
        else {
            return Err("the load ended before its window".to_owned());
        };
        if self.plan.rate.is_some() {
            let now = Instant::now();
            // What is still outstanding has waited at least until now: leaving it out would flatter a stall.
            let outstanding = self.slots.iter().filter_map(Slot::due).chain(self.overdue.iter().copied());
            self.latencies.extend(outstanding.map(|due| nanoseconds(due, now)));
        }
        self.latencies.sort_unstable();
        if let Some(first) = &self.first_error {
            use std::io::Write as _;
            let _ = writeln!(std::io::stderr(), "load: {} errors, the first: {first}", self.errors);
        }
        Ok(Tally {
            requests: self.completed - window.completed,
            errors: self.errors,
            reopened: self.reopened,
            spent: window.from.until(&until),
            latencies: self.latencies,
        })
    }
}

fn nanoseconds(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}

/// A timer that makes an event of each tick.
fn timer(poll: &OwnedFd, rate: f64) -> Result<OwnedFd, Errno> {
    let tick = Duration::from_secs_f64((1.0 / rate.max(1.0)).max(MIN_TICK));
    let spec = Timespec { tv_sec: tick.as_secs() as i64, tv_nsec: i64::from(tick.subsec_nanos()) };
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK)?;
    let each = Itimerspec { it_interval: spec, it_value: spec };
    timerfd_settime(&timer, TimerfdTimerFlags::empty(), &each)?;
    epoll::add(poll, &timer, EventData::new_u64(TIMER), EventFlags::IN)?;
    Ok(timer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_that_was_seen() {
        let values: Vec<u64> = (1..=200).collect();
        assert_eq!(percentile(&values, 0.5), 100);
        assert_eq!(percentile(&values, 0.99), 198);
        assert_eq!(percentile(&values, 1.0), 200);
        assert_eq!(percentile(&[7], 0.5), 7);
        assert_eq!(percentile(&[], 0.5), 0);
    }
}
