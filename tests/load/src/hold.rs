//! Connections that are kept alive and idle: each had one request answered and then waits.
//!
//! `load hold ADDR SIZE` reads numbers from its input, a line each. It opens connections until there are as many and
//! says `held N`. At the end of its input it says how many the proxy has closed meanwhile, and ends.

use std::io::{self, BufRead as _, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::plan::request;
use crate::reply::{Fed, Reply};

/// Does it.
///
/// # Errors
/// If the words are wrong, or a connection or a response fails.
pub fn run(words: &[String]) -> Result<(), String> {
    let usage = "usage: load hold ADDR SIZE";
    let [addr, size] = words else { return Err(usage.to_owned()) };
    let addr: SocketAddr = addr.parse().map_err(|_| usage)?;
    let size: usize = size.parse().map_err(|_| usage)?;
    let request = request(addr, &format!("/{size}"), false, 0);
    let mut held = Vec::new();
    for line in io::stdin().lock().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let wanted: usize = line.trim().parse().map_err(|_| format!("'{line}' is not a number"))?;
        while held.len() < wanted {
            let number = held.len() + 1;
            held.push(open(addr, &request, size).map_err(|error| format!("connection {number}: {error}"))?);
        }
        say(&format!("held {}", held.len()))?;
    }
    let closed = held.iter().filter(|stream| is_closed(stream)).count();
    say(&format!("closed {closed}"))
}

fn say(text: &str) -> Result<(), String> {
    writeln!(io::stdout(), "{text}").map_err(|error| error.to_string())
}

fn open(addr: SocketAddr, request: &[u8], size: usize) -> Result<TcpStream, String> {
    let told = |error: io::Error| error.to_string();
    let mut stream = TcpStream::connect(addr).map_err(told)?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(told)?;
    stream.write_all(request).map_err(told)?;
    let (mut reply, mut buffer) = (Reply::default(), [0; 16 * 1024]);
    loop {
        let count = stream.read(&mut buffer).map_err(told)?;
        if count == 0 {
            return Err("closed before the response was whole".to_owned());
        }
        match reply.feed(&buffer[..count], size) {
            Fed::More => {}
            Fed::Done => return Ok(stream),
            Fed::Wrong(wrong) => return Err(wrong),
        }
    }
}

fn is_closed(stream: &TcpStream) -> bool {
    let _ = stream.set_nonblocking(true);
    !matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}
