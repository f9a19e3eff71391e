//! `bench hook`: what one trip through `proxy.load_balance` costs in each shipped balancer: instructions and allocations
//! of host and module alike, by callgrind.
//!
//! Each runs twice with different counts of trips; the difference is free of what starting costs. The instructions that
//! were agreed stand in `tests/bench/instructions.txt`; growth beyond a few hundredths of one fails, and so does an
//! allocation.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use anyhow::{Result, anyhow, bail};

use super::callgrind::{self, PerRound};
use super::committed::Committed;
use crate::cargo::{Profile, cargo, output_dir, root, run as run_command, target};
use crate::modules;

/// Sizes of the cluster, and the trips of the two runs: so many that what differs from start to start, as the seeds of
/// hash maps, is lost among them.
const ENDPOINTS: [(usize, [u64; 2]); 3] = [(4, [2_000, 6_000]), (64, [2_000, 6_000]), (1000, [500, 1_500])];

/// A balancer, how many endpoints it has, and the trips of the two runs.
type Case<'a> = (&'a Balancer, usize, [u64; 2]);

const HEADING: &str = "\
Instructions of host and module for one trip through proxy.load_balance: MODULE/ENDPOINTS INSTRUCTIONS.
Counted by `cargo xtask bench hook`, which fails if one has grown by more than 3 %; --write writes them.";

/// A balancer that is shipped.
struct Balancer {
    from: From,
    /// What LBMethod calls it; empty for the seed's, which has directives of its own.
    ident: &'static str,
    /// Modules that take part: ident and package.
    beside: &'static [(&'static str, &'static str)],
    /// Lines of configuration.
    lines: &'static [&'static str],
}

/// What a module is built of.
#[derive(Clone, Copy)]
enum From {
    /// A package, in Rust.
    Package(&'static str),
    /// A file of `modules/examples-c`, without `.c`.
    Example(&'static str),
}

impl Balancer {
    /// The name of its file, without `.so`.
    fn file(&self) -> String {
        match self.from {
            From::Package(package) => package.replace('-', "_"),
            From::Example(name) => format!("mod_{name}"),
        }
    }
}

const BALANCERS: &[Balancer] = &[
    Balancer { from: From::Package("mod-proxy-lb"), ident: "", beside: &[], lines: &[] },
    Balancer { from: From::Package("mod-lb-least"), ident: "lb_least_module", beside: &[], lines: &[] },
    Balancer { from: From::Package("mod-lb-p2c"), ident: "lb_p2c_module", beside: &[], lines: &[] },
    Balancer {
        from: From::Package("mod-lb-ketama"),
        ident: "lb_ketama_module",
        beside: &[],
        lines: &["LBHashKey c client"],
    },
    Balancer {
        from: From::Package("mod-lb-geo"),
        ident: "lb_geo_module",
        beside: &[("geo_module", "mod-geo"), ("geo_table_module", "mod-geo-table")],
        lines: &[
            "GeoTable 127.0.0.0/8 DE",
            "GeoCluster other http://127.0.0.1:4",
            "GeoPrefer DE http://127.0.0.1:4",
        ],
    },
    Balancer { from: From::Example("random"), ident: "random_module", beside: &[], lines: &[] },
    Balancer { from: From::Example("least"), ident: "least_module", beside: &[], lines: &[] },
];

/// Measures, prints, compares; with `--write` makes what was measured the committed figures.
///
/// # Errors
/// If something does not build or run, a trip through the hook allocates, or an instruction count has grown.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let is_written = match words {
        [] => false,
        [word] if word == "--write" => true,
        _ => bail!("bench hook knows only --write"),
    };
    if callgrind::is_missing()? {
        return Ok(());
    }
    let bench = Bench::build()?;
    let cases: Vec<_> = BALANCERS
        .iter()
        .flat_map(|balancer| ENDPOINTS.map(|(endpoints, rounds)| (balancer, endpoints, rounds)))
        .collect();
    let costs = bench.count_all(&cases)?;
    let mut committed = Committed::read(&root().join("tests/bench/instructions.txt"))?;
    let mut allocating = Vec::new();
    println!("one request: load_balance, next, done, drop; host and module");
    println!(
        "  {:<14} {:>9} {:>12} {:>9} {:>11}",
        "", "endpoints", "instructions", "committed", "allocations"
    );
    for ((balancer, endpoints, _), PerRound { instructions, allocations }) in cases.iter().zip(costs) {
        let file = balancer.file();
        let name = format!("{file}/{endpoints}");
        let ratio = committed.note(&name, instructions);
        let ratio = ratio.map_or_else(|| "-".to_owned(), |ratio| format!("x {ratio:.3}"));
        println!("  {file:<14} {endpoints:>9} {instructions:>12.0} {ratio:>9} {allocations:>11.2}");
        if allocations > 0.0 {
            allocating.push(name);
        }
    }
    if !allocating.is_empty() {
        bail!("a trip through the hook allocates, which it must not: {}", allocating.join(", "));
    }
    if is_written { committed.write(HEADING) } else { committed.judge("hook") }
}

