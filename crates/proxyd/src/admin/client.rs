//! The other end: verbs that ask a running server.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a page may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The body of the page `target`.
///
/// # Errors
/// Why there is none, with the next step.
pub(crate) fn get(socket: &Path, target: &str) -> Result<String, String> {
    let answer = exchange(socket, "GET", target, PATIENCE).map_err(|error| unreachable(socket, &error))?;
    body(&answer).map_err(|said| format!("{} answers {target} with: {said}", socket.display()))
}

/// An answer to what was asked to be done.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) is_done: bool,
    pub(crate) body: String,
}

/// Has the server do what `target` is for, and waits up to `patience` for the answer.
///
/// # Errors
/// Why there is none, with the next step.
pub(crate) fn post(socket: &Path, target: &str, patience: Duration) -> Result<Said, String> {
    let answer = exchange(socket, "POST", target, patience).map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => format!(
            "the server at {} has not answered {target} within {} s: a module may be stuck in its beginning; see \
             /generation there and the error log",
            socket.display(),
            patience.as_secs()
        ),
        _ => unreachable(socket, &error),
    })?;
    let (head, said) = answer.split_once("\r\n\r\n").unwrap_or_default();
    let line = head.lines().next().unwrap_or_default();
    let status = line.split(' ').nth(1).unwrap_or_default();
    if !matches!(status, "200" | "409" | "500") {
        return Err(format!("{} answers {target} with: {line}: {}", socket.display(), said.trim_end()));
    }
    Ok(Said { is_done: status == "200", body: said.to_owned() })
}

fn exchange(socket: &Path, method: &str, target: &str, patience: Duration) -> io::Result<String> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(patience))?;
    // Version 1.0: the end of the connection is the end of the answer.
    stream.write_all(format!("{method} {target} HTTP/1.0\r\n\r\n").as_bytes())?;
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

/// How a stream came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The server has sent all that was asked for.
    Whole,
    /// The server has ended first.
    Cut,
    /// Nobody reads any more what is printed.
    Unread,
}

/// The page `target`, which has no end of its own: `begin` is called once the server answers, then `take` for each
/// piece; whether it wants more.
///
/// # Errors
/// Why there is none, with the next step.
pub(crate) fn stream(
    socket: &Path,
    target: &str,
    begin: impl FnOnce(),
    take: impl FnMut(&str) -> bool,
) -> Result<End, String> {
    let mut reader = open(socket, target).map_err(|error| unreachable(socket, &error))?;
    let (status, is_chunked) = head(&mut reader).map_err(|error| unreachable(socket, &error))?;
    if !status.starts_with("200 ") || !is_chunked {
        let mut body = String::new();
        // Without it, the status line has to do.
        let _ = reader.take(MOST_SAID).read_to_string(&mut body);
        return Err(format!("{} answers {target} with {status}: {}", socket.display(), body.trim_end()));
    }
    begin();
    Ok(chunks(&mut reader, take).unwrap_or(End::Cut))
}

/// Bytes of an explanation.
const MOST_SAID: u64 = 65_536;

fn unreachable(socket: &Path, error: &io::Error) -> String {
    format!(
        "no server answers at {}: {error}; name the socket of its AdminSocket directive",
        socket.display()
    )
}

fn open(socket: &Path, target: &str) -> io::Result<BufReader<UnixStream>> {
    let mut stream = UnixStream::connect(socket)?;
    stream
        .write_all(format!("GET {target} HTTP/1.1\r\nHost: admin\r\nConnection: close\r\n\r\n").as_bytes())?;
    Ok(BufReader::new(stream))
}

/// The status line behind the version, and whether the body comes in chunks.
fn head(reader: &mut impl BufRead) -> io::Result<(String, bool)> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.trim_end().trim_start_matches("HTTP/1.1 ").to_owned();
    let mut is_chunked = false;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let field = line.trim_end().to_ascii_lowercase();
        if field.is_empty() {
            return Ok((status, is_chunked));
        }
        is_chunked |= field == "transfer-encoding: chunked";
    }
}

/// Only the last chunk is an end; anything else that ends is an error.
fn chunks(reader: &mut impl BufRead, mut take: impl FnMut(&str) -> bool) -> io::Result<End> {
    let mut line = String::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let size = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        if size == 0 {
            return Ok(End::Whole);
        }
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk)?;
        if !take(&String::from_utf8_lossy(&chunk[..size])) {
            return Ok(End::Unread);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_whole_only_with_its_last_chunk() {
        let read = |text: &str, wanted: usize| {
            let mut pieces = Vec::new();
            let end = chunks(&mut text.as_bytes(), |piece| {
                pieces.push(piece.to_owned());
                pieces.len() < wanted
            });
            (end.ok(), pieces.concat())
        };
        assert_eq!(read("3\r\na\nb\r\n1\r\nc\r\n0\r\n\r\n", 9), (Some(End::Whole), "a\nbc".to_owned()));
        assert_eq!(read("3\r\na\nb\r\n1\r\nc\r\n0\r\n\r\n", 1), (Some(End::Unread), "a\nb".to_owned()));
        assert_eq!(read("3\r\na\nb\r\n", 9), (None, "a\nb".to_owned()));
        assert_eq!(read("3\r\na", 9), (None, String::new()));
    }

    #[test]
    fn a_head_tells_status_and_chunks() {
        let mut text: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(head(&mut text).unwrap(), ("200 OK".to_owned(), true));
        assert_eq!(
            head(&mut &b"HTTP/1.1 404 Not Found\r\n\r\n"[..]).unwrap(),
            ("404 Not Found".to_owned(), false)
        );
        assert!(head(&mut &b"HTTP/1.1 200 OK\r\n"[..]).is_err());
    }

    #[test]
    fn only_a_200_has_a_body() {
        assert_eq!(body("HTTP/1.0 200 OK\r\nA: b\r\n\r\nx\n"), Ok("x\n".to_owned()));
        assert_eq!(body("HTTP/1.0 404 Not Found\r\n\r\nx"), Err("HTTP/1.0 404 Not Found"));
        assert_eq!(body("SSH-2.0"), Err("no HTTP"));
    }
}
