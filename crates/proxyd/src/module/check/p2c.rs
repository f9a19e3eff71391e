//! The power of two choices (Mitzenmacher, IEEE TPDS 2001): two endpoints drawn without replacement, the less loaded
//! of them. Then the only least loaded one of N gets exactly 2/N of the requests, and of two endpoints all.

use proxy_abi::OutcomeResult;

use super::executor::{Executor, Walk};
use super::rig::{Rig, Subject};
use super::walks::letter;
use super::weighted::counts;
use super::{Finding, Not};

const DRAWS: usize = 4000;

pub(super) fn two_distinct(subject: &Subject) -> Finding {
    let mut evidence = Vec::new();
    for endpoints in [2_usize, 3, 5, 10] {
        let rig = Rig::equal(subject, endpoints)?;
        let (all, executor) = (rig.all(), Executor::new(&rig, endpoints as u64));
        // Requests that stay open load all but the first; a policy that counts by hand knows of them too.
        let mut held: Vec<Walk<'_>> = Vec::new();
        let mut loaded = vec![false; endpoints];
        for _ in 0..200 * endpoints {
            let mut walk = executor.begin(&all, b"/")?;
            walk.next()?;
            match walk.out() {
                Some(0) => walk.done(OutcomeResult::OK)?,
                Some(place) => {
                    loaded[place as usize] = true;
                    held.push(walk);
                }
                None => return Err(Not::Failed("a request got no endpoint".to_owned())),
            }
        }
        if let Some(place) = loaded.iter().skip(1).position(|is_loaded| !is_loaded) {
            let text = format!("{} of {endpoints} equal endpoints is never taken", letter(place as u32 + 1));
            return Err(Not::Failed(text));
        }
        let picks = executor.picks(&all, DRAWS)?;
        let count = picks.iter().filter(|place| **place == 0).count();
        let share = 2.0 / endpoints as f64;
        let deviation = (DRAWS as f64 * share * (1.0 - share)).sqrt();
        let found = format!(
            "{:.1} % for the least loaded of {endpoints}, due {:.1} %",
            count as f64 * 100.0 / DRAWS as f64,
            share * 100.0
        );
        if (count as f64 - DRAWS as f64 * share).abs() > 5.0 * deviation {
            return Err(Not::Failed(found));
        }
        evidence.push(found);
    }
    Ok(evidence.join("; "))
}

pub(super) fn uniform(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 5)?;
    let (all, executor) = (rig.all(), Executor::new(&rig, 5));
    let counted = counts(&executor.picks(&all, DRAWS)?, 5);
    let evidence = format!("nothing in flight, {DRAWS} requests: {counted:?}");
    // Five deviations of 25.3.
    let is_even = counted.iter().all(|count| count.abs_diff(DRAWS / 5) <= 126);
    if is_even { Ok(evidence) } else { Err(Not::Failed(evidence)) }
}
