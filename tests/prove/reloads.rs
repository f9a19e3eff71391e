//! Reloads under load, half of it on new connections, and beside a hundred WebSockets: none of them notices.

use std::thread;
use std::time::{Duration, Instant};

use super::{Form, Progress, assert_alone, generation, in_both_forms, reload, round_robin, wait_for_turn};
use crate::support::admin;
use crate::support::probe::{Latency, Outcome, Probe, Rate, Tunnels, origin};
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::until_true;

in_both_forms!(prove, "takes two minutes; run by cargo xtask prove reloads --long");

const PER_SECOND: f64 = 10.0;
const TUNNELS: usize = 100;

fn prove(form: Form) {
    let (reloads, rate) = form.pick((100, 300.0), (1000, 1000.0));
    let quiet = Duration::from_secs(form.pick(2, 20));
    let origins = [origin(1), origin(2), origin(3)];
    let [a, b, c] = &origins;
    let texts = [
        round_robin("LogLevel warn\nKeepAliveTimeout 20\n", [a, b, c]),
        round_robin("LogLevel info\nKeepAliveTimeout 30\nLimitRequestFields 90\nTimeout 50\n", [c, a, b]),
    ];
    let mut server = Server::conf(&texts[0]);
    let tunnels = Tunnels::open(server.addr(), TUNNELS);
    let probe = Probe::start(server.addr(), Rate { per_second: rate, fresh: 50 });
    let mut progress = Progress::new();
    // What comes before is the warming up.
    thread::sleep(Duration::from_secs(1));
    let before = probe.now();
    thread::sleep(quiet);
    let (first, began) = (probe.now(), Instant::now());
    let mut times = Vec::new();
    for turn in 1..=reloads {
        server.rewrite(&texts[turn % 2]);
        times.push(reload(&server));
        wait_for_turn(began, turn, PER_SECOND);
        let (made, failed) = probe.so_far();
        progress.tell(|| format!("{turn} reloads, {made} requests, {failed} failed"));
    }
    let (last, took) = (probe.now(), began.elapsed().as_secs_f64());
    thread::sleep(quiet);
    let outcome = probe.end();
    let echoed = tunnels.end();
    let with = outcome.latency(|due| due >= first && due < last);
    let without = outcome.latency(|due| due >= before && !(first..last).contains(&due));
    let times = Latency::of(times);
    figure(format_args!("{reloads} reloads in {took:.1} s, each in {times}"));
    figure(format_args!("{outcome}; {TUNNELS} WebSockets, {echoed} nonces echoed, 0 broken"));
    figure(format_args!("a request without reloads: {without}; with reloads: {with}"));
    figure(format_args!("p99 of each ten seconds with reloads: {}", slices(&outcome, first, last)));
    outcome.assert_none_failed();
    assert!(server.is_running());
    assert_eq!(generation(&server), reloads as u64 + 1);
    until_true("one generation to be left", || admin::json(&server, "/generation")["live"] == 1);
    let bound = (without.p99 * 2).max(without.p99 + Duration::from_millis(5));
    assert_alone(with.p99 <= bound, format_args!("p99 with reloads {:.1?}, bound {bound:.1?}", with.p99));
    assert!(server.stop().0.success());
}

/// Where something else has used the machine it shows in one of them.
fn slices(outcome: &Outcome, from: Duration, to: Duration) -> String {
    let slice = Duration::from_secs(10);
    let starts = (0..).map(|number| from + slice * number).take_while(|start| *start < to);
    let in_slice = |start| outcome.latency(|due| due >= start && due < (start + slice).min(to));
    let p99 = starts.map(in_slice).filter(|latency| latency.count > 100).map(|latency| latency.p99);
    p99.map(|p99| format!("{p99:.1?}")).collect::<Vec<_>>().join(" ")
}
