//! Checks of unusual input: bytes that are no text, numbers of a later version, a clock that does as it likes.

use std::time::Duration;

use super::{Finding, Subject, begun, index_of, still_works};
use crate::{FailureKind, Outcome, OutcomeResult};

/// C36.
pub(super) fn uris(subject: Subject) -> Finding {
    let host = subject.host(3)?;
    let long = [b"/".as_slice(), &vec![b'a'; 1 << 20]].concat();
    for uri in [&b"/\xff\xfe\x80"[..], b"", b"*", b"/%00?%ff=%", b"/\xc3", b"?", &long] {
        let request = host.request(uri).hash_key(uri).header("X-Bytes", b"\xff\x00").client("2001:db8::7");
        let shown = uri[..uri.len().min(16)].escape_ascii();
        let mut trial = request.try_begin().map_err(|none| format!("no trylist for {shown}: {none}"))?;
        index_of(trial.ask())?.ok_or_else(|| format!("offers nothing for {shown}"))?;
        trial.done(200);
    }
    let nothing = host.request("").method("").client("").nulls();
    let mut trial = nothing.try_begin().map_err(|none| format!("no trylist for null pointers: {none}"))?;
    index_of(trial.ask())?.ok_or("offers nothing for null pointers")?;
    trial.fail(FailureKind::REFUSED);
    index_of(trial.ask())?;
    trial.done(200);
    still_works(&host, "after unusual requests")
}

/// C37.
pub(super) fn numbers(subject: Subject) -> Finding {
    let host = subject.host(3)?;
    for number in [0, 7, 99, u32::MAX] {
        let mut trial = begun(&host, number)?;
        index_of(trial.ask())?;
        trial.fail(FailureKind(number));
        index_of(trial.ask())?;
        trial.response_head(number, &[]);
        let mut outcome = Outcome::of(OutcomeResult(number));
        outcome.http_status = number;
        outcome.ttfb_us = u64::from(number) << 32;
        outcome.total_us = u64::MAX;
        trial.finish(outcome);
    }
    still_works(&host, "after numbers that it does not know")
}

/// C38: still, ten years on, a millisecond back as another executor reads it, at its beginning and at its end.
pub(super) fn clock(subject: Subject) -> Finding {
    let host = subject.host(3)?;
    still_works(&host, "while the clock stands still")?;
    host.advance(Duration::from_secs(315_360_000));
    still_works(&host, "ten years later")?;
    let now = host.now_ns();
    for at in [now - 1_000_000, now, 0, 1, u64::MAX, now] {
        host.set_now_ns(at);
        let mut trial = begun(&host, 1)?;
        index_of(trial.ask())?;
        host.set_now_ns(at.saturating_sub(500_000));
        trial.fail(FailureKind::TIMEOUT);
        index_of(trial.ask())?;
        trial.done(200);
    }
    // Whatever failed a while ago may have cooled down by now.
    host.advance(Duration::from_secs(86_400));
    still_works(&host, "after the clock has jumped")
}
