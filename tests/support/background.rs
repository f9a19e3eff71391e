//! A server that `-k start` has left in the background.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::client::{Client, Response};
use super::config::Syntax;
use super::process::{Run, wait_for_file};
use super::server::Setup;

/// A configuration as such a server needs it: PidFile `pid`, ErrorLog `error_log`, a port of the system's choice.
pub(crate) fn setup(text: &str) -> Setup {
    Setup::new(Syntax::Conf, &format!("PidFile pid\nErrorLog error_log\n{text}"))
}

/// It is killed when this goes out of scope.
pub(crate) struct Background {
    pub(crate) pid: i32,
    pub(crate) addr: SocketAddr,
    process: OwnedFd,
    error_log: PathBuf,
}

impl Background {
    /// Runs `-k start` with these flags; it must succeed.
    pub(crate) fn start(setup: &Setup, flags: &[&str]) -> Self {
        let args: Vec<_> = flags.iter().copied().chain(["-k", "start"]).collect();
        Self::of(setup, &setup.check(&args))
    }

    /// The server that this run of `-k` has left behind.
    pub(crate) fn of(setup: &Setup, run: &Run) -> Self {
        assert_eq!(run.code, Some(0), "{run:?}");
        let pid = started(run).unwrap_or_else(|| panic!("nothing was started: {run:?}"));
        let process = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();
        let error_log = setup.root().join("error_log");
        // With -E it is in that file, and otherwise on standard error.
        let said = format!("{}{}", std::fs::read_to_string(&error_log).unwrap_or_default(), run.stderr);
        let ready = said.lines().rfind(|line| line.contains("listening on 127.0.0.1:")).unwrap();
        let port = ready.split("127.0.0.1:").nth(1).unwrap().split(',').next().unwrap().parse().unwrap();
        Self { pid, addr: (Ipv4Addr::LOCALHOST, port).into(), process, error_log }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        pidfd_send_signal(&self.process, signal).unwrap();
    }

    pub(crate) fn is_running(&self) -> bool {
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        poll(&mut [PollFd::new(&self.process, PollFlags::IN)], Some(&now)).unwrap() == 0
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(&self.error_log).unwrap()
    }

    pub(crate) fn wait_for_log(&self, part: &str) {
        wait_for_file(&self.error_log, part);
    }

    pub(crate) fn get(&self, target: &str) -> Response {
        let mut client = Client::connect(self.addr);
        client.send(
            format!("GET {target} HTTP/1.1\r\nHost: test.example\r\nConnection: close\r\n\r\n").as_bytes(),
        );
        client.response()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // It may have ended.
        let _ = pidfd_send_signal(&self.process, Signal::KILL);
    }
}

/// The number of the server that a run of `-k` has started.
pub(crate) fn started(run: &Run) -> Option<i32> {
    let rest = run.stdout.lines().find_map(|line| line.strip_prefix("proxyd (pid "))?;
    rest.strip_suffix(") started")?.parse().ok()
}
