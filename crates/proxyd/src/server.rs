//! A server's life: configure, build, open logs, bind, start executors, follow signals, drain, end.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use proxy_config::Sources;
use proxy_core::conf::{Listen, LogTarget, ServerConf};
use proxy_core::generation::{Generation, Published};
use proxy_http::executor::{Listeners, Shared};
use proxy_http::listen;
use proxy_http::names::NameCache;
use tracing::{Level, info};
use tracing_subscriber::layer::SubscriberExt;

use crate::admin::Socket;
use crate::command_line::Options;
use crate::configuration::{self, Built};
use crate::introspection::{self, VERSION};
use crate::logs::{self, AccessLogs, Appender, ErrorLayer, ErrorLog, Levels};
use crate::output::Messages;
use crate::pid_file::PidFile;
use crate::running::Running;
use crate::signals::Signals;
use crate::{Ended, descriptors, statics, trace};

/// Serves until a signal says otherwise.
pub(crate) fn run(options: &Options) -> Ended {
    served(options).unwrap_or_else(|ended| ended)
}

fn served(options: &Options) -> Result<Ended, Ended> {
    let messages = introspection::messages(options)?;
    let failed = |text: String| fail(&messages, &text);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| failed(format!("no runtime for signals: {error}")))?;
    let _inside = runtime.enter();
    // Before anything can be stopped, so that no signal finds its default action.
    let mut signals =
        Signals::new().map_err(|error| failed(format!("signals cannot be received: {error}")))?;
    let prepared = prepare(options, &messages)?;
    let timeout = prepared.shutdown_timeout;
    let _pid_file = prepared.pid_file(&messages)?;
    // Whoever starts us in the foreground sees it, wherever the log is.
    let ready = (prepared.generation.conf().error_log != LogTarget::Stderr).then(|| prepared.ready_line());
    let mut running = prepared.start(&messages)?;
    if let Some(ready) = ready {
        messages.say(ready);
    }
    let ended = runtime.block_on(signals.follow(&mut running, timeout));
    drop(running);
    info!("{VERSION} ended{}", if ended == Ended::Well { "" } else { " unclean" });
    Ok(ended)
}

/// Everything but threads: what can fail has succeeded.
pub(crate) struct Prepared {
    generation: Generation,
    access_logs: AccessLogs,
    listeners: Listeners,
    admin: Option<Socket>,
    executors: usize,
    shutdown_timeout: Duration,
}

/// Reads, builds, opens and binds; what is wrong is said.
///
/// # Errors
/// If anything was.
pub(crate) fn prepare(options: &Options, messages: &Messages) -> Result<Prepared, Ended> {
    let failed = |text: String| fail(messages, &text);
    let least = options.debug.then_some(Level::DEBUG);
    let log = begin_log(options, least).map_err(failed)?;
    let configured = configuration::read(options, messages)?;
    let Built { generation, sources, .. } = configuration::build(configured, messages)?;
    let conf = generation.conf();
    let levels = Levels::of(&conf.log_level, least);
    set_module_level(levels.loudest());
    log.change(levels, Appender::open(&conf.error_log).map_err(failed)?);
    let access_logs = AccessLogs::open(conf).map_err(failed)?;
    descriptors::raise_limit();
    let listeners = bind(&conf.listen, &sources, messages)?;
    let admin = conf.admin_socket.as_deref().map(Socket::bind).transpose().map_err(failed)?;
    let executors = if options.one_executor() { 1 } else { executors(conf) };
    let shutdown_timeout = conf.shutdown_timeout;
    Ok(Prepared { generation, access_logs, listeners, admin, executors, shutdown_timeout })
}

impl Prepared {
    /// The first address that is listened at.
    pub(crate) fn addr(&self) -> Option<SocketAddr> {
        self.listeners.first().and_then(|listener| listener.local_addr().ok())
    }

    fn pid_file(&self, messages: &Messages) -> Result<Option<PidFile>, Ended> {
        let path = self.generation.conf().pid_file.as_deref();
        path.map(PidFile::write).transpose().map_err(|text| fail(messages, &text))
    }

