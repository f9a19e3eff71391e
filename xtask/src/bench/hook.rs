//! `bench hook`: what one trip through `proxy.load_balance` costs: nanoseconds, and, where valgrind is installed,
//! instructions and allocations of host and module alike.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::callgrind;
use crate::cargo::{Profile, cargo, output_dir, run as run_command, target};
use crate::modules;

/// Rounds that are timed.
const TIMED: u64 = 5_000_000;
/// Rounds of the two counted runs; their difference is free of what starting costs.
const COUNTED: [u64; 2] = [20_000, 40_000];
/// Sizes of the cluster.
const ENDPOINTS: [usize; 3] = [4, 64, 1000];

/// Measures and prints.
///
/// # Errors
/// If something does not build or run, or a trip through the hook allocates.
pub(crate) fn run(words: &[String]) -> Result<()> {
    if let Some(word) = words.first() {
        bail!("{word} means nothing to bench hook");
    }
    let profile = Profile("dist");
    run_command(cargo("build").args(["--quiet", "--package", "hook-cost", "--profile", profile.0]))?;
    let program = output_dir(profile)?.join("hook-cost");
    let out = target()?.join("bench");
    modules::build(profile, &out)?;
    let module = out.join("mod_proxy_lb.so");
    println!("one request through {}: load_balance, next, done, drop", module.display());
    let counts = callgrind::is_installed();
    if !counts {
        println!("instructions and allocations skipped: valgrind not installed");
    }
    let mut allocations = 0.0;
    for endpoints in ENDPOINTS {
        let nanoseconds = timed(&program, &module, endpoints)?;
        print!("  {endpoints:>5} endpoints  {nanoseconds:>7.1} ns");
        if counts {
            let counted = count(&program, &module, endpoints, &out)?;
            allocations += counted.allocations;
            print!("  {:>7.1} instructions  {:>5.2} allocations", counted.instructions, counted.allocations);
        }
        println!();
    }
    if allocations > 0.0 {
        bail!("a trip through the hook allocates; it must not");
    }
    Ok(())
}

/// The median of five runs.
fn timed(program: &Path, module: &Path, endpoints: usize) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..5 {
        let output =
            Command::new(program).arg(module).args([endpoints.to_string(), TIMED.to_string()]).output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        let first = text.split_whitespace().next().and_then(|word| word.parse().ok());
        times.push(first.with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[times.len() / 2])
}

fn count(program: &Path, module: &Path, endpoints: usize, out: &Path) -> Result<callgrind::PerRound> {
    let run = |rounds: u64| {
        let file = out.join(format!("callgrind.{rounds}"));
        let mut command = callgrind::command(&file);
        command.arg(program).arg(module).args([endpoints.to_string(), rounds.to_string()]);
        callgrind::count(&mut command, &file)
    };
    Ok(callgrind::per_round(run(COUNTED[0])?, run(COUNTED[1])?, COUNTED[1] - COUNTED[0]))
}
