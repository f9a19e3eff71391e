//! Checks of how a request ends: dropped, cancelled, failed.

use super::{Finding, Subject, begun, firsts, index_of, still_works};
use crate::trial::Asked;
use crate::{FailureKind, Host, Level};

/// C28: after begin, after each step, after a failure, and without a word of how it went.
pub(super) fn dropped(subject: Subject) -> Finding {
    let host = subject.host(3)?;
    drop(begun(&host, 0)?);
    silent(&host, "after begin")?;
    for steps in 1..=4 {
        for fails in [false, true] {
            let mut trial = begun(&host, steps)?;
            for _ in 0..steps {
                index_of(trial.ask())?;
                if fails {
                    trial.fail(FailureKind::TIMEOUT);
                }
            }
            drop(trial);
            silent(&host, &format!("after step {steps}"))?;
        }
    }
    still_works(&host, "after lists were dropped")
}

/// A panic in `drop` reaches nobody but the log.
fn silent(host: &Host, when: &str) -> Finding {
    match host
        .lines()
        .into_iter()
        .find(|line| line.level == Level::ERROR && line.message.starts_with("panicked"))
    {
        Some(line) => Err(format!("dropped {when}: {line}")),
        None => Ok(()),
    }
}

/// C29: 200 requests to endpoint 0 that were cancelled leave it no worse off than 200 that were answered.
pub(super) fn cancelled(subject: Subject) -> Finding {
    let (cancelled, answered) = (share_after(subject, true)?, share_after(subject, false)?);
    if cancelled == 0 && answered > 0 {
        return Err(format!(
            "an endpoint gets none of 60 requests after it had 200 that were cancelled, and {answered} after 200 that \
             were answered: what is in flight is counted by hand, and not counted down"
        ));
    }
    Ok(())
}

/// How many of 60 requests endpoint 0 of 3 gets after it alone had 200.
fn share_after(subject: Subject, cancel: bool) -> Result<usize, String> {
    let host = subject.host(3)?;
    (1..3).for_each(|index| host.down(index));
    for number in 0..200 {
        let mut trial = begun(&host, number)?;
        index_of(trial.ask())?;
        if cancel {
            trial.cancel();
        } else {
            trial.done(200);
        }
    }
    (1..3).for_each(|index| host.up(index));
    let firsts = firsts(&host, 60)?;
    Ok(firsts.into_iter().filter(|first| *first == Some(0)).count())
}

/// C30: whoever fails first, somebody else is asked next.
pub(super) fn moves_on(subject: Subject) -> Finding {
    let host = subject.host(3)?;
    for number in 0..20 {
        let mut trial = begun(&host, number)?;
        let Some(first) = index_of(trial.ask())? else { continue };
        trial.fail(FailureKind::REFUSED);
        let mut next = trial.ask();
        // A draw may repeat, within reason; and the server asks again if it was not meant.
        for _ in 0..64 {
            match next {
                Asked::Endpoint(index) | Asked::Again(index) if index == first => next = trial.ask(),
                _ => break,
            }
        }
        match index_of(next)? {
            None => return Err("ends after one failure where two more endpoints are usable".to_owned()),
            Some(index) if index == first => {
                return Err(format!("stays at endpoint {index}, to which no connection could be made"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}
