//! All tests; those of the whole program twice: with the balancer loaded from a file, and compiled in. And the models of
//! what threads share.

use anyhow::Result;

use crate::cargo::{Profile, cargo, run, target};
use crate::{loom, modules, prove};

/// Runs them. `long` takes in the tests that are ignored for the time they take, and the long proofs that count.
///
/// # Errors
/// If one fails.
pub(crate) fn test(long: bool) -> Result<()> {
    let files = target()?.join("test-modules");
    modules::build(Profile::DEV, &files)?;
    modules::build_for_tests(Profile::DEV, &files)?;
    let ignored: &[&str] = if long { &["--", "--include-ignored"] } else { &[] };

    println!("\ntests of everything; the balancer is a file");
    let mut shared = cargo("test");
    shared.args(["--workspace"]).args(ignored);
    run(shared.env("PROXYD_TEST_MODE", "shared").env("PROXYD_MODULES", &files))?;

    println!("\ntests of the boundary, optimized: what unsafe code gets wrong may show only there");
    let mut optimized = cargo("test");
    run(optimized.args(["--release", "--package", "proxy-dso", "--lib", "--test", "dso"]))?;

    println!("\ntests of the whole program; the balancer is compiled in");
    let mut compiled_in = cargo("test");
    compiled_in.args(["--package", "proxyd", "--features", "mod-proxy-lb", "--test", "tests"]).args(ignored);
    run(compiled_in.env("PROXYD_TEST_MODE", "static").env("PROXYD_MODULES", &files))?;
    loom::run_models(long)?;
    if long { prove::prove_counts() } else { Ok(()) }
}
