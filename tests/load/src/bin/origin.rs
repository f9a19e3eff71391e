//! `origin COUNT`: listens at COUNT ports of the system's choice, prints `listening` and their addresses on one line,
//! and answers `/N` with a body of N bytes until it is killed.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::process::ExitCode;

use bench_load::end_with;
use bench_load::origin::Origin;

fn main() -> ExitCode {
    end_with("origin", run())
}

fn run() -> Result<(), String> {
    let count = std::env::args().nth(1).map_or(Ok(1), |word| word.parse());
    let count = count.map_err(|_| "usage: origin COUNT")?;
    let mut origin = Origin::open(count).map_err(|error| error.to_string())?;
    let addrs: Vec<_> = origin.addrs.iter().map(ToString::to_string).collect();
    let _ = writeln!(std::io::stdout(), "listening {}", addrs.join(" "));
    origin.run().map_err(|error| error.to_string())
}
