//! The models of `crates/proxy-core/tests/loom`: what threads share, tried in all interleavings.

use anyhow::Result;

use crate::cargo::{cargo, root, run};

/// How many times the system may take the processor away from a thread that could go on, in any one interleaving.
const PREEMPTIONS: &str = "3";

/// Likewise, where time is no matter.
const MANY_PREEMPTIONS: &str = "5";

/// Runs them.
///
/// # Errors
/// If one does not build, or finds an interleaving in which something does not hold.
pub(crate) fn run_models(long: bool) -> Result<()> {
    let preemptions = if long { MANY_PREEMPTIONS } else { PREEMPTIONS };
    println!("\nmodels: all interleavings of up to {preemptions} preemptions");
    let mut test = cargo("test");
    test.args(["--quiet", "--package", "proxy-core", "--features", "loom", "--test", "loom"]);
    // It gives `--cfg loom` to our crates alone, so that no other is built once more.
    test.env("RUSTC_WORKSPACE_WRAPPER", root().join("xtask/rustc-loom"));
    run(test.env("LOOM_MAX_PREEMPTIONS", preemptions))
}

/// Checks their sources as the lints check all others.
///
/// # Errors
/// If there is a warning.
pub(crate) fn lint() -> Result<()> {
    let mut clippy = cargo("clippy");
    clippy.args(["--quiet", "--package", "proxy-core", "--features", "loom", "--lib", "--test", "loom"]);
    run(clippy.args(["--", "--cfg", "loom", "--deny", "warnings"]))
}
