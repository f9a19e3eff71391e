//! Servers that nobody here wrote, run beside the one under test.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::ports::free_port;
use super::process::Watched;
use super::wait::until_true;

/// A running server, at a port and out of a directory of its own; ends when it goes out of scope.
pub(crate) struct Peer {
    port: u16,
    _process: Watched,
    _dir: TempDir,
}

impl Peer {
    /// nginx in one process, with what its `server {}` says beside the port.
    pub(crate) fn nginx(program: &Path, server: &str) -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        let root = dir.path().display().to_string();
        let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {root}/{kind};\n"))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid {root}/pid; error_log stderr;
events {{}}
http {{ access_log off; {temps}
server {{ listen 127.0.0.1:{port};
{server} }} }}\n"
        );
        let mut command = Command::new(program);
        command.args(["-p", &root, "-c"]);
        Self::start(command, &text, port, dir)
    }

    /// HAProxy in the foreground, with what its `listen` says beside the port.
    pub(crate) fn haproxy(program: &Path, listen: &str) -> Self {
        let (port, dir) = (free_port(), tempfile::tempdir().unwrap());
        let text = format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n\
             listen peer\n bind 127.0.0.1:{port}\n {listen}\n"
        );
        let mut command = Command::new(program);
        command.args(["-db", "-f"]);
        Self::start(command, &text, port, dir)
    }

    /// The name of the file that holds `text` becomes the last word of the command.
    fn start(mut command: Command, text: &str, port: u16, dir: TempDir) -> Self {
        let file = dir.path().join("conf");
        fs::write(&file, text).unwrap();
        command.arg(file);
        let process = Watched::spawn(command);
        until_true("a server that listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { port, _process: process, _dir: dir }
    }

    /// `host:port`.
    pub(crate) fn authority(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.authority())
    }
}
