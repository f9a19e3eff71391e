//! A server in the background. `-k` runs this program once more, which becomes a session of its own before it has a
//! second thread, keeps the terminal until it is ready, and then lets go of it; until then `-k` waits.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use rustix::fs::{FileType, fstat};
use rustix::stdio::{dup2_stderr, dup2_stdout};

use crate::Ended;
use crate::command_line::Options;
use crate::inherited;
use crate::output::{self, Messages};

/// The last thing that a server says to `-k`.
const READY: &str = "ready\n";

/// Starts the server that this command line describes and waits until it is ready or has ended; what it has to say
/// is on the terminal by then.
pub(crate) fn start(options: &Options) -> Ended {
    match started(options) {
        Ok(ended) => ended,
        Err(text) => {
            Messages::Stderr.say(format_args!("proxyd: {text}"));
            Ended::NotStarted
        }
    }
}

fn started(options: &Options) -> Result<Ended, String> {
    if inherited::passed()?.is_some() {
        return Err(
            "sockets were passed to -k, which goes away: start the server in the foreground, without -k, or \
                    with -D FOREGROUND"
                .to_owned(),
        );
    }
    let mut child = spawn().map_err(|error| format!("the server cannot be started: {error}"))?;
    let mut said = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        // What was read counts, whatever came after it.
        let _ = stdout.read_to_string(&mut said);
    }
    if let Some(before) = said.strip_suffix(READY) {
        output::result(format_args!("{before}proxyd (pid {}) started\n", child.id()));
        return Ok(Ended::Well);
    }
    output::result(&said);
    let status = child.wait().map_err(|error| format!("how the server ended cannot be told: {error}"))?;
    if let Some(signal) = status.signal() {
        return Err(format!("the server was ended by signal {signal} while it started"));
    }
    if let Some(log) = options.startup_log.as_deref().filter(|_| !status.success()) {
        return Err(format!("the server has not started: {} says why", log.display()));
    }
    Ok(match status.code() {
        Some(0) => Ended::Well,
        Some(3) => Ended::Unclean,
        _ => Ended::NotStarted,
    })
}

fn spawn() -> io::Result<Child> {
    let mut server = Command::new(std::env::current_exe()?);
    server.arg("--detached").args(std::env::args_os().skip(1));
    server.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()
}

/// The server's side, until it is ready. Whoever waits is told by its end, too.
#[derive(Debug)]
pub(crate) struct Detached {
    caller: File,
    /// Where standard error goes from then on: nowhere, or to the file of `-E`.
    rest: File,
}

impl Detached {
    /// Becomes a session of its own, without standard output. Before there is a second thread.
    ///
    /// # Errors
    /// If nobody waits, or a file cannot be opened.
    pub(crate) fn begin(options: &Options) -> Result<Self, String> {
        Self::begun(options).map_err(|error| format!("the server cannot leave its terminal: {error}"))
    }

    fn begun(options: &Options) -> io::Result<Self> {
        let caller = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        if FileType::from_raw_mode(fstat(&caller)?.st_mode) != FileType::Fifo {
            return Err(io::Error::other("--detached is for the process that -k starts"));
        }
        // Fails only where it leads a session already.
        let _ = rustix::process::setsid();
        let nowhere = File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdout(&nowhere)?;
        let rest = match &options.startup_log {
            None => nowhere,
            Some(path) => File::options().create(true).append(true).open(path)?,
        };
        Ok(Self { caller, rest })
    }

    /// Lets go of the terminal and of the caller.
    pub(crate) fn ready(self) {
        // Kept if it cannot be given up; the server is no worse for it.
        let _ = dup2_stderr(&self.rest);
        self.tell(READY);
    }

    /// Answers the caller instead of serving.
    pub(crate) fn answer(self, text: &str) {
        self.tell(&format!("{text}\n"));
    }

    fn tell(&self, text: &str) {
        // A caller that was interrupted has no more use for it.
        let _ = (&self.caller).write_all(text.as_bytes());
    }
}
