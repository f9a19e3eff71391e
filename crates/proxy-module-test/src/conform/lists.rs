//! Checks of what a trylist offers.

use super::{Finding, Subject, begun, index_of};
use crate::trial::Asked;
use crate::{FailureKind, Host, Trial};

/// C19: a cluster without endpoints, and a request that belongs to no cluster.
pub(super) fn empty(subject: Subject) -> Finding {
    let host = subject.host(0)?;
    exhausts(begun(&host, 0)?, "of an empty cluster")?;
    let of_none = host.request_of_none("/").try_begin().map_err(|none| format!("no trylist: {none}"))?;
    exhausts(of_none, "of no cluster")
}

/// Nothing is offered.
fn exhausts(mut trial: Trial<'_>, of: &str) -> Finding {
    match index_of(trial.ask())? {
        None => Ok(()),
        Some(index) => Err(format!("answers index {index} {of}")),
    }
}

/// C21.
pub(super) fn none_usable(subject: Subject) -> Finding {
    let host = subject.host(3)?;
    (0..3).for_each(|index| host.down(index));
    let mut trial = begun(&host, 0)?;
    for _ in 0..=3 {
        if index_of(trial.ask())?.is_none() {
            return Ok(());
        }
        trial.fail(FailureKind::REFUSED);
    }
    Err("goes on for ever where no endpoint is usable".to_owned())
}

/// C20.
pub(super) fn one(subject: Subject) -> Finding {
    let host = subject.host(1)?;
    for number in 0..20 {
        let mut trial = begun(&host, number)?;
        match index_of(trial.ask())? {
            Some(0) => trial.done(200),
            other => return Err(format!("answers {} where there is one endpoint", shown(other))),
        }
    }
    Ok(())
}

/// Sizes on both sides of a word of the bit map, and which of them are down.
fn clusters(subject: Subject) -> impl Iterator<Item = Result<Host, String>> {
    let down: [fn(u32, u32) -> bool; 4] =
        [|_, _| false, |index, _| index % 3 == 1, |index, len| index + 1 != len, |_, _| true];
    let pairs = [1, 2, 3, 5, 64, 65, 130].into_iter().flat_map(move |len| down.map(|down| (len, down)));
    pairs.map(move |(len, down)| {
        let host = subject.host(len)?;
        (0..len).filter(|index| down(*index, len)).for_each(|index| host.down(index));
        Ok(host)
    })
}

/// Walks ten lists over each of the clusters, in which each endpoint fails.
fn walks(subject: Subject, walk: impl Fn(&mut Trial<'_>) -> Finding) -> Finding {
    for host in clusters(subject) {
        let host = host?;
        (0..10).try_for_each(|number| walk(&mut begun(&host, number)?))?;
    }
    Ok(())
}

/// C22.
pub(super) fn in_range(subject: Subject) -> Finding {
    walks(subject, |trial| {
        let usable = trial.usable().len();
        // Once more than it may be asked, so that what comes after the last one is seen as well.
        for _ in 0..=usable {
            let asked = trial.ask();
            // How a list ends where nothing is usable is another rule's.
            let Some(index) =
                (if usable == 0 { index_of(asked).unwrap_or_default() } else { index_of(asked)? })
            else {
                break;
            };
            if !trial.usable().contains(&index) {
                return Err(format!("answers index {index}, which is not one of the {usable} usable ones"));
            }
            trial.fail(FailureKind::REFUSED);
        }
        Ok(())
    })
}

/// C23.
pub(super) fn no_repeat(subject: Subject) -> Finding {
    walks(subject, |trial| {
        for _ in 0..trial.usable().len() {
            let tried: Vec<_> = trial.usable().iter().copied().filter(|index| trial.tried(*index)).collect();
            let others = tried.len() < trial.usable().len();
            match trial.ask() {
                Asked::Endpoint(index) if others && tried.contains(&index) => {
                    return Err(format!("answers index {index} again without Again, and others are untried"));
                }
                asked => {
                    if index_of(asked)?.is_none() {
                        break;
                    }
                    trial.fail(FailureKind::REFUSED);
                }
            }
        }
        Ok(())
    })
}

/// C24. What is repeated within the list is another rule's: here it has to end some time.
pub(super) fn ends(subject: Subject) -> Finding {
    walks(subject, |trial| {
        let usable = trial.usable().len();
        for _ in 0..=2 * usable {
            match trial.ask() {
                // A draw may be repeated; the server ends that list.
                Asked::Again(_) => return Ok(()),
                asked => {
                    if usable == 0 || index_of(asked)?.is_none() {
                        return Ok(());
                    }
                    trial.fail(FailureKind::REFUSED);
                }
            }
        }
        Err(format!("goes on after all {usable} usable endpoints were tried"))
    })
}

fn shown(answer: Option<u32>) -> String {
    answer.map_or_else(|| "nothing".to_owned(), |index| format!("index {index}"))
}
