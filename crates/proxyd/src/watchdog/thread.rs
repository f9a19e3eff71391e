//! What the system says of a thread: whether it runs, and for how long it has.

use std::fs;

/// Nanoseconds that the thread has run for; none where the system does not count them.
pub(super) fn ran_ns(thread: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat")).ok()?;
    text.split(' ').next()?.parse().ok()
}

/// Whether the thread wants to run; it may still have to wait for a processor.
pub(super) fn is_runnable(thread: u32) -> bool {
    let text = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).unwrap_or_default();
    state(&text) == Some("R")
}

/// The state behind the name, which may hold anything.
fn state(stat: &str) -> Option<&str> {
    stat.rsplit_once(") ")?.1.split(' ').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_stands_behind_the_name() {
        assert_eq!(state("7 (executor-0) R 1 2"), Some("R"));
        assert_eq!(state("7 (a) R) S 1 2"), Some("S"));
        assert_eq!(state(""), None);
    }

    #[test]
    fn this_thread_runs() {
        let thread = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
        assert!(is_runnable(thread));
        assert!(!is_runnable(u32::MAX));
    }
}
