//! A module that does wrong too often is shut out, is tried again after a rest, and costs no request meanwhile.

use std::os::unix::process::ExitStatusExt;
use std::time::Instant;

use rustix::process::Signal;

use super::{RAISED, hostile, many, panics_of};
use crate::support::admin;
use crate::support::config::load_line;
use crate::support::load::load;
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::ports::Refused;
use crate::support::process::run;
use crate::support::server::Server;
use crate::support::told::figure;
use crate::support::wait::until_true;

/// Two endpoints that answer.
pub(super) fn origins() -> ([Origin; 2], [String; 2]) {
    let origins = [Origin::quick(), Origin::quick()];
    let urls = origins.each_ref().map(Origin::url);
    (origins, urls)
}

#[test]
fn a_panic_in_one_request_of_ten_shuts_the_module_out_at_the_fifth_and_costs_no_request() {
    let (origins, urls) = origins();
    for mode in ["begin-panic", "next-panic", "done-panic", "garbage"] {
        let mut server = hostile(&format!("Executors 1\nHostileMode {mode}\nHostileEvery 10\n"), &urls);
        let statuses = load(server.addr(), many(5000), 0);
        figure(format_args!("{mode} in one request of ten: {statuses}"));
        assert_eq!((statuses.all(), statuses.failed()), (many(5000), 0), "{mode}");
        let module = admin::module(&server, "hostile_module");
        let faults = &module["faults"];
        let count = faults["panic"].as_u64().unwrap() + faults["bad_return"].as_u64().unwrap();
        assert_eq!((count, &module["state"]), (5, &"open".into()), "{module}");
        assert!(module["refused"].as_u64().unwrap() > many(5000) as u64 / 2, "{module}");
        // What is told may come behind what is answered.
        server.wait_for_log("event=module_quarantined");
        let event = if mode == "garbage" { "event=bad_return" } else { "event=module_panic" };
        assert_eq!(server.log_lines(event).len(), 5);
        let shut = server.log_lines("event=module_quarantined");
        assert_eq!(shut.len(), 1, "{shut:?}");
        assert!(shut[0].contains("generation=1 faults=5 seconds=30"), "{}", shut[0]);
        assert!(server.is_running());
    }
    drop(origins);
}

#[test]
fn a_module_that_mends_is_let_in_again_and_one_that_does_not_rests_twice_as_long() {
    let (origins, urls) = origins();
    // Five while closed, then one in each of two trials.
    let mut server = hostile(
        "Executors 1\nModuleOnPanic quarantine 5/60s 100ms\nLogLevel info\nHostileMode next-panic\nHostileUntil 7\n",
        &urls,
    );
    let mut failed = 0;
    let begun = Instant::now();
    until_true("the recovery", || {
        failed += load(server.addr(), 1000, 0).failed();
        admin::module(&server, "hostile_module")["state"] == "closed"
    });
    figure(format_args!(
        "mended after seven panics: {failed} requests failed, let in after {:?}",
        begun.elapsed()
    ));
    assert_eq!((failed, panics_of(&server, "hostile_module")), (0, 7));
    server.wait_for_log("event=module_recovered");
    let rests: Vec<String> = server
        .log_lines("event=module_quarantined")
        .iter()
        .map(|line| line.rsplit_once("seconds=").unwrap().1.to_owned())
        .collect();
    assert_eq!(rests, ["0.1", "0.2", "0.4"]);
    assert_eq!(server.log_lines("event=module_recovered").len(), 1);
    drop(origins);
}

/// The lines of a module's faults are bounded by time, whatever their number.
fn panics(requests: usize, every: usize) {
    let (origins, urls) = origins();
    let mut server = hostile(&format!("{RAISED}HostileMode next-panic\nHostileEvery {every}\n"), &urls);
    let begun = Instant::now();
    let statuses = load(server.addr(), requests, 0);
    let (seconds, panics) = (begun.elapsed().as_secs(), panics_of(&server, "hostile_module"));
    let lines = server.log_lines("event=module_panic").len();
    figure(format_args!("{panics} panics: {statuses}, {lines} lines in {seconds} s"));
    assert_eq!((statuses.all(), statuses.failed()), (requests, 0), "{statuses}");
    assert!(panics >= requests / every && server.is_running());
    assert!(lines <= 5 + 2 + seconds as usize, "{lines} lines in {seconds} s");
    drop(origins);
}

#[test]
fn a_hundred_thousand_panics_cost_no_request_and_few_lines() {
    panics(many(100_000), 1);
}