/// What is built for it.
struct Bench {
    program: PathBuf,
    out: PathBuf,
}

impl Bench {
    fn build() -> Result<Self> {
        let profile = Profile::DIST;
        run_command(cargo("build").args(["--quiet", "--package", "hook-cost", "--profile", profile.0]))?;
        let out = target()?.join("bench");
        for balancer in BALANCERS {
            match balancer.from {
                From::Package(package) => modules::build_package(package, profile, &out).map(drop)?,
                From::Example(name) => build_example(name, &out)?,
            }
            for (_, package) in balancer.beside {
                modules::build_package(package, profile, &out)?;
            }
        }
        Ok(Self { program: output_dir(profile)?.join("hook-cost"), out })
    }

    /// Counts for each case, as many at a time as there are cores.
    fn count_all(&self, cases: &[Case<'_>]) -> Result<Vec<PerRound>> {
        let costs = Mutex::new(Vec::new());
        let next = AtomicUsize::new(0);
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let place = next.fetch_add(1, Relaxed);
                        let Some(case) = cases.get(place) else { break };
                        let cost = self.count(case);
                        if let Ok(mut costs) = costs.lock() {
                            costs.push((place, cost));
                        }
                    }
                });
            }
        });
        let mut costs = costs.into_inner().map_err(|_| anyhow!("a count panicked"))?;
        costs.sort_by_key(|(place, _)| *place);
        costs.into_iter().map(|(_, cost)| cost).collect()
    }

    fn count(&self, &(balancer, endpoints, [short, long]): &Case<'_>) -> Result<PerRound> {
        let module = |file: &str| self.out.join(format!("{file}.so"));
        let load = |(ident, package): &(&str, &str)| {
            format!("LoadModule {ident} {}", module(&package.replace('-', "_")).display())
        };
        let name = balancer.file();
        let run = |rounds: u64| {
            let file = self.out.join(format!("callgrind.{name}.{endpoints}.{rounds}"));
            let mut command = callgrind::command(&file);
            command.arg(&self.program).arg(module(&name));
            command.args([endpoints.to_string(), rounds.to_string()]);
            if !balancer.ident.is_empty() {
                command.arg(balancer.ident).args(balancer.beside.iter().map(load)).args(balancer.lines);
            }
            callgrind::count(&mut command, &file)
        };
        Ok(callgrind::per_round(run(short)?, run(long)?, long - short))
    }
}

/// Builds a module in C as its README says.
fn build_example(name: &str, out: &Path) -> Result<()> {
    let mut cc = Command::new("cc");
    cc.args(["-std=c99", "-O2", "-shared", "-fPIC", "-fvisibility=hidden", "-I"]);
    cc.arg(root().join("crates/proxy-abi/include")).arg("-o").arg(out.join(format!("mod_{name}.so")));
    run_command(cc.arg(root().join(format!("modules/examples-c/{name}.c"))))
}
