//! A server at work: its executors and what else serves with them, up to its end.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use proxy_core::observe::Observation;
use proxy_http::executor::{Drained, Phase, Shared};

use crate::admin::Socket;
use crate::command_line::Options;
use crate::executors::{Ends, Executors};
use crate::listening::{self, Listening};
use crate::logs::ErrorLog;
use crate::pid_file::PidFile;
use crate::prepared::Wanted;
use crate::reload::{Desk, Holdings, Reloader, Reloading};
use crate::retirement::Retirement;
use crate::service::Notifier;
use crate::watchdog::Watchdog;

/// A server at work, as the one who waits for its end has it.
#[derive(Debug)]
pub(crate) struct Running {
    ends: Ends,
    holdings: Arc<Mutex<Holdings>>,
    reloading: Reloading,
    retirement: Arc<Retirement>,
    watchdog: Watchdog,
}

/// What it is started with, when everything else has succeeded.
pub(crate) struct Start {
    /// For reloads.
    pub(crate) options: Options,
    pub(crate) log: Arc<ErrorLog>,
    pub(crate) shared: Shared,
    /// How many.
    pub(crate) executors: usize,
    pub(crate) listening: Vec<Listening>,
    pub(crate) admin: Wanted<Socket>,
    pub(crate) pid_file: Wanted<PidFile>,
    /// Who is told of reloads.
    pub(crate) notifier: Notifier,
}

impl Running {
    /// Starts the threads.
    ///
    /// # Errors
    /// What cannot be had; those that were started end again.
    pub(crate) fn start(start: Start) -> Result<Self, String> {
        let Start { options, log, shared, executors: count, listening, admin, pid_file, notifier } = start;
        let failed = |what: &str| {
            let what = what.to_owned();
            move |error: io::Error| format!("{what}: {error}")
        };
        let ends = Executors::prepare(listening::sockets(&listening), Arc::new(shared));
        let executors = ends.executors();
        let desk = Arc::new(Desk::new());
        let retirement =
            Arc::new(Retirement::start().map_err(failed("no thread can be had to end generations"))?);
        let admin = match admin {
            Wanted::Another(socket) => {
                let serving =
                    socket.serve(Arc::downgrade(executors), Arc::clone(&desk), Arc::clone(&retirement));
                Some(serving.map_err(failed("the admin socket cannot be served"))?)
            }
            Wanted::Same | Wanted::Nothing => None,
        };
        let pid_file = match pid_file {
            Wanted::Another(file) => Some(file),
            Wanted::Same | Wanted::Nothing => None,
        };
        executors.grow(count).map_err(failed("executors cannot be started"))?;
        let holdings = Arc::new(Mutex::new(Holdings { listening, admin, pid_file }));
        let reloader = Reloader {
            options,
            log,
            executors: Arc::clone(executors),
            holdings: Arc::clone(&holdings),
            desk,
            retirement: Arc::clone(&retirement),
            notifier,
        };
        let reloading = Reloading::start(reloader).map_err(failed("no thread can be had to reload"))?;
        let watchdog = Watchdog::start(Arc::downgrade(ends.executors()));
        let watchdog = watchdog.map_err(failed("no thread can be had to watch over executors"))?;
        Ok(Self { ends, holdings, reloading, retirement, watchdog })
    }

    /// Where to look on.
    pub(crate) fn observation(&self) -> &Arc<Observation> {
        &self.ends.executors().shared().observation
    }

    /// Where reloads are asked for.
    pub(crate) const fn reloads(&self) -> &Arc<Desk> {
        self.reloading.desk()
    }

    /// How long a graceful stop waits for requests.
    pub(crate) fn shutdown_timeout(&self) -> Duration {
        self.ends.executors().shared().published.current().1.conf().shutdown_timeout
    }

    /// Tells the executors, and closes the listening sockets; later phases cannot be taken back.
    pub(crate) fn tell(&self, phase: Phase) {
        self.ends.executors().tell(phase);
        if phase > Phase::Running {
            // After the executors were told, as a reload sees to it in this order too.
            self.holdings.lock().unwrap_or_else(PoisonError::into_inner).listening.clear();
        }
    }

    /// See [`Ends::next`].
    pub(crate) async fn next_end(&mut self) -> Option<Option<Drained>> {
        self.ends.next().await
    }

    /// Whether executors were left alone that are stuck.
    pub(crate) fn has_abandoned(&self) -> bool {
        self.ends.executors().counts().abandoned > 0
    }

    /// Stops at once and waits; whether nothing was cut and no executor failed. Outside of any runtime.
    pub(crate) fn stop(mut self) -> bool {
        self.tell(Phase::Stop);
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return false };
        let is_clean = runtime.block_on(async {
            let mut is_clean = true;
            while let Some(end) = self.next_end().await {
                is_clean &= end == Some(Drained { cut: 0 });
            }
            is_clean && !self.has_abandoned()
        });
        self.end();
        is_clean
    }

    /// Once the executors have ended or are not waited for: what served with them, then the generations with their
    /// modules, and at last the word of who runs here.
    pub(crate) fn end(self) {
        let Self { ends, holdings, reloading, retirement, watchdog } = self;
        drop((reloading, watchdog));
        let holdings = std::mem::take(&mut *holdings.lock().unwrap_or_else(PoisonError::into_inner));
        let Holdings { listening, admin, pid_file } = holdings;
        drop((listening, admin));
        retirement.close();
        drop(ends);
        drop(pid_file);
    }
}
