//! The scenarios of speed: first as fast as it goes, then the same rate for all.

use anyhow::{Context, Result};

use super::Bench;
use super::check::Check;
use super::figures::thousands;
use super::load::{Load, Round};
use super::page::{Part, Plot};
use super::proxy::{Kind, Proxy, Serving};
use super::rounds::{Rounds, interleaved};
use super::table::Table;

/// A load, and what proxyd has to reach.
#[derive(Debug)]
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    size: usize,
    close: bool,
    log: bool,
    /// Requests by the proxy's own time, against the better peer.
    bound: f64,
}

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "S1",
        what: "128 B, keep-alive, 64 connections",
        size: 128,
        close: false,
        log: false,
        bound: 1.35,
    },
    Scenario {
        name: "S2",
        what: "16 KiB, keep-alive, 64 connections",
        size: 16 << 10,
        close: false,
        log: false,
        bound: 1.20,
    },
    Scenario {
        name: "S3",
        what: "1 MiB, keep-alive, 64 connections",
        size: 1 << 20,
        close: false,
        log: false,
        bound: 1.50,
    },
    Scenario {
        name: "S4",
        what: "128 B, a client connection per request, 64 at a time",
        size: 128,
        close: true,
        log: false,
        bound: 1.40,
    },
    Scenario {
        name: "S1log",
        what: "S1 with a combined access log on all sides",
        size: 128,
        close: false,
        log: true,
        bound: 1.30,
    },
];

/// What the floor passes on in one piece.
const WHOLE: usize = 16 << 10;
/// Latency at the 99th percentile may be this much of the best peer's.
const LATENCY: f64 = 1.1;

/// S1 for `seconds`, in a closed loop.
pub(crate) fn s1(seconds: f64) -> Load {
    Load { size: 128, connections: 64, close: false, seconds, rate: None }
}

/// What one proxy did.
struct Row {
    kind: Kind,
    closed: Rounds,
    open: Rounds,
    resident: u64,
}

/// Measures one scenario and prints it.
///
/// # Errors
/// If a proxy cannot be started or does not answer.
pub(crate) fn run(bench: &Bench, scenario: &Scenario) -> Result<Part> {
    let title = format!("{}: {}", scenario.name, scenario.what);
    println!("\n{title}");
    let (rows, rate) = measure(bench, scenario).with_context(|| scenario.name)?;
    let table = table(&rows, rate);
    print!("{table}");
    let checks = checks(scenario, &rows);
    checks.iter().for_each(|check| println!("  {check}"));
    let bars =
        |of: &dyn Fn(&Row) -> f64| rows.iter().map(|row| (row.kind.name().to_owned(), of(row))).collect();
    let plots = vec![
        Plot::new(
            "requests per second of the proxy's own time",
            bars(&|row| row.closed.median(Round::per_cpu_second)),
        ),
        Plot::new(
            "99th percentile at the fixed rate, µs",
            bars(&|row| row.open.median(|round| round.p99) / 1e3),
        ),
        Plot::new("resident memory, KiB", bars(&|row| row.resident as f64)),
    ];
    Ok(Part { title, table, plots, checks })
}

fn measure(bench: &Bench, scenario: &Scenario) -> Result<(Vec<Row>, f64)> {
    let task = bench.task(scenario.log, 1);
    let mut all = bench.proxies.clone();
    // It passes on messages that come in one piece.
    if scenario.size <= WHOLE {
        all.push(Proxy::floor(&bench.programs));
    }
    let mut serving: Vec<Serving> = Vec::new();
    for proxy in &all {
        serving.push(proxy.start(&task)?);
    }
    let proxies: Vec<_> =
        all.iter().zip(&serving).map(|(proxy, serving)| (proxy.kind.name(), serving)).collect();
    let closed_loop = Load { size: scenario.size, close: scenario.close, ..s1(bench.options.seconds) };
    let closed = interleaved(bench, &proxies, &closed_loop, true)?;
    let rate = fixed_rate(&all.iter().map(|proxy| proxy.kind).collect::<Vec<_>>(), &closed);
    // Where each request opens a connection, those that overlap are not held back by a number of clients.
    let connections = if scenario.close { 512 } else { closed_loop.connections };
    let open_loop = Load { rate: Some(rate), connections, ..closed_loop };
    let open = interleaved(bench, &proxies, &open_loop, true)?;
    let mut rows = Vec::new();
    for (((proxy, serving), closed), open) in all.iter().zip(serving).zip(closed).zip(open) {
        let resident = serving.running.resident();
        serving.running.stop().with_context(|| proxy.kind.name())?;
        rows.push(Row { kind: proxy.kind, closed, open, resident });
    }
    Ok((rows, rate))
}

