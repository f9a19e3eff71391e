//! Another proxy in front of an origin, with what it does by itself.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::process::Watched;
use crate::support::wait::until_true;

/// A running proxy; ends when it goes out of scope.
pub(super) struct Between {
    port: u16,
    _process: Watched,
    _dir: TempDir,
}

impl Between {
    pub(super) fn nginx(program: &Path, origin: &Origin) -> Self {
        let (addr, port, dir) = (origin.addr(), free_port(), tempfile::tempdir().unwrap());
        let root = dir.path().display().to_string();
        let temps: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|kind| format!("{kind}_temp_path {root}/{kind};\n"))
            .concat();
        let text = format!(
            "daemon off; master_process off; pid {root}/pid; error_log {root}/log;
events {{}}
http {{ access_log off; {temps}
server {{ listen 127.0.0.1:{port};
location / {{ proxy_pass http://{addr}; proxy_http_version 1.1; }} }} }}\n"
        );
        let file = write(&dir, &text);
        let mut command = Command::new(program);
        command.args(["-p", &root, "-c", &file]);
        Self::start(command, port, dir)
    }

    pub(super) fn haproxy(program: &Path, origin: &Origin) -> Self {
        let (addr, port, dir) = (origin.addr(), free_port(), tempfile::tempdir().unwrap());
        let text = format!(
            "defaults\n mode http\n timeout connect 5s\n timeout client 20s\n timeout server 20s\n\
             listen between\n bind 127.0.0.1:{port}\n server origin {addr}\n"
        );
        let file = write(&dir, &text);
        let mut command = Command::new(program);
        command.args(["-db", "-f", &file]);
        Self::start(command, port, dir)
    }

    fn start(command: Command, port: u16, dir: TempDir) -> Self {
        let process = Watched::spawn(command);
        until_true("the proxy between", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { port, _process: process, _dir: dir }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

fn write(dir: &TempDir, text: &str) -> String {
    let file = dir.path().join("conf");
    fs::write(&file, text).unwrap();
    file.display().to_string()
}
