//! The other end: verbs that ask a running server.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// The body of the page `target`.
///
/// # Errors
/// Why there is none, with the next step.
pub(crate) fn get(socket: &Path, target: &str) -> Result<String, String> {
    let answer = exchange(socket, target).map_err(|error| {
        format!(
            "no server answers at {}: {error}; name the socket of its AdminSocket directive",
            socket.display()
        )
    })?;
    body(&answer).map_err(|said| format!("{} answers {target} with: {said}", socket.display()))
}

fn exchange(socket: &Path, target: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    // Version 1.0: the end of the connection is the end of the answer.
    stream.write_all(format!("GET {target} HTTP/1.0\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// The body of a 200; of anything else, its status line.
fn body(answer: &str) -> Result<String, &str> {
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no HTTP")?;
    let line = head.lines().next().unwrap_or_default();
    if line.split(' ').nth(1) == Some("200") { Ok(body.to_owned()) } else { Err(line) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_200_has_a_body() {
        assert_eq!(body("HTTP/1.0 200 OK\r\nA: b\r\n\r\nx\n"), Ok("x\n".to_owned()));
        assert_eq!(body("HTTP/1.0 404 Not Found\r\n\r\nx"), Err("HTTP/1.0 404 Not Found"));
        assert_eq!(body("SSH-2.0"), Err("no HTTP"));
    }
}
