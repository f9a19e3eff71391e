//! Who asks, what is answered, and that one who waits for a module holds up nobody else.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::{ask_reload, generation, number, reload, start, with_socket};
use crate::support::admin::{ask, json, socket};
use crate::support::config::load_line;
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::server::Server;
use crate::support::wait::until_true;

#[test]
fn only_a_post_reloads_and_nothing_else_is_posted() {
    let server = start("");
    let at = socket(&server);
    for (method, target, allowed) in [("GET", "/reload", "post"), ("POST", "/generation", "get")] {
        let (head, _) = ask(&at, method, target);
        assert!(head.starts_with("HTTP/1.1 405"), "{head}");
        assert!(head.to_lowercase().contains(&format!("allow: {allowed}")), "{head}");
    }
    assert_eq!(number(&server), 1);
    let (head, body) = ask(&at, "POST", "/reload?format=json");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((&value["reloaded"], &value["generation"]), (&true.into(), &2.into()));
    assert!(ask(&at, "POST", "/reload?now").0.starts_with("HTTP/1.1 400"));
    let text = ask(&at, "GET", "/generation").1;
    assert!(
        text.contains("Generation 2 is in force") && text.contains("Reloads: 1 done, 0 refused"),
        "{text}"
    );
}

/// A configuration with a module whose `init` waits while `block` is there, and the path of that.
fn slow(origin: &Origin) -> String {
    format!(
        "{}SlowInit {{root}}/block\nProxyPass / {}/\n",
        load_line("slow_init_module", &modules::c("tests/modules/slow_init.c", &[])),
        origin.url()
    )
}

fn block(server: &Server) -> std::path::PathBuf {
    let path = server.root().join("block");
    std::fs::write(&path, "").unwrap();
    path
}

#[test]
fn a_module_that_takes_its_time_to_begin_holds_up_neither_requests_nor_pages() {
    let origin = Origin::named("ok");
    let server = start(&slow(&origin));
    let block = block(&server);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask_reload(&server));
        until_true("the reload to be under way", || generation(&server)["reloads"]["under_way"] == true);
        assert_eq!(server.get("/").text(), "ok");
        assert!(json(&server, "/modules")["modules"].is_array());
        // Both get the next one.
        let more: Vec<_> = (0..2).map(|_| scope.spawn(|| ask_reload(&server))).collect();
        assert_eq!(number(&server), 1);
        std::fs::remove_file(&block).unwrap();
        assert_eq!(asked.join().unwrap().0, 200);
        more.into_iter().for_each(|asked| assert_eq!(asked.join().unwrap().0, 200));
    });
    let done = generation(&server)["reloads"]["done"].as_u64().unwrap();
    assert!((2..=3).contains(&done), "{done} reloads for three that asked");
}

#[test]
fn term_during_a_slow_reload_stops_the_server() {
    let origin = Origin::named("ok");
    let mut server = start(&slow(&origin));
    let _block = block(&server);
    server.signal(Signal::HUP);
    until_true("the reload to be under way", || generation(&server)["reloads"]["under_way"] == true);
    let began = Instant::now();
    let mut client = server.client();
    client.send_get("/");
    assert_eq!(client.response().text(), "ok");
    server.signal(Signal::TERM);
    assert!(client.is_closed());
    assert_eq!(server.wait().code(), Some(0), "{}", server.log());
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert!(server.log().contains("a reload is still under way"), "{}", server.log());
}

#[test]
fn a_server_that_is_about_to_end_refuses() {
    let (origin, tell) = Origin::waiting();
    let mut server = start(&format!("ProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send_get("/");
    origin.wait_for_requests(1);
    server.signal(Signal::TERM);
    server.wait_for_log("TERM: stopping");
    assert_eq!(ask_reload(&server), (500, "the server is about to end\n".to_owned()));
    assert_eq!(number(&server), 1);
    tell.send(()).unwrap();
    assert_eq!(client.response().text(), "at last");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn the_admin_socket_moves_and_whoever_asked_for_it_is_answered() {
    let server = start("");
    server.rewrite("AdminSocket moved.sock\n");
    assert_eq!(ask_reload(&server).0, 200);
    until_true("the old socket to be gone", || !socket(&server).exists());
    let moved = server.root().join("moved.sock");
    assert!(ask(&moved, "GET", "/generation").1.contains("Generation 2 is in force"));
    server.rewrite("");
    assert!(ask(&moved, "POST", "/reload").0.starts_with("HTTP/1.1 200"));
    until_true("no socket any more", || !moved.exists());
    server.rewrite(&with_socket(""));
    server.signal(Signal::HUP);
    until_true("a socket again", || socket(&server).exists());
    assert_eq!(number(&server), 4);
}

#[test]
fn a_socket_whose_file_somebody_removed_is_made_anew() {
    let server = start("");
    std::fs::remove_file(socket(&server)).unwrap();
    server.signal(Signal::USR1);
    until_true("a socket again", || socket(&server).exists());
    reload(&server, "");
    assert_eq!(number(&server), 3);
}
