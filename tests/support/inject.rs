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
    /// `None` where strace is missing.
    pub(crate) fn new(server: &Server, call: &str, errno: &str, when: &str) -> Option<Self> {
        let mut command = Command::new(told::program("strace")?);
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
