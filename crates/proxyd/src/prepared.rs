//! All that the next generation needs, read, built, opened and bound before anything is changed: the one way from the
//! options to a generation, at the start and with each reload.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread::available_parallelism;

use proxy_core::conf::ServerConf;
use proxy_core::generation::Generation;
use tracing::Level;

use crate::admin::Socket;
use crate::command_line::Options;
use crate::configuration::{self, Built};
use crate::launch::Launch;
use crate::listening::{self, Listening};
use crate::logs::{AccessLogs, Appender, Levels};
use crate::output::Messages;
use crate::pid_file::PidFile;
use crate::reload::Holdings;
use crate::{Ended, descriptors};

/// A generation that can be put in force, and what it needs. Dropped, it has been nothing.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) generation: Generation,
    pub(crate) access_logs: AccessLogs,
    pub(crate) error_log: Appender,
    pub(crate) levels: Levels,
    pub(crate) listening: Vec<Listening>,
    pub(crate) admin: Wanted<Socket>,
    pub(crate) pid_file: Wanted<PidFile>,
    /// How many there are to be.
    pub(crate) executors: usize,
}

/// Something that there may be one of already.
#[derive(Debug)]
pub(crate) enum Wanted<T> {
    /// The one that is there.
    Same,
    Another(T),
    Nothing,
}

/// What there is already, as the next generation finds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InForce<'a> {
    pub(crate) generation: &'a Generation,
    /// Asked when it is needed: modules may take their time before, and a socket that is kept meanwhile stays open.
    pub(crate) holdings: &'a Mutex<Holdings>,
}

impl InForce<'_> {
    fn of<T>(in_force: Option<&Self>, what: impl FnOnce(&Holdings) -> T) -> Option<T> {
        in_force.map(|in_force| what(&in_force.holdings.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

/// Reads, builds, opens and binds; what is wrong is said. Logs are opened anew in any case: somebody may have moved the
/// files.
///
/// # Errors
/// If anything was.
pub(crate) fn prepare(
    options: &Options,
    messages: &Messages,
    launch: &mut Launch,
    in_force: Option<&InForce<'_>>,
) -> Result<Prepared, Ended> {
    let failed = |text: String| {
        messages.say(format_args!("proxyd: {text}"));
        Ended::NotStarted
    };
    let configured = configuration::read(options, messages)?;
    let old = in_force.map(|in_force| in_force.generation);
    let Built { generation, sources, .. } = configuration::build(configured, messages, old)?;
    let conf = generation.conf();
    // Before anything is touched that the server which holds it has.
    let there = InForce::of(in_force, Holdings::pid_file_place).flatten();
    let pid_file = launch.pid_file(conf, there.as_deref(), messages)?;
    let levels = Levels::of(&conf.log_level, least_level(options));
    let error_log = Appender::open(&conf.error_log).map_err(failed)?;
    let access_logs = AccessLogs::open(conf).map_err(failed)?;
    descriptors::raise_limit();
    let current = InForce::of(in_force, |holdings| holdings.listening.clone()).unwrap_or_default();
    let listening = listening::listen(&conf.listen, &current, &mut launch.inherited, &sources, messages)?;
    let there = InForce::of(in_force, Holdings::admin_place).flatten();
    let admin = wanted(conf.admin_socket.as_ref(), there, Socket::bind).map_err(failed)?;
    let executors = if options.one_executor() { 1 } else { executors(conf) };
    Ok(Prepared { generation, access_logs, error_log, levels, listening, admin, pid_file, executors })
}

/// Everything is at least as loud as this in the error log.
pub(crate) fn least_level(options: &Options) -> Option<Level> {
    options.debug.then_some(Level::DEBUG)
}

fn wanted<T>(
    path: Option<&PathBuf>,
    there: Option<PathBuf>,
    make: impl FnOnce(&Path) -> Result<T, String>,
) -> Result<Wanted<T>, String> {
    match path {
        None => Ok(Wanted::Nothing),
        Some(path) if Some(path) == there.as_ref() => Ok(Wanted::Same),
        Some(path) => make(path).map(Wanted::Another),
    }
}

fn executors(conf: &ServerConf) -> usize {
    conf.executors.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
}
