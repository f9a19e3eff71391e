//! `proxyd module bench FILE`: what one request costs in a balancer: nanoseconds, and, where valgrind is installed,
//! instructions and allocations of host and module alike.

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use clap::Args;
use proxy_abi::{Fields, Outcome, OutcomeResult, Request, RequestParts, Stats};
use proxy_core::caller::Caller;
use proxy_core::conf::ProxySettings;
use proxy_core::generation::Generation;

use super::check::{NoFields, Subject, absolute, build, ident};
use crate::Ended;
use crate::output::{self, Messages};

/// What is measured.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Bench {
    /// The module's file
    pub(crate) file: PathBuf,
    /// Which module, where the file holds several
    #[arg(long)]
    pub(crate) ident: Option<String>,
    /// Line of configuration for the module
    #[arg(long, value_name = "DIRECTIVE")]
    pub(crate) config: Vec<String>,
    /// Run so many requests over so many endpoints, and nothing else
    #[arg(long, num_args = 2, value_names = ["ENDPOINTS", "ROUNDS"], hide = true)]
    pub(crate) rounds: Vec<usize>,
}

/// Sizes of the cluster.
const ENDPOINTS: [usize; 5] = [4, 16, 100, 1_000, 10_000];
/// Each measurement goes on so long at least, and the best of so many counts.
const LONG: Duration = Duration::from_millis(100);
const TIMES: usize = 5;
/// Rounds of the two counted runs; their difference is free of what starting costs.
const COUNTED: [usize; 2] = [2_000, 4_000];

/// Measures and prints.
pub(crate) fn run(bench: &Bench) -> Ended {
    match measured(bench) {
        Ok(()) => Ended::Well,
        Err(text) => {
            Messages::Stderr.say(format_args!("proxyd: {text}"));
            Ended::NotStarted
        }
    }
}

fn measured(bench: &Bench) -> Result<(), String> {
    let file = absolute(&bench.file)?;
    let ident = ident(&file, bench.ident.as_deref())?;
    let subject = Subject { file, ident, config: bench.config.clone() };
    if let [endpoints, rounds] = bench.rounds[..] {
        let (caller, generation) = (Caller::new(0), balanced(&subject, endpoints)?);
        return requests(&generation, &caller, rounds);
    }
    let profile =
        if cfg!(debug_assertions) { ", a debug build of the server: times are no guide" } else { "" };
    output::result(format_args!(
        "one request through {}: load_balance, next, done, drop{profile}\n",
        subject.ident
    ));
    let has_valgrind = has_valgrind();
    if !has_valgrind {
        output::result("instructions and allocations skipped: valgrind is not installed\n");
    }
    for endpoints in ENDPOINTS {
        let mut line = format!("  {endpoints:>6} endpoints  {:>9.1} ns", timed(&subject, endpoints)?);
        // Under valgrind the largest one takes minutes to set up and tells nothing new.
        if has_valgrind
            && endpoints <= 1_000
            && let Some(counted) = counted(&subject, endpoints)?
        {
            let _ = write!(
                line,
                "  {:>9.1} instructions  {:>5.2} allocations",
                counted.instructions, counted.allocations
            );
        }
        output::result(format_args!("{line}\n"));
    }
    output::result(format_args!(
        "  for comparison, the least of 1,000 counters in a plain loop: {:.1} ns\n",
        plain_scan()
    ));
    Ok(())
}

/// A generation in which the module balances a cluster of `endpoints`.
fn balanced(subject: &Subject, endpoints: usize) -> Result<Generation, String> {
    let mut text = String::from("<Proxy balancer://bench>\n");
    for port in 1..=endpoints {
        let _ = writeln!(text, "BalancerMember http://127.0.0.1:{port}");
    }
    let _ = write!(
        text,
        "</Proxy>\nLBMethod bench {}\nLBHashKey bench uri\nProxyPass / balancer://bench\n",
        subject.ident
    );
    build(subject, &text, None).map(|(generation, _)| generation)
}

/// The best mean time of one request, in nanoseconds.
fn timed(subject: &Subject, endpoints: usize) -> Result<f64, String> {
    let (caller, generation) = (Caller::new(0), balanced(subject, endpoints)?);
    let mut best = f64::INFINITY;
    for _ in 0..TIMES {
        let (started, mut rounds) = (Instant::now(), 0);
        while started.elapsed() < LONG {
            requests(&generation, &caller, 100)?;
            rounds += 100;
        }
        best = best.min(started.elapsed().as_secs_f64() * 1e9 / f64::from(rounds));
    }
    Ok(best)
}

