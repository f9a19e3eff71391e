//! `ci`: all that has to pass, in the order in which it fails fastest.

use anyhow::{Result, bail};

use crate::cargo::{cargo, run as run_command};
use crate::{test, tidy};

pub(crate) fn ci(args: &[String]) -> Result<()> {
    if !args.is_empty() {
        bail!("ci takes no arguments");
    }
    step("formatting", || run_command(&mut cargo(["fmt", "--all", "--check"])))?;
    step("tidy", || tidy::run(&[]))?;
    let clippy =
        ["clippy", "--quiet", "--locked", "--workspace", "--all-targets", "--", "--deny", "warnings"];
    step("clippy", || run_command(&mut cargo(clippy)))?;
    let doc = ["doc", "--quiet", "--locked", "--workspace", "--no-deps", "--document-private-items"];
    step("docs", || run_command(cargo(doc).env("RUSTDOCFLAGS", "--deny warnings")))?;
    step("tests", || test::run(&[]))
}

fn step(name: &str, run: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("# {name}");
    run()
}
