//! Requests that two readers could understand differently, over real sockets: refused, or exactly one request at
//! the endpoint. Each is sent in three splittings and followed by a second request that must not be confused.

mod generated;

use std::net::TcpStream;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::support::client::{Client, Response, find};
use crate::support::origin::{Ledger, Origin, Seen, ok, read_request};
use crate::support::server::Server;
use crate::support::wait::DEADLINE;

#[derive(Clone, Copy, Debug)]
enum Outcome {
    Refused(u16),
    Canonical(&'static [u8]),
    Incomplete,
}

struct Case {
    id: &'static str,
    outcome: Outcome,
    bytes: &'static [u8],
}

const fn refused(id: &'static str, status: u16, bytes: &'static [u8]) -> Case {
    Case { id, outcome: Outcome::Refused(status), bytes }
}

const fn canonical(id: &'static str, fragment: &'static [u8], bytes: &'static [u8]) -> Case {
    Case { id, outcome: Outcome::Canonical(fragment), bytes }
}

const fn incomplete(id: &'static str, bytes: &'static [u8]) -> Case {
    Case { id, outcome: Outcome::Incomplete, bytes }
}

const CASES: &[Case] = include!("data/desync_cases.rs");

/// Follows each case on its connection.
const MARKED: &[u8] = b"GET /marked HTTP/1.1\r\nHost: marked.example\r\nConnection: close\r\n\r\n";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Splitting {
    Whole,
    ByteByByte,
    AtLineEnds,
}

impl Splitting {
    fn send(self, client: &mut Client, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = match self {
                Self::Whole => rest.len(),
                Self::ByteByByte => 1,
                Self::AtLineEnds => {
                    rest.iter().position(|byte| matches!(byte, b'\r' | b'\n')).map_or(rest.len(), |at| at + 1)
                }
            };
            // A refusal may close the connection before everything was written.
            if !client.try_send(&rest[..end]) {
                return;
            }
            rest = &rest[end..];
        }
    }
}

/// A server and its origin, used by one thread for one case at a time, so that what the origin sees is the case's.
struct Bench {
    server: Server,
    origin: Origin,
    seen: Receiver<Seen>,
}

impl Bench {
    fn new() -> Self {
        let (tell, seen) = mpsc::channel();
        let origin = Origin::conversing(move |conn, stream, ledger| converse(conn, stream, ledger, &tell));
        let server = Server::conf(&format!(
            "Executors 1\nProxyPreserveHost On\nProxyTimeout 5s\nProxyPass / {}/\n",
            origin.url()
        ));
        Self { server, origin, seen }
    }

    fn check(&self, case: &Case, splitting: Splitting) -> Result<(), String> {
        let before = self.origin.broken().len();
        let mut client = self.server.client();
        let result = match case.outcome {
            Outcome::Refused(status) => {
                splitting.send(&mut client, &[case.bytes, MARKED].concat());
                refusal(&mut client, status)
            }
            Outcome::Canonical(fragment) => {
                splitting.send(&mut client, &[case.bytes, MARKED].concat());
                self.passed_on(&mut client, case, fragment)
            }
            Outcome::Incomplete => {
                splitting.send(&mut client, case.bytes);
                client.finish_sending();
                not_ok(&mut client)
            }
        };
        drop(client);
        result?;
        let surplus: Vec<String> = self.seen.try_iter().map(|seen| seen.head).collect();
        if !surplus.is_empty() {
            return Err(format!("the origin was sent more: {surplus:?}"));
        }
        // What is broken off on purpose may begin at the origin, but must not be whole there.
        let broken = self.origin.broken().len() - before;
        if broken > 0 && !matches!(case.outcome, Outcome::Incomplete) {
            return Err("the origin was sent a part of a request".to_owned());
        }
        Ok(())
    }

    /// Two answers for two requests, of which the first holds the fragment.
    fn passed_on(&self, client: &mut Client, case: &Case, fragment: &[u8]) -> Result<(), String> {
        let head = case.bytes.trim_ascii_start().starts_with(b"HEAD ");
        let first = answer(client, head)?;
        if first.status != 200 {
            return Err(format!("the status is {}, not 200", first.status));
        }
        if first.field("Allow").is_some() {
            // The server has answered for itself, as to `OPTIONS *`: nothing was passed on.
            return self.second(client);
        }
        let seen = self.seen.recv_timeout(DEADLINE).map_err(|_| "the origin was sent nothing")?;
        if !holds(&seen, fragment) {
            let (fragment, raw) = (fragment.escape_ascii(), seen.raw.escape_ascii());
            return Err(format!("`{fragment}` is not in what the origin was sent:\n    {raw}"));
        }
        if first.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            return if client.is_closed() {
                Ok(())
            } else {
                Err("more came after `Connection: close`".to_owned())
            };
        }
        self.second(client)
    }

    /// The marked request is the next one, for client and origin.
    fn second(&self, client: &mut Client) -> Result<(), String> {
        let second = answer(client, false)?;
        let seen = self.seen.recv_timeout(DEADLINE).map_err(|_| "the second request got lost")?;
        if (second.status, seen.target()) != (200, "/marked") {
            return Err(format!("the second answer is {} for {}", second.status, seen.line()));
        }
        Ok(())
    }
}

