//! The admin socket of a server whose configuration has `AdminSocket admin.sock`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use super::server::Server;

pub(crate) fn socket(server: &Server) -> PathBuf {
    server.root().join("admin.sock")
}

/// The head and the body of an answer.
pub(crate) fn ask(socket: &Path, method: &str, target: &str) -> (String, String) {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{method} {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// A page for programs.
pub(crate) fn json(server: &Server, page: &str) -> Value {
    let (head, body) = ask(&socket(server), "GET", &format!("{page}?format=json"));
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    serde_json::from_str(&body).unwrap()
}

/// What `/modules` says of one.
pub(crate) fn module(server: &Server, ident: &str) -> Value {
    let modules = json(server, "/modules");
    let all = modules["modules"].as_array().unwrap();
    all.iter().find(|module| module["ident"] == ident).unwrap_or_else(|| panic!("{ident}: {modules}")).clone()
}
