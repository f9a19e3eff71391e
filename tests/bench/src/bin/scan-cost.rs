//! What it costs that least requests is a loaded module, which sees endpoints through the boundary: beside it, the same
//! rule over a plain slice.
//!
//! `scan-cost module FILE ENDPOINTS HELD ROUNDS` and `scan-cost plain ENDPOINTS HELD ROUNDS` make one round after another:
//! choose, count in, count out; before them HELD requests are begun and not ended, so that the loads differ.
//! `scan-cost same FILE ENDPOINTS ROUNDS` makes both choose side by side, with failures, and fails if they ever differ.
//! `cargo xtask bench scan` runs all three, the first two under callgrind.
#![forbid(unsafe_code)]

use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use hook_cost::{Traffic, balanced, number};
use proxy_abi::{FailureKind, Outcome, OutcomeResult, Random};
use proxy_core::caller::Caller;

/// LBLeastCoolDown's default.
const COOL_DOWN_NS: u64 = 10_000_000_000;

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "scan-cost: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> Result<(), String> {
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["module", file, endpoints, held, rounds] => {
            module(Path::new(file), number(endpoints)?, number(held)?, number(rounds)?)
        }
        ["plain", endpoints, held, rounds] => {
            plain(number(endpoints)?, number(held)?, number(rounds)?);
            Ok(())
        }
        ["same", file, endpoints, rounds] => same(Path::new(file), number(endpoints)?, number(rounds)?),
        _ => Err("usage: scan-cost module|plain|same ..., see its source".to_owned()),
    }
}

/// Some have several times the capacity of others.
fn weights(endpoints: usize) -> Vec<u32> {
    (0..endpoints as u32).map(|index| 1 + index * 7 % 4).collect()
}

fn module(file: &Path, endpoints: usize, held: usize, rounds: u64) -> Result<(), String> {
    let (caller, traffic) = (Caller::new(0), Traffic::default());
    let request = traffic.request();
    let generation = balanced(file, "lb_least_module", &weights(endpoints), &[], &caller)?;
    let ask = traffic.to(&generation, &caller, &request)?;
    let _held: Vec<_> = (0..held)
        .map(|_| {
            let mut trylist = ask();
            trylist.next();
            trylist
        })
        .collect();
    for _ in 0..rounds {
        let mut trylist = ask();
        if black_box(trylist.next()).is_none() {
            return Err("nothing was chosen".to_owned());
        }
        trylist.finish(Outcome::of(OutcomeResult::OK));
    }
    Ok(())
}

fn plain(endpoints: usize, held: usize, rounds: u64) {
    let cluster = Plain::new(endpoints);
    for _ in 0..held {
        cluster.choose(&[0], 0);
    }
    for _ in 0..rounds {
        if let Some(index) = black_box(cluster.choose(black_box(&[0]), black_box(0))) {
            cluster.finished(index);
        }
    }
}

/// The rule of mod-lb-least where nothing lies between it and the endpoints.
struct Plain {
    endpoints: Vec<Member>,
    turn: AtomicU32,
}

struct Member {
    in_flight: AtomicU32,
    weight: u32,
    cools_until: AtomicU64,
}

impl Plain {
    fn new(endpoints: usize) -> Self {
        let member = |weight| Member { in_flight: AtomicU32::new(0), weight, cools_until: AtomicU64::new(0) };
        Self { endpoints: weights(endpoints).into_iter().map(member).collect(), turn: AtomicU32::new(0) }
    }

    /// Chooses one that has no bit in `tried`, and counts it in.
    #[inline(never)]
    fn choose(&self, tried: &[u64], now_ns: u64) -> Option<u32> {
        let first = self.turn.load(Relaxed);
        let is_cooling = |member: &Member| now_ns < member.cools_until.load(Relaxed);
        let index = self
            .least_loaded(tried, first, |member| !is_cooling(member))
            .or_else(|| self.least_loaded(tried, first, |_| true))?;
        self.turn.store(index + 1, Relaxed);
        self.endpoints[index as usize].in_flight.fetch_add(1, Relaxed);
        Some(index)
    }

    fn finished(&self, index: u32) {
        self.endpoints[index as usize].in_flight.fetch_sub(1, Relaxed);
    }

    fn least_loaded(&self, tried: &[u64], first: u32, is_wanted: impl Fn(&Member) -> bool) -> Option<u32> {
        let mut least = Load { requests: 1, weight: 0, index: usize::MAX };
        // As the SDK does it: a first attempt asks of no endpoint whether it was tried.
        if tried.iter().all(|word| *word == 0) {
            for (index, member) in self.endpoints.iter().enumerate() {
                let load = Load::of(index, member);
                if load.is_less_than(&least, first) && is_wanted(member) {
                    least = load;
                }
            }
        } else {
            for (index, member) in self.endpoints.iter().enumerate() {
                if tried.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1) {
                    continue;
                }
                let load = Load::of(index, member);
                if load.is_less_than(&least, first) && is_wanted(member) {
                    least = load;
                }
            }
        }
        (least.weight > 0).then_some(least.index as u32)
    }
}

struct Load {
    requests: u32,
    weight: u32,
    index: usize,
}

impl Load {
    fn of(index: usize, member: &Member) -> Self {
        let requests = member.in_flight.load(Relaxed).saturating_add(1);
        Self { requests, weight: member.weight, index }
    }

    fn is_less_than(&self, other: &Self, first: u32) -> bool {
        let ours = u64::from(self.requests) * u64::from(other.weight);
        let theirs = u64::from(other.requests) * u64::from(self.weight);
        ours < theirs || ours == theirs && other.index < first as usize && first as usize <= self.index
    }
}

/// Both choose for the same requests: some end well, some stay, some cannot connect and try others.
fn same(file: &Path, endpoints: usize, rounds: u64) -> Result<(), String> {
    let (caller, traffic, lot) = (Caller::new(0), Traffic::default(), Random::new(7));
    let request = traffic.request();
    let generation = balanced(file, "lb_least_module", &weights(endpoints), &[], &caller)?;
    let ask = traffic.to(&generation, &caller, &request)?;
    let cluster = Plain::new(endpoints);
    let mut held = Vec::new();
    for round in 0..rounds {
        let now_ns = 1 + round * 100_000_000;
        caller.set_now(now_ns);
        let mut tried = vec![0_u64; endpoints.div_ceil(64)];
        let mut trylist = ask();
        loop {
            let chosen = trylist.next().map(|endpoint| endpoint.index);
            let plain = cluster.choose(&tried, now_ns);
            if chosen != plain {
                return Err(format!("round {round}: the module chose {chosen:?}, the plain loop {plain:?}"));
            }
            let Some(index) = chosen else { break };
            match lot.below(8) {
                0..=2 => {
                    tried[index as usize / 64] |= 1 << (index % 64);
                    cluster.finished(index);
                    cluster.endpoints[index as usize].cools_until.store(now_ns + COOL_DOWN_NS, Relaxed);
                    trylist.failed(FailureKind::REFUSED, 0, 0);
                }
                3..=5 => {
                    cluster.finished(index);
                    trylist.finish(Outcome::of(OutcomeResult::OK));
                    break;
                }
                _ => {
                    held.push(trylist);
                    break;
                }
            }
        }
    }
    let _ = writeln!(std::io::stdout(), "{rounds} requests over {endpoints} endpoints: the same choices");
    Ok(())
}
