//! Panics inside a module are answers, which the test is told of once; they print nothing.

use std::cell::Cell;
use std::panic;
use std::sync::Once;

use proxy_module::remember_panic;

thread_local! {
    static INSIDE: Cell<bool> = const { Cell::new(false) };
}

/// Lets the panic hook of this process print what panics outside of modules only.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            remember_panic(info);
            if !INSIDE.get() {
                before(info);
            }
        }));
    });
}

/// Runs a call into a module.
pub(crate) fn inside<R>(call: impl FnOnce() -> R) -> R {
    let before = INSIDE.replace(true);
    let answer = call();
    INSIDE.set(before);
    answer
}
