//! An origin that does to each connection what a script says, byte by byte: the faults of the matrix, and of whoever
//! needs a peer that breaks the rules.

use std::io::{self, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::origin::{Ledger, Origin, Seen, read_head, read_request, wait_for_the_end};
use super::wait::uninterrupted;

/// One step of a script; at its end the connection is closed in the ordinary way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Do {
    /// Reads a request to its end and enters it into the ledger.
    Read,
    /// Reads the head of a request and enters that, and leaves its body where it is.
    ReadHead,
    /// Waits until bytes are there, and takes none: closing answers them with a reset.
    Await,
    /// Sends bytes at once.
    Say(&'static [u8]),
    /// Sends the same bytes so many times.
    Repeat(&'static [u8], usize),
    /// Sends byte after byte, each after such a pause.
    Dribble(&'static [u8], Duration),
    /// Sends the same bytes for as long as anybody takes them.
    Flood(&'static [u8]),
    /// Does nothing until the other side ends.
    Stall,
    /// Ends with a reset.
    Reset,
}

/// What is done to one connection.
pub(crate) type Script = &'static [Do];

/// An origin whose first connection meets the first script, and so on; the last one is for all that follow.
pub(crate) fn misbehaving(scripts: &'static [Script]) -> Origin {
    Origin::conversing(move |conn, mut stream, ledger| {
        let script = scripts.get(conn).or_else(|| scripts.last()).copied().unwrap_or_default();
        script.iter().try_for_each(|step| perform(*step, conn, &mut stream, ledger))
    })
}

fn perform(step: Do, conn: usize, stream: &mut TcpStream, ledger: &Ledger) -> io::Result<()> {
    match step {
        Do::Read => {
            let seen = read_request(conn, stream, ledger)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            ledger.record(seen);
            Ok(())
        }
        Do::ReadHead => {
            let mut raw = Vec::new();
            read_head(stream, &mut raw)?;
            ledger.record(Seen {
                conn,
                head: String::from_utf8_lossy(&raw).into_owned(),
                body: Vec::new(),
                raw,
            });
            Ok(())
        }
        Do::Await => uninterrupted(|| stream.peek(&mut [0])).map(drop),
        Do::Say(bytes) => stream.write_all(bytes),
        Do::Repeat(bytes, times) => stream.write_all(&bytes.repeat(times)),
        Do::Dribble(bytes, pause) => bytes.iter().try_for_each(|byte| {
            thread::sleep(pause);
            stream.write_all(&[*byte])
        }),
        Do::Flood(bytes) => {
            let many = bytes.repeat(1 + 16 * 1024 / bytes.len());
            loop {
                stream.write_all(&many)?;
            }
        }
        Do::Stall => wait_for_the_end(stream),
        Do::Reset => SockRef::from(&*stream).set_linger(Some(Duration::ZERO)),
    }
}
