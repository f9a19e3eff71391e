//! Shares by weight, and what becomes of the share of an endpoint that is down.

use super::executor::Executor;
use super::rig::{Rig, Subject};
use super::walks::{letter, word};
use super::{Finding, Not};

pub(super) fn counts(picks: &[u32], endpoints: usize) -> Vec<usize> {
    (0..endpoints as u32).map(|place| picks.iter().filter(|picked| **picked == place).count()).collect()
}

fn shown(counts: &[usize]) -> String {
    counts.iter().map(usize::to_string).collect::<Vec<_>>().join(":")
}

const WEIGHTS: [&[u32]; 6] = [&[1, 1, 1], &[2, 1], &[3, 2, 1], &[4, 2, 1], &[5, 1, 1], &[10, 7, 3, 1]];

pub(super) fn shares(subject: &Subject) -> Finding {
    let mut last = String::new();
    for weights in WEIGHTS {
        let rig = Rig::new(subject, weights)?;
        let (all, executor) = (rig.all(), Executor::new(&rig, 1));
        let total: u32 = weights.iter().sum();
        let cycles = 100;
        let picks = executor.picks(&all, total as usize * cycles)?;
        let counted = counts(&picks, weights.len());
        for (count, weight) in counted.iter().zip(weights) {
            let (due, share) = (*weight as usize * cycles, f64::from(*weight) / f64::from(total));
            let deviation = (picks.len() as f64 * share * (1.0 - share)).sqrt();
            if (count.abs_diff(due) as f64) > 3.0 * deviation {
                let text = format!("{} for weights {weights:?} in {} requests", shown(&counted), picks.len());
                return Err(Not::Failed(text));
            }
        }
        last = format!("{} for weights {weights:?} in {} requests", shown(&counted), picks.len());
    }
    Ok(last)
}

/// At every prefix of n requests each endpoint has its share to within one request.
pub(super) fn smooth(subject: &Subject) -> Finding {
    let mut evidence = String::new();
    for weights in WEIGHTS {
        let rig = Rig::new(subject, weights)?;
        let (all, executor) = (rig.all(), Executor::new(&rig, 2));
        let total: u32 = weights.iter().sum();
        let picks = executor.picks(&all, 3 * total as usize)?;
        for prefix in 1..=picks.len() {
            for (count, weight) in counts(&picks[..prefix], weights.len()).iter().zip(weights) {
                let due = prefix as f64 * f64::from(*weight) / f64::from(total);
                if (*count as f64 - due).abs() >= 1.0 {
                    let cycle = word(&picks[..total as usize]);
                    return Err(Not::Failed(format!(
                        "{cycle} for weights {weights:?}: after {prefix} requests {count} where {due:.2} are due"
                    )));
                }
            }
        }
        if weights == [5, 1, 1] {
            evidence = format!("{} for weights 5, 1, 1", word(&picks[..7]));
        }
    }
    Ok(evidence)
}

/// The others share evenly what it had. With nothing in flight this holds for policies by load too.
pub(super) fn share_of_the_dead(subject: &Subject) -> Finding {
    without_each(subject, &[1, 1, 1, 1])
}

/// The others share what it had by their weights: 1:1 without the 5 of 5:1:1, not 6:1.
pub(super) fn weight_of_the_dead(subject: &Subject) -> Finding {
    without_each(subject, &[1, 1, 1, 1])?;
    without_each(subject, &[5, 1, 1])
}

fn without_each(subject: &Subject, weights: &[u32]) -> Finding {
    let mut found = Vec::new();
    for dead in 0..weights.len() as u32 {
        let rig = Rig::new(subject, weights)?;
        let executor = Executor::new(&rig, 3 + u64::from(dead));
        executor.picks(&rig.all(), 5)?;
        let picks = executor.picks(&rig.usable(|place| place != dead), 1200)?;
        let counted = counts(&picks, weights.len());
        let total: u32 = weights.iter().sum::<u32>() - rig.weight(dead);
        let due = |place: u32| 1200.0 * f64::from(rig.weight(place)) / f64::from(total);
        let survivors = (0..weights.len() as u32).filter(|place| *place != dead);
        let evidence = format!("{} without {}", shown(&counted), letter(dead));
        if survivors.into_iter().any(|place| !near(counted[place as usize], due(place))) {
            return Err(Not::Failed(format!("weights {weights:?}: {evidence}")));
        }
        found.push(evidence);
    }
    Ok(found.join(", "))
}

/// Within five deviations of a random draw.
fn near(count: usize, due: f64) -> bool {
    (count as f64 - due).abs() <= 5.0 * due.sqrt()
}
