//! A running server's page `/trace`: each request as it ends, with the calls into modules that were made for it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::server::Server;

/// Where the admin socket of a server is that has `AdminSocket admin.sock`.
pub(crate) fn socket(server: &Server) -> PathBuf {
    server.root().join("admin.sock")
}

/// A page that has no end, from the moment on when the server has begun to answer it.
pub(crate) struct Stream {
    pub(crate) status: u16,
    lines: BufReader<UnixStream>,
}

impl Stream {
    pub(crate) fn open(server: &Server, target: &str) -> Self {
        let mut stream = UnixStream::connect(socket(server)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        write!(stream, "GET {target} HTTP/1.0\r\n\r\n").unwrap();
        let mut lines = BufReader::new(stream);
        let mut line = String::new();
        lines.read_line(&mut line).unwrap();
        let status = line.split(' ').nth(1).unwrap().parse().unwrap();
        while line.trim_end() != "" {
            line.clear();
            lines.read_line(&mut line).unwrap();
        }
        Self { status, lines }
    }

    pub(crate) fn json(server: &Server, filters: &str) -> Self {
        let stream = Self::open(server, &format!("/trace?format=json{filters}"));
        assert_eq!(stream.status, 200);
        stream
    }

    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn request(&mut self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// All that comes until the server ends it.
    pub(crate) fn rest(mut self) -> String {
        let mut text = String::new();
        self.lines.read_to_string(&mut text).unwrap();
        text
    }
}
