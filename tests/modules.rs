//! Modules at work: what they are owed, what they may do, and what the server bears of them.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::support::client::Client;
use crate::support::config::{Syntax, is_static};
use crate::support::modules;
use crate::support::origin::{Origin, Then, read_head, total};
use crate::support::ports::Refused;
use crate::support::server::{Server, Setup};

fn load(ident: &str, file: &std::path::Path) -> String {
    format!("LoadModule {ident} {}\n", file.display())
}

/// A server whose cluster `c` of two origins is balanced by the hostile module in one of its modes.
fn hostile(mode: &str, origins: &[Origin; 2], lines: &str) -> Server {
    let [one, two] = origins.each_ref().map(Origin::url);
    Server::conf(&format!(
        "{}LogLevel info\nHostileCluster c {one} {two}\nHostileProxyPass / c\nHostileMode {mode}\n{lines}",
        load("hostile_module", &modules::rust("mod-hostile"))
    ))
}

fn two_origins() -> [Origin; 2] {
    ["0", "1"].map(Origin::named)
}

#[test]
fn after_a_fault_the_built_in_round_robin_answers_and_one_line_says_so() {
    for mode in ["begin-panic", "next-panic", "payload-panic", "out-of-range", "garbage"] {
        let origins = two_origins();
        let server = hostile(mode, &origins, "");
        for request in 0..4 {
            assert_eq!(server.get("/").status, 200, "{mode}, request {request}");
        }
        assert_eq!((origins[0].count(), origins[1].count()), (2, 2), "{mode}: round robin");
        let log = server.stop().1;
        let told: Vec<&str> =
            log.lines().filter(|line| line.contains(":error]") && line.contains("hostile_module")).collect();
        assert_eq!(told.len(), 4, "{mode}: one line a fault\n{log}");
    }
}

#[test]
fn a_fault_in_the_middle_goes_on_with_those_that_were_not_tried() {
    let refused = Refused::new();
    let origin = Origin::named("alive");
    let server = Server::conf(&format!(
        "{}LogLevel info\nHostileCluster c {} {}\nHostileProxyPass / c\nHostileMode failed-panic\n",
        load("hostile_module", &modules::rust("mod-hostile")),
        refused.url(),
        origin.url()
    ));
    for request in 0..4 {
        assert_eq!(server.get("/").text(), "alive", "request {request}");
    }
}

#[test]
fn a_panic_after_the_choice_costs_no_request() {
    for mode in ["done-panic", "head-panic", "drop-panic"] {
        let origins = two_origins();
        let server = hostile(mode, &origins, "");
        for request in 0..4 {
            assert_eq!(server.get("/").status, 200, "{mode}, request {request}");
        }
        assert_eq!(total(&[&origins[0], &origins[1]]), 4, "{mode}");
        let (status, log) = server.stop();
        assert_eq!(status.code(), Some(0), "{mode}: {log}");
        assert!(log.contains("hostile"), "{mode}: {log}");
    }
}

#[test]
fn an_error_of_the_module_is_a_503_and_its_words_are_logged_and_not_sent() {
    for (mode, words) in [("error", "hostile next refuses"), ("begin-error", "hostile begin refuses")] {
        let origins = two_origins();
        let mut server = hostile(mode, &origins, "");
        let response = server.get("/");
        assert_eq!(response.status, 503, "{mode}");
        assert!(
            !response.text().contains("hostile") && !response.head.contains("hostile"),
            "{mode}: {}",
            response.text()
        );
        server.wait_for_log(words);
        assert_eq!(total(&[&origins[0], &origins[1]]), 0, "{mode}");
    }
}

#[test]
fn a_module_that_declines_its_own_cluster_is_a_503() {
    let origins = two_origins();
    assert_eq!(hostile("decline", &origins, "").get("/").status, 503);
}

#[test]
fn an_endless_trylist_is_bounded() {
    let dead = [Refused::new(), Refused::new()];
    for mode in ["endless", "repeat"] {
        let server = Server::conf(&format!(
            "{}HostileCluster c {} {}\nHostileProxyPass / c\nHostileMode {mode}\n",
            load("hostile_module", &modules::rust("mod-hostile")),
            dead[0].url(),
            dead[1].url()
        ));
        assert_eq!(server.get("/").status, 503, "{mode}");
    }
}

