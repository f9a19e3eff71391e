//! `bench`: proxyd against the proxies that are installed, on this machine, in one run.
//!
//! All get the same load and the same origins. Each has one worker on one core; clients and origins share another.
//! Rounds are short and interleaved, so that what changes on the machine changes for all: each is compared with those
//! right beside it, and the median of that counts. Rounds in which others used either core do not. What is compared is requests by the time that a proxy itself
//! used: it stays true where the clients' core is full before the proxy's is.

mod check;
mod executors;
mod figures;
mod idle;
mod load;
mod machine;
mod options;
mod page;
mod proxy;
mod rounds;
mod scenario;
mod table;

use std::fs;
use std::path::PathBuf;

use anyhow::{Result, bail};

use super::rig::{self, LOAD_CORE, Origin, Programs};
use crate::profile_guided;
use check::Check;
use options::Options;
use page::Part;
use proxy::{Kind, Proxy, Task};

/// What all scenarios share.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) programs: Programs,
    pub(crate) dir: PathBuf,
    pub(crate) origin: Origin,
    /// proxyd first, unless only peers are wanted.
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) descriptors: u64,
}

impl Bench {
    /// What a proxy is to do.
    pub(crate) fn task(&self, log: bool, executors: usize) -> Task<'_> {
        Task {
            dir: &self.dir,
            programs: &self.programs,
            origins: &self.origin.addrs,
            log,
            executors,
            descriptors: self.descriptors,
        }
    }

    pub(crate) fn own(&self) -> Option<&Proxy> {
        self.proxies.iter().find(|proxy| proxy.kind == Kind::Proxyd)
    }
}

/// Measures, prints, writes the page, and compares with the bounds.
///
/// # Errors
/// If something does not build or run, or a bound is missed: all of them, by name.
pub(crate) fn run(words: &[String]) -> Result<()> {
    let options = Options::parse(words)?;
    let dir = rig::directory("peers")?;
    // With --only-peers nobody would see that build.
    let (proxyd, build) = profile_guided::build(options.guided && !options.only_peers)?;
    let programs = Programs::around(proxyd, &dir)?;
    // What was built is still being written, which the first scenario would be measured beside.
    rustix::fs::sync();
    let descriptors = rig::raise_descriptors();
    let origin = Origin::start(&programs, 2, &[LOAD_CORE])?;
    let mut proxies: Vec<Proxy> = if options.only_peers { Vec::new() } else { vec![Proxy::own(&programs)] };
    let mut missing = Vec::new();
    for kind in Kind::PEERS {
        match Proxy::installed(kind) {
            Some(proxy) => proxies.push(proxy),
            None => missing.push(kind),
        }
    }
    let mut about = machine::about();
    about.push(("descriptors", descriptors.to_string()));
    about.push((
        "rounds",
        format!("{} of {} s, interleaved; medians, ratios within a turn", options.rounds, options.seconds),
    ));
    about.extend(proxies.iter().map(|proxy| (proxy.kind.name(), proxy.version.clone())));
    if !options.only_peers {
        about.push(("build", format!("proxyd is {build}")));
    }
    about.extend(
        missing
            .iter()
            .map(|kind| (kind.name(), format!("not installed; apt-get install {}", kind.package()))),
    );
    about.push(("files", dir.display().to_string()));
    about.iter().for_each(|(name, value)| println!("{name:<12} {value}"));
    if proxies.is_empty() {
        bail!("there is no proxy to measure");
    }
    let bench = Bench { options, programs, dir, origin, proxies, descriptors };
    let mut parts = Vec::new();
    for scenario in scenario::ALL.iter().filter(|scenario| bench.options.wants(scenario.name)) {
        parts.push(scenario::run(&bench, scenario)?);
    }
    if bench.options.wants(idle::NAME) {
        parts.push(idle::run(&bench)?);
    }
    if bench.options.wants(executors::NAME) && bench.own().is_some() {
        parts.push(executors::run(&bench)?);
    }
    finish(&bench, &about, &parts)
}

fn finish(bench: &Bench, about: &[(&str, String)], parts: &[Part]) -> Result<()> {
    let page = bench.dir.join("index.html");
    fs::write(&page, page::page(about, parts, &bench.proxies, &bench.dir))?;
    println!("\npage         {}", page.display());
    let checks: Vec<&Check> = parts.iter().flat_map(|part| &part.checks).collect();
    checks.iter().for_each(|check| println!("{check}"));
    let missed: Vec<_> = checks.iter().filter(|check| !check.passes()).map(|check| &*check.what).collect();
    if !missed.is_empty() {
        bail!("{} of {} bounds missed: {}", missed.len(), checks.len(), missed.join("; "));
    }
    Ok(())
}
