//! `bench instructions`: what a request costs proxyd in user space, in instructions and allocations, by callgrind.
//!
//! One connection, one request after the other, one executor, the round robin loaded as a file. Each load runs twice
//! with different counts of requests; the difference is free of what starting and connecting cost. The figures that
//! were agreed stand in `tests/load/instructions.txt`; growth beyond 3 % of one fails.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::callgrind::{self, PerRound, per_round};
use super::committed::Committed;
use super::life::Life;
use super::rig::{self, LOAD_CORE, Origin, Programs, Running};
use super::system_calls;
use crate::cargo::root;

/// A load.
struct Case {
    /// As in the file of figures.
    name: &'static str,
    what: &'static str,
    /// What the clients are told.
    words: &'static [&'static str],
    /// With an access log.
    log: bool,
}

const CASES: &[Case] = &[
    Case { name: "S1", what: "GET, 128 B, keep-alive", words: &["size=128"], log: false },
    Case { name: "S2", what: "GET, 16 KiB, keep-alive", words: &["size=16384"], log: false },
    Case {
        name: "POST",
        what: "POST of 64 B, 128 B, keep-alive",
        words: &["size=128", "body=64"],
        log: false,
    },
    Case {
        name: "S4",
        what: "GET, 128 B, a connection for each",
        words: &["size=128", "close=yes"],
        log: false,
    },
    Case { name: "S1log", what: "S1 with a combined access log", words: &["size=128"], log: true },
];

const HEADING: &str = "\
Instructions of proxyd and mod_proxy_lb.so in user space for one request, as counted by
`cargo xtask bench instructions`, which fails if one has grown by more than 3 %.
Written by `cargo xtask bench instructions --write`.";

/// Requests of the two runs.
const REQUESTS: [u64; 2] = [300, 1_500];
/// The same for strace: calls vary less than instructions.
const TRACED: [u64; 2] = [50, 250];
/// Measures, prints, compares; with `--write` makes what was measured the committed figures.
///
/// # Errors
/// If something does not build or run, or a figure has grown.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let write = match words {
        [] => false,
        [word] if word == "--write" => true,
        _ => bail!("bench instructions knows only --write"),
    };
    if !callgrind::is_installed() {
        println!("instructions skipped: valgrind not installed");
        return Ok(());
    }
    let dir = rig::directory("instructions")?;
    let programs = Programs::build(&dir)?;
    let origin = Origin::start(&programs, 2, &[LOAD_CORE])?;
    let mut committed = Committed::read(&root().join("tests/load/instructions.txt"))?;
    println!("one request through proxyd and {}, one connection at a time", programs.module.display());
    println!("  {:<6} {:<34} {:>12} {:>12} {:>11}", "", "", "instructions", "to committed", "allocations");
    for case in CASES {
        let PerRound { instructions, allocations } = settled(case, &mut committed, &programs, &origin, &dir)?;
        let ratio = committed.note(case.name, instructions);
        let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.3}"));
        println!("  {:<6} {:<34} {instructions:>12.0} {ratio:>12} {allocations:>11.2}", case.name, case.what);
    }
    if system_calls::is_available() {
        println!("system calls of a request");
        for case in CASES {
            println!("  {:<6} {}", case.name, trace(case, &programs, &origin, &dir)?);
        }
    } else {
        println!("system calls skipped: strace not installed, or it may not trace");
    }
    if write { committed.write(HEADING) } else { committed.judge("instructions") }
}

/// Measures; again where it seems to have grown. Whether a client's close comes before a poll or after it, and whether a
/// connection is still young, is a matter of luck on a busy machine; growth is there each time.
fn settled(
    case: &Case,
    committed: &mut Committed,
    programs: &Programs,
    origin: &Origin,
    dir: &Path,
) -> Result<PerRound> {
    const TIMES: usize = 5;
    let mut least = measure(case, programs, origin, dir)?;
    for _ in 1..TIMES {
        if committed.note(case.name, least.instructions).is_none_or(|ratio| ratio <= 1.02) {
            break;
        }
        let again = measure(case, programs, origin, dir)?;
        if again.instructions < least.instructions {
            least = again;
        }
    }
    Ok(least)
}

fn measure(case: &Case, programs: &Programs, origin: &Origin, dir: &Path) -> Result<PerRound> {
    let mut counts = Vec::new();
    for requests in REQUESTS {
        let profile = dir.join(format!("callgrind.{}.{requests}", case.name));
        live(case, programs, origin, dir, requests, callgrind::command(&profile))?.stop()?;
        counts.push(callgrind::read(&profile)?);
    }
    Ok(per_round(counts[0], counts[1], REQUESTS[1] - REQUESTS[0]))
}

/// The same for calls of the system, as text.
fn trace(case: &Case, programs: &Programs, origin: &Origin, dir: &Path) -> Result<String> {
    let mut counts = Vec::new();
    for requests in TRACED {
        let counted = dir.join(format!("strace.{}.{requests}", case.name));
        live(case, programs, origin, dir, requests, system_calls::command(&counted))?.stop_traced()?;
        counts.push(system_calls::read(&counted)?);
    }
    Ok(system_calls::per_request(&counts[0], &counts[1], TRACED[1] - TRACED[0]))
}

/// One life of the server under `observer`; it has answered `requests` and still runs.
fn live(
    case: &Case,
    programs: &Programs,
    origin: &Origin,
    dir: &Path,
    requests: u64,
    mut observer: Command,
) -> Result<Running> {
    observer.arg(&programs.proxyd);
    let life = Life { programs, origin, dir, lines: "", log: case.log };
    let (running, addr) = life.start(observer).context(case.name)?;
    life.send_counted(addr, case.words, requests).context(case.name)?;
    Ok(running)
}