#[test]
fn every_third_request_panics_and_none_fails() {
    let origins = two_origins();
    let server = hostile("next-panic", &origins, "HostileEvery 3\n");
    let mut client = server.client();
    for request in 0..300 {
        client.send_get("/");
        assert_eq!(client.response().status, 200, "request {request}");
    }
}

#[test]
fn a_module_that_refuses_or_panics_in_init_stops_the_start_only() {
    for (mode, words) in [("init-error", "hostile init refuses"), ("init-panic", "hostile init")] {
        let text = format!(
            "{}HostileCluster c http://127.0.0.1:9\nHostileProxyPass / c\nHostileMode {mode}\n",
            load("hostile_module", &modules::rust("mod-hostile"))
        );
        let run = Setup::new(Syntax::Conf, &text).check(&["-t"]);
        assert_eq!(run.code, Some(1), "{mode}: {run:?}");
        assert!(run.stderr.contains("hostile_module") && run.stderr.contains(words), "{mode}: {run:?}");
    }
}

// ---- Request hooks

fn hooked(lines: &str, origin: &Origin) -> Server {
    Server::conf(&format!(
        "{}LogLevel info\n{lines}ProxyPass / {}/\n",
        load("hooks_module", &modules::rust("mod-hooks")),
        origin.url()
    ))
}

