//! Checks of the start: `init` with defaults, and more than one instance.

use super::{Finding, Subject, firsts};

/// C11.
pub(super) fn defaults(subject: Subject) -> Finding {
    let started = subject.setup().try_start();
    started.map(drop).map_err(|refusal| format!("it was refused: {}", refusal.text))
}

/// C15: an instance behaves as if there were no other, before it, beside it or after it.
pub(super) fn twice(subject: Subject) -> Finding {
    let alone = {
        let host = subject.host(3)?;
        firsts(&host, 30)?
    };
    let (one, two) = (subject.host(3)?, subject.host(3)?);
    let (of_one, of_two) = (firsts(&one, 30)?, firsts(&two, 30)?);
    drop(one);
    if of_one != alone || of_two != alone {
        return Err(
            "a second instance chooses otherwise than the first did: its state hangs on a static".to_owned()
        );
    }
    firsts(&two, 3).map(drop).map_err(|error| format!("after another instance ended: {error}"))
}
