//! Least requests: who has the least in flight for its weight.

use std::sync::atomic::Ordering::Relaxed;

use proxy_abi::{OutcomeResult, Random};

use super::executor::{Executor, Walk};
use super::rig::{Rig, Subject, Which};
use super::walks::letter;
use super::weighted::counts;
use super::{Finding, Not};

/// Requests begin and end at random, so that all kinds of loads are met; a policy that counts by hand sees the same.
pub(super) fn smallest(subject: &Subject) -> Finding {
    let mut picks = 0;
    for (seed, weights) in [(1, &[1_u32, 1, 1, 1][..]), (2, &[2, 1]), (3, &[3, 1, 2, 1, 5])] {
        let rig = Rig::new(subject, weights)?;
        let (all, executor, random) = (rig.all(), Executor::new(&rig, seed), Random::new(seed));
        let mut held: Vec<Walk<'_>> = Vec::new();
        for round in 0..1000 {
            if !held.is_empty() && (held.len() > 40 || random.below(2) == 0) {
                let mut walk = held.swap_remove(random.below(held.len() as u32) as usize);
                walk.done(OutcomeResult::OK)?;
                continue;
            }
            let cost = |place: u32| {
                let in_flight = rig.stats(Which::One, place).in_flight.load(Relaxed);
                f64::from(in_flight + 1) / f64::from(rig.weight(place))
            };
            let costs: Vec<f64> = (0..weights.len() as u32).map(cost).collect();
            let least = costs.iter().copied().fold(f64::INFINITY, f64::min);
            let mut walk = executor.begin(&all, b"/")?;
            walk.next()?;
            let Some(place) = walk.out() else {
                return Err(Not::Failed(format!("request {round} got no endpoint")));
            };
            if costs[place as usize] > least + 1e-9 {
                return Err(Not::Failed(format!(
                    "weights {weights:?}: took {} at {:.2} where {least:.2} was the least of {costs:.2?}",
                    letter(place),
                    costs[place as usize]
                )));
            }
            picks += 1;
            held.push(walk);
        }
        for mut walk in held {
            walk.done(OutcomeResult::OK)?;
        }
    }
    Ok(format!("{picks} picks under changing loads, each the least"))
}

pub(super) fn ties(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 4)?;
    let (all, executor) = (rig.all(), Executor::new(&rig, 4));
    let picks = executor.picks(&all, 400)?;
    let counted = counts(&picks, 4);
    let evidence = format!("nothing in flight, 400 requests: {counted:?}");
    // In turn it is 100 each, at random within five deviations.
    if counted.iter().all(|count| count.abs_diff(100) <= 43) {
        Ok(evidence)
    } else {
        Err(Not::Failed(evidence))
    }
}
