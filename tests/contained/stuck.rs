//! Calls that do not come back, or not soon: the module is fenced, the executor replaced, and nothing new waits.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::hostile;
use crate::support::admin;
use crate::support::config::load_line;
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::probe::{Probe, Rate, origin};
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::until_true;

const STUCK: &[u8] = b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n";

/// One call of the module `ident` does not come back while others are served.
fn does_not_come_back(server: &Server, ident: &str, what: &str) {
    let before = Duration::from_millis(300);
    let load = Probe::start(server.addr(), Rate { per_second: 100.0, fresh: 100 });
    until_true("some load", || load.now() > before);
    let mut client = server.client();
    let begun = load.now();
    client.send(STUCK);
    until_true("the fence", || admin::module(server, ident)["state"] == "open");
    let fenced = load.now() - begun;
    until_true("the replacement", || !server.log_lines("event=executor_stuck").is_empty());
    let replaced = load.now() - begun;
    until_true("three seconds of load beside it", || load.now() > begun + Duration::from_secs(3));
    let end = load.now();
    let requests = load.end();
    let failed = requests.failed();
    let longest = |after: Duration| requests.latency(|due| due > begun + after).max;
    let answered = |from: Duration, to: Duration| {
        requests.answered_within(&(from..to)) as f64 / (to - from).as_secs_f64()
    };
    let at_first = answered(Duration::ZERO, begun);
    let later = answered(begun + Duration::from_secs(1), end);
    let told = server.log_lines("event=executor_stuck").remove(0);
    let number = |name: &str| -> usize {
        told.split_once(name).unwrap().1.split(' ').next().unwrap().parse().unwrap()
    };
    let (connections, lost) = (number(" connections="), number("requests on the stuck executor: "));
    figure(format_args!(
        "{what}: fenced after {fenced:?}, replaced after {replaced:?}, {} requests beside it, {failed} failed, \
         longest {:?}, a second later {:?}; {at_first:.0} answered a second before, {later:.0} then; on the stuck executor: \
         {lost} requests, {connections} connections",
        requests.all(),
        longest(Duration::ZERO),
        longest(Duration::from_secs(1)),
    ));
    // Those are lost that the executor had accepted before: all of them are counted, and none came later. What it has
    // not yet read of counts as a connection alone.
    assert!(lost >= 1 && failed < connections, "{what}: {failed} failed; {told}");
    let late = requests.failed_within(&(begun + fenced..Duration::MAX));
    assert_eq!(late, 0, "{what}: {requests}");
    // How fast they are depends on who else wants the processor that the loop has taken.
    assert!(later * 2.0 >= at_first, "{what}: {at_first:.0} answered a second before, {later:.0} then");
    assert!(longest(Duration::from_secs(1)) < Duration::from_secs(2), "{what}");
    until_true("the end of its clients", || !server.log_lines("event=executor_lost").is_empty());
    // It may have been answered before.
    drop(client.try_response(false));
    assert!(client.is_closed(), "{what}: its client is told");
    until_true("the line that names it", || !server.log_lines("event=module_stuck").is_empty());
    let stuck = server.log_lines("event=module_stuck");
    assert!(stuck.len() == 1 && stuck[0].contains(&format!("[{ident}:error]")), "{stuck:?}");
    assert_eq!(admin::module(server, ident)["faults"]["stuck"], 1);
}

#[test]
fn an_endless_loop_is_fenced_and_nothing_new_waits_behind_it() {
    let origins = [1, 2].map(origin);
    let urls = origins.each_ref().map(Origin::url);
    for executors in [1, 2] {
        for mode in ["begin-loop", "next-loop", "drop-loop"] {
            let server =
                hostile(&format!("Executors {executors}\nHostileMode {mode}\nHostileOnly /stuck\n"), &urls);
            does_not_come_back(&server, "hostile_module", &format!("{mode}, {executors} executors"));
        }
        let server = Server::conf(&format!(
            "Executors {executors}\n{}AdminSocket admin.sock\nHooksLoopOn fixups\nProxyPass / {}/\n",
            load_line("hooks_module", &modules::rust("mod-hooks")),
            urls[0]
        ));
        does_not_come_back(&server, "hooks_module", &format!("fixups, {executors} executors"));
    }
    drop(origins);
}

