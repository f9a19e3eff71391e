//! Nobody gets what is another's: requests and answers carry a nonce in their heads and all through their bodies,
//! while clients leave and endpoints break off at random, on connections that are used again and again.

use std::fmt;
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use super::{Form, Progress, in_both_forms};
use crate::support::chance::{Chance, requests, seed};
use crate::support::client::{Client, Response};
use crate::support::config::{Balanced, Syntax};
use crate::support::origin::{Origin, Seen, read_request};
use crate::support::server::Server;
use crate::support::told::figure;

in_both_forms!(prove, "takes a quarter of an hour; run by cargo xtask prove crosstalk --long");

const CLIENTS: usize = 256;

/// What came of the requests.
#[derive(Debug, Default)]
struct Counts {
    /// Answered whole, with what belongs to the request.
    right: AtomicUsize,
    /// Refused by the server itself.
    refused: AtomicUsize,
    /// Seen to be broken off, and right so far.
    cut: AtomicUsize,
    /// The client left before it had its answer.
    left: AtomicUsize,
    /// With another's nonce in the head.
    wrong: AtomicUsize,
    /// With other bytes in the body than belong there.
    mixed: AtomicUsize,
    /// Not answered, and not ended, for as long as a client waits.
    hung: AtomicUsize,
    /// Shorter than sent, and whole by its framing.
    short: AtomicUsize,
    /// Requests that reached an origin with another nonce in the body than in the head, or with another length.
    spoilt: AtomicUsize,
}

impl Counts {
    fn bad(&self) -> usize {
        let bad = [&self.wrong, &self.mixed, &self.short, &self.hung, &self.spoilt];
        bad.iter().map(|count| count.load(Relaxed)).sum()
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = |count: &AtomicUsize| count.load(Relaxed);
        let (right, refused, cut, left) = (of(&self.right), of(&self.refused), of(&self.cut), of(&self.left));
        let (wrong, mixed, short, hung, spoilt) =
            (of(&self.wrong), of(&self.mixed), of(&self.short), of(&self.hung), of(&self.spoilt));
        write!(
            f,
            "{right} right, {refused} refused, {cut} seen to be cut, {left} left by their clients; {wrong} wrong, \
             {mixed} mixed, {short} truncated as complete, {hung} hung, {spoilt} spoilt on their way up"
        )
    }
}

/// The bytes of a body of that length.
fn pattern(nonce: &str, length: usize) -> Vec<u8> {
    let mut bytes = nonce.repeat(length / nonce.len().max(1) + 1).into_bytes();
    bytes.truncate(length);
    bytes
}

fn nonce(chance: &mut Chance) -> String {
    format!("{:016x}{:016x}", chance.next(), chance.next())
}

/// Mostly small, now and then more than a buffer holds, or so much that it goes through pipes, as do shorter ones then
/// on the same connection.
fn length(chance: &mut Chance) -> usize {
    let end = match chance.below(400) {
        0 => 1_500_000,
        1..=8 => 200_000,
        _ => 1000,
    };
    chance.below(end).try_into().unwrap()
}

/// A body in chunks of many sizes, without the last one.
fn chunks(body: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let (chunk, after) = rest.split_at(rest.len().min(1 + chance.below(4000) as usize));
        out.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        out.extend_from_slice(chunk);
        out.extend_from_slice(b"\r\n");
        rest = after;
    }
    out
}

fn origin(seed: u64, counts: &Arc<Counts>) -> Origin {
    let counts = Arc::clone(counts);
    Origin::conversing(move |conn, mut stream, ledger| {
        let mut chance = Chance::new(seed, conn);
        while let Some(seen) = read_request(conn, &mut stream, ledger)? {
            if !is_whole(&seen) {
                counts.spoilt.fetch_add(1, Relaxed);
            }
            if !answer(&seen, &mut stream, &mut chance)? {
                return Ok(());
            }
        }
        Ok(())
    })
}

