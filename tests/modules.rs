//! Modules at work: what the server bears of a balancer, and how module files come in.

use crate::support::config::{Syntax, is_static, load_line as load};
use crate::support::modules;
use crate::support::origin::{Origin, total};
use crate::support::ports::Refused;
use crate::support::server::{Server, Setup};

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
        let faults =
            log.lines().filter(|line| line.contains("the built-in round robin answers instead")).count();
        assert_eq!(faults, 4, "{mode}: one line a fault\n{log}");
        let errors = log.lines().filter(|line| line.contains(":error]")).count();
        assert_eq!(errors, 4, "{mode}: nothing but the faults\n{log}");
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
}
