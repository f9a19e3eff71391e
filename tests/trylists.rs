//! What the owner of a trylist owes it: one done for each target, one drop, and nothing left in flight.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::client::Client;
use crate::support::config::load_line as load;
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::ports::Refused;
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::until_true;

/// What counter.c says at its end.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    begin: u64,
    next_ok: u64,
    next_done: u64,
    failed: u64,
    done: u64,
    drop: u64,
}

fn counts(server: Server) -> Counts {
    let (status, log) = server.stop();
    assert_eq!(status.code(), Some(0), "{log}");
    let line = log
        .lines()
        .find(|line| line.contains("counter: begin="))
        .unwrap_or_else(|| panic!("no counts in\n{log}"));
    let of = |name: &str| -> u64 {
        let value = line.split_ascii_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {name} in `{line}`")).parse().unwrap()
    };
    Counts {
        begin: of("begin"),
        next_ok: of("next_ok"),
        next_done: of("next_done"),
        failed: of("failed"),
        done: of("done"),
        drop: of("drop"),
    }
}

fn counter(endpoints: &[String]) -> Server {
    Server::conf(&format!(
        "{}LogLevel info\nProxyConnectTimeout 2s\nCounterCluster c {}\nCounterProxyPass / c\n",
        load("counter_module", &modules::c("tests/modules/counter.c", &[])),
        endpoints.join(" ")
    ))
}

#[test]
fn each_trylist_is_dropped_once_and_each_target_done_once() {
    let (refused, origin) = (Refused::new(), Origin::named("ok"));
    let server = counter(&[refused.url(), origin.url()]);
    for _ in 0..10 {
        assert_eq!(server.get("/").status, 200);
    }
    // Five of ten begin at the dead endpoint.
    let expected = Counts { begin: 10, next_ok: 15, next_done: 0, failed: 5, done: 15, drop: 10 };
    assert_eq!(counts(server), expected);
}

#[test]
fn a_trylist_whose_endpoints_are_all_dead_ends_in_order() {
    let dead = [Refused::new(), Refused::new()];
    let server = counter(&dead.each_ref().map(Refused::url));
    for _ in 0..10 {
        assert_eq!(server.get("/").status, 503);
    }
    let counts = counts(server);
    assert_eq!((counts.begin, counts.drop, counts.next_ok, counts.done, counts.failed), (10, 10, 20, 20, 20));
}

#[test]
fn lbmethod_hands_a_cluster_of_the_round_robin_to_a_module_in_c() {
    let origin = Origin::named("ok");
    let server = Server::conf(&format!(
        "{}{{lb}}\nLogLevel info\nLBServerCluster c {}\nLBProxyPass / c\nLBMethod c counter_module\n",
        load("counter_module", &modules::c("tests/modules/counter.c", &[])),
        origin.url()
    ));
    for _ in 0..3 {
        assert_eq!(server.get("/").status, 200);
    }
    assert_eq!(counts(server).begin, 3);
}

const CLIENTS: usize = 8;

/// So many requests by several clients at once, of which one in ten is broken off: some while their answer is
/// awaited, some before their body is whole. Answers how many were answered.
fn storm(addr: SocketAddr, requests: usize) -> usize {
    let answered = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::connect(addr);
                for request in 0..requests / CLIENTS {
                    match request % 20 {
                        7 => client.send_get("/abort"),
                        17 => {
                            client.send(b"POST /abort HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
                        }
                        _ => {
                            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
                            assert_eq!(client.response().status, 200);
                            answered.fetch_add(1, Ordering::Relaxed);
                            continue;
                        }
                    }
                    std::mem::replace(&mut client, Client::connect(addr)).reset();
                }
            });
        }
    });
    answered.into_inner()
}

#[test]
fn a_hundred_thousand_requests_with_aborts_and_a_dead_endpoint_leave_no_trylist_behind() {
    const REQUESTS: usize = 100_000;
    let (refused, origins) = (Refused::new(), [Origin::quick(), Origin::quick()]);
    let [one, two] = origins.each_ref().map(Origin::url);
    let server = counter(&[one, refused.url(), two]);
    assert_eq!(storm(server.addr(), REQUESTS), REQUESTS / 10 * 9);
    let counts = counts(server);
    figure(format_args!("{REQUESTS} requests, 10 % aborted, one of three endpoints dead: {counts:?}"));
    assert_eq!(counts.drop, counts.begin, "begin = drop: {counts:?}");
    assert_eq!(counts.done, counts.next_ok, "next-OK = done: {counts:?}");
    assert!(counts.begin >= REQUESTS as u64 / 10 * 9 && counts.begin <= REQUESTS as u64, "{counts:?}");
    assert!(counts.failed >= counts.begin / 4, "the dead endpoint was asked: {counts:?}");
    assert!(counts.next_ok >= counts.begin, "{counts:?}");
}

#[test]
fn what_is_in_flight_returns_to_zero_after_aborts_and_failures() {
    let (refused, origin) = (Refused::new(), Origin::quick());
    let mut server = Server::conf(&format!(
        "{}{{lb}}\nLogLevel info last_first_module:debug\nLBServerCluster c {}\nLBServerCluster c {}\nLBProxyPass / c\n\
         LBMethod c last_first_module\n",
        load("last_first_module", &modules::c("tests/data/last_first.c", &[])),
        origin.url(),
        refused.url()
    ));
    storm(server.addr(), 2000);
    // Requests that were broken off end a moment after their clients did.
    until_true("nothing in flight", || {
        let before = server.log_lines("last_first: in_flight=").len();
        assert_eq!(server.get("/probe").status, 200);
        until_true("its line", || server.log_lines("last_first: in_flight=").len() > before);
        server.log_lines("last_first: in_flight=").pop().is_some_and(|line| line.ends_with("in_flight=0"))
    });
    assert!(
        server.log_lines("in_flight=0").len() < server.log_lines("in_flight=").len(),
        "something was in flight"
    );
    assert!(server.is_running());
}
