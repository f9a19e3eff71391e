//! The run that shows what proxyd does most: the loads of `bench` on loopback, in some seconds, with an access log and
//! without.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::bench::life::Life;
use crate::bench::rig::{Origin, Programs};

/// A part of the training.
#[derive(Debug, Hash)]
pub(super) struct Load {
    name: &'static str,
    /// What the clients are told; by `seconds`, so that a slow machine takes no longer.
    words: &'static [&'static str],
    /// With an access log.
    log: bool,
}

/// All parts. Which branches are common depends on how long each takes, and what most requests are is S1.
pub(super) const LOADS: &[Load] = &[
    Load { name: "S1", words: &["size=128", "connections=64", "seconds=1"], log: false },
    Load { name: "S2", words: &["size=16384", "connections=64", "seconds=0.5"], log: false },
    Load { name: "S3", words: &["size=1048576", "connections=16", "seconds=0.3"], log: false },
    Load { name: "S4", words: &["size=128", "connections=64", "close=yes", "seconds=0.4"], log: false },
    Load { name: "POST", words: &["size=128", "body=64", "connections=64", "seconds=0.4"], log: false },
    Load { name: "S1log", words: &["size=128", "connections=64", "seconds=0.4"], log: true },
];

/// Runs the program, which counts, under all loads; the files of its counters. Its configuration and its logs are in
/// `dir`, anew.
///
/// # Errors
/// If it does not start, does not answer, does not end in order, or leaves no counters.
pub(super) fn train(instrumented: &Path, dir: &Path) -> Result<Vec<PathBuf>> {
    // A name without the process: the children that try modules may write nothing, and have no part in this.
    let names = ["plain", "logging"].map(|name| dir.join(format!("{name}.profraw")));
    lives(instrumented, dir, &names.each_ref().map(|name| Some(&**name)))
        .context("the training has failed, `--no-pgo` does without")?;
    for counters in &names {
        // They are written where a process ends in order, and nowhere else.
        if fs::metadata(counters).map_or(0, |file| file.len()) == 0 {
            bail!(
                "{} has left no counters in {}: what was wrong stands in proxyd.out beside it",
                instrumented.display(),
                counters.display()
            );
        }
    }
    Ok(names.into())
}

/// Runs the program that came of it under the same loads: what is optimised the most shows faults that no other build
/// does.
///
/// # Errors
/// If it does not start, does not answer, or does not end in order.
pub(super) fn prove(guided: &Path, dir: &Path) -> Result<()> {
    lives(guided, dir, &[None, None])
        .with_context(|| format!("{} does not stand what it was made for", guided.display()))
}

/// A life without an access log and one with it, each of which may count.
fn lives(proxyd: &Path, dir: &Path, counters: &[Option<&Path>; 2]) -> Result<()> {
    if dir.exists() {
        fs::remove_dir_all(dir).with_context(|| dir.display().to_string())?;
    }
    fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    let programs = Programs::around(proxyd.to_owned(), dir)?;
    let origin = Origin::start(&programs, 2, &[])?;
    for (log, counters) in [false, true].into_iter().zip(counters) {
        live(&Life { programs: &programs, origin: &origin, dir, lines: "", log }, *counters)?;
    }
    Ok(())
}

/// One life of the server, under the loads that are for it.
fn live(life: &Life<'_>, counters: Option<&Path>) -> Result<()> {
    let mut command = Command::new(&life.programs.proxyd);
    command.envs(counters.map(|counters| ("LLVM_PROFILE_FILE", counters)));
    let (running, addr) = life.start(command)?;
    for load in LOADS.iter().filter(|load| load.log == life.log) {
        let answered = life.send(addr, load.words)?;
        if answered == 0 {
            bail!("{}: no request was answered", load.name);
        }
        println!("  {:<6} {answered:>8} requests", load.name);
    }
    running.stop()
}