    /// Starts the executors and says that the server is ready.
    ///
    /// # Errors
    /// If threads cannot be had.
    pub(crate) fn start(self, messages: &Messages) -> Result<Running, Ended> {
        let ready = self.ready_line();
        let asked = self.generation.conf().max_connections;
        let shared = Arc::new(Shared {
            published: Published::new(Arc::new(self.generation)),
            names: NameCache::default(),
            observation: trace::observation(),
            capacity: descriptors::capacity(asked, self.executors, self.listeners.len()),
            transactions: Box::new(self.access_logs),
        });
        let admin = self.admin.map(|socket| socket.serve(Arc::downgrade(&shared))).transpose();
        let admin =
            admin.map_err(|error| fail(messages, &format!("the admin socket cannot be served: {error}")))?;
        let mut running = Running::start(self.executors, Arc::clone(&self.listeners), shared)
            .map_err(|error| fail(messages, &format!("executors cannot be started: {error}")))?;
        if let Some(admin) = admin {
            running.keep(admin);
        }
        info!("{ready}");
        Ok(running)
    }

    fn ready_line(&self) -> String {
        let addrs: Vec<String> = self
            .listeners
            .iter()
            .filter_map(|listener| Some(listener.local_addr().ok()?.to_string()))
            .collect();
        let (addrs, modules) = (addrs.join(", "), counted(self.generation.modules().len(), "module"));
        let executors = counted(self.executors, "executor");
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
fn begin_log(options: &Options, least: Option<Level>) -> Result<Arc<ErrorLog>, String> {
    let asked = match &options.startup_level {
        None => Level::WARN,
        Some(name) => logs::level_by_name(name).ok_or_else(|| {
            format!("-e {name}: not a level; write one of error, warn, notice, info, debug, trace1 to trace8")
        })?,
    };
    let level = asked.max(least.unwrap_or(asked));
    let appender = match &options.startup_log {
        None => Appender::open(&LogTarget::Stderr)?,
        Some(path) => Appender::open(&LogTarget::File(path.clone()))?,
    };
    let log = ErrorLog::new(Levels::all(level), appender);
    set_module_level(level);
    let subscriber = tracing_subscriber::registry().with(ErrorLayer(Arc::clone(&log)));
    tracing::subscriber::set_global_default(subscriber).map_err(|error| error.to_string())?;
    std::panic::set_hook(Box::new(|panic| {
        statics::remember_panic(panic);
        tracing::error!(target: "proxyd", "{panic}");
    }));
    Ok(log)
}

/// Modules do not even spell lines that nobody will write.
fn set_module_level(level: Level) {
    proxy_dso::set_max_level(match level {
        Level::ERROR => proxy_abi::Level::ERROR,
        Level::WARN => proxy_abi::Level::WARN,
        Level::INFO => proxy_abi::Level::INFO,
        Level::DEBUG => proxy_abi::Level::DEBUG,
        Level::TRACE => proxy_abi::Level::TRACE,
    });
}

fn executors(conf: &ServerConf) -> usize {
    conf.executors.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
}

/// Binds all addresses; every one that cannot be is said.
fn bind(listen: &[Listen], sources: &Sources, messages: &Messages) -> Result<Listeners, Ended> {
    let bound: Vec<Arc<TcpListener>> = listen
        .iter()
        .filter_map(|line| match listen::bind(line.addr) {
            Ok(listener) => Some(Arc::new(listener)),
            Err(error) => {
                fail(messages, &cannot_listen(line, &error, sources));
                None
            }
        })
        .collect();
    if bound.len() == listen.len() { Ok(bound.into()) } else { Err(Ended::NotStarted) }
}

fn cannot_listen(line: &Listen, error: &io::Error, sources: &Sources) -> String {
    let place = line.span.map(|span| format!(" (line {} of {})", span.line, sources.name(span.file)));
    let remedy = match error.kind() {
        io::ErrorKind::AddrInUse => "another program listens there: stop it, or change the Listen line",
        io::ErrorKind::PermissionDenied => {
            "ports below 1024 are for root, or for programs with the capability CAP_NET_BIND_SERVICE"
        }
        io::ErrorKind::AddrNotAvailable => "no interface of this machine has that address",
        _ => "change the Listen line",
    };
    let said = error.to_string();
    let said = said.split(" (os error").next().unwrap_or_default().to_lowercase();
    format!("cannot listen on {}{}: {said}; {remedy}", line.addr, place.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_in_use_is_named_with_the_remedy() {
        let taken = listen::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = taken.local_addr().unwrap();
        let error = listen::bind(addr).unwrap_err();
        let text = cannot_listen(&Listen { addr, span: None }, &error, &Sources::default());
        assert_eq!(
            text,
            format!(
                "cannot listen on {addr}: address already in use; another program listens there: stop it, or \
                 change the Listen line"
            )
        );
    }
}
