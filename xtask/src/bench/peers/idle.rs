//! Ten thousand idle connections: what each takes, and what they cost those that are not idle.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{ChildStdout, Stdio};

use anyhow::{Context, Result, bail};

use super::Bench;
use super::check::Check;
use super::figures::{median, median_ratio, thousands};
use super::load::{Round, run as run_load};
use super::page::{Part, Plot};
use super::proxy::{Kind, Proxy, Serving};
use super::scenario::s1;
use super::table::Table;
use crate::bench::rig::{LOAD_CORE, Running, spawn_on};

pub(crate) const NAME: &str = "idle";
/// Connections at which memory is read; of the many, as many as there are descriptors for, a client and an endpoint each.
const FEW: u64 = 100;
const MANY: u64 = 10_000;
/// Descriptors for those that are not idle, and all else.
const BESIDES: u64 = 500;
/// Fewer say nothing about many.
const LEAST: u64 = 5_000;
/// Each proxy is started so often at most: it takes its time.
const LIVES: usize = 8;
/// KiB that an idle connection may take.
const KIB: f64 = 2.0;
/// What is left of S1's speed beside them.
const BESIDE: f64 = 0.95;

/// One life of a proxy.
struct Life {
    alone: Round,
    beside: Round,
    kib: f64,
    /// Connections that the proxy closed meanwhile.
    closed: u64,
}

/// Measures each proxy in turn and prints it.
///
/// # Errors
/// If a proxy cannot be started or does not answer, or there are too few descriptors.
pub(crate) fn run(bench: &Bench) -> Result<Part> {
    let many = MANY.min(bench.descriptors.saturating_sub(BESIDES) / 2);
    if many < LEAST {
        let wanted = 2 * MANY + BESIDES;
        bail!("{NAME}: {wanted} descriptors are needed, there are {}: ulimit -n {wanted}", bench.descriptors);
    }
    let title = format!("{NAME}: {} idle keep-alive connections, and S1 beside them", thousands(many as f64));
    println!("\n{title}");
    let mut lives: Vec<Vec<Life>> = bench.proxies.iter().map(|_| Vec::new()).collect();
    for _ in 0..bench.options.rounds.min(LIVES) {
        for (proxy, lives) in bench.proxies.iter().zip(&mut lives) {
            lives.push(live(bench, proxy, many).with_context(|| format!("{NAME}: {}", proxy.kind.name()))?);
        }
    }
    let mut table = Table::new(&[
        "",
        "KiB a connection",
        "S1 alone, per CPU second",
        "beside them",
        "ratio",
        "closed meanwhile",
    ]);
    let (mut kib, mut left, mut checks) = (Vec::new(), Vec::new(), Vec::new());
    for (proxy, lives) in bench.proxies.iter().zip(&lives) {
        let of = |of: fn(&Life) -> f64| median(lives.iter().map(of));
        let (each, alone) = (of(|life| life.kib), of(|life| life.alone.per_cpu_second()));
        let beside = of(|life| life.beside.per_cpu_second());
        let closed: u64 = lives.iter().map(|life| life.closed).sum();
        let errors: u64 = lives.iter().map(|life| life.alone.errors + life.beside.errors).sum();
        let speeds = |life: &Life| (life.beside.per_cpu_second(), life.alone.per_cpu_second());
        let kept = median_ratio(lives.iter().map(speeds));
        table.row(vec![
            proxy.kind.name().to_owned(),
            format!("{each:.2}"),
            thousands(alone),
            thousands(beside),
            kept.map_or_else(String::new, |kept| format!("{kept:.2}")),
            thousands(closed as f64),
        ]);
        kib.push((proxy.kind.name().to_owned(), each));
        left.push((proxy.kind.name().to_owned(), kept.unwrap_or(0.0)));
        checks.push(Check::at_most(
            format!("idle errors of {}", proxy.kind.name()),
            Some(errors as f64),
            0.0,
        ));
        if proxy.kind == Kind::Proxyd {
            checks.push(Check::at_most("idle connections closed by proxyd", Some(closed as f64), 0.0));
            checks.push(Check::at_most("KiB of memory an idle connection", Some(each), KIB));
            checks.push(Check::at_least("S1 beside idle connections to S1 alone", kept, BESIDE));
        }
    }
    print!("{table}");
    checks.iter().for_each(|check| println!("  {check}"));
    let plots = vec![
        Plot::new("KiB of memory an idle connection", kib),
        Plot::new("S1 beside them, of its speed alone", left),
    ];
    Ok(Part { title, table, plots, checks })
}

fn live(bench: &Bench, proxy: &Proxy, many: u64) -> Result<Life> {
    let serving = proxy.start(&bench.task(false, 1))?;
    let load = s1(bench.options.seconds);
    // First: what serving takes once is then in place when memory is read.
    let alone = run_load(bench, &serving, &load)?;
    let mut holder = Holder::start(bench, &serving)?;
    holder.hold(FEW)?;
    let before = serving.running.resident();
    holder.hold(many)?;
    let after = serving.running.resident();
    let beside = run_load(bench, &serving, &load)?;
    let closed = holder.end()?;
    serving.running.stop()?;
    let kib = (after as f64 - before as f64) / (many - FEW) as f64;
    Ok(Life { alone, beside, kib, closed })
}

/// The clients that hold connections.
struct Holder {
    running: Running,
    input: std::process::ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Holder {
    fn start(bench: &Bench, serving: &Serving) -> Result<Self> {
        let mut command = bench.programs.load();
        command.args(["hold", &serving.addr.to_string(), "128"]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = spawn_on(&[LOAD_CORE], &mut command)?;
        let input = child.stdin.take().context("the holder has an input")?;
        let output = BufReader::new(child.stdout.take().context("the holder has an output")?);
        Ok(Self { running: Running::new(child), input, output })
    }

    fn hold(&mut self, count: u64) -> Result<()> {
        writeln!(self.input, "{count}")?;
        let said = self.answer("held")?;
        if said == count { Ok(()) } else { bail!("{said} connections of {count} are held") }
    }

    /// Ends, and says how many were closed.
    fn end(mut self) -> Result<u64> {
        drop(self.input);
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        drop(self.running);
        number(&line, "closed")
    }

    fn answer(&mut self, word: &str) -> Result<u64> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        number(&line, word)
    }
}

fn number(line: &str, word: &str) -> Result<u64> {
    let number = line.trim().strip_prefix(word).and_then(|number| number.trim().parse().ok());
    number.with_context(|| format!("the clients that hold connections say `{}`", line.trim()))
}
