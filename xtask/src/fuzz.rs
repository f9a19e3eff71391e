//! `cargo xtask fuzz TARGET`: cargo-fuzz over the targets of `tests/fuzz`, which are their own workspace.

use std::fs;

use anyhow::{Context, Result, bail};

use crate::cargo::{cargo, root, run, target};

const DIR: &str = "tests/fuzz";

/// Runs one target for so many seconds. What is found new is kept in the target directory; the committed corpus is only
/// read.
///
/// # Errors
/// If there is no such target, cargo-fuzz is missing, or something was found.
pub(crate) fn fuzz(words: &[String]) -> Result<()> {
    let (name, seconds) = arguments(words)?;
    let names = targets()?;
    if !names.iter().any(|known| known == name) {
        bail!("there is no target {name}: take one of {}", names.join(", "));
    }
    if !cargo("fuzz").arg("--version").output().is_ok_and(|output| output.status.success()) {
        bail!("cargo-fuzz is not installed: run `cargo install cargo-fuzz`; it needs a C++ compiler too");
    }
    let found = target()?.join("fuzz").join("corpus").join(name);
    fs::create_dir_all(&found).with_context(|| format!("{} cannot be made", found.display()))?;
    let mut command = cargo("fuzz");
    command.args(["run", "--fuzz-dir", DIR, "--target-dir"]).arg(target()?.join("fuzz"));
    command.arg(name).arg(&found).arg(root().join(DIR).join("corpus").join(name));
    command.arg("--").arg(format!("-max_total_time={seconds}"));
    // The sanitizer's flags are for nightly compilers; the stable one takes them so.
    run(command.env("RUSTC_BOOTSTRAP", "1"))
}

fn arguments(words: &[String]) -> Result<(&str, u32)> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        [name] => Ok((name, 60)),
        [name, "--seconds", seconds] => {
            Ok((name, seconds.parse().with_context(|| format!("{seconds} is no number of seconds"))?))
        }
        _ => bail!("fuzz wants one TARGET of {}, then perhaps --seconds N", targets()?.join(", ")),
    }
}

/// The names of all targets, in order.
fn targets() -> Result<Vec<String>> {
    let dir = root().join(DIR).join("fuzz_targets");
    let mut names = Vec::new();
    for file in fs::read_dir(&dir).with_context(|| format!("{} cannot be read", dir.display()))? {
        let path = file?.path();
        names.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}
