//! Counting with callgrind: instructions, and calls of the functions that allocate.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// What a whole run took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Instructions in user space.
    pub(crate) instructions: u64,
    /// Calls of `malloc` and its kin.
    pub(crate) allocations: u64,
}

/// What one round takes: the difference of two runs is free of what starting costs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct PerRound {
    pub(crate) instructions: f64,
    pub(crate) allocations: f64,
}

/// Whether valgrind is installed.
pub(crate) fn is_installed() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// Whether there is nothing to count with, which is said; where everything was installed on purpose, it fails.
///
/// # Errors
/// If valgrind is missing and `PROXYD_TESTS_REQUIRE_ALL` is set.
pub(crate) fn is_missing() -> Result<bool> {
    if is_installed() {
        return Ok(false);
    }
    if std::env::var_os("PROXYD_TESTS_REQUIRE_ALL").is_some() {
        bail!("valgrind is not installed, and PROXYD_TESTS_REQUIRE_ALL is set");
    }
    println!("skipped: valgrind is not installed");
    Ok(true)
}

/// valgrind with callgrind, its output going to `file`, before it was told what to run.
pub(crate) fn command(file: &Path) -> Command {
    let mut command = Command::new("valgrind");
    command.args(["--quiet", "--tool=callgrind", "--compress-strings=no"]);
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command
}

/// Runs `command`, made by [`command`] with the same `file`, to its end and reads what was counted.
///
/// # Errors
/// If the program fails, or callgrind's output is not as known.
pub(crate) fn count(command: &mut Command, file: &Path) -> Result<Counts> {
    let output = command.output().context("valgrind cannot be run")?;
    if !output.status.success() {
        bail!("a run under callgrind failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    read(file)
}

/// Reads what callgrind wrote.
///
/// # Errors
/// If it cannot be read, or is not as known.
pub(crate) fn read(file: &Path) -> Result<Counts> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    parse(&text).with_context(|| format!("{} names no total", file.display()))
}

/// The difference of two runs, by the rounds that the second one had more.
pub(crate) fn per_round(short: Counts, long: Counts, rounds: u64) -> PerRound {
    let each = |short: u64, long: u64| (long as f64 - short as f64) / rounds as f64;
    PerRound {
        instructions: each(short.instructions, long.instructions),
        allocations: each(short.allocations, long.allocations),
    }
}

fn parse(profile: &str) -> Option<Counts> {
    let total = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")))?;
    Some(Counts { instructions: total.trim().parse().ok()?, allocations: allocating_calls(profile) })
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

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
version: 1
events: Ir

fn=main
0 12
cfn=malloc
calls=3 0
0 300
cfn=realloc
calls=2 0
0 10
cfn=free
calls=5 0
0 10

totals: 4711
";

    #[test]
    fn the_total_and_the_allocating_calls_are_read() {
        assert_eq!(parse(PROFILE), Some(Counts { instructions: 4711, allocations: 5 }));
        assert_eq!(parse("events: Ir\nsummary: 8\n"), Some(Counts { instructions: 8, allocations: 0 }));
        assert_eq!(parse("events: Ir\n"), None);
    }

    #[test]
    fn a_round_is_the_difference_by_the_rounds_between() {
        let short = Counts { instructions: 1_100, allocations: 7 };
        let long = Counts { instructions: 2_100, allocations: 17 };
        assert_eq!(per_round(short, long, 20), PerRound { instructions: 50.0, allocations: 0.5 });
    }
}
