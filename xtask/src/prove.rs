//! Proofs: what must not cost a request, or spoil one, done many times under load, each alone so that bounds on time
//! hold.

use anyhow::{Result, bail};

use crate::cargo::{Profile, cargo, run, target};
use crate::modules;

/// Those of the whole program, as the modules below `tests/prove` are called, and that of the parser.
const NAMES: &[&str] = &[
    "reloads",
    "swaps",
    "hostile",
    "panics",
    "stall",
    "soak",
    "slow",
    "overload",
    "crosstalk",
    "posts",
    ORACLES,
];

/// The parser beside others; lives in `tests/oracles`.
const ORACLES: &str = "oracles";

/// Runs those that are named, or all. The long ones are built as they are meant to run.
///
/// # Errors
/// If one fails, or there is none of that name.
pub(crate) fn prove(words: &[String]) -> Result<()> {
    let is_long = words.iter().any(|word| word == "--long");
    let mut names: Vec<&str> = words.iter().map(String::as_str).filter(|word| *word != "--long").collect();
    if names.is_empty() {
        names = NAMES.to_vec();
    }
    run_all(&names, is_long)
}

/// The same for `cargo xtask test --long`: the long ones that count and hold no bound on time.
///
/// # Errors
/// If one fails.
pub(crate) fn prove_counts() -> Result<()> {
    run_all(&["crosstalk", "posts", ORACLES], true)
}

fn run_all(names: &[&str], is_long: bool) -> Result<()> {
    if let Some(unknown) = names.iter().find(|name| !NAMES.contains(name)) {
        bail!("there is no proof {unknown}; there is {}", NAMES.join(", "));
    }
    let (form, profile) = if is_long { ("long", Profile("release")) } else { ("short", Profile::DEV) };
    let files = target()?.join("proof-modules");
    if names.iter().any(|name| *name != ORACLES) {
        modules::build(profile, &files)?;
        modules::build_for_tests(profile, &files)?;
    }
    let mut failed = Vec::new();
    for name in names {
        println!("\nprove {name}, {form}");
        let mut test = cargo("test");
        test.args(["--quiet", "--profile", profile.0]);
        match *name {
            ORACLES => test.args(["--package", "oracles", "--test", "agreement", &format!("{form}::"), "--"]),
            name => {
                test.args(["--package", "proxyd", "--test", "tests", &format!("prove::{name}::{form}")]);
                test.args(["--", "--exact"])
            }
        };
        test.args(["--nocapture", "--include-ignored"]);
        test.env("PROXYD_MODULES", &files).env("PROXYD_TESTS_ALONE", "1").env("PROXYD_TEST_MODE", "shared");
        if run(&mut test).is_err() {
            failed.push(*name);
        }
    }
    if !failed.is_empty() {
        bail!("not proved: {}", failed.join(", "));
    }
    Ok(())
}