/// Whether what the origin was sent holds the fragment. The corpus is written for a bare message layer; here the
/// client's address is another, chunks are cut where they happen to be read, and a connection that is not to be
/// used again says so.
fn holds(seen: &Seen, fragment: &[u8]) -> bool {
    let fragment = replaced(fragment, b"192.0.2.1", b"127.0.0.1");
    let raw = replaced(&seen.raw, b"\r\nConnection: close\r\n", b"\r\n");
    if find(&raw, &fragment).is_some() {
        return true;
    }
    let Some(end) = find(&fragment, b"\r\n\r\n").map(|at| at + 4) else { return false };
    find(&raw, &fragment[..end]).is_some()
        && unchunked(&fragment[end..]).is_some_and(|body| body == seen.body)
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match find(bytes, from) {
        Some(at) => [&bytes[..at], to, &bytes[at + from.len()..]].concat(),
        None => bytes.to_vec(),
    }
}

/// The content of a whole chunked body without extensions and trailers.
fn unchunked(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = find(bytes, b"\r\n")?;
        let length = usize::from_str_radix(std::str::from_utf8(&bytes[..end]).ok()?, 16).ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(end + 2..end + 2 + length)?);
        bytes = bytes.get(end + 4 + length..)?;
    }
}

fn converse(conn: usize, mut stream: TcpStream, ledger: &Ledger, tell: &Sender<Seen>) -> std::io::Result<()> {
    use std::io::Write;
    while let Some(seen) = read_request(conn, &mut stream, ledger)? {
        let head = seen.method() == "HEAD";
        drop(tell.send(seen));
        stream.write_all(if head { b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n" } else { OK })?;
    }
    Ok(())
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn answer(client: &mut Client, head: bool) -> Result<Response, String> {
    client.try_response(head).map_err(|error| format!("no answer: {error}"))
}

fn refusal(client: &mut Client, status: u16) -> Result<(), String> {
    let response = answer(client, false)?;
    if response.status != status {
        return Err(format!("the status is {}, not {status}", response.status));
    }
    let rest = client.rest();
    if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("more came after the refusal: {}", rest.escape_ascii()))
    }
}

fn not_ok(client: &mut Client) -> Result<(), String> {
    match client.try_response(false) {
        Ok(response) if response.status < 400 => Err(format!("the status is {}", response.status)),
        _ => Ok(()),
    }
}

/// Runs all cases in one splitting, on several benches at once; every failure is told.
fn corpus(splitting: Splitting) {
    let failures = Arc::new(Mutex::new(Vec::new()));
    thread::scope(|scope| {
        const BENCHES: usize = 4;
        for number in 0..BENCHES {
            let failures = Arc::clone(&failures);
            scope.spawn(move || {
                let mut bench = Bench::new();
                for case in CASES.iter().skip(number).step_by(BENCHES) {
                    if let Err(text) = bench.check(case, splitting) {
                        failures.lock().unwrap().push(format!("{}: {text}", case.id));
                        // What a failed case left behind must not be taken for the next one's.
                        bench = Bench::new();
                    }
                }
            });
        }
    });
    let failures = failures.lock().unwrap();
    assert!(
        failures.is_empty(),
        "{splitting:?}, {} of {}:\n{}",
        failures.len(),
        CASES.len(),
        failures.join("\n")
    );
}

#[test]
fn the_corpus_is_not_empty() {
    assert!(CASES.len() >= 500, "{} cases", CASES.len());
    assert_eq!(ok(b"ok"), OK);
}

#[test]
fn desync_corpus_in_one_write() {
    corpus(Splitting::Whole);
}

#[test]
fn desync_corpus_byte_by_byte() {
    corpus(Splitting::ByteByByte);
}

#[test]
fn desync_corpus_split_at_line_ends() {
    corpus(Splitting::AtLineEnds);
}
