//! Waiting for something to become true, with a deadline: a test never sleeps for a fixed time.

use std::io;
use std::time::{Duration, Instant};

/// Longer than anything that is waited for takes on a busy machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Asks until there is an answer.
///
/// # Panics
/// When there is none before the deadline; `what` is named then.
pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "waited {DEADLINE:?} in vain for: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// Calls again what a signal has interrupted: a debugger or a frozen machine is no reason to fail.
pub(crate) fn uninterrupted<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

/// Asks until the condition holds.
pub(crate) fn until_true(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, || holds().then_some(()));
}
