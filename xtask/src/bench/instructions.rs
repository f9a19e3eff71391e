//! `bench instructions`: what a request costs proxyd in user space, in instructions and allocations, by callgrind.
//!
//! One connection, one request after the other, one executor, the round robin loaded as a file. Each load runs twice
//! with different counts of requests; the difference is free of what starting and connecting cost. The figures that
//! were agreed stand in `tests/load/instructions.txt`; growth beyond a few hundredths of one fails.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::callgrind::{self, Counts, PerRound, per_round};
use super::rig::{self, Origin, Programs, Running, free_port};
use crate::cargo::root;

/// A load: its name in the file of figures, what it is, the words for the clients, and the two counts of requests.
type Case = (&'static str, &'static str, &'static [&'static str], bool);

const CASES: &[Case] = &[
    ("S1", "GET, 128 B, keep-alive", &["size=128"], false),
    ("S2", "GET, 16 KiB, keep-alive", &["size=16384"], false),
    ("POST", "POST of 64 B, 128 B, keep-alive", &["size=128", "body=64"], false),
    ("S4", "GET, 128 B, a connection for each", &["size=128", "close=yes"], false),
    ("S1log", "as S1, with a combined access log", &["size=128"], true),
];

/// Requests of the two runs.
const REQUESTS: [u64; 2] = [300, 1_500];
/// How much more than the committed figure passes.
const GROWTH: f64 = 0.03;

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
    let origin = Origin::start(&programs, 2)?;
    let committed = read_figures(&figures_file())?;
    let mut measured = BTreeMap::new();
    let mut grown = Vec::new();
    println!("one request through proxyd and {}, one connection at a time", programs.module.display());
    println!(
        "  {:<6} {:<34} {:>12} {:>12} {:>8} {:>11}",
        "", "", "instructions", "committed", "ratio", "allocations"
    );
    for case in CASES {
        let (name, what, ..) = case;
        let PerRound { instructions, allocations } = measure(case, &programs, &origin, &dir)?;
        let known = committed.get(*name).copied();
        let ratio = known.map(|known| instructions / known);
        let shown = |value: Option<f64>, digits| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        println!(
            "  {name:<6} {what:<34} {instructions:>12.0} {:>12} {:>8} {allocations:>11.2}",
            shown(known, 0),
            shown(ratio, 3)
        );
        match ratio {
            Some(ratio) if ratio > 1.0 + GROWTH => {
                grown.push(format!("{name} by {:.1} %", (ratio - 1.0) * 100.0));
            }
            Some(_) => {}
            None => grown.push(format!("{name} has no committed figure")),
        }
        measured.insert((*name).to_owned(), instructions);
    }
    if write {
        fs::write(figures_file(), write_figures(&measured))?;
        println!("written to {}", figures_file().display());
        return Ok(());
    }
    if !grown.is_empty() {
        bail!(
            "instructions per request have grown: {}; if that is meant, commit what \
             `cargo xtask bench instructions --write` writes, and say why",
            grown.join(", ")
        );
    }
    Ok(())
}

fn measure(case: &Case, programs: &Programs, origin: &Origin, dir: &Path) -> Result<PerRound> {
    let short = count(case, programs, origin, dir, REQUESTS[0])?;
    let long = count(case, programs, origin, dir, REQUESTS[1])?;
    Ok(per_round(short, long, REQUESTS[1] - REQUESTS[0]))
}

/// One life of the server under callgrind.
fn count(case: &Case, programs: &Programs, origin: &Origin, dir: &Path, requests: u64) -> Result<Counts> {
    let (name, _, words, log) = *case;
    let addr = free_port()?;
    let conf = dir.join("proxyd.conf");
    let mut text = format!(
        "Listen {addr}\nExecutors 1\nErrorLog {}\nLogLevel warn\nLoadModule proxy_lb_module {}\n",
        dir.join("error.log").display(),
        programs.module.display()
    );
    for origin in &origin.addrs {
        text.push_str(&format!("LBServerCluster origins http://{origin}\n"));
    }
    text.push_str("LBProxyPass / origins\n");
    if log {
        text.push_str(&format!("CustomLog {} combined\n", dir.join("access.log").display()));
    }
    fs::write(&conf, text)?;
    let profile = dir.join(format!("callgrind.{name}.{requests}"));
    let output = dir.join("proxyd.out");
    let file = File::create(&output)?;
    let mut command = callgrind::command(&profile);
    command.arg(&programs.proxyd).arg("-d").arg(dir).arg("-f").arg(&conf);
    let child = command.stdout(file.try_clone()?).stderr(file).stdin(Stdio::null()).spawn()?;
    let mut running = Running::new(child);
    running.wait_for(addr).with_context(|| format!("proxyd under callgrind: see {}", output.display()))?;
    let mut load = programs.load();
    load.arg(format!("addr={addr}")).args(words).arg(format!("count={requests}"));
    let figures = load.stdout(Stdio::piped()).output().context("the clients cannot be started")?;
    let said = String::from_utf8_lossy(&figures.stdout);
    if !figures.status.success() || !said.contains(&format!("requests={requests} errors=0 ")) {
        bail!("{name}: {} {}", said.trim(), String::from_utf8_lossy(&figures.stderr).trim());
    }
    running.stop()?;
    callgrind::read(&profile)
}

fn figures_file() -> PathBuf {
    root().join("tests/load/instructions.txt")
}

/// Lines `NAME INSTRUCTIONS`; `#` begins a comment. A missing file holds none.
fn read_figures(file: &Path) -> Result<BTreeMap<String, f64>> {
    let text = if file.exists() { fs::read_to_string(file)? } else { String::new() };
    parse_figures(&text).with_context(|| format!("{} is not lines NAME INSTRUCTIONS", file.display()))
}

fn parse_figures(text: &str) -> Option<BTreeMap<String, f64>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, figure) = line.split_once(' ')?;
            Some((name.to_owned(), figure.trim().parse().ok()?))
        })
        .collect()
}

fn write_figures(figures: &BTreeMap<String, f64>) -> String {
    let mut text = String::from(
        "# Instructions of proxyd and mod_proxy_lb.so in user space for one request, as counted by\n\
         # `cargo xtask bench instructions`, which fails if one has grown by more than 3 %.\n\
         # Written by `cargo xtask bench instructions --write`.\n",
    );
    for (name, instructions) in figures {
        text.push_str(&format!("{name} {instructions:.0}\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_read_as_they_are_written() {
        let figures = BTreeMap::from([("S1".to_owned(), 9_000.0), ("POST".to_owned(), 12_345.0)]);
        assert_eq!(parse_figures(&write_figures(&figures)), Some(figures));
        assert_eq!(parse_figures("S1 many\n"), None);
    }
}
