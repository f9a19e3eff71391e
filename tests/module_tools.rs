//! `proxyd module inspect`, `check`, `bench` and `run`, on module files as authors have them, right and wrong.

use std::path::{Path, PathBuf};

use crate::support::modules;
use crate::support::process::{Run, run};
use crate::support::told;

fn module(verb: &str, file: &Path, args: &[&str]) -> Run {
    let file = file.display().to_string();
    let words = ["module", verb, &file].into_iter().chain(args.iter().copied());
    run(words)
}

/// The file of a wrong balancer; what they do under load is a topic of `contained`.
pub(crate) fn wrong(name: &str) -> PathBuf {
    modules::c(&format!("tests/modules/wrong/{name}.c"), &[])
}

/// The ids of the checks that failed, by the report.
fn failed(report: &str) -> Vec<&str> {
    let lines = report.lines().filter(|line| line.contains(" FAILED "));
    lines.filter_map(|line| line.split_ascii_whitespace().next()).collect()
}

/// A balancer with one thing wrong, the kind it claims to be, the check that names the fault, and its evidence.
const WRONG: [(&str, Option<&str>, &str, &str); 8] = [
    ("replacement", Some("p2c"), "P1", "% for the least loaded of 2, due 100.0 %"),
    ("modulo", Some("consistent-hash"), "C31", "of 2000 keys move when one of 8 is removed"),
    ("neighbour", Some("round-robin"), "D1", "0:600:300:300 without a"),
    ("leak", Some("least"), "C29b", "it got 0 of 600 for 3 equal endpoints"),
    ("runs", Some("weighted"), "W1", "aaabbc for weights [3, 2, 1]"),
    ("spin", None, "C24", "did not end within"),
    ("garbage", None, "C22", "index 7 of 7 endpoints"),
    ("repeat", None, "C23", "offer 3 is index"),
];

fn fails_its_check_alone(name: &str) {
    let (_, kind, id, evidence) = WRONG.into_iter().find(|wrong| wrong.0 == name).unwrap();
    let args = kind.map_or_else(|| vec!["--only-failed"], |kind| vec!["--only-failed", "--as", kind]);
    let report = module("check", &wrong(name), &args);
    assert_eq!((report.code, failed(&report.stdout)), (Some(1), vec![id]), "{report:?}");
    assert!(report.stdout.contains(evidence), "{report:?}");
}

macro_rules! wrong_balancers {
    ($($name:ident)+) => {$(
        mod $name {
            #[test]
            fn fails_the_check_that_names_its_fault() {
                super::fails_its_check_alone(stringify!($name));
            }
        }
    )+};
}

wrong_balancers!(replacement modulo neighbour leak runs spin garbage repeat);

fn passes(package: &str, kind: &str) {
    let report = module("check", &modules::rust(package), &["--as", kind]);
    assert_eq!((report.code, failed(&report.stdout)), (Some(0), vec![]), "{report:?}");
}

#[test]
fn the_round_robin_passes() {
    passes("mod-proxy-lb", "round-robin");
}

#[test]
fn least_requests_passes() {
    passes("mod-lb-least", "least");
}

#[test]
fn two_choices_passes() {
    passes("mod-lb-p2c", "p2c");
}

#[test]
fn ketama_passes() {
    passes("mod-lb-ketama", "consistent-hash");
}

#[test]
fn a_round_robin_is_no_consistent_hashing() {
    let report = module("check", &modules::proxy_lb(), &["--as", "consistent-hash", "--only-failed"]);
    assert_eq!(report.code, Some(1), "{report:?}");
    assert!(failed(&report.stdout).contains(&"C31"), "{report:?}");
}

#[test]
fn a_module_that_is_no_balancer_passes_what_applies() {
    let report = module("check", &modules::rust("mod-hooks"), &[]);
    assert_eq!((report.code, failed(&report.stdout)), (Some(0), vec![]), "{report:?}");
    assert!(report.stdout.contains("it does not implement proxy.load_balance"), "{report:?}");
}

