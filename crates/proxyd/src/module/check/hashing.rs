//! Consistent hashing: a key's endpoint follows from the key and from who is there, and from nothing else.
//!
//! Who belongs to a cluster changes with the configuration alone: then there is a new instance, here a rig of its own.
//! Who of them is usable changes under an instance's eyes.

use super::executor::Executor;
use super::rig::{Rig, Subject, Which};
use super::set::{Set, Shape};
use super::walks::{letter, word};
use super::weighted::counts;
use super::{Finding, Not};

const KEYS: usize = 2000;

/// The endpoint of each key, one after the other.
fn mapped(executor: &Executor<'_>, set: &Set) -> Result<Vec<u32>, String> {
    let pick = |number: usize| {
        let picked = executor.pick(set, format!("/item/{number}?id={}", number * 7919).as_bytes())?;
        picked.ok_or_else(|| format!("key {number} got no endpoint"))
    };
    (0..KEYS).map(pick).collect()
}

/// The same in a new instance, whose cluster has these of as many endpoints, in this order.
fn mapped_anew(subject: &Subject, places: &[u32]) -> Result<Vec<u32>, Not> {
    let rig = Rig::equal(subject, 8)?;
    let set = rig.arranged(Which::One, places, |_| true, Shape::Close);
    Ok(mapped(&Executor::new(&rig, 7), &set)?)
}

fn moved(one: &[u32], other: &[u32]) -> usize {
    one.iter().zip(other).filter(|(one, other)| one != other).count()
}

pub(super) fn order(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 5)?;
    let straight = mapped(&Executor::new(&rig, 1), &rig.all())?;
    for places in [[4, 3, 2, 1, 0], [2, 0, 4, 1, 3]] {
        let count = moved(&straight, &mapped_anew(subject, &places)?);
        if count > 0 {
            let text = format!("in the order {} {count} of {KEYS} keys have another endpoint", word(&places));
            return Err(Not::Failed(text));
        }
    }
    Ok(format!("{KEYS} keys over 5 endpoints in 3 orders, all the same"))
}

pub(super) fn few_move(subject: &Subject) -> Finding {
    const ENDPOINTS: usize = 8;
    let rig = Rig::equal(subject, ENDPOINTS)?;
    let executor = Executor::new(&rig, 2);
    let before = mapped(&executor, &rig.all())?;
    let second = Rig::equal(subject, ENDPOINTS)?;
    let again = moved(&before, &mapped(&Executor::new(&second, 99), &second.all())?);
    if again > 0 {
        return Err(Not::Failed(format!("{again} of {KEYS} keys have another endpoint the second time")));
    }
    let mut most = 0;
    for gone in 0..ENDPOINTS as u32 {
        let places: Vec<u32> = (0..ENDPOINTS as u32).filter(|place| *place != gone).collect();
        let without = mapped_anew(subject, &places)?;
        let down = mapped(&executor, &rig.usable(|place| place != gone))?;
        for (after, what) in [(without, "removed"), (down, "down")] {
            let count = moved(&before, &after);
            most = most.max(count);
            if count > 2 * KEYS / ENDPOINTS {
                return Err(Not::Failed(format!(
                    "{count} of {KEYS} keys move when one of {ENDPOINTS} is {what}, at most {} may",
                    2 * KEYS / ENDPOINTS
                )));
            }
        }
    }
    Ok(format!("same keys, same endpoints; at most {most} of {KEYS} keys move when one of {ENDPOINTS} goes"))
}

pub(super) fn keys_of_the_dead(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 5)?;
    let executor = Executor::new(&rig, 3);
    let before = mapped(&executor, &rig.all())?;
    for dead in 0..5 {
        let after = mapped(&executor, &rig.usable(|place| place != dead))?;
        let heirs: Vec<u32> =
            before.iter().zip(&after).filter(|(before, _)| **before == dead).map(|(_, heir)| *heir).collect();
        let largest = counts(&heirs, 5).into_iter().enumerate().max_by_key(|(_, count)| *count);
        if let Some((heir, count)) = largest
            && heirs.len() >= 20
            && count * 10 > heirs.len() * 7
        {
            return Err(Not::Failed(format!(
                "{count} of the {} keys of {} go to {} when it is down",
                heirs.len(),
                letter(dead),
                letter(heir as u32)
            )));
        }
    }
    Ok("each of 5 endpoints down in turn: nobody takes over more than 70 % of its keys".to_owned())
}

pub(super) fn shares(subject: &Subject) -> Finding {
    let rig = Rig::equal(subject, 5)?;
    let counted = counts(&mapped(&Executor::new(&rig, 4), &rig.all())?, 5);
    let evidence = format!("{KEYS} keys over 5 equal endpoints: {counted:?}");
    let (least, most) = (counted.iter().min().copied(), counted.iter().max().copied());
    let is_even = least >= Some(KEYS / 5 / 2) && most <= Some(KEYS / 5 * 2);
    if is_even { Ok(evidence) } else { Err(Not::Failed(evidence)) }
}
