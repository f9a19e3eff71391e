//! Two executors against one: what they share has its price, which must stay small.

use anyhow::{Context, Result};

use super::Bench;
use super::check::Check;
use super::figures::thousands;
use super::load::Round;
use super::page::{Part, Plot};
use super::rounds::{Rounds, interleaved};
use super::scenario::s1;
use super::table::Table;

pub(crate) const NAME: &str = "executors";
const TITLE: &str = "executors: S1 with one executor and with two, each on a core";
/// Requests by proxyd's own time with two, to those with one.
const BOUND: f64 = 0.9;

/// Measures and prints.
///
/// # Errors
/// If proxyd cannot be started or does not answer.
pub(crate) fn run(bench: &Bench) -> Result<Part> {
    println!("\n{TITLE}");
    let own = bench.own().context("proxyd is among the proxies")?;
    let (one, two) = (own.start(&bench.task(false, 1))?, own.start(&bench.task(false, 2))?);
    let proxies = [("one executor", &one), ("two executors", &two)];
    let load = s1(bench.options.seconds);
    let rounds = interleaved(bench, &proxies, &load, false)?;
    let mut table = Table::new(&["", "requests/s", "per CPU second", "ratio"]);
    let speeds: Vec<f64> = rounds.iter().map(|rounds| rounds.median(Round::per_cpu_second)).collect();
    let to_one = |of: &Rounds| of.ratio(&rounds[0], Round::per_cpu_second);
    let kept = to_one(&rounds[1]);
    for ((name, _), (rounds, speed)) in proxies.iter().zip(rounds.iter().zip(&speeds)) {
        table.row(vec![
            (*name).to_owned(),
            thousands(rounds.median(Round::per_second)),
            thousands(*speed),
            to_one(rounds).map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        ]);
    }
    print!("{table}");
    let errors: u64 = rounds.iter().map(Rounds::errors).sum();
    let checks = vec![
        Check::at_most("executors errors", Some(errors as f64), 0.0),
        Check::at_least("requests per CPU second of two executors to one's", kept, BOUND),
    ];
    checks.iter().for_each(|check| println!("  {check}"));
    let bars = proxies.iter().zip(&speeds).map(|((name, _), speed)| ((*name).to_owned(), *speed)).collect();
    let plots = vec![Plot::new("requests per second of proxyd's own time", bars)];
    one.running.stop()?;
    two.running.stop()?;
    Ok(Part { title: TITLE.to_owned(), table, plots, checks })
}
