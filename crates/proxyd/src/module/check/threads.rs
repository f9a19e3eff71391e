//! Several threads: every executor calls at once, trylists change threads, and none waits for another.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

use proxy_abi::{Call, ErrSink, NextIn, Outcome, OutcomeResult, Random, Status, Target};

use super::executor::Executor;
use super::rig::{Rig, Subject};
use super::{Finding, Not};

/// At most so many requests of each thread, and so long.
const REQUESTS: u64 = 100_000;
const LONGEST: Duration = Duration::from_secs(2);

pub(super) fn eight(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 4)?;
    // The set changes under the load, as when endpoints go down and come back.
    let sets = [rig.all(), rig.usable(|place| place != 2), rig.usable(|place| place == 1)];
    let (served, started) = (AtomicU64::new(0), Instant::now());
    let run = |number: u32| -> Result<(), String> {
        let executor = Executor::new(&rig, u64::from(number));
        executor.become_number(number);
        for request in 0..REQUESTS {
            if request % 256 == 0 && started.elapsed() > LONGEST {
                break;
            }
            let set = &sets[if request % 7 == 0 { (request % 3) as usize } else { 0 }];
            let key = format!("/{request}");
            let mut walk = executor.begin(set, key.as_bytes())?;
            walk.next()?;
            walk.done(OutcomeResult::OK)?;
            served.fetch_add(1, Relaxed);
        }
        Ok(())
    };
    let outcomes: Vec<Result<(), String>> = thread::scope(|scope| {
        let run = &run;
        let threads: Vec<_> = (0..8).map(|number| scope.spawn(move || run(number))).collect();
        let join = |thread: thread::ScopedJoinHandle<'_, _>| {
            thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))
        };
        threads.into_iter().map(join).collect()
    });
    outcomes.into_iter().collect::<Result<(), String>>()?;
    Ok(format!("{} requests over changing sets", served.load(Relaxed)))
}

pub(super) fn moved(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    let all = rig.all();
    let executor = Executor::new(&rig, 2);
    for round in 0..100 {
        let key = format!("/{round}");
        let mut walk = executor.begin(&all, key.as_bytes())?;
        let (trylist, set, host) = walk.parts();
        let header = set.header();
        let mut offered = Vec::new();
        for attempt in 0..2 {
            let tried = [offered.iter().fold(0_u64, |bits, index: &u32| bits | 1 << (index % 64))];
            let trylist = &mut *trylist;
            let step = move || {
                let (err, random) = (ErrSink::new(), Random::new(round));
                let call = Call::new(host, &err, &random, 0);
                let mut target = Target::default();
                let next = trylist.next(&call, &NextIn::new(attempt, header, &tried), &mut target);
                let mut outcome = Outcome::of(OutcomeResult::UPSTREAM);
                (outcome.index, outcome.id) = (target.index, set.id(target.index));
                let done = if next == Status::OK { trylist.done(&call, &outcome) } else { Status::OK };
                (next, done, target.index)
            };
            let joined = thread::scope(|scope| scope.spawn(step).join());
            let (next, done, index) = joined.map_err(|_| "a thread panicked".to_owned())?;
            if next != Status::OK || done.0 < 0 {
                return Err(Not::Failed(format!("on another thread next answered {next:?}, done {done:?}")));
            }
            offered.push(index);
        }
    }
    Ok("100 trylists, each step on a thread of its own".to_owned())
}

/// One thread: a lock that a call leaves held would stop the next one.
pub(super) fn interleaved(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 4)?;
    let all = rig.all();
    let executor = Executor::new(&rig, 3);
    for round in 0..50 {
        let keys: Vec<String> = (0..20).map(|number| format!("/{round}/{number}")).collect();
        let mut walks = Vec::new();
        for key in &keys {
            walks.push(executor.begin(&all, key.as_bytes())?);
        }
        for walk in &mut walks {
            walk.next()?;
        }
        for walk in walks.iter_mut().rev() {
            walk.done(OutcomeResult::OK)?;
        }
    }
    Ok("50 times 20 trylists open at once in one thread".to_owned())
}
