//! `load KEY=VALUE…` sends requests as `plan` describes them and prints one line of figures; `load hold ADDR PATH SIZE`
//! holds idle connections.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use bench_load::plan::Plan;
use bench_load::{drive, end_with, hold};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    end_with("load", run(&words))
}

fn run(words: &[String]) -> Result<(), String> {
    if let [first, rest @ ..] = words
        && first == "hold"
    {
        return hold::run(rest);
    }
    let plan = Plan::parse(words)?;
    let tally = drive::run(&plan)?;
    let _ = writeln!(std::io::stdout(), "{tally}");
    Ok(())
}
