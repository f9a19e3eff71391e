//! `bench VERB`: figures that a machine repeats, and the bounds they must keep. One file a benchmark.

mod callgrind;
mod committed;
mod hook;
mod idle_modules;
mod instructions;
pub(crate) mod life;
mod peers;
pub(crate) mod rig;
mod scan;
mod system_calls;

use anyhow::{Result, bail};

/// A benchmark: its verb, what it shows, and what measures, prints and fails if a bound is missed. It is given the
/// words after its verb.
type Benchmark = (&'static str, &'static str, fn(&[String]) -> Result<()>);

const BENCHMARKS: &[Benchmark] = &[
    (
        "hook",
        "instructions and allocations of one trip through each balancer, against the committed",
        hook::run,
    ),
    (
        "idle-modules",
        "instructions of one request with fifty modules that are not asked for",
        idle_modules::run,
    ),
    ("scan", "least requests over 1000 endpoints, beside the same loop over a plain slice", scan::run),
    (
        "instructions",
        "instructions and allocations of one request, against the committed figures",
        instructions::run,
    ),
];

/// Runs the benchmark that the first of `words` names; the comparison with other proxies if it names none.
///
/// # Errors
/// If there is none of that name, it cannot be run, or a bound is missed.
pub(crate) fn run(words: &[String]) -> Result<()> {
    if words.first().is_none_or(|word| word.starts_with("--")) {
        return peers::run(words);
    }
    let found = words.split_first().and_then(|(verb, rest)| {
        let (_, _, benchmark) = BENCHMARKS.iter().find(|(name, _, _)| name == verb)?;
        Some((benchmark, rest))
    });
    let Some((benchmark, rest)) = found else {
        let known: Vec<_> =
            BENCHMARKS.iter().map(|(verb, shows, _)| format!("  bench {verb:<14} {shows}")).collect();
        bail!("bench what?\n{}", known.join("\n"));
    };
    benchmark(rest)
}
