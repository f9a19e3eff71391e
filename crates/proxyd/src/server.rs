//! A server's life: prepare, start the threads, follow signals, drain, end.

use std::net::SocketAddr;
use std::sync::Arc;

use proxy_core::conf::LogTarget;
use proxy_http::executor::{Capacity, Shared};
use tracing::{Level, info};
use tracing_subscriber::layer::SubscriberExt;

use crate::command_line::Options;
use crate::introspection::{self, VERSION};
use crate::launch::{By, Launch};
use crate::listening::Listening;
use crate::logs::{self, Appender, ErrorLayer, ErrorLog, Levels};
use crate::output::Messages;
use crate::prepared::{self, Prepared};
use crate::running::{Running, Start};
use crate::service::{Notifier, Pulse};
use crate::signals::Signals;
use crate::{Ended, descriptors, statics, trace};

/// Serves until a signal says otherwise.
pub(crate) fn run(options: &Options, by: By) -> Ended {
    served(options, by).unwrap_or_else(|ended| ended)
}

fn served(options: &Options, by: By) -> Result<Ended, Ended> {
    let launch = Launch::begin(by, options);
    let messages = introspection::messages(options)?;
    let failed = |text: String| fail(&messages, &text);
    let mut launch = launch.map_err(failed)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(format!("no runtime for signals: {error}")))?;
    let _inside = runtime.enter();
    // Before anything can be stopped, so that no signal finds its default action.
    let mut signals =
        Signals::new().map_err(|error| failed(format!("signals cannot be received: {error}")))?;
    let ready = prepare(options, &messages, &mut launch)?;
    let line = ready.line();
    let is_log_elsewhere = ready.prepared.generation.conf().error_log != LogTarget::Stderr;
    let mut running = ready.start(&messages)?;
    if is_log_elsewhere || launch.is_in_background() {
        // Whoever starts us sees it, wherever the log is, and whether or not it gets there before we let go.
        messages.say(&line);
    }
    launch.ready(&line);
    let mut pulse = Pulse::new(launch.notifier.clone());
    let ended = runtime.block_on(signals.follow(&mut running, None, &mut pulse));
    running.end();
    info!("{VERSION} ended{}", if ended == Ended::Well { "" } else { " unclean" });
    Ok(ended)
}

/// Everything but threads: what can fail has succeeded.
pub(crate) struct Ready {
    options: Options,
    log: Arc<ErrorLog>,
    prepared: Prepared,
    notifier: Notifier,
}

/// Reads, builds, opens and binds; what is wrong is said.
///
/// # Errors
/// If anything was.
pub(crate) fn prepare(options: &Options, messages: &Messages, launch: &mut Launch) -> Result<Ready, Ended> {
    let log = begin_log(options).map_err(|text| fail(messages, &text))?;
    let prepared = prepared::prepare(options, messages, launch, None)?;
    launch.warn_of_lost_log(prepared.generation.conf(), options, messages);
    Ok(Ready { options: options.clone(), log, prepared, notifier: launch.notifier.clone() })
}

impl Ready {
    /// The first address that is listened at.
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        self.prepared.listening.first().and_then(Listening::addr)
    }

    /// Starts the executors and says that the server is ready.
    ///
    /// # Errors
    /// If threads cannot be had.
    pub(crate) fn start(self, messages: &Messages) -> Result<Running, Ended> {
        let line = self.line();
        let Self { options, log, prepared, notifier } = self;
        let Prepared { generation, access_logs, error_log, levels, listening, admin, pid_file, executors } =
            prepared;
        set_module_level(levels.loudest());
        log.change(levels, error_log);
        let asked = generation.conf().max_connections;
        let room = descriptors::room(asked, executors, listening.len());
        let shared = Shared::new(
            Arc::new(generation),
            Arc::new(access_logs),
            Capacity::new(room.clients, room.lingering, room.pipes),
            trace::observation(),
        );
        let start = Start { options, log, shared, executors, listening, admin, pid_file, notifier };
        let running = Running::start(start).map_err(|text| fail(messages, &text))?;
        info!("{line}");
        Ok(running)
    }

    fn line(&self) -> String {
        let addrs = self.prepared.listening.iter().filter_map(Listening::addr);
        let addrs: Vec<String> = addrs.map(|addr| addr.to_string()).collect();
        let (addrs, modules) =
            (addrs.join(", "), counted(self.prepared.generation.modules().len(), "module"));
        let executors = counted(self.prepared.executors, "executor");
        format!("{VERSION} ready: listening on {addrs}, {executors}, {modules}")
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn fail(messages: &Messages, text: &str) -> Ended {
    messages.say(format_args!("proxyd: {text}"));
    Ended::NotStarted
}

/// The error log as it is until the configuration says where it goes and what it holds.
fn begin_log(options: &Options) -> Result<Arc<ErrorLog>, String> {
    let asked = match &options.startup_level {
        None => Level::WARN,
        Some(name) => logs::level_by_name(name).ok_or_else(|| {
            format!("-e {name}: not a level; write one of error, warn, notice, info, debug, trace1 to trace8")
        })?,
    };
    let level = asked.max(prepared::least_level(options).unwrap_or(asked));
    let appender = match &options.startup_log {
        None => Appender::open(&LogTarget::Stderr)?,
        Some(path) => Appender::open(&LogTarget::File(path.clone()))?,
    };
    let log = ErrorLog::new(Levels::all(level), appender);
    set_module_level(level);
    let subscriber = tracing_subscriber::registry().with(ErrorLayer(Arc::clone(&log)));
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())?;
    proxy_core::containment::set_last_resort(|| {
        logs::finish();
        std::process::abort()
    });
    std::panic::set_hook(Box::new(|panic| {
        statics::remember_panic(panic);
        tracing::error!(target: "proxyd", "{panic}");
    }));
    Ok(log)
}

/// Modules do not even spell lines that nobody will write.
pub(crate) fn set_module_level(level: Level) {
    proxy_dso::set_max_level(match level {
        Level::ERROR => proxy_abi::Level::ERROR,
        Level::WARN => proxy_abi::Level::WARN,
        Level::INFO => proxy_abi::Level::INFO,
        Level::DEBUG => proxy_abi::Level::DEBUG,
        Level::TRACE => proxy_abi::Level::TRACE,
    });
}