/// The hooks that were called, in order, with the status that each was given.
fn called(log: &str) -> Vec<String> {
    log.lines()
        .filter_map(|line| line.split_once("hook "))
        .map(|(_, rest)| rest.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn request_hooks_run_in_their_order() {
    let origin = Origin::saying(b"HTTP/1.1 203 Fine\r\nContent-Length: 2\r\n\r\nok", Then::Keep);
    let server = hooked("", &origin);
    assert_eq!(server.get("/path").status, 203);
    assert_eq!(
        called(&server.stop().1),
        [
            "post_read_request /path status=0",
            "access_checker /path status=0",
            "fixups /path status=0",
            "response_head /path status=203",
            "log_transaction /path status=203",
        ]
    );
}

#[test]
fn access_checker_refuses_with_403_before_any_endpoint_is_asked() {
    let origin = Origin::named("ok");
    let server = hooked("", &origin);
    assert_eq!(server.get("/forbidden").status, 403);
    assert_eq!(server.get("/allowed").status, 200);
    assert_eq!(origin.only_request().target(), "/allowed");
    let called = called(&server.stop().1);
    let of_forbidden: Vec<&String> = called.iter().filter(|line| line.contains("/forbidden")).collect();
    assert_eq!(
        of_forbidden,
        [
            "post_read_request /forbidden status=0",
            "access_checker /forbidden status=0",
            "log_transaction /forbidden status=403",
        ]
    );
}

#[test]
fn an_error_of_a_request_hook_is_a_500_that_does_not_tell() {
    let origin = Origin::named("ok");
    let mut server = hooked("", &origin);
    let response = server.get("/error");
    assert_eq!((response.status, origin.count()), (500, 0));
    assert!(!response.text().contains("hooked"), "{}", response.text());
    server.wait_for_log("hooked access_checker refuses");
}

#[test]
fn a_panic_in_any_request_hook_leaves_the_server_alive() {
    for hook in ["post_read_request", "access_checker", "fixups", "response_head", "log_transaction"] {
        let origin = Origin::named("ok");
        let mut server = hooked(&format!("HooksPanicOn {hook}\n"), &origin);
        for _ in 0..3 {
            let status = server.get("/").status;
            assert!(matches!(status, 200 | 500), "{hook}: {status}");
        }
        server.wait_for_log(&format!("hooked {hook}"));
        assert!(server.is_running(), "{hook}");
    }
}

// ---- What a trylist is owed

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

/// An origin that answers as fast as a test allows, and keeps no ledger.
fn quick() -> Origin {
    Origin::conversing(|_, mut stream, _| {
        let mut head = Vec::new();
        loop {
            head.clear();
            read_head(&mut stream, &mut head)?;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        }
    })
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
                            client.send(b"POST /abort HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf")
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
    let (refused, origins) = (Refused::new(), [quick(), quick()]);
    let [one, two] = origins.each_ref().map(Origin::url);
    let server = counter(&[one, refused.url(), two]);
    assert_eq!(storm(server.addr(), REQUESTS), REQUESTS / 10 * 9);
    let counts = counts(server);
    assert_eq!(counts.drop, counts.begin, "begin = drop: {counts:?}");
    assert_eq!(counts.done, counts.next_ok, "next-OK = done: {counts:?}");
    assert!(counts.begin >= REQUESTS as u64 / 10 * 9 && counts.begin <= REQUESTS as u64, "{counts:?}");
    assert!(counts.failed >= counts.begin / 4, "the dead endpoint was asked: {counts:?}");
    assert!(counts.next_ok >= counts.begin, "{counts:?}");
}

#[test]
fn what_is_in_flight_returns_to_zero_after_aborts_and_failures() {
    let (refused, origin) = (Refused::new(), quick());
    let mut server = Server::conf(&format!(
        "{}{{lb}}\nLogLevel info last_first_module:debug\nLBServerCluster c {}\nLBServerCluster c {}\nLBProxyPass / c\n\
         LBMethod c last_first_module\n",
        load("last_first_module", &modules::c("tests/data/last_first.c", &[])),
        origin.url(),
        refused.url()
    ));
    storm(server.addr(), 2000);
    // Requests that were broken off end a moment after their clients did.
    crate::support::wait::until_true("nothing in flight", || {
        let before = server.log_lines("last_first: in_flight=").len();
        assert_eq!(server.get("/probe").status, 200);
        crate::support::wait::until_true("its line", || {
            server.log_lines("last_first: in_flight=").len() > before
        });
        server.log_lines("last_first: in_flight=").pop().is_some_and(|line| line.ends_with("in_flight=0"))
    });
    assert!(
        server.log_lines("in_flight=0").len() < server.log_lines("in_flight=").len(),
        "something was in flight"
    );
    assert!(server.is_running());
}

#[test]
fn the_round_robin_depends_on_the_sdk_alone() {
    let mut cargo = std::process::Command::new(env!("CARGO"));
    cargo.args(["tree", "--offline", "--edges", "normal", "--prefix", "none", "-p", "mod-proxy-lb"]);
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let tree = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(tree.contains("proxy-module"), "{tree}{}", String::from_utf8_lossy(&output.stderr));
    for foreign in ["proxy-core", "proxy-http", "proxy-config", "proxy-dso", "tokio"] {
        assert!(!tree.lines().any(|line| line.split(' ').next() == Some(foreign)), "{foreign}:\n{tree}");
    }
}

#[test]
fn one_module_twice_or_a_built_in_is_a_warning_and_the_line_is_skipped() {
    let file = modules::proxy_lb();
    let line = load("proxy_lb_module", &file);
    let text = if is_static() { line } else { format!("{line}{line}") };
    let run = Setup::new(Syntax::Conf, &text).check(&["-t"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    let warning = run.stderr.lines().next().unwrap_or_default();
    assert!(
        warning.starts_with("proxyd: Warning on line ") && warning.contains("proxy_lb_module"),
        "{run:?}"
    );
}

#[test]
fn a_replaced_file_is_not_the_running_module() {
    // The running server works from a private copy: the file on disk may be anything afterwards.
    let origin = Origin::named("ok");
    let file = modules::c("tests/modules/counter.c", &[]);
    let setup = Setup::new(
        Syntax::Conf,
        &format!("LoadModule counter_module m.so\nCounterCluster c {}\nCounterProxyPass / c\n", origin.url()),
    );
    let copy = setup.module(&file, "m.so");
    let server = setup.start();
    std::fs::write(&copy, b"gone").unwrap();
    assert_eq!(server.get("/").status, 200);
    drop(TcpStream::connect(server.addr()));
}
