//! Models for loom: all interleavings, up to a number of preemptions, of threads that share a cluster, a published
//! generation, a hook's implementations or a module's gate. Built by `cargo xtask loom` with `--cfg loom`; empty otherwise.
//!
//! What is run is the core itself, whose `sync` then takes loom's types, and modules made by the SDK.
#![cfg(loom)]

mod gate;
mod policy;
mod publication;
mod run_slot;
mod trylists;

use std::sync::Arc;

/// Tries `model` in all interleavings of as many preemptions as `LOOM_MAX_PREEMPTIONS` says, or 3.
fn explore(model: impl Fn() + Send + Sync + 'static) {
    let mut explorer = loom::model::Builder::new();
    explorer.preemption_bound = explorer.preemption_bound.or(Some(3));
    explorer.max_branches = 10_000;
    let model = Arc::new(model);
    explorer.check(move || {
        let model = Arc::clone(&model);
        thread(move || model()).join().unwrap();
    });
}

/// A thread of the model, with a stack on which a generation can be built.
fn thread<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> loom::thread::JoinHandle<T> {
    const WORDS: usize = 64 * 1024;
    loom::thread::Builder::new().stack_size(WORDS).spawn(run).unwrap()
}
