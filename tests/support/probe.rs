//! Load for proofs: requests at a rate that does not depend on how they are answered, each answer checked to be the one
//! to its request and whole, each failure told by its kind. Beside it [`Tunnels`], which must never break, and
//! [`origin`], which answers both.

mod answering;
mod outcome;
mod tunnels;

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use answering::body;
pub(crate) use answering::{converse, origin};
pub(crate) use outcome::{Came, Latency, Outcome, Sample};
pub(crate) use tunnels::Tunnels;

use super::client::{Client, Response};

/// How many requests can be under way at once: as many as come within a stall that a test would call one.
const WORKERS: usize = 64;
/// Failures of which more is kept than their kind.
const TOLD: usize = 20;
/// How long a connection is kept for the next request: less than any server's KeepAliveTimeout, since one that the server
/// has just closed for its age would be no failure of the server's.
const KEPT: Duration = Duration::from_secs(2);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    pub(crate) per_second: f64,
    /// How many of a hundred requests are made on connections of their own.
    pub(crate) fresh: usize,
}

/// Load that goes on until it is ended.
pub(crate) struct Probe {
    line: Arc<Line>,
    workers: Vec<JoinHandle<Vec<Sample>>>,
}

/// A connection that was used, and when.
type Kept = Option<(Client, Instant)>;

/// What the workers share.
struct Line {
    addr: SocketAddr,
    rate: Rate,
    began: Instant,
    next: AtomicUsize,
    asked: AtomicUsize,
    ended: AtomicUsize,
    failed: AtomicUsize,
    is_over: AtomicBool,
    /// Text of the first failures.
    told: Mutex<Vec<String>>,
}

impl Rate {
    /// As many as there can be, so that only what comes of them is of interest.
    pub(crate) const fn unbounded(fresh: usize) -> Self {
        Self { per_second: f64::INFINITY, fresh }
    }
}

impl Probe {
    pub(crate) fn start(addr: SocketAddr, rate: Rate) -> Self {
        let line = Arc::new(Line {
            addr,
            rate,
            began: Instant::now(),
            next: AtomicUsize::new(0),
            asked: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            failed: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            told: Mutex::default(),
        });
        let worker = |_| {
            let line = Arc::clone(&line);
            thread::Builder::new().stack_size(256 * 1024).spawn(move || line.work()).unwrap()
        };
        let workers = (0..WORKERS).map(worker).collect();
        Self { line, workers }
    }

    /// Time since it began, by which [`Outcome`] knows when a request was due.
    pub(crate) fn now(&self) -> Duration {
        self.line.began.elapsed()
    }

    /// How many requests were made, and how many have failed, so far.
    pub(crate) fn so_far(&self) -> (usize, usize) {
        (self.line.asked.load(Relaxed), self.line.failed.load(Relaxed))
    }

    /// Asks no more; how many are waited for.
    pub(crate) fn stop(&self) -> usize {
        self.line.is_over.store(true, Relaxed);
        let ended = self.line.ended.load(Relaxed);
        self.line.asked.load(Relaxed) - ended
    }

    /// Waits for the answers to what was asked.
    pub(crate) fn end(self) -> Outcome {
        self.stop();
        let samples = self.workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect();
        Outcome::new(samples, self.line.told.lock().unwrap().clone())
    }
}

impl Line {
    fn work(&self) -> Vec<Sample> {
        let (mut kept, mut samples) = (None, Vec::new());
        loop {
            let number = self.next.fetch_add(1, Relaxed);
            let due = Duration::from_secs_f64(number as f64 / self.rate.per_second);
            thread::sleep(due.saturating_sub(self.began.elapsed()));
            if self.is_over.load(Relaxed) {
                return samples;
            }
            let is_fresh = (number * self.rate.fresh) % 100 < self.rate.fresh;
            self.asked.fetch_add(1, Relaxed);
            let (came, origin) = self.ask(number, is_fresh, &mut kept);
            self.ended.fetch_add(1, Relaxed);
            let took = self.began.elapsed().saturating_sub(due);
            samples.push(Sample::new(due, took, came, origin, is_fresh));
        }
    }

    /// Asks on a new connection, or on the one that is kept, where one is.
    fn ask(&self, number: usize, is_fresh: bool, kept: &mut Kept) -> (Came, u8) {
        let place = if is_fresh { &mut None } else { kept };
        let young = place.take().filter(|(_, used)| used.elapsed() < KEPT);
        let client = match young.map_or_else(|| Client::try_connect(self.addr), |(client, _)| Ok(client)) {
            Ok(client) => client,
            Err(error) => return (self.failed(number, Came::Refused, &error), 0),
        };
        self.exchange(client, number, is_fresh, place)
    }

