//! Inputs that nobody expects, repeatability, and cost.

use proxy_abi::{FailureKind, OutcomeResult};
use rustix::time::ClockId;

use super::executor::Executor;
use super::life::spent_ms;
use super::rig::{Rig, Subject, Which};
use super::set::Shape;
use super::walks::word;
use super::{Finding, Not};
use crate::module::bench;

pub(super) fn targets(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    let (all, executor) = (rig.all(), Executor::new(&rig, 1));
    let long = vec![b'x'; 1 << 20];
    let targets: [&[u8]; 6] = [b"", b"\0", b"/\xff\xfe\x80", b"/%", b"*", &long];
    for target in targets {
        for _ in 0..20 {
            if executor.pick(&all, target)?.is_none() {
                let start = target[..target.len().min(8)].escape_ascii();
                return Err(Not::Failed(format!(
                    "a target of {} bytes, \"{start}\", got nobody",
                    target.len()
                )));
            }
        }
    }
    executor.nulls();
    if executor.pick(&all, b"")?.is_none() {
        return Err(Not::Failed("a request whose empty parts are null pointers got nobody".to_owned()));
    }
    Ok("empty, null pointers, not UTF-8, 1 MiB: all served".to_owned())
}

pub(super) fn unknown_numbers(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    let (all, executor) = (rig.all(), Executor::new(&rig, 2));
    for number in [0, 7, 99, u32::MAX] {
        let mut walk = executor.begin(&all, b"/")?;
        walk.next()?;
        walk.fail(FailureKind(number))?;
        walk.next()?;
        walk.response_head(number)?;
        walk.done(OutcomeResult(number))?;
    }
    if executor.pick(&all, b"/")?.is_none() {
        return Err(Not::Failed("a request after that got no endpoint".to_owned()));
    }
    Ok("failures, outcomes and statuses 0, 7, 99 and 4294967295".to_owned())
}

pub(super) fn clocks(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    let (all, executor) = (rig.all(), Executor::new(&rig, 3));
    let hour = 3_600_000_000_000;
    for now in [0, 0, 1, hour, hour, 5, u64::MAX, u64::MAX, 0, hour] {
        executor.set_now(now);
        for round in 0..20 {
            let mut walk = executor.begin(&all, b"/")?;
            if walk.next()?.is_none() {
                return Err(Not::Failed(format!("request {round} at {now} ns got nobody")));
            }
            if round % 5 == 0 {
                walk.fail(FailureKind::REFUSED)?;
            } else {
                walk.done(OutcomeResult::OK)?;
            }
        }
    }
    Ok("still, an hour ahead, back, at its last number: all served".to_owned())
}

/// A later server may have longer endpoints: nothing may change.
pub(super) fn stride(subject: &Subject) -> Finding {
    let mut sequences = Vec::new();
    for shape in [Shape::Close, Shape::Spaced] {
        let rig = Rig::new(subject, &[1, 2, 1, 3])?;
        let set = rig.arranged(Which::One, &[0, 1, 2, 3], |_| true, shape);
        sequences.push(Executor::new(&rig, 4).picks(&set, 200)?);
    }
    if sequences[0] == sequences[1] {
        Ok("200 choices, the same with 48 and with 72 bytes an endpoint".to_owned())
    } else {
        let [close, spaced] = [word(&sequences[0][..12]), word(&sequences[1][..12])];
        Err(Not::Failed(format!("{close}… with 48 bytes an endpoint, {spaced}… with 72")))
    }
}

pub(super) fn replay(subject: &Subject) -> Finding {
    let sequence = || -> Result<Vec<u32>, Not> {
        let rig = Rig::equal(subject, 5)?;
        Ok(Executor::new(&rig, 5).picks(&rig.all(), 500)?)
    };
    let (first, second) = (sequence()?, sequence()?);
    match first.iter().zip(&second).position(|(first, second)| first != second) {
        None => Ok(format!("500 choices by two instances: {}…", word(&first[..12]))),
        Some(place) => Err(Not::Failed(format!(
            "request {place} differs: {}… and then {}…: is there a clock, or randomness of its own?",
            word(&first[..12]),
            word(&second[..12])
        ))),
    }
}

pub(super) fn allocations(subject: &Subject) -> Finding {
    Rig::equal(subject, 1)?;
    let Some(counted) = bench::counted(subject, 4)? else {
        return Err(Not::Skipped("valgrind is not installed".to_owned()));
    };
    let evidence = format!(
        "{:.2} allocations, {:.0} instructions for a request",
        counted.allocations, counted.instructions
    );
    if counted.allocations < 0.01 { Ok(evidence) } else { Err(Not::Failed(evidence)) }
}

pub(super) fn fast(subject: &Subject) -> Finding {
    const ROUNDS: u32 = 20_000;
    let rig = Rig::equal(subject, 4)?;
    let (all, executor) = (rig.all(), Executor::new(&rig, 6));
    let mut best = f64::INFINITY;
    for _ in 0..5 {
        // Not by the wall clock: others may want the processor too.
        let before = spent_ms(ClockId::ThreadCPUTime);
        for _ in 0..ROUNDS {
            executor.pick(&all, b"/")?;
        }
        best = best.min((spent_ms(ClockId::ThreadCPUTime) - before) * 1e6 / f64::from(ROUNDS));
    }
    let evidence = format!("{best:.0} ns with 4 endpoints, these checks' own part included");
    if best < 5000.0 { Ok(evidence) } else { Err(Not::Failed(evidence)) }
}