/// Half of what the slowest peer can do; of what proxyd can where there is no peer.
fn fixed_rate(kinds: &[Kind], closed: &[Rounds]) -> f64 {
    let speeds = |peers: bool| {
        let rounds = kinds.iter().zip(closed).filter(move |(kind, _)| !peers || Kind::PEERS.contains(kind));
        rounds.map(|(_, rounds)| rounds.median(Round::per_second)).min_by(f64::total_cmp)
    };
    speeds(true).or_else(|| speeds(false)).unwrap_or(0.0) / 2.0
}

fn table(rows: &[Row], rate: f64) -> Table {
    let mut table = Table::new(&[
        "",
        "requests/s",
        "per CPU second",
        "to the best peer",
        &format!("p50 µs at {}/s", thousands(rate)),
        "p99 µs",
        "per CPU second",
        "RSS KiB",
        "core busy",
        "notes",
    ]);
    for row in rows {
        let closed = &row.closed;
        table.row(vec![
            row.kind.name().to_owned(),
            thousands(closed.median(Round::per_second)),
            thousands(closed.median(Round::per_cpu_second)),
            row.speed_to_best(rows).map_or_else(String::new, |ratio| format!("{ratio:.2}")),
            format!("{:.0}", row.open.median(|round| round.p50) / 1e3),
            format!("{:.0}", row.open.median(|round| round.p99) / 1e3),
            thousands(row.open.median(Round::per_cpu_second)),
            thousands(row.resident as f64),
            format!("{:.0} %", closed.median(Round::busyness) * 100.0),
            row.notes(),
        ]);
    }
    table
}

impl Row {
    /// Requests by the proxy's own time, to those of the peer that is the best by that.
    fn speed_to_best(&self, rows: &[Self]) -> Option<f64> {
        peers(rows)
            .filter_map(|peer| self.closed.ratio(&peer.closed, Round::per_cpu_second))
            .min_by(f64::total_cmp)
    }

    /// The 99th percentile, to that of the peer that is the best by that.
    fn latency_to_best(&self, rows: &[Self]) -> Option<f64> {
        peers(rows).filter_map(|peer| self.open.ratio(&peer.open, |round| round.p99)).max_by(f64::total_cmp)
    }

    fn notes(&self) -> String {
        let open = match self.open.errors() {
            0 => String::new(),
            errors => format!(", {errors} ERRORS at the fixed rate"),
        };
        self.closed.notes() + &open
    }
}

fn peers(rows: &[Row]) -> impl Iterator<Item = &Row> {
    rows.iter().filter(|row| Kind::PEERS.contains(&row.kind))
}

fn checks(scenario: &Scenario, rows: &[Row]) -> Vec<Check> {
    let errors: u64 = rows.iter().map(|row| row.closed.errors() + row.open.errors()).sum();
    let mut checks = vec![Check::at_most(format!("{} errors", scenario.name), Some(errors as f64), 0.0)];
    let Some(own) = rows.iter().find(|row| row.kind == Kind::Proxyd) else { return checks };
    if peers(rows).next().is_some() {
        let what = format!("{} requests per CPU second to the best peer's", scenario.name);
        checks.push(Check::at_least(what, own.speed_to_best(rows), scenario.bound));
        let what = format!("{} p99 at the fixed rate to the best peer's", scenario.name);
        checks.push(Check::at_most(what, own.latency_to_best(rows), LATENCY));
    }
    checks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rounds(per_second: f64, p99: f64) -> Rounds {
        let round = Round { requests: per_second, seconds: 1.0, cpu: 1.0, p99, ..Round::default() };
        Rounds::of(round)
    }

    fn row(kind: Kind, per_second: f64, p99: f64) -> Row {
        Row { kind, closed: rounds(per_second, 0.0), open: rounds(1.0, p99), resident: 1 }
    }

    #[test]
    fn the_rate_is_half_of_the_slowest_peer() {
        let closed = [rounds(10.0, 0.0), rounds(60.0, 0.0), rounds(40.0, 0.0)];
        assert_eq!(fixed_rate(&[Kind::Proxyd, Kind::Nginx, Kind::Haproxy], &closed), 20.0);
        assert_eq!(fixed_rate(&[Kind::Proxyd], &closed[..1]), 5.0);
    }

    #[test]
    fn the_best_peer_is_the_measure_in_speed_and_in_latency() {
        let rows =
            [row(Kind::Proxyd, 140.0, 100.0), row(Kind::Nginx, 100.0, 100.0), row(Kind::Haproxy, 50.0, 80.0)];
        let missed: Vec<_> = checks(&ALL[0], &rows)
            .into_iter()
            .filter(|check| !check.passes())
            .map(|check| check.what)
            .collect();
        assert_eq!(missed, ["S1 p99 at the fixed rate to the best peer's"]);
    }
}
