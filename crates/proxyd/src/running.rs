//! A server at work: its executors and what else serves with them, up to its end.

use std::io;
use std::sync::Arc;

use proxy_core::observe::Observation;
use proxy_http::executor::{Drained, Listeners, Phase, Shared};

use crate::admin::Serving;
use crate::executors::{Ends, Executors};

/// A server at work, as the one who waits for its end has it.
#[derive(Debug)]
pub(crate) struct Running {
    ends: Ends,
    admin: Option<Serving>,
}

impl Running {
    /// Starts `count` executors that accept at the listeners.
    ///
    /// # Errors
    /// Those of the system; executors that were started end again.
    pub(crate) fn start(count: usize, listeners: Listeners, shared: Arc<Shared>) -> io::Result<Self> {
        let ends = Executors::prepare(listeners, shared);
        ends.executors().grow(count)?;
        Ok(Self { ends, admin: None })
    }

    /// Keeps the admin socket open as long as the executors are at work.
    pub(crate) fn keep(&mut self, admin: Serving) {
        self.admin = Some(admin);
    }

    /// Where to look on.
    pub(crate) fn observation(&self) -> &Arc<Observation> {
        &self.ends.executors().shared().observation
    }

    /// Tells the executors; later phases cannot be taken back.
    pub(crate) fn tell(&self, phase: Phase) {
        self.ends.executors().tell(phase);
    }

    /// See [`Ends::next`].
    pub(crate) async fn next_end(&mut self) -> Option<Option<Drained>> {
        self.ends.next().await
    }

    /// Stops at once and waits; whether nothing was cut and no executor failed. Outside of any runtime.
    pub(crate) fn stop(mut self) -> bool {
        self.tell(Phase::Stop);
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return false };
        runtime.block_on(async {
            let mut is_clean = true;
            while let Some(end) = self.next_end().await {
                is_clean &= end == Some(Drained { cut: 0 });
            }
            is_clean
        })
    }
}
