//! A hook that does not come back, while others are served at two fifths of what the server can do: the module is fenced,
//! no new connection waits behind it, and a second later all is as fast as before. What the stuck executor has in hand is
//! counted; its clients are told by the end of their connections, a second later.

use std::thread;
use std::time::{Duration, Instant};

use super::{Form, assert_alone, in_both_forms, is_alone, misbehaving};
use crate::support::admin;
use crate::support::client::Client;
use crate::support::probe::{Probe, Rate, origin};
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::until_true;

in_both_forms!(prove, "takes a minute; run by cargo xtask prove stall --long");

/// Connections that idle when it happens.
const IDLE: usize = 20;
/// What is more than this hangs.
const AT_MOST: Duration = Duration::from_secs(1);

fn prove(form: Form) {
    for turn in 0..form.pick(1, 5) {
        for executors in [1, 2] {
            for mode in form.pick(&["next-loop"][..], &["begin-loop", "next-loop", "drop-loop"]) {
                stall(executors, mode, turn);
            }
        }
    }
}

fn stall(executors: usize, mode: &str, turn: usize) {
    let origins = [1, 2].map(origin);
    let lines =
        format!("Executors {executors}\nKeepAliveTimeout 60\nHostileMode {mode}\nHostileOnly /stuck\n");
    let mut server = misbehaving(&lines, &origins);
    let capacity = capacity(&server);
    let per_second = if is_alone() { 0.4 * capacity } else { (0.4 * capacity).min(200.0) };
    let mut idle: Vec<Client> = (0..IDLE).map(|_| kept(&server)).collect();
    let probe = Probe::start(server.addr(), Rate { per_second, fresh: 100 });
    until_true("a second of load", || probe.now() > Duration::from_secs(1));
    let mut stuck = server.client();
    let (begun, clock) = (probe.now(), Instant::now());
    stuck.send(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n");
    until_true("the fence", || admin::module(&server, "hostile_module")["state"] == "open");
    let fenced = clock.elapsed();
    let told = server.wait_for_log("event=executor_stuck");
    let replaced = clock.elapsed();
    let lost: usize =
        told.rsplit_once("stuck executor: ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    let cut = server.wait_for_log("event=executor_lost");
    let ended: usize = cut.rsplit_once(" ended=").unwrap().1.trim().parse().unwrap();
    until_true("more seconds of load", || probe.now() > begun + Duration::from_secs(3));
    let end = probe.now();
    until_true("all answers, or ends", || probe.stop() == 0);
    let answered = answered(&mut idle);
    assert!(server.is_running());
    drop(server);
    let outcome = probe.end();
    let whole = begun + Duration::from_secs(1)..end;
    let right = outcome.answered_within(&whole) as f64 / (whole.end - whole.start).as_secs_f64();
    let after = outcome.latency(|due| due > begun && due < end);
    let later = outcome.latency(|due| whole.contains(&due));
    let before = outcome.latency(|due| due < begun);
    let failed = outcome.failed();
    figure(format_args!(
        "{mode}, {executors} executors, run {turn}: capacity {capacity:.0}/s, offered {per_second:.0}/s, all on new \
         connections; fenced after {fenced:.1?}, replaced after {replaced:.1?}; {lost} requests on the stuck executor, \
         {ended} connections ended, {failed} of them of the load"
    ));
    figure(format_args!(
        "a new connection before: {before}; a second later: {later}; answered {right:.0}/s from then on; of {IDLE} idle \
         connections {answered} go on"
    ));
    // What it had not read of is a connection alone; the one that does not come back is counted as well.
    assert!(lost >= 1 && failed < ended, "{outcome}; {told}; {cut}");
    let late = outcome.failed_within(&(begun + replaced..end));
    assert_eq!(late, 0, "{late} of those that came after the replacement failed: {outcome}");
    let hung = outcome.slower_than(AT_MOST, &(begun..end)).saturating_sub(failed);
    assert_alone(hung == 0, format_args!("{hung} new connections waited for more than {AT_MOST:?}: {after}"));
    assert_alone(fenced <= Duration::from_millis(100), format_args!("fenced after {fenced:?}"));
    assert_alone(
        right >= 0.95 * per_second,
        format_args!("{right:.0}/s of {per_second:.0}/s a second later"),
    );
}

/// Requests a second on new connections, with as many at once as there can be.
fn capacity(server: &Server) -> f64 {
    let (probe, began) = (Probe::start(server.addr(), Rate::unbounded(100)), Instant::now());
    thread::sleep(Duration::from_secs(1));
    let outcome = probe.end();
    outcome.assert_none_failed();
    outcome.all() as f64 / began.elapsed().as_secs_f64()
}

/// A connection that was used and is kept.
fn kept(server: &Server) -> Client {
    let mut client = server.client();
    client.send_get("/kept/4");
    assert_eq!(client.response().status, 200);
    client
}

/// How many of them are answered before long.
fn answered(idle: &mut [Client]) -> usize {
    let end = Instant::now() + Duration::from_millis(500);
    for client in idle.iter_mut() {
        client.try_send(b"GET /kept/4 HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    let is_answered = |client: &mut Client| {
        let rest = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        client.stream().set_read_timeout(Some(rest)).unwrap();
        client.try_response(false).is_ok_and(|response| response.status == 200)
    };
    idle.iter_mut().map(|client| usize::from(is_answered(client))).sum()
}
