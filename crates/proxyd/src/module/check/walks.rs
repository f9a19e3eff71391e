//! What every balancer owes: C19 to C30 of the conformance list.

use proxy_abi::{FailureKind, OutcomeResult, Random};

use super::executor::Executor;
use super::rig::{Rig, Subject, Which};
use super::set::{Set, Shape};
use super::{Finding, Not};

/// The letter of an endpoint.
pub(super) fn letter(place: u32) -> char {
    char::from_u32('a' as u32 + place).unwrap_or('?')
}

/// Endpoints as one word.
pub(super) fn word(places: &[u32]) -> String {
    places.iter().copied().map(letter).collect()
}

pub(super) fn empty_set(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 2)?;
    nobody(&rig, &rig.arranged(Which::One, &[], |_| true, Shape::Close))
}

pub(super) fn none_usable(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    nobody(&rig, &rig.usable(|_| false))
}

/// With nobody to offer, declining is as good an answer as an end.
fn nobody(rig: &Rig, set: &Set) -> Finding {
    let executor = Executor::new(rig, 1);
    for round in 0..100 {
        let Some(mut walk) = executor.ask(set, b"/")? else { continue };
        if let Some(offer) = walk.next()? {
            return Err(Not::Failed(format!("request {round} was offered index {}", offer.index)));
        }
    }
    Ok("100 requests, none was offered anybody".to_owned())
}

pub(super) fn one_endpoint(subject: &Subject) -> Finding {
    let (alone, three) = (Rig::equal(subject, 1)?, Rig::equal(subject, 3)?);
    for (rig, only) in [(&alone, 0), (&three, 2)] {
        let (set, executor) = (rig.usable(|place| place == only), Executor::new(rig, 2));
        for round in 0..100 {
            let picked = executor.pick(&set, format!("/{round}").as_bytes())?;
            if picked != Some(only) {
                let got = picked.map_or_else(|| "nobody".to_owned(), |place| letter(place).to_string());
                let text = format!("request {round} with {} alone usable got {got}", letter(only));
                return Err(Not::Failed(text));
            }
        }
    }
    Ok("200 requests, all to the one".to_owned())
}

/// Sets of 7 endpoints of which some are usable, at random.
fn some_sets(rig: &Rig, count: usize, random: &Random) -> Vec<Set> {
    let set = |_| {
        let mask = 1 + random.below((1 << rig.len()) - 1);
        rig.usable(|place| mask >> place & 1 == 1)
    };
    (0..count).map(set).collect()
}

/// Walks with every endpoint failing, at most `most` steps each; `look` sees what was offered and may object.
fn failing_walks(
    subject: &Subject,
    most: impl Fn(&Set) -> usize,
    look: impl Fn(&Set, &[super::executor::Offer], bool) -> Result<(), String>,
) -> Finding {
    let rig = Rig::new(subject, &[1, 1, 2, 1, 3, 1, 1])?;
    let random = Random::new(22);
    let executor = Executor::new(&rig, 3);
    let mut steps = 0;
    for (round, set) in some_sets(&rig, 400, &random).iter().enumerate() {
        let key = format!("/{round}");
        let mut walk = executor.begin(set, key.as_bytes())?;
        let (mut offered, mut has_ended) = (Vec::new(), false);
        while offered.len() < most(set) {
            match walk.next()? {
                None => {
                    has_ended = true;
                    break;
                }
                Some(offer) => {
                    offered.push(offer);
                    walk.fail(FailureKind::REFUSED)?;
                }
            }
        }
        steps += offered.len();
        look(set, &offered, has_ended).map_err(|text| Not::Failed(format!("request {round}: {text}")))?;
    }
    Ok(format!("400 trylists over as many sets, {steps} offers"))
}

pub(super) fn usable_only(subject: &Subject) -> Finding {
    failing_walks(subject, Set::usable_len, |set, offered, _| {
        match offered.iter().find(|offer| !set.is_usable(offer.index)) {
            None => Ok(()),
            Some(offer) if offer.index as usize >= set.len() => {
                Err(format!("index {} of {} endpoints", offer.index, set.len()))
            }
            Some(offer) => Err(format!("index {} is not usable", offer.index)),
        }
    })
}

pub(super) fn no_repeat(subject: &Subject) -> Finding {
    failing_walks(subject, Set::usable_len, |_, offered, _| {
        for (place, offer) in offered.iter().enumerate() {
            if !offer.again && offered[..place].iter().any(|earlier| earlier.index == offer.index) {
                return Err(format!("offer {} is index {} once more", place + 1, offer.index));
            }
        }
        Ok(())
    })
}

