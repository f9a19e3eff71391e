//! Round robin: request n begins at endpoint n mod N, in the order of the configuration.

use proxy_abi::FailureKind;

use super::executor::Executor;
use super::rig::{Rig, Subject, Which};
use super::set::Shape;
use super::walks::{letter, word};
use super::{Finding, Not};

/// Whether each follows its predecessor among `count` endpoints.
fn is_in_turn(picks: &[u32], count: u32) -> bool {
    picks.windows(2).all(|pair| pair[1] == (pair[0] + 1) % count)
}

pub(super) fn in_turn(subject: &Subject) -> Finding {
    let mut shown = String::new();
    for count in [2, 3, 7] {
        let rig = Rig::equal(subject, count as usize)?;
        let (all, executor) = (rig.all(), Executor::new(&rig, 1));
        let mut picks = Vec::new();
        for round in 0..40 * count {
            // The turn is the cluster's, whichever executor asks.
            executor.become_number(if round < 20 * count { 0 } else { round * 5 % 8 });
            picks.extend(executor.picks(&all, 1)?);
        }
        let first = word(&picks[..9.min(picks.len())]);
        if !is_in_turn(&picks, count) {
            let place = picks.windows(2).position(|pair| pair[1] != (pair[0] + 1) % count).unwrap_or(0);
            let around = word(&picks[place.saturating_sub(3)..(place + 5).min(picks.len())]);
            return Err(Not::Failed(format!("{count} endpoints: {around} around request {place}")));
        }
        if count == 3 {
            shown = first;
        }
    }
    Ok(format!("{shown}… with 3 endpoints, as with 2 and 7, from one executor and from eight"))
}

pub(super) fn own_turn(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    let one = rig.all();
    let other = rig.arranged(Which::Other, &[0, 1, 2], |_| true, Shape::Close);
    let executor = Executor::new(&rig, 2);
    let (mut ones, mut others) = (Vec::new(), Vec::new());
    for round in 0..60 {
        ones.extend(executor.picks(&one, 1)?);
        if round % 2 == 0 {
            others.extend(executor.picks(&other, 1)?);
        }
    }
    let evidence = format!("interleaved requests: {}… and {}…", word(&ones[..9]), word(&others[..9]));
    let are_even =
        |picks: &[u32]| picks.chunks_exact(3).all(|turn| (0..3).all(|place| turn.contains(&place)));
    if are_even(&ones) && are_even(&others) { Ok(evidence) } else { Err(Not::Failed(evidence)) }
}

pub(super) fn walks_on(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    let (all, executor) = (rig.all(), Executor::new(&rig, 3));
    let mut begun = Vec::new();
    for round in 0..30 {
        let mut walk = executor.begin(&all, b"/")?;
        let mut offered = Vec::new();
        while let Some(offer) = walk.next()? {
            offered.push(offer.index);
            walk.fail(FailureKind::REFUSED)?;
            if offered.len() > 3 {
                break;
            }
        }
        if offered.len() != 3 || !is_in_turn(&offered, 3) {
            return Err(Not::Failed(format!(
                "request {round} of failing endpoints was offered {}",
                word(&offered)
            )));
        }
        begun.push(offered[0]);
    }
    if !is_in_turn(&begun, 3) {
        return Err(Not::Failed(format!(
            "with every endpoint failing, requests begin at {}…",
            word(&begun[..9])
        )));
    }
    Ok(format!("30 failing requests, the first from {} on, each begins one further", letter(begun[0])))
}
