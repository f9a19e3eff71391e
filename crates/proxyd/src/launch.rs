//! How a server was started, and what comes of it: in the foreground or behind `-k`, with sockets passed to it, with
//! a service manager that waits for it.

use std::path::Path;

use proxy_core::conf::{LogTarget, ServerConf};

use crate::Ended;
use crate::command_line::Options;
use crate::control;
use crate::detached::Detached;
use crate::inherited::Inherited;
use crate::output::{self, Messages};
use crate::pid_file::{self, PidFile, Refused};
use crate::prepared::Wanted;
use crate::service::Notifier;

/// Who asked for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// Whoever waits for its end: a terminal, a supervisor.
    Caller,
    /// `-k`, to be one server for each PidFile; it stays in the foreground.
    Control,
    /// `-k`, which waits only until it is ready.
    Background,
}

/// A start, and whom the server owes something. By default nobody.
#[derive(Debug, Default)]
pub(crate) struct Launch {
    is_controlled: bool,
    detached: Option<Detached>,
    pub(crate) inherited: Inherited,
    pub(crate) notifier: Notifier,
}

impl Launch {
    /// Takes what the process was given. The first thing that a server does: there must be no other thread and no
    /// descriptor that the environment does not know of.
    ///
    /// # Errors
    /// Why that is not possible.
    pub(crate) fn begin(by: By, options: &Options) -> Result<Self, String> {
        Ok(Self {
            inherited: Inherited::take()?,
            detached: (by == By::Background).then(|| Detached::begin(options)).transpose()?,
            is_controlled: by != By::Caller,
            notifier: Notifier::from_env(),
        })
    }

    /// Becomes the one server of the configuration's PidFile, if there is one and it is not `there`, this server's
    /// already.
    ///
    /// # Errors
    /// If another server is it, or the file cannot be had; that is said.
    pub(crate) fn pid_file(
        &mut self,
        conf: &ServerConf,
        there: Option<&Path>,
        messages: &Messages,
    ) -> Result<Wanted<PidFile>, Ended> {
        let failed = |text: &str| {
            messages.say(format_args!("proxyd: {text}"));
            Err(Ended::NotStarted)
        };
        let path = match conf.pid_file.as_deref() {
            None if self.is_controlled => return failed(control::NO_PID_FILE),
            None => return Ok(Wanted::Nothing),
            Some(path) => path,
        };
        if there.is_some_and(|there| pid_file::is_same(there, path)) {
            return Ok(Wanted::Same);
        }
        match PidFile::take(path) {
            Ok(file) => Ok(Wanted::Another(file)),
            Err(Refused::Failed(text)) => failed(&text),
            Err(Refused::Held(pid)) if self.is_controlled => {
                self.say_to_caller(&format!("proxyd (pid {pid}) already running"));
                Err(Ended::Well)
            }
            Err(Refused::Held(pid)) => failed(&held(path, pid)),
        }
    }

    /// Says what a server in the background will not be able to.
    pub(crate) fn warn_of_lost_log(&self, conf: &ServerConf, options: &Options, messages: &Messages) {
        if self.is_in_background() && conf.error_log == LogTarget::Stderr && options.startup_log.is_none() {
            messages.say(
                "proxyd: the error log goes to standard error, which a server in the background does not have: \
                 write `ErrorLog logs/error_log`, or start with -E FILE",
            );
        }
    }

    /// Whether `-k` waits until the server is ready.
    pub(crate) const fn is_in_background(&self) -> bool {
        self.detached.is_some()
    }

    /// Tells all who wait that the server accepts connections. `status` is one line.
    pub(crate) fn ready(&mut self, status: &str) {
        self.notifier.ready(status);
        if let Some(detached) = self.detached.take() {
            detached.ready();
        }
    }

    fn say_to_caller(&mut self, text: &str) {
        match self.detached.take() {
            Some(detached) => detached.answer(text),
            None => output::result(format_args!("{text}\n")),
        }
    }
}

fn held(path: &Path, pid: i32) -> String {
    format!(
        "PidFile {}: the server with pid {pid} holds it: stop that one, or name another file",
        path.display()
    )
}
