//! What the hook costs: one trylist after another through a loaded balancer.
//!
//! `hook-cost MODULE_FILE ENDPOINTS ROUNDS [IDENT [LINE…]]` prints the nanoseconds of one round: `proxy.load_balance`,
//! `next`, `done`, `drop`. The module is the round robin, or the one called IDENT, which LBMethod then hands a cluster
//! of the core's; each LINE is one more of its configuration. `cargo xtask bench hook` runs it, and runs it again
//! under callgrind to count instructions and allocations of host and module alike.
#![forbid(unsafe_code)]

use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use hook_cost::{Traffic, balanced, number, seeded};
use proxy_abi::{Outcome, OutcomeResult};
use proxy_core::caller::Caller;
use proxy_core::generation::Generation;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "hook-cost: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let [file, endpoints, rounds, module @ ..] = args else {
        return Err("usage: hook-cost MODULE_FILE ENDPOINTS ROUNDS [IDENT [LINE...]]".to_owned());
    };
    let (endpoints, rounds): (usize, u64) = (number(endpoints)?, number(rounds)?);
    let caller = Caller::new(0);
    let generation = match module {
        [] => seeded(Path::new(file), endpoints, &caller)?,
        [ident, lines @ ..] => balanced(Path::new(file), ident, &vec![1; endpoints], lines, &caller)?,
    };
    let started = Instant::now();
    let picked = walk(&generation, &caller, rounds)?;
    let nanoseconds = started.elapsed().as_secs_f64() * 1e9 / rounds as f64;
    if picked != rounds {
        return Err(format!("{rounds} rounds picked {picked} endpoints"));
    }
    let _ = writeln!(std::io::stdout(), "{nanoseconds:.1} ns per request");
    Ok(())
}

fn walk(generation: &Generation, caller: &Caller, rounds: u64) -> Result<u64, String> {
    let traffic = Traffic::default();
    let request = traffic.request();
    let ask = traffic.to(generation, caller, &request)?;
    let mut picked = 0;
    for _ in 0..rounds {
        let mut trylist = ask();
        if std::hint::black_box(trylist.next()).is_some() {
            picked += 1;
        }
        trylist.finish(Outcome::of(OutcomeResult::OK));
    }
    Ok(picked)
}