#[test]
fn a_crash_is_named_and_fails_no_other_check() {
    let report = module("check", &modules::c("tests/modules/wrong/crash.c", &[]), &["--only-failed"]);
    assert_eq!((report.code, failed(&report.stdout)), (Some(1), vec!["C36"]), "{report:?}");
    assert!(report.stdout.contains("ended by SIGSEGV"), "{report:?}");
}

#[test]
fn what_the_server_would_refuse_fails_by_name() {
    let flags = ["-DWHEN=INIT", "-DACT=SOCKET"];
    let report =
        module("check", &modules::c("tests/modules/fixtures/misbehaving.c", &flags), &["--only-failed"]);
    assert_eq!((report.code, failed(&report.stdout).contains(&"L6")), (Some(1), true), "{report:?}");
    assert!(report.stdout.contains("its init opens a socket (system call socket)"), "{report:?}");
}

#[test]
fn note_and_record_that_differ_fail_by_name() {
    let report =
        module("check", &modules::c("tests/modules/fixtures/note_differs.c", &[]), &["--only-failed"]);
    assert_eq!(report.code, Some(1), "{report:?}");
    assert_eq!(failed(&report.stdout).first(), Some(&"C1"), "{report:?}");
}

#[test]
fn the_report_comes_in_json_too() {
    let report = module("check", &wrong("repeat"), &["--json"]);
    assert_eq!(report.code, Some(1));
    for part in
        ["\"ident\": \"wrong_module\"", "\"passed\": false", "\"id\": \"C23\"", "\"result\": \"failed\""]
    {
        assert!(report.stdout.contains(part), "{part} in {report:?}");
    }
}

#[test]
fn inspect_runs_no_code() {
    // Its constructor aborts.
    let report = module("inspect", &modules::c("tests/modules/fixtures/aborting.c", &[]), &[]);
    assert_eq!(report.code, Some(0), "{report:?}");
    for part in ["fixture_module", "needs       libc.so.6", "exec stack  no", "text relocs no"] {
        assert!(report.stdout.contains(part), "{part} in {report:?}");
    }
}

#[test]
fn inspect_tells_version_and_builder() {
    let report = module("inspect", &modules::proxy_lb(), &[]);
    for part in
        ["module      proxy_lb_module", "flags       GUARDED, RUST", "version     0.1.0", "rustc", "or later"]
    {
        assert!(report.stdout.contains(part), "{part} in {report:?}");
    }
}

#[test]
fn inspect_refuses_what_is_no_module() {
    let report = module("inspect", Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")), &[]);
    assert_eq!(report.code, Some(1), "{report:?}");
    assert!(report.stderr.contains("is not an ELF file"), "{report:?}");
    let report = module("inspect", &modules::c("tests/modules/fixtures/no_note.c", &[]), &[]);
    assert_eq!(report.code, Some(1), "{report:?}");
    assert!(report.stderr.contains("no proxyd module"), "{report:?}");
}

#[test]
fn bench_measures_five_sizes() {
    let report = module("bench", &modules::proxy_lb(), &[]);
    assert_eq!(report.code, Some(0), "{report:?}");
    for endpoints in ["4", "16", "100", "1000", "10000"] {
        let line = report.stdout.lines().find(|line| line.contains(&format!(" {endpoints} endpoints")));
        assert!(line.is_some_and(|line| line.contains(" ns")), "{endpoints} in {report:?}");
    }
    if told::program("valgrind").is_some() {
        assert!(report.stdout.contains("0.00 allocations"), "{report:?}");
    }
}

#[test]
fn run_shows_each_choice() {
    let report = module("run", &modules::proxy_lb(), &["--endpoints", "2", "--requests", "4"]);
    assert_eq!(report.code, Some(0), "{report:?}");
    let lines: Vec<&str> = report.stdout.lines().filter(|line| line.contains("GET /")).collect();
    assert_eq!(lines.len(), 4, "{report:?}");
    for (line, letter) in lines.iter().zip(["a", "b", "a", "b"]) {
        assert!(line.contains(&format!("proxy_lb_module: {letter} 127.0.0.1:")), "{line}");
        assert!(
            line.contains(" ns; ") && line.ends_with(&format!("the server took {letter}, 200")),
            "{line}"
        );
    }
}