#[test]
#[ignore = "takes minutes: ten million requests, of which one in ten panics; run by cargo xtask test --long"]
fn a_million_panics_cost_no_request() {
    panics(10_000_000, 10);
}

#[test]
fn an_implementation_that_is_shut_out_counts_as_declining() {
    let origin = Origin::quick();
    let server = Server::conf(&format!(
        "{}AdminSocket admin.sock\nHooksPanicOn access_checker\nProxyPass / {}/\n",
        load_line("hooks_module", &modules::rust("mod-hooks")),
        origin.url()
    ));
    let statuses: Vec<u16> = (0..8).map(|_| server.get("/").status).collect();
    assert_eq!(statuses, [500, 500, 500, 500, 500, 200, 200, 200]);
    let module = admin::module(&server, "hooks_module");
    // Every hook of it: before the request, in it, at its answer and after it.
    assert!(module["refused"].as_u64().unwrap() >= 3 * 4, "{module}");
}

#[test]
fn behind_a_hook_that_modules_run_it_declines_as_well() {
    let origin = Origin::quick();
    let server = Server::conf(&format!(
        "{}{}HostileMode locate-panic\n{}AdminSocket admin.sock\nGeoCluster c {}\nGeoDeny DE\nGeoProxyPass / c\n",
        load_line("geo_module", &modules::rust("mod-geo")),
        load_line("hostile_module", &modules::rust("mod-hostile")),
        load_line("lb_geo_module", &modules::rust("mod-lb-geo")),
        origin.url()
    ));
    let statuses: Vec<u16> = (0..8).map(|_| server.get("/").status).collect();
    assert_eq!(statuses, [500, 500, 500, 500, 500, 200, 200, 200]);
    assert_eq!(admin::module(&server, "geo_module")["state"], "closed", "it is not to blame");
}

#[test]
fn where_the_configuration_says_so_the_request_fails_and_nothing_else_does() {
    let (origins, urls) = origins();
    for mode in ["begin-panic", "next-panic"] {
        let server = hostile(
            &format!("ModuleOnPanic hostile_module fail\nHostileMode {mode}\nHostileEvery 2\n"),
            &urls,
        );
        let statuses: Vec<u16> = (0..20).map(|_| server.get("/").status).collect();
        assert_eq!(statuses, [503, 200].repeat(10), "{mode}");
        assert_eq!(admin::module(&server, "hostile_module")["state"], "closed");
    }
    drop(origins);
}

#[test]
fn where_the_configuration_says_so_the_process_ends_and_says_why() {
    let (origins, urls) = origins();
    let mut server = hostile("ModuleOnPanic abort\nHostileMode next-panic\n", &urls);
    let mut client = server.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(server.wait().signal(), Some(Signal::ABORT.as_raw()));
    let log = server.log();
    assert!(log.contains("event=module_panic") && log.contains("event=module_abort"), "{log}");
    drop(origins);
}

#[test]
fn a_balancer_that_offers_one_dead_endpoint_for_ever_costs_no_request() {
    let (dead, origin) = (Refused::new(), Origin::quick());
    let mut server = hostile("HostileMode repeat\n", &[dead.url(), origin.url()]);
    (0..7).for_each(|_| assert_eq!(server.get("/").status, 200));
    server.wait_for_log("event=module_quarantined");
    let lines = server.log_lines("event=bad_return");
    assert!(
        lines.len() == 5 && lines[0].contains("offers only endpoints that were tried already"),
        "{lines:?}"
    );
}

#[test]
fn the_command_line_shows_the_gates_of_a_running_server() {
    let (origins, urls) = origins();
    let server = hostile("HostileMode begin-panic\n", &urls);
    (0..7).for_each(|_| assert_eq!(server.get("/").status, 200));
    let socket = admin::socket(&server).display().to_string();
    for words in [&["-M"][..], &["-D", "DUMP_MODULES"]] {
        let shown = run([words, &["--live", &socket]].concat());
        assert_eq!(shown.code, Some(0), "{shown:?}");
        let line = " hostile_module (shared) generation 1: open; panics 5, bad returns 0, stuck 0, slow 0; quarantines 1, \
                    calls refused 2\n";
        assert!(shown.stdout.starts_with("Loaded Modules:\n") && shown.stdout.contains(line), "{shown:?}");
    }
    let shown = run(["-M", "--live", &format!("{socket}.not")]);
    assert!(shown.code == Some(1) && shown.stderr.contains("admin.sock.not"), "{shown:?}");
    drop(origins);
}
