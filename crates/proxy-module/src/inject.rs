//! Panics on demand, for tests: what an author's function calls on its way is where `proxy-module-test` lets it panic.
//!
//! Without the feature `inject`, which that crate alone asks for, nothing of it is there.

#[cfg(feature = "inject")]
use std::cell::Cell;

/// The text of such a panic.
#[cfg(feature = "inject")]
pub(crate) const INJECTED: &str = "injected panic";

#[cfg(feature = "inject")]
thread_local! {
    /// How many more points are passed before one panics; negative: none does.
    static LEFT: Cell<i64> = const { Cell::new(-1) };
}

/// A place at which a panic may be wanted.
#[cfg(feature = "inject")]
pub(crate) fn point() {
    let left = LEFT.get();
    if left >= 0 {
        LEFT.set(left - 1);
        assert!(left != 0, "{INJECTED}");
    }
}

/// A place at which a panic may be wanted, in a test.
#[cfg(not(feature = "inject"))]
#[inline(always)]
pub(crate) const fn point() {}

/// Lets the point after `passed` others panic, in this thread. Whether it came to that, says [`disarm`].
#[cfg(feature = "inject")]
pub(crate) fn arm(passed: u32) {
    LEFT.set(i64::from(passed));
}

/// No point panics from here on; whether one did.
#[cfg(feature = "inject")]
pub(crate) fn disarm() -> bool {
    LEFT.replace(-1) < 0
}