#[test]
fn a_stuck_executor_does_not_hold_the_process_beyond_the_deadline() {
    let (origins, urls) = super::quarantine::origins();
    let mut server = hostile(
        "Executors 1\nGracefulShutdownTimeout 1s\nHostileMode next-loop\nHostileOnly /stuck\n",
        &urls,
    );
    let mut client = server.client();
    client.send(STUCK);
    server.wait_for_log("event=executor_stuck");
    assert_eq!(server.get("/").status, 200);
    let asked = Instant::now();
    server.signal(Signal::TERM);
    let status = server.wait();
    figure(format_args!(
        "ended {:?} after TERM with a stuck executor and a second of grace",
        asked.elapsed()
    ));
    assert_eq!(status.code(), Some(3), "{}", server.log());
    assert!(asked.elapsed() < Duration::from_secs(4), "the executors that are not stuck have ended in time");
    drop(origins);
}

#[test]
fn a_call_that_comes_back_is_answered_and_its_executor_ends_with_its_connections() {
    let origin = Origin::quick();
    for mode in ["next-slow", "next-sleep"] {
        let mut server = hostile(
            &format!(
                "LogLevel info\nExecutors 1\nHostileMode {mode}\nHostileMillis 700\nHostileOnly /stuck\n"
            ),
            &[origin.url()],
        );
        let mut client = server.client();
        client.send(STUCK);
        server.wait_for_log("event=executor_stuck");
        assert_eq!(server.get("/").status, 200, "another one serves meanwhile");
        assert_eq!(client.response().status, 200, "the built-in round robin has answered");
        server.wait_for_log("event=module_back");
        server.wait_for_log("executor 0 has finished its requests and ended");
        assert_eq!(server.get("/").status, 200);
        let (status, log) = server.stop();
        assert_eq!(status.code(), Some(0), "{log}");
    }
}

#[test]
fn a_slow_hook_is_told_of_and_one_that_takes_longer_than_the_hard_budget_is_fenced() {
    let origin = Origin::quick();
    let mut server = hostile("LogLevel warn\nHostileMode next-slow\nHostileMillis 5\n", &[origin.url()]);
    until_true("slow calls that are seen", || {
        assert_eq!(server.get("/").status, 200);
        admin::module(&server, "hostile_module")["slow"].as_u64().unwrap() >= 10
    });
    let module = admin::module(&server, "hostile_module");
    assert_eq!((&module["state"], &module["faults"]["stuck"]), (&"closed".into(), &0.into()), "{module}");
    server.wait_for_log("event=module_slow");
    let lines = server.log_lines("event=module_slow");
    assert!(lines[0].contains("hook=proxy.load_balance"), "{lines:?}");
    figure(format_args!("5 ms: {} seen slow, {} lines, never shut out", module["slow"], lines.len()));

    let server = hostile("HostileMode next-slow\nHostileMillis 100\n", &[origin.url()]);
    let begun = Instant::now();
    for _ in 0..50 {
        assert_eq!(server.get("/").status, 200);
    }
    let module = admin::module(&server, "hostile_module");
    figure(format_args!("100 ms: 50 requests in {:?}, stuck {}", begun.elapsed(), module["faults"]["stuck"]));
    assert_eq!(module["state"], "open", "{module}");
}

#[test]
fn a_process_that_is_stopped_in_the_middle_of_calls_shuts_nobody_out() {
    let origin = origin(1);
    let server = hostile("Executors 2\nHostileMode next-slow\nHostileMillis 5\n", &[origin.url()]);
    let load = Probe::start(server.addr(), Rate { per_second: 100.0, fresh: 100 });
    until_true("load", || admin::module(&server, "hostile_module")["slow"].as_u64().unwrap() > 0);
    server.signal(Signal::STOP);
    // How long it is stopped is what is tried.
    thread::sleep(Duration::from_secs(2));
    server.signal(Signal::CONT);
    until_true("four seconds of load", || load.now() > Duration::from_secs(4));
    let requests = load.end();
    let failed = requests.failed();
    let module = admin::module(&server, "hostile_module");
    figure(format_args!(
        "stopped for 2 s: {} requests, {failed} failed, quarantines {}",
        requests.all(),
        module["quarantines"]
    ));
    assert_eq!((failed, &module["quarantines"]), (0, &0.into()), "{module}");
}
