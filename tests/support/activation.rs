//! A service manager that has opened a socket and starts servers which get it as descriptor 3.

use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use super::process::{Run, Watched};
use super::server::{Server, Setup};

/// The descriptor is moved to its place by a shell, which is the only program here that can be told to.
const PASSING: &str =
    "exec 3<&0 0</dev/null; export LISTEN_PID=${AS_PID:-$$} LISTEN_FDS=1; exec \"$0\" \"$@\"";

/// What starts a server of `setup` with its standard input as the socket that is passed.
pub(crate) fn command(setup: &Setup) -> Command {
    let server = setup.command();
    let mut shell = Command::new("sh");
    shell.args(["-c", PASSING]).arg(server.get_program()).args(server.get_args());
    shell.env("LISTEN_FDNAMES", "web");
    shell
}

/// Starts a server that gets `listener`, which stays open here.
pub(crate) fn start(setup: Setup, listener: &TcpListener) -> Server {
    let process = Watched::spawn_with(command(&setup), input(listener.try_clone().unwrap()));
    setup.started(process)
}

/// Runs one that does not come to serving.
pub(crate) fn run(setup: &Setup, socket: impl Into<OwnedFd>) -> Run {
    Run::from(command(setup).stdin(input(socket)).output().unwrap())
}

fn input(socket: impl Into<OwnedFd>) -> Stdio {
    Stdio::from(socket.into())
}
