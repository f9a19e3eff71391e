//! The checks that a change has to pass, the quick ones first.

use anyhow::Result;

use crate::cargo::{cargo, run};
use crate::{bench, loom, suite, tidy};

/// All checks but the tests; with `tests` those too, and the benchmarks whose figures a machine repeats.
///
/// # Errors
/// If one does not pass.
pub(crate) fn check(tests: bool) -> Result<()> {
    println!("fmt");
    run(cargo("fmt").args(["--all", "--check"]))?;
    println!("tidy");
    tidy::run()?;
    println!("clippy");
    clippy(&["--workspace"])?;
    clippy(&["--package", "proxyd", "--features", "mod-proxy-lb"])?;
    loom::lint()?;
    println!("docs");
    let mut docs = cargo("doc");
    docs.args(["--quiet", "--workspace", "--no-deps", "--document-private-items"]);
    run(docs.env("RUSTDOCFLAGS", "--deny warnings"))?;
    if tests {
        for verb in ["hook", "scan", "instructions", "idle-modules"] {
            println!("bench {verb}");
            bench::run(&[verb.to_owned()])?;
        }
        suite::test(false)?;
    }
    Ok(())
}

fn clippy(what: &[&str]) -> Result<()> {
    let mut clippy = cargo("clippy");
    clippy.args(["--quiet", "--all-targets"]).args(what);
    run(clippy.args(["--", "--deny", "warnings"]))
}
