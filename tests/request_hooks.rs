//! The request hooks: their order, what they may answer, and what becomes of their faults.

use crate::support::config::load_line as load;
use crate::support::modules;
use crate::support::origin::{Origin, Then};
use crate::support::server::Server;

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
