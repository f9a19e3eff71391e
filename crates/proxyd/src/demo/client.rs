//! A client of a few lines, so that what is shown is what was on the wire.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What came back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Which origin it says it is from.
    pub(crate) origin: Option<u32>,
}

/// Sends one request on a connection of its own.
///
/// # Errors
/// If no whole answer comes, or it is not a 200.
pub(crate) fn get(addr: SocketAddr, path: &str) -> Result<Answer, String> {
    let text = exchange(addr, path).map_err(|error| format!("GET {path}: {error}"))?;
    let answer = parse(&text).ok_or_else(|| format!("GET {path}: no answer"))?;
    if answer.status == 200 && answer.origin.is_some() {
        Ok(answer)
    } else {
        Err(format!("GET {path}: {}", text.lines().next().unwrap_or_default()))
    }
}

fn exchange(addr: SocketAddr, path: &str) -> io::Result<String> {
    let patience = Duration::from_secs(10);
    let mut stream = TcpStream::connect_timeout(&addr, patience)?;
    stream.set_read_timeout(Some(patience))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    let origin =
        body.strip_prefix("origin ").and_then(|rest| rest.split_ascii_whitespace().next()?.parse().ok());
    Some(Answer { status, origin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_understood() {
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\norigin 3\n";
        assert_eq!(parse(text), Some(Answer { status: 200, origin: Some(3) }));
        let text = "HTTP/1.1 503 Service Unavailable\r\n\r\n<html>";
        assert_eq!(parse(text), Some(Answer { status: 503, origin: None }));
        assert_eq!(parse("HTTP/1.1 200 OK\r\nContent-Le"), None);
    }
}