/// So many requests, as the server makes them but without sockets.
fn requests(generation: &Generation, caller: &Caller, rounds: usize) -> Result<(), String> {
    let routed = generation.servers().route(([127, 0, 0, 1], 80).into(), None, b"/");
    let route = routed.route.ok_or("no route leads to the cluster")?;
    let settings = ProxySettings::default();
    let parts = RequestParts {
        version: 11,
        id: 1,
        method: b"GET",
        authority: b"bench.example",
        path: b"/",
        query: b"",
        unparsed_uri: b"/",
        client: b"192.0.2.7",
    };
    let request = Request::new(&parts, Fields::new(&NoFields));
    for round in 0..rounds {
        let mut trylist = generation.trylist(caller, route, &settings, &request);
        if black_box(trylist.next()).is_none() {
            return Err(format!("request {round} got no endpoint"));
        }
        trylist.finish(Outcome::of(OutcomeResult::OK));
    }
    Ok(())
}

/// What a policy that looks at all of 1,000 endpoints cannot go below.
fn plain_scan() -> f64 {
    const ROUNDS: u32 = 10_000;
    let stats: Vec<Stats> = (0..1_000).map(|_| Stats::default()).collect();
    let started = Instant::now();
    for _ in 0..ROUNDS {
        let least = stats.iter().map(|stats| stats.in_flight.load(Relaxed)).enumerate();
        black_box(least.min_by_key(|(_, in_flight)| *in_flight));
    }
    started.elapsed().as_secs_f64() * 1e9 / f64::from(ROUNDS)
}

fn has_valgrind() -> bool {
    let version =
        Command::new("valgrind").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    version.is_ok_and(|status| status.success())
}

/// What one request takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counted {
    /// Machine instructions.
    pub(super) instructions: f64,
    /// Calls of malloc and its kin.
    pub(super) allocations: f64,
}

/// Counts by valgrind; `None` where it is not installed.
///
/// # Errors
/// If the counted program fails.
pub(super) fn counted(subject: &Subject, endpoints: usize) -> Result<Option<Counted>, String> {
    if !has_valgrind() {
        return Ok(None);
    }
    let [few, many] = COUNTED.map(|rounds| profile(subject, endpoints, rounds));
    let ((fewer_instructions, fewer_calls), (instructions, calls)) = (few?, many?);
    let rounds = (COUNTED[1] - COUNTED[0]) as f64;
    let per_round = |many: u64, few: u64| (many as f64 - few as f64) / rounds;
    Ok(Some(Counted {
        instructions: per_round(instructions, fewer_instructions),
        allocations: per_round(calls, fewer_calls),
    }))
}

/// Instructions and allocating calls of a whole run of this program under callgrind.
fn profile(subject: &Subject, endpoints: usize, rounds: usize) -> Result<(u64, u64), String> {
    let failed = |text: String| format!("counting by valgrind: {text}");
    let program = std::env::current_exe().map_err(|error| failed(error.to_string()))?;
    let file = tempfile::NamedTempFile::new().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--compress-strings=no"]);
    command.arg(format!("--callgrind-out-file={}", file.path().display())).arg(program);
    command.args(["module", "bench", "--ident", &subject.ident]).arg(&subject.file);
    command.args(subject.config.iter().flat_map(|line| ["--config", line]));
    command.args(["--rounds", &endpoints.to_string(), &rounds.to_string()]);
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        // Valgrind's own lines begin with its process's number.
        let said = String::from_utf8_lossy(&output.stderr);
        let own = said.lines().find(|line| !line.starts_with("==")).unwrap_or("the program crashed");
        return Err(failed(own.to_owned()));
    }
    let text = std::fs::read(file.path()).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8_lossy(&text);
    let total = text
        .lines()
        .find_map(|line| line.strip_prefix("totals: ").or_else(|| line.strip_prefix("summary: ")))
        .and_then(|total| total.trim().parse().ok())
        .ok_or_else(|| failed("it names no total".to_owned()))?;
    Ok((total, allocating_calls(&text)))
}

/// In callgrind's format a call is a line `cfn=NAME` followed by `calls=COUNT …`.
fn allocating_calls(profile: &str) -> u64 {
    const ALLOCATING: [&str; 5] = ["malloc", "calloc", "realloc", "posix_memalign", "aligned_alloc"];
    let (mut callee, mut calls) = ("", 0);
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

    #[test]
    fn allocating_calls_are_counted_in_a_profile() {
        let profile =
            "fn=main\ncfn=malloc\ncalls=3 0\n1 2\ncfn=free\ncalls=9 0\n1 2\ncfn=realloc\ncalls=2 0\n";
        assert_eq!(allocating_calls(profile), 5);
    }
}
