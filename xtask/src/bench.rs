//! `bench hook`: what one trip through `proxy.load_balance` costs: nanoseconds, and, where valgrind is installed,
//! instructions and allocations of host and module alike.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

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
pub(crate) fn hook() -> Result<()> {
    let profile = Profile("dist");
    run_command(cargo("build").args(["--quiet", "--package", "hook-cost", "--profile", profile.0]))?;
    let program = output_dir(profile)?.join("hook-cost");
    let out = target()?.join("bench");
    modules::build(profile, &out)?;
    let module = out.join("mod_proxy_lb.so");
    println!("one request through {}: load_balance, next, done, drop", module.display());
    let counts = has_valgrind();
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

fn has_valgrind() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
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

/// What one round takes.
struct Counted {
    instructions: f64,
    allocations: f64,
}

fn count(program: &Path, module: &Path, endpoints: usize, out: &Path) -> Result<Counted> {
    let mut totals = Vec::new();
    for rounds in COUNTED {
        totals.push(profile(program, module, endpoints, rounds, &out.join(format!("callgrind.{rounds}")))?);
    }
    let rounds = (COUNTED[1] - COUNTED[0]) as f64;
    let per_round = |of: fn(&(u64, u64)) -> u64| (of(&totals[1]) as f64 - of(&totals[0]) as f64) / rounds;
    Ok(Counted { instructions: per_round(|total| total.0), allocations: per_round(|total| total.1) })
}

/// Instructions and calls of `malloc` and its kin in a whole run under callgrind.
fn profile(
    program: &Path,
    module: &Path,
    endpoints: usize,
    rounds: u64,
    file: &PathBuf,
) -> Result<(u64, u64)> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no"])
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(program)
        .arg(module)
        .args([endpoints.to_string(), rounds.to_string()])
        .output()?;
    if !output.status.success() {
        bail!("callgrind failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")));
    let instructions =
        total.and_then(|total| total.trim().parse().ok()).context("callgrind names no total")?;
    Ok((instructions, allocating_calls(&text)))
}

/// In callgrind's format a call is a line `cfn=NAME` followed by `calls=COUNT …`.
fn allocating_calls(profile: &str) -> u64 {
    const ALLOCATING: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];
    let mut callee = "";
    let mut calls = 0;
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            callee = name;
        } else if let Some(count) = line.strip_prefix("calls=")
            && ALLOCATING.contains(&callee)
        {
            calls += count.split_whitespace().next().and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        }
    }
    calls
}
