//! The check of what a panic leaves behind: a lock that is poisoned, a number that is half changed.

use proxy_module::testing::{INJECTED, arm, disarm};

use super::{Finding, Subject, begun, index_of, still_works};
use crate::trial::Asked;
use crate::{FailureKind, Host, Level, Line, Outcome, OutcomeResult, Trial};

/// More calls into the SDK than a function makes with few endpoints.
const MOST_POINTS: u32 = 200;

/// A request in which one function of the module is to panic at that point; what the server would be told, or nothing
/// if the function has no such point.
type Panicking = fn(&Host, u32) -> Result<Option<String>, String>;

const FUNCTIONS: [(&str, Panicking); 5] =
    [("begin", begin), ("next", next), ("failed", failed), ("response_head", response_head), ("done", done)];

/// C40: each function panics at its beginning, then at each of its calls into the SDK in turn.
pub(super) fn injected(subject: Subject) -> Finding {
    for (name, panicking) in FUNCTIONS {
        let host = subject.host(3)?;
        for point in 0..MOST_POINTS {
            let Some(answer) = panicking(&host, point)? else { break };
            if !answer.ends_with(INJECTED) {
                return Err(format!("{name} panicked and does not say so: it answered {answer:?}"));
            }
            let found = still_works(&host, "any more").and_then(|()| quiet_end(&host));
            found.map_err(|text| {
                format!("after a panic in {name}, at its call {point} into the SDK: {text}")
            })?;
        }
    }
    Ok(())
}

/// The panic was told to the caller; another one while the trylist was dropped is in the log alone.
fn quiet_end(host: &Host) -> Finding {
    let told = |line: &Line| line.level == Level::ERROR && line.message.starts_with("panicked");
    host.lines().into_iter().find(told).map_or(Ok(()), |line| Err(format!("its trylist was dropped: {line}")))
}

/// Lets the module panic during `call` alone: its answer, if there was such a point.
fn during<R>(point: u32, call: impl FnOnce() -> R) -> Option<R> {
    arm(point);
    let answer = call();
    disarm().then_some(answer)
}

fn begin(host: &Host, point: u32) -> Result<Option<String>, String> {
    let request = host.request("/").hash_key("key");
    let answer = during(point, || request.try_begin());
    Ok(answer.map(|begun| begun.err().map_or_else(String::new, |none| none.to_string())))
}

fn next(host: &Host, point: u32) -> Result<Option<String>, String> {
    let mut trial = begun(host, 0)?;
    let answer = during(point, || trial.ask());
    Ok(answer.map(|asked| match asked {
        Asked::Fault(text) | Asked::Error(text) => text,
        _ => String::new(),
    }))
}

/// A request to whom the first endpoint offered is out, and what `tell` has to tell of it.
fn telling(
    host: &Host,
    point: u32,
    tell: impl FnOnce(&mut Trial<'_>) -> Result<(), String>,
) -> Result<Option<String>, String> {
    let mut trial = begun(host, 0)?;
    index_of(trial.ask())?;
    let answer = during(point, || tell(&mut trial));
    Ok(answer.map(|told| told.err().unwrap_or_default()))
}

fn failed(host: &Host, point: u32) -> Result<Option<String>, String> {
    telling(host, point, |trial| trial.try_fail(FailureKind::REFUSED))
}

fn response_head(host: &Host, point: u32) -> Result<Option<String>, String> {
    telling(host, point, |trial| trial.try_response_head(200, &[("X-Any", "1")]))
}

fn done(host: &Host, point: u32) -> Result<Option<String>, String> {
    telling(host, point, |trial| trial.try_finish(Outcome::of(OutcomeResult::OK)))
}
