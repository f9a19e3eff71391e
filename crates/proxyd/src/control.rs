//! `-k`: starts a server, or tells the one that holds the configuration's PidFile to stop or to read its
//! configuration anew, with httpd's words and exit codes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use proxy_core::conf::ServerConf;
use rustix::process::Signal;

use crate::command_line::{Action, Options};
use crate::configuration;
use crate::launch::By;
use crate::output::{self, Messages};
use crate::pid_file::Holder;
use crate::{Ended, detached, introspection, server};

/// What is said where a configuration has none.
pub(crate) const NO_PID_FILE: &str = "-k needs a PidFile line in the configuration, which says where the server's \
                                      process id stands: as in `PidFile /run/proxyd/pid`";

/// Does what was asked for; all that comes of it is said.
pub(crate) fn run(options: &Options, action: Action) -> Ended {
    let done = match action {
        Action::Start => Ok(start(options)),
        Action::Stop => stop(options),
        Action::GracefulStop => stop_gracefully(options),
        Action::Restart => reload(options, Signal::HUP, "HUP"),
        Action::Graceful => reload(options, Signal::USR1, "USR1"),
    };
    done.unwrap_or_else(|ended| ended)
}

fn start(options: &Options) -> Ended {
    if options.in_foreground() { server::run(options, By::Control) } else { detached::start(options) }
}

/// Waits until it has ended. A broken configuration stops nobody from stopping.
fn stop(options: &Options) -> Result<Ended, Ended> {
    let Some(Told { holder, conf, messages }) = tell(options, Signal::TERM)? else { return Ok(Ended::Well) };
    let limit = conf.shutdown_timeout + BESIDE;
    if holder.ends_within(limit) {
        output::result(format_args!("proxyd (pid {}) stopped\n", holder.pid()));
        return Ok(Ended::Well);
    }
    let (pid, seconds) = (holder.pid(), limit.as_secs());
    Err(failed(
        &messages,
        &format!("the server with pid {pid} has not ended in {seconds} s; it may be stuck"),
    ))
}

/// What a server may take to end after its requests have: for executors, logs, and a busy machine.
const BESIDE: Duration = Duration::from_secs(10);

/// Does not wait: requests may take as long as they like.
fn stop_gracefully(options: &Options) -> Result<Ended, Ended> {
    if let Some(Told { holder, .. }) = tell(options, Signal::QUIT)? {
        let pid = holder.pid();
        output::result(format_args!("proxyd (pid {pid}) stops when its last request has ended\n"));
    }
    Ok(Ended::Well)
}

/// A server that was sent a signal.
struct Told {
    holder: Holder,
    conf: ServerConf,
    messages: Messages,
}

/// Sends a signal to whoever holds the PidFile; `None` after saying that nobody does.
fn tell(options: &Options, signal: Signal) -> Result<Option<Told>, Ended> {
    let messages = introspection::messages(options)?;
    let conf = configuration::understood(options, &messages, |conf| conf.pid_file.is_some())?;
    let Some(path) = conf.pid_file.clone() else { return Err(failed(&messages, NO_PID_FILE)) };
    let holder = Holder::of(&path).map_err(|text| failed(&messages, &text))?;
    let Some(holder) = holder else {
        say_not_running(&path);
        return Ok(None);
    };
    if !holder.signal(signal).map_err(|text| failed(&messages, &text))? {
        // It ended by itself just now.
        say_not_running(&path);
        return Ok(None);
    }
    Ok(Some(Told { holder, conf, messages }))
}

/// Sends the signal only if the configuration could be taken; starts a server where none runs.
fn reload(options: &Options, signal: Signal, name: &str) -> Result<Ended, Ended> {
    let messages = introspection::messages(options)?;
    let path = checked(options, &messages)?;
    let holder = Holder::of(&path).map_err(|text| failed(&messages, &text))?;
    if let Some(holder) = holder
        && holder.signal(signal).map_err(|text| failed(&messages, &text))?
    {
        let pid = holder.pid();
        output::result(format_args!(
            "proxyd (pid {pid}) was sent {name}; its error log says what comes of it\n"
        ));
        return Ok(Ended::Well);
    }
    output::result("proxyd not running, trying to start\n");
    Ok(start(options))
}

/// Goes as far as `-t` and answers the PidFile.
fn checked(options: &Options, messages: &Messages) -> Result<PathBuf, Ended> {
    let configured = configuration::read(options, messages)?;
    let built = configuration::build(configured, messages, None)?;
    let path = built.generation.conf().pid_file.clone();
    path.ok_or_else(|| failed(messages, NO_PID_FILE))
}

fn say_not_running(path: &Path) {
    let why = if path.exists() { "nobody holds" } else { "there is no" };
    output::result(format_args!("proxyd not running: {why} {}\n", path.display()));
}

fn failed(messages: &Messages, text: &str) -> Ended {
    messages.say(format_args!("proxyd: {text}"));
    Ended::NotStarted
}