pub(super) fn ends(subject: &Subject) -> Finding {
    failing_walks(
        subject,
        |set| 2 * set.len() + 1,
        |set, offered, has_ended| {
            let flagged = offered.iter().filter(|offer| offer.again).count();
            if has_ended || flagged > 0 {
                return Ok(());
            }
            Err(format!("{} offers for {} usable endpoints, and no end", offered.len(), set.usable_len()))
        },
    )
}

pub(super) fn keeps_to_its_set(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 6)?;
    let sets = [rig.usable(|place| place < 3), rig.usable(|place| place >= 3)];
    let executor = Executor::new(&rig, 4);
    for round in 0..200 {
        let key = format!("/{round}");
        let mut walks =
            [executor.begin(&sets[0], key.as_bytes())?, executor.begin(&sets[1], key.as_bytes())?];
        for step in 0..3 {
            for (walk, set) in walks.iter_mut().zip(&sets) {
                if let Some(offer) = walk.next()?
                    && (offer.index as usize) < set.len()
                    && !set.is_usable(offer.index)
                {
                    let text = format!(
                        "request {round}, step {step}: offered index {} of another trylist's set",
                        offer.index
                    );
                    return Err(Not::Failed(text));
                }
                walk.fail(FailureKind::REFUSED)?;
            }
        }
    }
    Ok("400 trylists in pairs over sets that have nobody in common".to_owned())
}

pub(super) fn dropped(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 4)?;
    let all = rig.all();
    let executor = Executor::new(&rig, 5);
    for round in 0..50 {
        let key = format!("/{round}");
        let begin = || executor.begin(&all, key.as_bytes());
        drop(begin()?);
        for steps in 1..=4 {
            // Without done; after done; after a failure.
            let mut walk = begin()?;
            for step in 0..steps {
                walk.next()?;
                if step + 1 < steps {
                    walk.fail(FailureKind::TIMEOUT)?;
                }
            }
            drop(walk);
            let mut walk = begin()?;
            for _ in 0..steps {
                walk.next()?;
                walk.done(OutcomeResult::UPSTREAM)?;
            }
            drop(walk);
            let mut walk = begin()?;
            for _ in 0..steps {
                walk.next()?;
                walk.fail(FailureKind::UNREACHABLE)?;
            }
        }
        if executor.pick(&all, key.as_bytes())?.is_none() {
            return Err(Not::Failed("a request after that got no endpoint".to_owned()));
        }
    }
    Ok("650 trylists dropped at 13 points, the next request is served".to_owned())
}

pub(super) fn cancelled(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    let all = rig.all();
    let executor = Executor::new(&rig, 6);
    for round in 0..100 {
        let key = format!("/{round}");
        let mut walk = executor.begin(&all, key.as_bytes())?;
        walk.next()?;
        walk.response_head(200)?;
        walk.done(OutcomeResult::CANCELLED)?;
    }
    Ok("100 requests cancelled".to_owned())
}

/// Cancels at one endpoint alone: who counts what is in flight by hand and forgets this outcome will shun it.
pub(super) fn cancelled_is_forgotten(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 3)?;
    let all = rig.all();
    let executor = Executor::new(&rig, 7);
    let mut cancelled = 0;
    for round in 0..600 {
        let key = format!("/{round}");
        let mut walk = executor.begin(&all, key.as_bytes())?;
        walk.next()?;
        let is_first = walk.out() == Some(0);
        cancelled += usize::from(is_first);
        walk.done(if is_first { OutcomeResult::CANCELLED } else { OutcomeResult::OK })?;
    }
    let picks = executor.picks(&all, 600)?;
    let count = picks.iter().filter(|place| **place == 0).count();
    // 200 are due; at random, within five times the deviation of 11.5.
    let evidence =
        format!("after {cancelled} cancelled requests to a, it got {count} of 600 for 3 equal endpoints");
    if (142..=258).contains(&count) { Ok(evidence) } else { Err(Not::Failed(evidence)) }
}

pub(super) fn moves_on(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 4)?;
    let all = rig.all();
    let executor = Executor::new(&rig, 8);
    for round in 0..200 {
        let key = format!("/{round}");
        let mut walk = executor.begin(&all, key.as_bytes())?;
        let first = walk.next()?;
        walk.fail(FailureKind::REFUSED)?;
        let second = walk.next()?;
        match (first, second) {
            (Some(first), Some(second)) if first.index != second.index || second.again => {}
            (_, None) => return Err(Not::Failed(format!("request {round} was offered nobody else of 4"))),
            _ => return Err(Not::Failed(format!("request {round} was offered the same again"))),
        }
    }
    Ok("200 failures, another one was offered after each".to_owned())
}