    fn exchange(&self, mut client: Client, number: usize, is_fresh: bool, kept: &mut Kept) -> (Came, u8) {
        let (nonce, length) = (nonce(number), length(number));
        let last = if is_fresh { "Connection: close\r\n" } else { "" };
        client.try_send(format!("GET /{nonce}/{length} HTTP/1.1\r\nHost: a\r\n{last}\r\n").as_bytes());
        let response = match client.try_response(false) {
            Ok(response) => response,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return (self.failed(number, Came::Late, &error), 0);
            }
            Err(error) => return (self.failed(number, Came::Reset, &error), 0),
        };
        let came = judged(&response, &nonce, length);
        if came != Came::Right {
            self.failed(number, came, &response.head);
        } else if response.field("Connection").is_none() {
            *kept = Some((client, Instant::now()));
        }
        (came, response.field("X-Origin").and_then(|origin| origin.parse().ok()).unwrap_or_default())
    }

    fn failed(&self, number: usize, came: Came, what: &dyn std::fmt::Display) -> Came {
        self.failed.fetch_add(1, Relaxed);
        let mut told = self.told.lock().unwrap();
        if told.len() < TOLD {
            let seconds = self.began.elapsed().as_secs_f64();
            told.push(format!("request {number} after {seconds:.3} s, {came}: {what}"));
        }
        came
    }
}

/// What a response is to the request with that nonce.
fn judged(response: &Response, nonce: &str, length: usize) -> Came {
    let is_theirs = response.field("X-Nonce") == Some(nonce);
    match response.status {
        200 if !is_theirs || !body(nonce, length).starts_with(&response.body) => Came::Wrong,
        200 if !response.complete || response.body.len() != length => Came::Short,
        200 => Came::Right,
        status => Came::Status(status),
    }
}

/// No two numbers have one, and neighbours have nothing in common (Weyl sequence by the golden ratio).
fn nonce(number: usize) -> String {
    format!("{:016x}", (number as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

/// Mostly small, now and then more than one buffer holds.
fn length(number: usize) -> usize {
    if number.is_multiple_of(50) { 40_000 } else { number.wrapping_mul(7919) % 2000 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_the_answer_is_told_by_its_kind() {
        let answer = |status, nonce: &str, body: &[u8], complete| {
            let fields = vec![("X-Nonce".to_owned(), nonce.to_owned())];
            Response { status, fields, body: body.to_vec(), complete, ..Response::default() }
        };
        let judged = |response: &Response| judged(response, "ab", 4);
        assert_eq!(judged(&answer(200, "ab", b"abab", true)), Came::Right);
        assert_eq!(judged(&answer(200, "cd", b"abab", true)), Came::Wrong);
        assert_eq!(judged(&answer(200, "ab", b"abac", true)), Came::Wrong);
        assert_eq!(judged(&answer(200, "ab", b"ababa", true)), Came::Wrong);
        assert_eq!(judged(&answer(200, "ab", b"aba", true)), Came::Short);
        assert_eq!(judged(&answer(200, "ab", b"aba", false)), Came::Short);
        assert_eq!(judged(&answer(503, "ab", b"abab", true)), Came::Status(503));
    }

    #[test]
    fn whoever_does_not_answer_has_failed_each_request() {
        let refused = crate::support::ports::Refused::new();
        let silent = crate::support::origin::Origin::conversing(|_, _, _| Ok(()));
        for (addr, kind) in [(refused.addr(), Came::Refused), (silent.addr(), Came::Reset)] {
            let probe = Probe::start(addr, Rate { per_second: 200.0, fresh: 50 });
            crate::support::wait::until_true("failures", || probe.so_far().1 >= 10);
            let outcome = probe.end();
            assert!(outcome.failed() >= 10 && outcome.failed() == outcome.of(kind), "{outcome}");
        }
    }

    #[test]
    fn answers_are_counted_by_who_gave_them_and_how() {
        let origin = origin(3);
        let probe = Probe::start(origin.addr(), Rate { per_second: 500.0, fresh: 50 });
        crate::support::wait::until_true("requests", || probe.so_far().0 >= 200);
        let outcome = probe.end();
        assert_eq!(outcome.failed(), 0, "{outcome}");
        let latency = outcome.latency(|_| true);
        assert_eq!((latency.count, outcome.answered_by(3)), (outcome.all(), outcome.all()));
        let all = outcome.all();
        assert!(all >= 136 && outcome.fresh().abs_diff(all / 2) <= 2, "{outcome}");
        assert!(latency.p50 <= latency.p99 && latency.p99 <= latency.max, "{latency}");
    }
}
