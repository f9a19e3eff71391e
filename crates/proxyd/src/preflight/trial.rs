//! The child: puts itself under limits, then loads, begins and ends the module, and reports how far it came, a line a
//! stage.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use clap::Args;
use proxy_dso::{Cause, LOG_TARGET, Stage, trial};
use rustix::fs::{Stat, fstat};
use rustix::io::fcntl_dupfd_cloexec;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt};

use super::{bounds, filter, verdict};
use crate::Ended;
use crate::output::Messages;

/// Which module is tried; its copy is the standard input.
#[derive(Args, Debug, PartialEq, Eq)]
pub(crate) struct Trial {
    /// The module
    pub(crate) ident: String,
    /// The file that it is of, for messages
    pub(crate) file: PathBuf,
    /// It says of itself that it starts threads
    #[arg(long)]
    pub(crate) threads: bool,
}

/// Tries it; what comes of it is in the report, not in the exit code alone.
pub(crate) fn run(asked: &Trial) -> Ended {
    match tried(asked) {
        Ok(ended) => ended,
        Err(error) => {
            Messages::Stderr.say(format_args!("proxyd: this is for the server to call: {error}"));
            Ended::NotStarted
        }
    }
}

/// Files of the report and the copy begin here: out of the way of whoever closes the first few.
const HIGH: i32 = 40;

fn tried(asked: &Trial) -> io::Result<Ended> {
    if !cfg!(sanitized) {
        trial::close_inherited();
    }
    let report = Report { file: fcntl_dupfd_cloexec(io::stdout(), HIGH)?.into() };
    let copy = File::from(fcntl_dupfd_cloexec(io::stdin(), HIGH)?);
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    // What a module prints is no report.
    rustix::stdio::dup2_stdout(io::stderr())?;
    let others = Others::open()?;
    listen_to_modules();
    if let Err(error) = confine(asked, &report) {
        report.say(format_args!("{} {error}", verdict::UNTRIED));
        return Ok(Ended::NotStarted);
    }
    let at = |stage: Stage| {
        if others.are_closed() {
            report.say(verdict::CLOSES);
        }
        report.say(stage.word());
    };
    let tried = trial::run(&asked.ident, &asked.file, copy, at);
    if let Err(refusal) = &tried {
        let (word, text) = match &refusal.cause {
            Cause::Loader { text } => (verdict::LOADER, text.clone()),
            cause => (verdict::REFUSED, cause.to_string()),
        };
        report.say(format_args!("{word} {}", text.replace('\n', " ")));
    }
    Ok(if tried.is_ok() { Ended::Well } else { Ended::NotStarted })
}

fn confine(asked: &Trial, report: &Report) -> Result<(), String> {
    bounds::set(asked.threads).map_err(|error| format!("limits cannot be set: {error}"))?;
    // A sanitizer's runtime has handlers and threads of its own.
    if cfg!(sanitized) {
        return Ok(());
    }
    let report = report.file.try_clone().map_err(|error| error.to_string())?;
    trial::trap(OwnedFd::from(report)).map_err(|error| format!("no signal can be received: {error}"))?;
    // Where the kernel or a service's own filter does not let us, the other limits have to do.
    if let Err(error) = filter::install(asked.threads) {
        Messages::Stderr.say(format_args!("system calls are not filtered: {error}"));
    }
    Ok(())
}

/// Where the parent listens.
struct Report {
    file: File,
}

impl Report {
    fn say(&self, line: impl std::fmt::Display) {
        // In one piece; if nobody hears it, nobody is told either.
        let _ = (&self.file).write_all(format!("{line}\n").as_bytes());
    }
}

/// Files that a server has open when a module comes: whoever closes files that are not their own closes these.
struct Others(Vec<(Stat, OwnedFd)>);

impl Others {
    fn open() -> io::Result<Self> {
        let mut files =
            vec![io::stdin().as_fd().try_clone_to_owned()?, io::stdout().as_fd().try_clone_to_owned()?];
        for _ in 0..4 {
            files.push(File::open("/dev/null")?.into());
        }
        let with_facts = files.into_iter().map(|file| Ok((fstat(&file)?, file)));
        with_facts.collect::<io::Result<_>>().map(Self)
    }

    /// Whether one of them no longer is what it was.
    fn are_closed(&self) -> bool {
        let same = |now: Stat, then: &Stat| now.st_ino == then.st_ino && now.st_dev == then.st_dev;
        self.0.iter().any(|(then, file)| !fstat(file).is_ok_and(|now| same(now, then)))
    }
}

impl Drop for Others {
    fn drop(&mut self) {
        // What may have been closed must not be closed again; the process is about to end.
        self.0.drain(..).for_each(|(_, file)| std::mem::forget(file));
    }
}

/// Lines that modules log are printed like what they print themselves.
fn listen_to_modules() {
    proxy_dso::set_max_level(proxy_abi::Level::DEBUG);
    // There is no other in this process.
    let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(ToStderr));
}

struct ToStderr;

impl<S: Subscriber> Layer<S> for ToStderr {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line::default();
        event.record(&mut line);
        if event.metadata().target() == LOG_TARGET {
            Messages::Stderr.say(format_args!(
                "[{}:{}] {}",
                line.module,
                event.metadata().level(),
                line.text
            ));
        }
    }
}

#[derive(Default)]
struct Line {
    module: String,
    text: String,
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "module" {
            value.clone_into(&mut self.module);
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.text = format!("{value:?}");
        }
    }
}