fn is_whole(seen: &Seen) -> bool {
    let (Some(nonce), Some(length)) = (seen.field("X-Nonce"), seen.field("X-Length")) else { return false };
    seen.target() == format!("/snoop/{nonce}") && seen.body == pattern(nonce, length.parse().unwrap())
}

/// Answers in one of many ways, right or wrong; whether the connection goes on.
fn answer(seen: &Seen, stream: &mut TcpStream, chance: &mut Chance) -> io::Result<bool> {
    let nonce = seen.field("X-Nonce").unwrap_or_default();
    let length = length(chance);
    let mut body = pattern(nonce, length);
    let mut head = format!("HTTP/1.1 200 OK\r\nX-Nonce: {nonce}\r\nX-Length: {length}\r\n");
    let chunked = chance.below(2) == 0;
    if chunked {
        head += "Transfer-Encoding: chunked\r\n\r\n";
        body = chunks(&body, chance);
        body.extend_from_slice(b"0\r\n\r\n");
    } else {
        head += &format!("Content-Length: {length}\r\n\r\n");
    }
    let whole = [head.as_bytes(), &body].concat();
    let part = &whole[..chance.below(whole.len() as u64) as usize];
    let fault = chance.below(100);
    match fault {
        // Nothing, a part, or all of it, and then the end.
        0 | 1 => {}
        2..=5 => stream.write_all(part)?,
        6 | 7 => stream.write_all(&whole)?,
        8 => stream.write_all(&[&whole[..], b"HTTP/1.1 200 OK\r\nX-Nonce: surplus\r\n\r\n"].concat())?,
        9 => stream.write_all(&[b"HTTP/1.1 103 Early Hints\r\n\r\n", &whole[..]].concat())?,
        _ => stream.write_all(&whole)?,
    }
    if fault < 8 && fault % 2 == 1 {
        SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
    }
    Ok(fault >= 8)
}

/// One client: requests one after the other, until all are made.
fn client(addr: SocketAddr, mut chance: Chance, made: &AtomicUsize, all: usize, counts: &Counts) {
    let mut client = Client::connect(addr);
    while made.fetch_add(1, Relaxed) < all {
        if !ask(&mut client, &mut chance, counts) {
            let old = std::mem::replace(&mut client, Client::connect(addr));
            if chance.below(2) == 0 {
                old.reset();
            }
        }
    }
}

/// One request; whether its connection can take another.
fn ask(client: &mut Client, chance: &mut Chance, counts: &Counts) -> bool {
    let nonce = nonce(chance);
    let method = ["GET", "PUT", "POST"][chance.below(3) as usize];
    let length = if method == "GET" { 0 } else { length(chance) };
    let head =
        format!("{method} /snoop/{nonce} HTTP/1.1\r\nHost: a\r\nX-Nonce: {nonce}\r\nX-Length: {length}\r\n");
    let body = pattern(&nonce, length);
    let bytes = match method {
        "GET" => [head.as_bytes(), b"\r\n"].concat(),
        "PUT" => {
            [head.as_bytes(), b"Transfer-Encoding: chunked\r\n\r\n", &chunks(&body, chance), b"0\r\n\r\n"]
                .concat()
        }
        _ => [head.as_bytes(), format!("Content-Length: {length}\r\n\r\n").as_bytes(), &body].concat(),
    };
    let fault = chance.below(100);
    let sent = if fault == 0 { chance.below(bytes.len() as u64) as usize } else { bytes.len() };
    let sent = client.try_send(&bytes[..sent]);
    if fault < 2 {
        counts.left.fetch_add(1, Relaxed);
        return false;
    }
    match client.try_response(false) {
        Ok(response) => judge(&response, &nonce, counts) && sent && fault != 2,
        Err(error) => {
            let count = if is_hung(error.kind()) { &counts.hung } else { &counts.cut };
            count.fetch_add(1, Relaxed);
            false
        }
    }
}

