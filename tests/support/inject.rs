//! System calls of a running server that fail as told, by `strace -e inject`.

use std::process::Command;

use rustix::process::Signal;

use super::process::Watched;
use super::server::Server;
use super::told;

/// Calls fail for as long as this lives.
pub(crate) struct Injected {
    strace: Watched,
}

impl Injected {
    /// `call` fails with `errno` in each thread of the server: `when` is `1` for the next one alone and `1+` for all.
    /// `None` where strace is missing, or may trace nothing, as in some containers.
    pub(crate) fn new(server: &Server, call: &str, errno: &str, when: &str) -> Option<Self> {
        let program = told::program("strace")?;
        let may_trace = Command::new(&program).args(["-o", "/dev/null", "true"]).output();
        if !may_trace.is_ok_and(|output| output.status.success()) {
            told::skipped("strace may trace nothing here");
            return None;
        }
        let mut command = Command::new(program);
        command.args([
            "-f",
            "-e",
            &format!("trace={call}"),
            "-e",
            &format!("inject={call}:error={errno}:when={when}"),
        ]);
        command.args(["-p", &server.process().pid().to_string()]);
        let mut strace = Watched::spawn(command);
        strace.wait_for_line("attached");
        Some(Self { strace })
    }
}

impl Drop for Injected {
    fn drop(&mut self) {
        // Lets the server run on untraced, which killing would do as well, but later.
        self.strace.signal(Signal::INT);
        self.strace.wait();
    }
}
