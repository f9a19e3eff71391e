//! `bench idle-modules`: what modules cost a request that has nothing to do with them: instructions of the whole server
//! per request, by callgrind, with the balancer alone and with fifty further modules loaded.
//!
//! One executor, one connection, one request after the other. Each side runs twice with different counts of
//! requests; the difference is free of what starting and loading cost.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use super::callgrind::{self, Counts};
use super::life::Life;
use super::rig::{self, LOAD_CORE, Origin, Programs};
use crate::cargo::{root, run as run_command};

/// Modules beside the balancer.
const IDLE: usize = 50;
/// A request may cost so much of what it costs without them.
const BOUND: f64 = 1.02;
/// Requests of the two runs.
const REQUESTS: [u64; 2] = [300, 1_500];

/// Measures, prints, compares.
///
/// # Errors
/// If something does not build or run, or the bound is missed.
pub(crate) fn run(words: &[String]) -> Result<()> {
    if let Some(word) = words.first() {
        bail!("{word} means nothing to bench idle-modules");
    }
    if callgrind::is_missing()? {
        return Ok(());
    }
    let dir = rig::directory("idle-modules")?;
    let programs = Programs::build(&dir)?;
    let modules = build_idle(&dir)?;
    let origin = Origin::start(&programs, 2, &[LOAD_CORE])?;
    let bench = Bench { dir, programs, origin };
    println!("one request through the whole server, GET, 128 B, keep-alive: instructions in user space");
    let alone = bench.per_request(&[])?;
    println!("  {:<38} {alone:>9.0}", "mod_proxy_lb alone");
    let beside = bench.per_request(&modules)?;
    println!("  {:<38} {beside:>9.0}", format!("and {IDLE} modules that are not asked for"));
    let ratio = beside / alone;
    println!("  {:<38} {ratio:>9.4}", "ratio");
    if is_missed(ratio) {
        bail!("{IDLE} idle modules make a request cost {ratio:.4} x as much; {BOUND} is the most");
    }
    Ok(())
}

fn is_missed(ratio: f64) -> bool {
    ratio > BOUND
}

/// The idle modules: name and file of each.
fn build_idle(dir: &Path) -> Result<Vec<(String, PathBuf)>> {
    let source = root().join("tests/bench/idle.c");
    let build = |number: usize| {
        let ident = format!("idle_{number}_module");
        let file = dir.join(format!("mod_idle_{number}.so"));
        let mut cc = Command::new("cc");
        cc.args(["-std=c99", "-O2", "-shared", "-fPIC", "-fvisibility=hidden"]);
        cc.arg(format!("-DIDLE_MODULE={ident}")).arg("-I").arg(root().join("crates/proxy-abi/include"));
        run_command(cc.arg("-o").arg(&file).arg(&source))?;
        Ok((ident, file))
    };
    (1..=IDLE).map(build).collect()
}

struct Bench {
    dir: PathBuf,
    programs: Programs,
    origin: Origin,
}

impl Bench {
    fn per_request(&self, idle: &[(String, PathBuf)]) -> Result<f64> {
        let [short, long] = REQUESTS;
        let counts = (self.count(idle, short)?, self.count(idle, long)?);
        Ok(callgrind::per_round(counts.0, counts.1, long - short).instructions)
    }

    /// One life of the server under callgrind.
    fn count(&self, idle: &[(String, PathBuf)], requests: u64) -> Result<Counts> {
        let profile = self.dir.join(format!("callgrind.{}.{requests}", idle.len()));
        let mut lines = String::new();
        for (ident, file) in idle {
            let _ = writeln!(lines, "LoadModule {ident} {}", file.display());
        }
        let (programs, origin, dir) = (&self.programs, &self.origin, &self.dir);
        let life = Life { programs, origin, dir, lines: &lines, log: false };
        let mut command = callgrind::command(&profile);
        command.arg(&programs.proxyd);
        let (running, addr) = life.start(command)?;
        life.send_counted(addr, &["size=128"], requests)?;
        running.stop()?;
        callgrind::read(&profile)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_hundredths_more_is_the_most() {
        assert!(!is_missed(1.0));
        assert!(!is_missed(1.02));
        assert!(is_missed(1.0201));
    }
}