/// Whether a client has waited in vain, and was not told of an end.
fn is_hung(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// Whether it is what belongs to the request; and whether its connection goes on.
fn judge(response: &Response, nonce: &str, counts: &Counts) -> bool {
    let closes = response.field("Connection") == Some("close");
    let count = match response.field("X-Nonce") {
        None if matches!(response.status, 502..=504) && response.complete => &counts.refused,
        Some(theirs) if theirs == nonce => {
            let length =
                response.field("X-Length").and_then(|length| length.parse().ok()).unwrap_or_default();
            match () {
                () if !pattern(nonce, length).starts_with(&response.body) => &counts.mixed,
                () if response.broken.is_some_and(is_hung) => &counts.hung,
                () if !response.complete => &counts.cut,
                () if response.body.len() != length => &counts.short,
                () => &counts.right,
            }
        }
        _ => &counts.wrong,
    };
    count.fetch_add(1, Relaxed);
    response.complete && !closes
}

fn prove(form: Form) {
    let (seed, all) = (seed(), form.pick(20_000, requests(10_000_000)));
    let counts = Arc::<Counts>::default();
    let origins: Vec<Origin> = (0..3).map(|number| origin(seed ^ (number << 40), &counts)).collect();
    let config =
        Balanced::snoop(origins.iter().map(Origin::url)).set("Executors", "2").set("LogLevel", "crit");
    let mut server = Server::balanced(Syntax::Conf, &config);
    let (addr, made, mut progress) = (server.addr(), AtomicUsize::new(0), Progress::new());
    thread::scope(|scope| {
        let start = |number| {
            let chance = Chance::new(!seed, number);
            let (made, counts) = (&made, &counts);
            let thread = thread::Builder::new().stack_size(256 * 1024);
            thread.spawn_scoped(scope, move || client(addr, chance, made, all, counts)).unwrap()
        };
        let clients: Vec<_> = (0..CLIENTS).map(start).collect();
        progress.tell_until(|| clients.iter().all(|client| client.is_finished()), || counts.to_string());
    });
    let took = progress.began.elapsed().as_secs_f64();
    let reused = counts.right.load(Relaxed).saturating_sub(origins.iter().map(Origin::conns).sum());
    figure(format_args!(
        "{all} requests on {CLIENTS} connections in {took:.1} s, seed {seed}: {counts}; at least {reused} on \
         reused connections to endpoints"
    ));
    assert!(server.is_running(), "{}", server.log());
    assert_eq!(counts.bad(), 0, "PROXYD_TESTS_SEED={seed}: {counts}");
    assert!(counts.right.load(Relaxed) > all * 8 / 10 && reused > all / 2, "{counts}; {reused} reused");
}

#[test]
fn what_is_anothers_or_too_short_is_seen() {
    let answer = |nonce: &str, body: &[u8], broken: Option<ErrorKind>| {
        let fields =
            [("X-Nonce", nonce), ("X-Length", "4")].map(|(a, b)| (a.to_owned(), b.to_owned())).into();
        let (body, complete) = (body.to_vec(), broken.is_none());
        Response { status: 200, fields, body, complete, broken, ..Response::default() }
    };
    let judged = |response: &Response| {
        let counts = Counts::default();
        judge(response, "ab", &counts);
        [&counts.right, &counts.cut, &counts.wrong, &counts.mixed, &counts.short, &counts.hung]
            .map(|count| count.load(Relaxed))
    };
    assert_eq!(judged(&answer("ab", b"abab", None)), [1, 0, 0, 0, 0, 0]);
    assert_eq!(judged(&answer("ab", b"aba", Some(ErrorKind::ConnectionReset))), [0, 1, 0, 0, 0, 0]);
    assert_eq!(judged(&answer("cd", b"abab", None)), [0, 0, 1, 0, 0, 0]);
    assert_eq!(judged(&answer("ab", b"abcd", None)), [0, 0, 0, 1, 0, 0]);
    assert_eq!(judged(&answer("ab", b"aba", None)), [0, 0, 0, 0, 1, 0]);
    assert_eq!(judged(&answer("ab", b"aba", Some(ErrorKind::WouldBlock))), [0, 0, 0, 0, 0, 1]);
    assert_eq!(judged(&Response { status: 200, complete: true, ..Response::default() }), [0, 0, 1, 0, 0, 0]);
}
