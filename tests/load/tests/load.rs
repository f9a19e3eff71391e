//! The generator against the origin, and against servers that answer wrongly.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::thread;

use bench_load::drive::{self, Tally};
use bench_load::offer::{self, Came, Offer, Offered};
use bench_load::origin::Origin;
use bench_load::plan::{Plan, request};

fn origin() -> SocketAddr {
    let mut origin = Origin::open(1).unwrap();
    let addr = origin.addrs[0];
    thread::spawn(move || origin.run());
    addr
}

fn load(addr: SocketAddr, words: &str) -> Result<Tally, String> {
    let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
    drive::run(&Plan::parse(&[vec![format!("addr={addr}")], words].concat())?)
}

#[test]
fn each_request_of_a_count_is_answered_once() {
    for kind in ["size=128", "size=1048576 connections=3", "size=0 body=70000", "close=yes connections=4"] {
        let tally = load(origin(), &format!("{kind} count=50")).unwrap();
        assert_eq!((tally.requests, tally.errors), (50, 0), "{kind}");
    }
}

#[test]
fn an_open_loop_keeps_its_rate() {
    let tally = load(origin(), "connections=8 rate=500 warm=0.1 seconds=0.6").unwrap();
    // A busy machine may be late with a few; more than were due there cannot be.
    assert!((200..=310).contains(&tally.requests), "{tally}");
    assert_eq!(tally.errors, 0);
    assert!(tally.latencies.len() as u64 >= tally.requests, "{tally}");
    // Each began when it was due, not when the generator next looked up.
    assert!(drive::percentile(&tally.latencies, 0.5) < 30_000_000, "{tally}");
}

#[test]
fn a_stall_is_seen_by_every_request_that_was_due_in_it() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut buffer = [0; 4096];
        let mut answered = 0;
        while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
            answered += 1;
            if answered == 20 {
                thread::sleep(std::time::Duration::from_millis(400));
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 128\r\n\r\n");
            let _ = stream.write_all(&[b'x'; 128]);
        }
    });
    let tally = load(addr, "connections=1 rate=200 warm=0 seconds=1").unwrap();
    // 400 ms at 200 a second: about 80 requests were due while nothing was answered, on the one connection.
    let late = tally.latencies.iter().filter(|latency| **latency > 100_000_000).count();
    assert!(late >= 50, "{late} of {} were late", tally.latencies.len());
}

#[test]
fn nobody_there_ends_the_load() {
    let addr = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = load(addr, "connections=64 seconds=60").unwrap_err();
    assert!(error.contains("given up"), "{error}");
}

#[test]
fn wrong_answers_are_errors() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 127\r\n\r\n");
        }
    });
    let tally = load(addr, "size=128 count=3").unwrap();
    assert_eq!((tally.requests, tally.errors), (0, 3));
}

fn offered(addr: SocketAddr, rate: f64) -> Offered {
    let time = std::time::Duration::from_millis(500);
    offer::run(&Offer { addr, request: request(addr, "/128", true, 0), rate, time }).unwrap()
}

#[test]
fn an_offer_is_made_whatever_comes_of_it() {
    let served = offered(origin(), 200.0);
    assert_eq!((served.samples.len(), served.count(Came::Served)), (100, 100), "{served}");
    let refusing = answering(b"HTTP/1.1 503 No\r\nRetry-After: 1\r\nContent-Length: 2\r\n\r\nno");
    assert_eq!(offered(refusing, 200.0).count(Came::Refused), 100);
    for wrong in [
        &b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno"[..],
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nno",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nno",
        b"",
    ] {
        let failed = offered(answering(wrong), 200.0);
        assert_eq!(failed.count(Came::Failed), 100, "{failed}");
        assert!(failed.first_failure.is_some());
    }
}

/// Answers each connection's first bytes, and ends it.
fn answering(answer: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            let _ = stream.write_all(answer);
        }
    });
    addr
}
