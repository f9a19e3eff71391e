//! Panics of a balancer in the middle of requests: the server lives, each request is answered, and the log does not grow
//! with them, whether the module is let go on or shut out.

use std::time::Instant;

use super::{Form, Progress, in_both_forms, misbehaving};
use crate::support::admin;
use crate::support::probe::{Came, Outcome, Probe, Rate, origin};
use crate::support::server::Server;
use crate::support::told::figure;

in_both_forms!(prove, "takes many minutes: two million requests; run by cargo xtask prove panics --long");

/// So many requests are made before their outcomes are put away.
const ROUND: usize = 500_000;

fn prove(form: Form) {
    // A request that panics in `next` is two calls, each other five: one panic in seven calls.
    let (panics, every) = (form.pick(20_000, 1_000_000), 2);
    let origins = [1, 2].map(origin);
    let lines =
        format!("ModuleOnPanic quarantine 1000000/60s\nHostileMode next-panic\nHostileEvery {every}\n");
    let mut server = misbehaving(&lines, &origins);
    let (begun, requests) = (Instant::now(), panics * every);
    let told = load(&server, requests);
    let (seconds, module) = (begun.elapsed().as_secs(), admin::module(&server, "hostile_module"));
    let (counted, lines) =
        (module["faults"]["panic"].as_u64().unwrap(), server.log_lines("event=module_panic").len());
    figure(format_args!(
        "{counted} panics, one in {every} requests: {told}; {lines} lines in {seconds} s, module {}",
        module["state"]
    ));
    assert!(counted >= panics as u64 && module["state"] == "closed", "{module}");
    assert!(lines as u64 <= 7 + seconds, "{lines} lines in {seconds} s");
    assert!(server.is_running() && server.stop().0.success());
    shut_out(form, "by default", "", |quarantines| quarantines == 1);
    shut_out(form, "with a rest of 100 ms", "ModuleOnPanic quarantine 5/60s 100ms\n", |count| count > 1);
}

/// With a bound on the panics that a module may have.
fn shut_out(form: Form, what: &str, lines: &str, is_due: impl Fn(u64) -> bool) {
    let origins = [1, 2].map(origin);
    let lines = format!("{lines}HostileMode next-panic\nHostileEvery 10\n");
    let mut server = misbehaving(&lines, &origins);
    let told = load(&server, form.pick(10_000, 300_000));
    let module = admin::module(&server, "hostile_module");
    let (panics, quarantines) = (&module["faults"]["panic"], module["quarantines"].as_u64().unwrap());
    figure(format_args!(
        "shut out {what}: {told}; {panics} panics, {quarantines} quarantines, {} calls refused",
        module["refused"]
    ));
    assert!(panics.as_u64().unwrap() >= 5 && is_due(quarantines), "{module}");
    assert!(module["refused"].as_u64().unwrap() > 0, "{module}");
    assert!(server.is_running() && server.stop().0.success());
}

/// As many requests as that, as fast as they can be made; none may fail. What there is to say of them.
fn load(server: &Server, requests: usize) -> String {
    let (mut made, mut progress) = (0, Progress::new());
    while made < requests {
        let (probe, round) = (Probe::start(server.addr(), Rate::unbounded(5)), ROUND.min(requests - made));
        while probe.so_far().0 < round {
            std::thread::sleep(std::time::Duration::from_millis(5));
            let (asked, failed) = probe.so_far();
            progress.tell(|| format!("{} requests, {failed} failed", made + asked));
        }
        let outcome = probe.end();
        outcome.assert_none_failed();
        made += right(&outcome);
    }
    format!("{made} requests, 0 failed")
}

fn right(outcome: &Outcome) -> usize {
    outcome.of(Came::Right)
}
