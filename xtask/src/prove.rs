//! Proofs: what must not cost a request, done many times under load, each alone so that bounds on time hold.

use anyhow::{Result, bail};

use crate::cargo::{Profile, cargo, run, target};
use crate::modules;

/// As the modules below `tests/prove` are called.
const NAMES: &[&str] = &["reloads", "swaps", "hostile", "panics", "stall", "soak", "slow", "overload"];

/// Runs those that are named, or all. The long ones are built as they are meant to run.
///
/// # Errors
/// If one fails, or there is none of that name.
pub(crate) fn prove(words: &[String]) -> Result<()> {
    let is_long = words.iter().any(|word| word == "--long");
    let mut names: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "--long").collect();
    if let Some(unknown) = names.iter().find(|name| !NAMES.contains(name)) {
        bail!("there is no proof {unknown}; there is {}", NAMES.join(", "));
    }
    if names.is_empty() {
        names = NAMES.to_vec();
    }
    let (form, profile) = if is_long { ("long", Profile("release")) } else { ("short", Profile::DEV) };
    let files = target()?.join("proof-modules");
    modules::build(profile, &files)?;
    modules::build_for_tests(&files)?;
    let mut failed = Vec::new();
    for name in names {
        println!("\nprove {name}, {form}");
        let mut test = cargo("test");
        test.args(["--quiet", "--package", "proxyd", "--test", "tests", "--profile", profile.0]);
        test.args([&format!("prove::{name}::{form}"), "--", "--exact", "--nocapture", "--include-ignored"]);
        test.env("PROXYD_MODULES", &files).env("PROXYD_TESTS_ALONE", "1").env("PROXYD_TEST_MODE", "shared");
        if run(&mut test).is_err() {
            failed.push(name);
        }
    }
    if !failed.is_empty() {
        bail!("not proved: {}", failed.join(", "));
    }
    Ok(())
}
