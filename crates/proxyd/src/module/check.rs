//! `proxyd module check FILE`: the conformance list for module ABI 0.1, and what a policy of the kind claimed has to
//! do. Each test runs in a process of its own, so that a crash or an endless loop of the module fails that test and
//! no other.
//!
//! Of the list of the ABI's design these are left out, since nothing of ABI 0.1 could fail them: unknown keys (the
//! server refuses unknown directives before a module is asked), other host tables and extensions (there is one table
//! and no extension), PENDING (no waker is handed out). Panics cannot be put into somebody else's file; those that the
//! other tests meet are named by them.

mod catalogue;
mod child;
mod executor;
mod file;
mod hashing;
mod least;
mod life;
mod p2c;
mod report;
mod rig;
mod robust;
mod round_robin;
mod set;
mod threads;
mod walks;
mod weighted;

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::inspect;
use crate::Ended;
use crate::output::{self, Messages};
use catalogue::TESTS;

pub(in crate::module) use executor::NoFields;
pub(in crate::module) use rig::{Subject, build};

/// Which module is checked, and as what.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Check {
    /// The module's file
    pub(crate) file: PathBuf,
    /// Which module, where the file holds several
    #[arg(long)]
    pub(crate) ident: Option<String>,
    /// What the balancer claims to be: checks that too
    #[arg(long = "as", value_name = "KIND")]
    pub(crate) kind: Option<Kind>,
    /// Leave out of the report what passed
    #[arg(long)]
    pub(crate) only_failed: bool,
    /// Line of configuration for the module
    #[arg(long, value_name = "DIRECTIVE")]
    pub(crate) config: Vec<String>,
    /// Report in JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Run this test alone, in this process
    #[arg(long, value_name = "ID", hide = true)]
    pub(crate) one: Option<String>,
}

/// Kinds of policies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Each request begins one endpoint further
    RoundRobin,
    /// Round robin by weight, smooth
    Weighted,
    /// The least requests in flight for its weight
    Least,
    /// The less loaded of two drawn at random
    P2c,
    /// The same endpoint for the same key
    ConsistentHash,
}

impl Kind {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

/// Why a test did not pass.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::module) enum Not {
    /// The module is wrong: the evidence.
    Failed(String),
    /// It does not apply: why.
    Skipped(String),
}

impl From<String> for Not {
    fn from(evidence: String) -> Self {
        Self::Failed(evidence)
    }
}

/// What a test came to; a test that passes has evidence too.
type Finding = Result<String, Not>;

/// Checks, and prints a report.
pub(crate) fn run(check: &Check) -> Ended {
    match checked(check) {
        Ok(ended) => ended,
        Err(text) => {
            Messages::Stderr.say(format_args!("proxyd: {text}"));
            Ended::NotStarted
        }
    }
}

fn checked(check: &Check) -> Result<Ended, String> {
    let file = absolute(&check.file)?;
    let ident = ident(&file, check.ident.as_deref())?;
    let subject = Subject { file, ident, config: check.config.clone() };
    if let Some(id) = &check.one {
        let test = TESTS.iter().find(|test| test.id == id).ok_or_else(|| format!("there is no test {id}"))?;
        child::answer(&(test.run)(&subject));
        return Ok(Ended::Well);
    }
    let mut results = Vec::new();
    for test in TESTS.iter().filter(|test| test.applies_to(check.kind)) {
        results.push((test, child::run(test, &subject)?));
    }
    let report = report::Report { subject: &subject, kind: check.kind, results: &results };
    output::result(if check.json { report.json() } else { report.text(check.only_failed) });
    Ok(if report.passed() { Ended::Well } else { Ended::NotStarted })
}

/// `path` from the root, as the loader wants it.
pub(in crate::module) fn absolute(path: &Path) -> Result<PathBuf, String> {
    std::path::absolute(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Which module of the file is meant: the one named, or the only one.
pub(in crate::module) fn ident(file: &Path, named: Option<&str>) -> Result<String, String> {
    let notes = proxy_dso::inspect(file).map_err(|refusal| refusal.to_string())?.modules;
    let idents: Vec<String> = notes.iter().map(inspect::ident_of).collect();
    match (named, idents.as_slice()) {
        (Some(named), _) if idents.iter().any(|ident| ident == named) => Ok(named.to_owned()),
        (Some(named), _) => {
            Err(format!("{} has no module {named}, it has {}", file.display(), idents.join(", ")))
        }
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(format!("{} has {}: choose one with --ident", file.display(), idents.join(", "))),
    }
}
