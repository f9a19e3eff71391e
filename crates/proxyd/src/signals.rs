//! What signals do: TERM and INT stop gracefully with a deadline, the second one at once; QUIT stops gracefully
//! without a deadline. HUP and USR1 reload, unless the server is about to end. USR2 is reserved, and
//! ALRM, which would end the process, does nothing; both say so. WINCH, which a resized terminal sends, PIPE and XFSZ do nothing.

use std::io;
use std::time::Duration;

use proxy_http::executor::Phase;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, sleep_until};
use tracing::{info, warn};

use crate::Ended;
use crate::running::Running;
use crate::service::Pulse;

/// The signals that we receive.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    quit: Signal,
    hangup: Signal,
    user1: Signal,
    user2: Signal,
    alarm: Signal,
    /// A log that has reached the limit of a file's size is one that cannot be written, no more.
    _file_size: Signal,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Wish {
    Stop(Grace),
    Reload,
    /// Nothing yet: for handing the sockets to another program.
    Reserved,
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Grace {
    WithDeadline,
    WithoutDeadline,
}

/// How long executors may take to notice that they are stopped.
const STOPPING: Duration = Duration::from_secs(5);

impl Signals {
    /// From now on these signals have no other effect. Inside a runtime only.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
            alarm: signal(SignalKind::alarm())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    /// Waits for the next signal. Dropping the future loses none.
    async fn next(&mut self) -> (&'static str, Wish) {
        tokio::select! {
            _ = self.terminate.recv() => ("TERM", Wish::Stop(Grace::WithDeadline)),
            _ = self.interrupt.recv() => ("INT", Wish::Stop(Grace::WithDeadline)),
            _ = self.quit.recv() => ("QUIT", Wish::Stop(Grace::WithoutDeadline)),
            _ = self.hangup.recv() => ("HUP", Wish::Reload),
            _ = self.user1.recv() => ("USR1", Wish::Reload),
            _ = self.user2.recv() => ("USR2", Wish::Reserved),
            _ = self.alarm.recv() => ("ALRM", Wish::Nothing),
        }
    }

    /// Does what signals ask for until all executors have ended. `timeout` goes before GracefulShutdownTimeout.
    pub(crate) async fn follow(
        &mut self,
        running: &mut Running,
        timeout: Option<Duration>,
        pulse: &mut Pulse,
    ) -> Ended {
        let mut stop = Stop::default();
        loop {
            let (phase, deadline) = (stop.phase, stop.deadline);
            tokio::select! {
                end = running.next_end() => match end {
                    None if running.has_abandoned() => return Ended::Unclean,
                    None => return stop.ended(),
                    Some(end) => stop.executor_ended(end.map(|drained| drained.cut)),
                },
                (name, wish) = self.next() => match wish {
                    Wish::Reload => stop.reload(name, running),
                    Wish::Reserved => warn!(
                        "{name}: reserved for handing the sockets to a new program, which is not there yet; nothing \
                         is done"
                    ),
                    Wish::Nothing => {
                        warn!("{name}: nothing is done on this signal; TERM, INT and QUIT stop the server");
                    }
                    Wish::Stop(kind) => {
                        stop.asked(name, kind, timeout.unwrap_or_else(|| running.shutdown_timeout()));
                    }
                },
                () = pulse.due() => pulse.beat(),
                () = until(deadline) => if stop.deadline_passed() { return Ended::Unclean },
            }
            if stop.phase != phase {
                pulse.stopping(stop.left());
            }
            running.tell(stop.phase);
        }
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

/// How far stopping has come.
#[derive(Debug)]
struct Stop {
    /// As it was when stopping began.
    timeout: Duration,
    phase: Phase,
    deadline: Option<Instant>,
    is_unclean: bool,
}

impl Default for Stop {
    fn default() -> Self {
        Self { timeout: Duration::ZERO, phase: Phase::Running, deadline: None, is_unclean: false }
    }
}

impl Stop {
    fn reload(&self, name: &str, running: &Running) {
        if self.phase != Phase::Running {
            info!("{name}: the server is about to end, nothing is reloaded");
            return;
        }
        let reloads = running.reloads();
        // Any number of signals are one line for each reload.
        if !reloads.is_wanted() {
            info!("{name}: reloading");
        }
        reloads.ask();
    }

    fn asked(&mut self, name: &str, grace: Grace, timeout: Duration) {
        match (grace, self.phase) {
            (Grace::WithDeadline, Phase::Running) => {
                info!("{name}: stopping, requests have {} s to end", timeout.as_secs());
                self.timeout = timeout;
                self.drain(Some(Instant::now() + timeout));
            }
            (Grace::WithoutDeadline, Phase::Running) => {
                info!("{name}: stopping when the last request has ended");
                self.drain(None);
            }
            (Grace::WithDeadline, _) => {
                info!("{name}: stopping at once");
                self.cut();
            }
            (Grace::WithoutDeadline, _) => {}
        }
    }

    fn executor_ended(&mut self, cut: Option<usize>) {
        let failed = cut.is_none() || self.phase == Phase::Running;
        if let Some(cut @ 1..) = cut {
            warn!(cut, "connections were cut");
            self.is_unclean = true;
        }
        if failed {
            // The others would serve on, but with connections that wait for nobody in between.
            self.is_unclean = true;
            self.cut();
        }
    }

    /// Whether waiting is over for good.
    fn deadline_passed(&mut self) -> bool {
        self.is_unclean = true;
        if self.phase == Phase::Stop {
            warn!("executors do not end: a module may be stuck");
            return true;
        }
        warn!("requests have not ended in {} s, cutting them", self.timeout.as_secs());
        self.cut();
        false
    }

    fn drain(&mut self, deadline: Option<Instant>) {
        self.phase = Phase::Draining;
        self.deadline = deadline;
    }

    fn cut(&mut self) {
        if self.phase != Phase::Stop {
            self.phase = Phase::Stop;
            self.deadline = Some(Instant::now() + STOPPING);
        }
    }

    /// How long requests may still take, if that is limited.
    fn left(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    const fn ended(&self) -> Ended {
        if self.is_unclean { Ended::Unclean } else { Ended::Well }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[test]
    fn the_second_signal_stops_at_once() {
        let mut stop = Stop::default();
        stop.asked("TERM", Grace::WithDeadline, GRACE);
        assert!(stop.phase == Phase::Draining && stop.deadline.is_some());
        stop.asked("INT", Grace::WithDeadline, GRACE);
        assert_eq!(stop.phase, Phase::Stop);
        stop.executor_ended(Some(0));
        assert_eq!(stop.ended(), Ended::Well);
        stop.executor_ended(Some(2));
        assert_eq!(stop.ended(), Ended::Unclean);
    }

    #[test]
    fn quit_waits_without_a_deadline() {
        let mut stop = Stop::default();
        stop.asked("QUIT", Grace::WithoutDeadline, GRACE);
        stop.asked("QUIT", Grace::WithoutDeadline, GRACE);
        assert!(stop.phase == Phase::Draining && stop.deadline.is_none());
        stop.asked("TERM", Grace::WithDeadline, GRACE);
        assert_eq!(stop.phase, Phase::Stop);
    }

    #[test]
    fn a_deadline_that_passes_cuts_and_then_gives_up() {
        let mut stop = Stop::default();
        stop.asked("TERM", Grace::WithDeadline, GRACE);
        assert!(!stop.deadline_passed());
        assert_eq!((stop.phase, stop.ended()), (Phase::Stop, Ended::Unclean));
        assert!(stop.deadline_passed());
    }

    #[test]
    fn an_executor_that_ends_by_itself_ends_the_server() {
        for cut in [None, Some(0)] {
            let mut stop = Stop::default();
            stop.executor_ended(cut);
            assert_eq!((stop.phase, stop.ended()), (Phase::Stop, Ended::Unclean));
        }
    }
}
