//! `bench scan`: what it costs a policy that looks at all endpoints to be a loaded module: least requests through the
//! hook, beside the same rule over a plain slice, in instructions by callgrind.
//!
//! Both sides are built with the same flags, and first shown to choose the same endpoints for the same requests.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use super::callgrind;
use crate::cargo::{Profile, cargo, output_dir, run as run_command, target};
use crate::modules;

/// The whole trip through the hook may cost so much of the plain loop.
const BOUND: f64 = 1.3;
/// Sizes of the cluster; the bound holds for the last one, in which the loop is nearly all of it.
const ENDPOINTS: [usize; 3] = [4, 64, 1000];
/// Requests in flight: none, which makes all loads alike, and two for each endpoint.
const HELD_EACH: [usize; 2] = [0, 2];
/// Choices of the two runs.
const ROUNDS: [u64; 2] = [100, 200];
/// Requests for which both sides are compared.
const COMPARED: usize = 3_000;

/// Measures, prints, compares.
///
/// # Errors
/// If something does not build or run, the two sides choose differently, or the bound is missed.
pub(crate) fn run(words: &[String]) -> Result<()> {
    if let Some(word) = words.first() {
        bail!("{word} means nothing to bench scan");
    }
    let profile = Profile::DIST;
    run_command(cargo("build").args(["--quiet", "--package", "hook-cost", "--profile", profile.0]))?;
    let out = target()?.join("bench");
    let module = modules::build_package("mod-lb-least", profile, &out)?;
    let program = output_dir(profile)?.join("scan-cost");
    for endpoints in ENDPOINTS {
        let mut same = Command::new(&program);
        same.arg("same").arg(&module).args([endpoints.to_string(), COMPARED.to_string()]);
        run_command(&mut same)?;
    }
    if callgrind::is_missing()? {
        return Ok(());
    }
    println!("least requests: instructions of a choice, the whole trip through the hook included");
    println!("  {:>9} {:>9} {:>12} {:>12} {:>6}", "endpoints", "in flight", "plain slice", "module", "ratio");
    let mut missed = Vec::new();
    for endpoints in ENDPOINTS {
        for held in HELD_EACH.map(|each| each * endpoints) {
            let count = |side: &[&str]| count(&program, side, endpoints, held, &out);
            let (plain, loaded) = (count(&["plain"])?, count(&["module", &module.to_string_lossy()])?);
            let ratio = loaded / plain;
            println!("  {endpoints:>9} {held:>9} {plain:>12.0} {loaded:>12.0} {ratio:>6.3}");
            if is_missed(endpoints, ratio) {
                missed.push(format!("{ratio:.3} with {held} requests in flight"));
            }
        }
    }
    if !missed.is_empty() {
        bail!(
            "a scan of {} endpoints may cost {BOUND} x the plain slice: {}",
            ENDPOINTS[2],
            missed.join(", ")
        );
    }
    Ok(())
}

fn is_missed(endpoints: usize, ratio: f64) -> bool {
    endpoints == ENDPOINTS[2] && ratio > BOUND
}

fn count(program: &Path, side: &[&str], endpoints: usize, held: usize, out: &Path) -> Result<f64> {
    let run = |rounds: u64| {
        let file = out.join(format!("callgrind.scan.{rounds}"));
        let mut command = callgrind::command(&file);
        command.arg(program).args(side);
        command.args([endpoints.to_string(), held.to_string(), rounds.to_string()]);
        callgrind::count(&mut command, &file)
    };
    Ok(callgrind::per_round(run(ROUNDS[0])?, run(ROUNDS[1])?, ROUNDS[1] - ROUNDS[0]).instructions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_holds_where_the_loop_is_nearly_all() {
        assert!(is_missed(1000, 1.301));
        assert!(!is_missed(1000, 1.299));
        assert!(!is_missed(4, 5.0));
    }
}
