//! The origin of a probe: it answers each request with what only that request may get, and echoes in a tunnel.

use std::io::{self, Read, Write};
use std::net::TcpStream;

use crate::support::client::find;
use crate::support::origin::{Origin, read_head};
use crate::support::wait::uninterrupted;

/// Answers a GET of any path that ends in `/NONCE/LENGTH` with the nonce, its own number, and a [`body`] of that length.
pub(crate) fn origin(number: u8) -> Origin {
    Origin::conversing(move |_, stream, _| converse(stream, number))
}

/// One connection of such an origin.
pub(crate) fn converse(mut stream: TcpStream, number: u8) -> io::Result<()> {
    let mut head = Vec::new();
    loop {
        head.clear();
        read_head(&mut stream, &mut head)?;
        if find(&head, b"\r\nUpgrade: ").is_some() {
            return echo(&mut stream);
        }
        answer(&mut stream, &head, number)?;
    }
}

/// What the request with that nonce is answered.
pub(crate) fn body(nonce: &str, length: usize) -> Vec<u8> {
    let mut body = nonce.as_bytes().repeat(length.div_ceil(nonce.len().max(1)));
    body.truncate(length);
    body
}

fn answer(stream: &mut TcpStream, head: &[u8], number: u8) -> io::Result<()> {
    let target = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    let target = String::from_utf8_lossy(target);
    let mut parts = target.rsplit('/');
    let (length, nonce) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let length = length.parse().map_err(|_| io::ErrorKind::InvalidData)?;
    let fields = format!("X-Nonce: {nonce}\r\nX-Origin: {number}\r\nContent-Length: {length}");
    let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), &body(nonce, length)].concat())
}

fn echo(stream: &mut TcpStream) -> io::Result<()> {
    stream.write_all(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    )?;
    let mut bytes = [0; 4096];
    loop {
        match uninterrupted(|| stream.read(&mut bytes))? {
            0 => return Ok(()),
            count => stream.write_all(&bytes[..count])?,
        }
    }
}
