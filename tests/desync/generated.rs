//! Requests that a generator makes, half of them wounded in a few bytes, over real sockets. The pure parser says what
//! is in them; of that, and of nothing else, the endpoint gets each request once, and `httparse` reads there what was
//! meant; so it is if nginx or HAProxy stands between, and reads what we send on. What other parsers make of the same
//! messages is counted in `tests/oracles`.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;

use oracles::seen::{self, Field, Seen};
use oracles::{message, naive, rewritten};

use super::MARKED;
use crate::support::chance::{requests, seed};
use crate::support::client::{Client, find};
use crate::support::origin::Origin;
use crate::support::peer::Peer;
use crate::support::server::Server;
use crate::support::told::{self, figure};
use crate::support::wait::uninterrupted;

const BENCHES: usize = 4;

/// Of the requests in the messages.
#[derive(Debug, Default)]
struct Counts {
    /// Came to the endpoint as they were meant.
    passed: AtomicUsize,
    /// Answered by the server itself.
    own: AtomicUsize,
}

/// A server and its origin, used for one message at a time, so that what the origin sees is the message's.
struct Bench {
    server: Server,
    between: Option<Peer>,
    came: Receiver<Seen>,
    _origin: Origin,
}

impl Bench {
    /// With another proxy between server and origin, where `between` starts one.
    fn new(between: impl FnOnce(&Origin) -> Option<Peer>) -> Self {
        let (tell, came) = mpsc::channel();
        let origin = Origin::conversing(move |_, mut stream, _| converse(&mut stream, &tell));
        let between = between(&origin);
        let url = between.as_ref().map_or_else(|| origin.url(), Peer::url);
        let text = format!("Executors 1\nProxyPreserveHost On\nProxyPass / {url}/\n");
        Self { server: Server::conf(&text), between, came, _origin: origin }
    }

    fn check(&self, stream: &[u8], counts: &Counts) -> Result<(), String> {
        let mut client = self.server.client();
        client.try_send(stream);
        let mut passed = answered(&mut client, &meant(stream), counts)?;
        // There is a refusal, or the beginning of a request that does not come to its end.
        client.try_finish_sending();
        client.rest();
        let mut came: Vec<Essence> = self.came.try_iter().map(Essence::of).collect();
        if self.between.is_some() {
            // It has fields of its own, and drops some.
            passed.iter_mut().chain(&mut came).for_each(|request| request.fields.clear());
        }
        counts.passed.fetch_add(came.len(), Relaxed);
        if came == passed { Ok(()) } else { Err(format!("meant {passed:#?}\nbut sent on {came:#?}")) }
    }
}

/// The requests of a stream, as they came and as they go on, up to where no more is read.
fn meant(mut stream: &[u8]) -> Vec<(Seen, Essence)> {
    let mut all = Vec::new();
    while let Some(came) = seen::request(stream) {
        let goes = rewritten::request(stream).expect("what is accepted is sent on");
        let goes = seen::request(&goes).expect("what is sent on is accepted");
        stream = &stream[came.len.unwrap_or(stream.len())..];
        let is_kept = came.keep_alive;
        all.push((came, Essence::of(goes)));
        if !is_kept {
            break;
        }
    }
    all
}

/// Those that an endpoint has answered; fails if one was answered by nobody.
fn answered(client: &mut Client, meant: &[(Seen, Essence)], counts: &Counts) -> Result<Vec<Essence>, String> {
    let mut passed = Vec::new();
    for (came, goes) in meant {
        let response = client.try_response(came.first == b"HEAD").map_err(|error| error.to_string())?;
        match response.status {
            200 if response.field("X-Origin").is_some() => passed.push(goes.clone()),
            200 if response.field("Allow").is_some() => drop(counts.own.fetch_add(1, Relaxed)),
            400.. => drop(counts.own.fetch_add(1, Relaxed)),
            status => return Err(format!("the status is {status}")),
        }
        if response.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("close")) {
            break;
        }
    }
    Ok(passed)
}

