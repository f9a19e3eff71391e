//! Many reloads under load.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{ask_reload, generation, start, with_socket};
use crate::support::client::Client;
use crate::support::load::load;
use crate::support::origin::Origin;
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::until_true;

fn text(origins: &[&Origin]) -> String {
    let members: String =
        origins.iter().map(|origin| format!("LBServerCluster c {}\n", origin.url())).collect();
    format!("{{lb}}\n{members}LBProxyPass / c\n")
}

/// GETs on new connections and on kept ones, until told to end: how many were answered; none may fail.
fn visit(server: &Server, is_over: &AtomicBool) -> usize {
    let (mut kept, mut answered) = (server.client(), 0);
    while !is_over.load(Relaxed) {
        kept.send_get("/kept");
        let mut new = Client::connect(server.addr());
        new.send(b"GET /new HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        for client in [&mut kept, &mut new] {
            let response = client.response();
            assert!(response.status == 200 && response.complete, "{}", response.head);
            answered += 1;
        }
    }
    answered
}

#[test]
fn a_hundred_reloads_under_load_cost_no_request() {
    let origins = [Origin::quick(), Origin::quick(), Origin::quick()];
    let [a, b, c] = &origins;
    let configurations = [text(&[a, b]), text(&[b, c, a])];
    let server = start(&configurations[0]);
    let is_over = AtomicBool::new(false);
    let (answered, mut times) = thread::scope(|scope| {
        let visitors: Vec<_> = (0..4).map(|_| scope.spawn(|| visit(&server, &is_over))).collect();
        let mut times = Vec::new();
        let began = Instant::now();
        for turn in 1..=100 {
            server.rewrite(&with_socket(&configurations[turn % 2]));
            let asked = Instant::now();
            let (status, body) = ask_reload(&server);
            times.push(asked.elapsed());
            assert_eq!(status, 200, "{body}");
            let due = began + Duration::from_millis(50) * u32::try_from(turn).unwrap();
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        is_over.store(true, Relaxed);
        (visitors.into_iter().map(|visitor| visitor.join().unwrap()).sum::<usize>(), times)
    });
    times.sort();
    figure(format_args!(
        "100 reloads under load: {answered} requests, 0 failed; a reload {:?} (median), {:?} (p99)",
        times[50], times[98]
    ));
    assert!(answered > 100, "{answered}");
    until_true("one generation to be left", || generation(&server)["live"] == 1);
    assert_eq!(generation(&server)["number"], 101);
    assert!(server.stop().0.success());
}

#[test]
fn ten_thousand_signals_end_in_the_last_configuration() {
    let (first, last) = (Origin::named("first"), Origin::named("last"));
    let server = start(&format!("ProxyPass / {}/\n", first.url()));
    let (statuses, sent) = thread::scope(|scope| {
        let load = scope.spawn(|| load(server.addr(), 4000, 0));
        let began = Instant::now();
        for number in 0..10_000 {
            if number == 9_000 {
                server.rewrite(&with_socket(&format!("ProxyPass / {}/\n", last.url())));
            }
            server.signal(if number % 3 == 0 { Signal::USR1 } else { Signal::HUP });
        }
        (load.join().unwrap(), began.elapsed())
    });
    assert_eq!(statuses.failed(), 0, "{statuses}");
    until_true("the last configuration", || server.get("/").text() == "last");
    until_true("rest", || {
        let page = generation(&server);
        page["reloads"]["under_way"] == false && page["live"] == 1
    });
    let page = generation(&server);
    let done = page["reloads"]["done"].as_u64().unwrap();
    figure(format_args!("10000 signals in {sent:.1?}: {done} reloads; {statuses}"));
    assert_eq!(page["reloads"]["refused"], 0, "{page}");
    assert!((1..10_000).contains(&done), "{done}");
    assert!(server.stop().0.success());
}
