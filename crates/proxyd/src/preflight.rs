//! A module file is tried in a process of its own before the server maps it: this program again, started anew so that
//! it shares nothing with the server but the copy that would be mapped. Whatever the module does there, the server
//! hears of it and refuses the file.

mod bounds;
mod filter;
mod trial;
mod verdict;

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proxy_dso::trial::{Candidate, Preflight};
use proxy_dso::{Cause, Loader};

use crate::child::{Heard, own_program};

pub(crate) use trial::{Trial, run};
pub(crate) use verdict::signal_name;

/// The loader of the server: it tries before it maps.
pub(crate) fn loader() -> Loader {
    Loader { preflight: Some(&OwnProcess), ..Loader::default() }
}

/// How long a trial may take. A module that is in order takes some milliseconds; sanitizers are slow.
const LIMIT: Duration = Duration::from_secs(if cfg!(sanitized) { 20 } else { 2 });

/// What it prints is for whoever looks for a fault.
const KEPT: usize = 8 * 1024;

/// Tries in a child process.
#[derive(Debug)]
struct OwnProcess;

impl Preflight for OwnProcess {
    fn try_out(&self, candidate: &Candidate<'_>) -> Result<(), Cause> {
        let begun = Instant::now();
        let untried = |error: io::Error| Cause::Untried { error: error.to_string() };
        let child = spawn(candidate).map_err(untried)?;
        let heard = Heard::until_its_end(child, LIMIT, KEPT).map_err(untried)?;
        let path = candidate.path.display();
        for line in heard.printed.lines() {
            tracing::debug!("{path}: while it was tried: {line}");
        }
        let verdict = verdict::of(&heard);
        tracing::debug!("{path}: tried in {:.1} ms", begun.elapsed().as_secs_f64() * 1e3);
        verdict
    }
}

/// Starts the child. Of our files it has the copy, as its standard input; all others are closed when it starts.
fn spawn(candidate: &Candidate<'_>) -> io::Result<Child> {
    let mut command = Command::new(own_program());
    command.arg0("proxyd").arg("try-module").arg(candidate.ident).arg(candidate.path);
    if candidate.threads {
        command.arg("--threads");
    }
    command.stdin(candidate.copy.try_clone()?).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()
}