/// What must be the same whichever way a request is framed, and whoever the client and the endpoint are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Essence {
    method: String,
    target: String,
    fields: Vec<(String, String)>,
    body: String,
}

impl Essence {
    fn of(seen: Seen) -> Self {
        const OTHER: &[&str] = &["connection", "content-length", "host", "transfer-encoding", "via"];
        let text = |bytes: &[u8]| bytes.escape_ascii().to_string();
        let fields = seen.fields.iter().map(|(name, value): &Field| (text(name), text(value)));
        let is_kept = |name: &str| !OTHER.contains(&name) && !name.starts_with("x-forwarded-");
        Self {
            method: text(&seen.first),
            target: text(&seen.target),
            fields: fields.filter(|(name, _)| is_kept(name)).collect(),
            body: text(&seen.body),
        }
    }
}

/// Answers what `httparse` sees in the bytes that come, and tells it.
fn converse(stream: &mut TcpStream, tell: &Sender<Seen>) -> io::Result<()> {
    let (mut bytes, mut is_asked) = (Vec::new(), false);
    loop {
        if let Some(seen) = naive::request(&bytes) {
            bytes.drain(..seen.len.unwrap_or_default());
            is_asked = false;
            let body: &[u8] = if seen.first == b"HEAD" { b"" } else { b"ok" };
            drop(tell.send(seen));
            stream.write_all(
                &[b"HTTP/1.1 200 OK\r\nX-Origin: 1\r\nContent-Length: 2\r\n\r\n", body].concat(),
            )?;
            continue;
        }
        if !is_asked && find(&bytes, b"\r\nExpect: 100-continue\r\n").is_some() {
            is_asked = true;
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let mut chunk = [0; 4096];
        match uninterrupted(|| stream.read(&mut chunk))? {
            0 => return Ok(()),
            count => bytes.extend_from_slice(&chunk[..count]),
        }
    }
}

/// Sends so many messages; how many requests are in them, those that are sent on, and others.
fn send_all(all: usize, bench: impl Fn() -> Bench + Sync) -> (usize, usize) {
    let (first, all, counts) = (seed(), requests(all), Counts::default());
    thread::scope(|scope| {
        for number in 0..BENCHES {
            let (counts, bench) = (&counts, &bench);
            scope.spawn(move || {
                let bench = bench();
                for seed in (number..all).step_by(BENCHES).map(|turn| first + turn as u64) {
                    let stream = [&message::request(seed), MARKED].concat();
                    if let Err(text) = bench.check(&stream, counts) {
                        panic!("PROXYD_TESTS_SEED={seed}: {}\n{text}", stream.escape_ascii());
                    }
                }
            });
        }
    });
    let (passed, own) = (counts.passed.into_inner(), counts.own.into_inner());
    figure(format_args!(
        "{all} messages from seed {first}: {passed} requests sent on, {own} answered by the server"
    ));
    (passed, own)
}

#[test]
fn generated_requests_go_on_as_they_were_meant() {
    let (passed, own) = send_all(4000, || Bench::new(|_| None));
    assert!(passed > own * 4 && passed > 500, "{passed} sent on, {own} not");
}

#[test]
fn nginx_reads_what_is_sent_on_as_it_was_meant() {
    if let Some(nginx) = told::program("nginx") {
        let between = |origin: &Origin| {
            let url = origin.url();
            let server = format!("location / {{ proxy_pass {url}; proxy_http_version 1.1; }}");
            Some(Peer::nginx(&nginx, &server))
        };
        let (passed, own) = send_all(1000, || Bench::new(between));
        assert!(passed > own && passed > 100, "{passed} came through it, {own} were refused");
    }
}

#[test]
fn haproxy_reads_what_is_sent_on_as_it_was_meant() {
    if let Some(haproxy) = told::program("haproxy") {
        let between =
            |origin: &Origin| Some(Peer::haproxy(&haproxy, &format!("server origin {}", origin.addr())));
        let (passed, own) = send_all(1000, || Bench::new(between));
        assert!(passed > own && passed > 100, "{passed} came through it, {own} were refused");
    }
}
