//! What a reload opens, closes and keeps.

use std::net::TcpStream;
use std::path::PathBuf;

use rustix::process::Signal;

use super::{ask_reload, generation, number, reload, start, with_socket};
use crate::support::client::Client;
use crate::support::config::{Syntax, load_line};
use crate::support::modules;
use crate::support::origin::Origin;
use crate::support::ports::free_port;
use crate::support::process::wait_for_file;
use crate::support::server::{Server, Setup};
use crate::support::wait::until_true;

#[test]
fn an_address_is_added_and_taken_away_while_the_other_goes_on() {
    let origin = Origin::named("ok");
    let route = format!("ProxyPass / {}/\n", origin.url());
    let server = start(&route);
    let (first, port) = (server.addr(), free_port());
    let second = ([127, 0, 0, 1], port).into();
    let mut kept = Client::connect(first);
    kept.send_get("/");
    assert_eq!(kept.response().text(), "ok");
    reload(&server, &format!("Listen 127.0.0.1:{port}\n{route}"));
    let mut added = Client::connect(second);
    added.send_get("/");
    assert_eq!(added.response().text(), "ok");
    assert_eq!(
        server.get("/").text(),
        "ok",
        "the first is where it was, though its port was the system's choice"
    );
    reload(&server, &route);
    until_true("the second to be closed", || TcpStream::connect(second).is_err());
    for client in [&mut kept, &mut added] {
        client.send_get("/");
        assert_eq!(client.response().text(), "ok", "connections outlive the socket that they came by");
    }
    // It can be had again at once.
    reload(&server, &format!("Listen 127.0.0.1:{port}\n{route}"));
    let mut again = Client::connect(second);
    again.send_get("/");
    assert_eq!(again.response().text(), "ok");
}

#[test]
fn logs_are_opened_anew_so_that_they_can_be_moved() {
    let origin = Origin::named("ok");
    let mut server =
        start(&format!("ErrorLog error.log\nCustomLog access.log \"%U\"\nProxyPass / {}/\n", origin.url()));
    let path = |name: &str| server.root().join(name);
    for (signal, turn) in [(Signal::USR1, 1), (Signal::HUP, 2)] {
        server.get(&format!("/before{turn}"));
        wait_for_file(&path("access.log"), &format!("/before{turn}"));
        for name in ["error", "access"] {
            std::fs::rename(path(&format!("{name}.log")), path(&format!("{name}.{turn}"))).unwrap();
        }
        server.signal(signal);
        let error = wait_for_file(&path("error.log"), &format!("generation {} is in force", turn + 1));
        assert!(!error.contains("reloading"), "what was before is in the old file: {error}");
        server.get(&format!("/after{turn}"));
        let access = wait_for_file(&path("access.log"), &format!("/after{turn}"));
        assert!(!access.contains(&format!("/before{turn}")), "{access}");
    }
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_format_and_a_level_change_with_the_generation() {
    let origin = Origin::named("ok");
    let text = |level: &str, format: &str| {
        format!("LogLevel {level}\nCustomLog access.log \"{format}\"\nProxyPass / {}/\n", origin.url())
    };
    let server = start(&text("warn", "one %U"));
    let bad = || server.send("BAD\r\n\r\n").status;
    assert_eq!(bad(), 400);
    server.get("/a");
    reload(&server, &text("info", "two %U"));
    server.get("/b");
    assert_eq!(bad(), 400);
    until_true("a line of level info", || !server.log_lines("event=bad_request").is_empty());
    assert_eq!(server.log_lines("event=bad_request").len(), 1, "{}", server.log());
    // Each executor writes its lines when it has answered.
    wait_for_file(&server.root().join("access.log"), "one /a");
    let log = wait_for_file(&server.root().join("access.log"), "two /b");
    assert!(log.contains("one /a") && !log.contains("two /a") && !log.contains("one /b"), "{log}");
}

#[test]
fn executors_come_and_go() {
    let origin = Origin::named("ok");
    let text = |count: u32| format!("Executors {count}\nProxyPass / {}/\n", origin.url());
    let server = start(&text(1));
    let at_work = || generation(&server)["executors"]["at_work"].as_u64().unwrap();
    assert_eq!(at_work(), 1);
    for count in [4, 2, 3, 1] {
        reload(&server, &text(count));
        assert_eq!(at_work(), u64::from(count));
        until_true("those to end that are too many", || generation(&server)["executors"]["leaving"] == 0);
        (0..8).for_each(|_| assert_eq!(server.get("/").text(), "ok"));
    }
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn an_executor_that_leaves_finishes_its_requests() {
    let (origin, tell) = Origin::waiting();
    let text = |count: u32| format!("Executors {count}\nProxyPass / {}/\n", origin.url());
    let server = start(&text(4));
    let mut clients: Vec<Client> = (0..16).map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| client.send_get("/"));
    origin.wait_for_requests(16);
    reload(&server, &text(1));
    (0..16).for_each(|_| tell.send(()).unwrap());
    clients.iter_mut().for_each(|client| assert_eq!(client.response().text(), "at last"));
    until_true("all others to have left", || generation(&server)["executors"]["leaving"] == 0);
    assert!(server.stop().0.success());
}

#[test]
fn who_was_let_in_is_served_though_the_executor_leaves() {
    let origin = Origin::named("ok");
    let text = |count: u32| format!("Executors {count}\nProxyPass / {}/\n", origin.url());
    let server = start(&text(4));
    let mut clients: Vec<Client> = (0..32).map(|_| server.client()).collect();
    clients.iter_mut().step_by(2).for_each(|client| client.send(b"GET / HTTP/1.1\r\nHost: "));
    reload(&server, &text(1));
    for (number, client) in clients.iter_mut().enumerate() {
        client.send(if number % 2 == 0 { b"a\r\n\r\n" } else { b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" });
        assert_eq!(client.response().text(), "ok", "client {number}");
    }
    until_true("all others to have left", || generation(&server)["executors"]["leaving"] == 0);
}

#[test]
fn executors_that_there_are_no_descriptors_for_are_refused() {
    let origin = Origin::named("ok");
    let text = |count: u32| format!("Executors {count}\nProxyPass / {}/\n", origin.url());
    let server = start(&text(2));
    server.cap_descriptors(40);
    server.rewrite(&with_socket(&text(64)));
    let (status, said) = ask_reload(&server);
    assert!(
        status != 200 && said.contains("executors cannot be started: Too many open files"),
        "{status} {said}"
    );
    assert_eq!((number(&server), server.get("/").text().as_str()), (1, "ok"));
    until_true("those to end that had begun", || {
        let executors = &generation(&server)["executors"];
        executors["at_work"] == 2 && executors["leaving"] == 0
    });
    assert_eq!(server.stop().0.code(), Some(0));
}

#[test]
fn max_connections_changes() {
    let origin = Origin::named("ok");
    let text = |most: u32| format!("MaxConnections {most}\nTimeout 20\nProxyPass / {}/\n", origin.url());
    let server = start(&text(1));
    let mut busy = server.client();
    busy.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nha");
    until_true("it is at the origin", || origin.conns() == 1);
    assert_eq!(server.get("/").status, 503);
    reload(&server, &text(2));
    assert_eq!(server.get("/").status, 200);
    reload(&server, &text(1));
    assert_eq!(server.get("/").status, 503);
    busy.send(b"lf");
    assert_eq!(busy.response().status, 200);
}

#[test]
fn the_pid_file_moves() {
    let server = start("PidFile one.pid\n");
    let (one, two) = (server.root().join("one.pid"), server.root().join("two.pid"));
    reload(&server, "PidFile two.pid\n");
    assert!(!one.exists());
    let pid = server.process().pid().to_string();
    assert_eq!(std::fs::read_to_string(&two).unwrap().trim_end(), pid);
    reload(&server, "PidFile two.pid\n");
    assert_eq!(std::fs::read_to_string(&two).unwrap().trim_end(), pid);
    assert!(server.stop().0.success());
    assert!(!two.exists());
}

/// A configuration with the module that tells of its end, and its clusters.
fn counter(origin: &Origin) -> String {
    format!(
        "LogLevel info\n{}CounterCluster c {}\nCounterProxyPass / c\n",
        load_line("counter_module", &modules::c("tests/modules/counter.c", &[])),
        origin.url()
    )
}

#[test]
fn each_generation_ends_its_modules_once() {
    let origin = Origin::named("ok");
    let server = start(&counter(&origin));
    for turn in 1..=5 {
        assert_eq!(server.get("/").text(), "ok");
        if turn == 3 {
            // Its instances were begun, and end as well.
            server.rewrite(&with_socket(&format!("{}PidFile no/such/dir/pid\n", counter(&origin))));
            assert_eq!(ask_reload(&server).0, 409);
        }
        reload(&server, &counter(&origin));
        until_true("the old one to end", || generation(&server)["live"] == 1);
    }
    assert_eq!(number(&server), 6);
    until_true("what the last one told", || server.log_lines("counter: begin=").len() >= 6);
    let ends = server.log_lines("counter: begin=");
    assert_eq!(ends.len(), 6, "{ends:#?}");
    assert_eq!(ends.iter().filter(|line| line.contains("begin=1 next_ok=1")).count(), 5, "{ends:#?}");
    let (status, log) = server.stop();
    assert!(status.success(), "{log}");
    let ends = log.lines().filter(|line| line.contains("counter: begin=")).count();
    assert_eq!(ends, 7, "with the last generation: {log}");
}

fn descriptors(server: &Server) -> Vec<PathBuf> {
    let files = std::fs::read_dir(format!("/proc/{}/fd", server.process().pid())).unwrap();
    files.filter_map(|file| std::fs::read_link(file.ok()?.path()).ok()).collect()
}

fn sockets(server: &Server) -> usize {
    descriptors(server).iter().filter(|file| file.to_string_lossy().starts_with("socket:")).count()
}

/// Mappings of module files.
fn images(server: &Server) -> usize {
    let maps = std::fs::read_to_string(format!("/proc/{}/maps", server.process().pid())).unwrap();
    maps.lines().filter(|line| line.contains("memfd:")).count()
}

#[test]
fn a_changed_module_file_is_taken_and_an_unchanged_one_is_not_loaded_again() {
    let origin = Origin::named("ok");
    let builds = ["-Dwalk_done=one_done", "-Dwalk_done=other_done"]
        .map(|flag| modules::c("tests/modules/counter.c", &[flag]));
    let text = format!(
        "LogLevel info\nLoadModule counter_module mod.so\nCounterCluster c {}\nCounterProxyPass / c\n",
        origin.url()
    );
    let setup = Setup::new(Syntax::Conf, &with_socket(&text));
    let path = setup.module(&builds[0], "mod.so");
    let server = setup.start();
    let before = images(&server);
    let loaded = |answer: &str| {
        assert_eq!(server.get("/").text(), "ok");
        answer.contains("module files loaded anew: 1")
    };
    assert!(!loaded(&reload(&server, &text)));
    for (build, is_new) in [(1, true), (0, false), (1, false)] {
        std::fs::copy(&builds[build], &path).unwrap();
        assert_eq!(loaded(&reload(&server, &text)), is_new, "build {build}");
    }
    assert_eq!(images(&server), 2 * before);
    // The server does not need the file any more, but the next generation does.
    std::fs::write(&path, "no module").unwrap();
    assert_eq!(ask_reload(&server).0, 409);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(ask_reload(&server).0, 409);
    assert_eq!(server.get("/").text(), "ok");
    assert!(server.stop().0.success());
}

fn threads(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/task", server.process().pid())).unwrap().count()
}

#[test]
fn reloads_leave_nothing_behind() {
    let origin = Origin::named("ok");
    let port = free_port();
    let text = |turn: usize| {
        let more = if turn.is_multiple_of(2) {
            String::new()
        } else {
            format!("Listen 127.0.0.1:{port}\nExecutors 3\n")
        };
        let executors = if turn.is_multiple_of(2) { "Executors 2\n" } else { "" };
        format!("CustomLog access.log common\nErrorLog error.log\n{more}{executors}{}", counter(&origin))
    };
    let server = start(&text(0));
    reload(&server, &text(1));
    reload(&server, &text(2));
    assert_eq!(server.get("/").text(), "ok");
    let at_rest = || {
        let page = generation(&server);
        page["live"] == 1 && page["executors"]["leaving"] == 0
    };
    until_true("rest", at_rest);
    // What those who ask the server take for a moment does not count.
    let counts = || {
        let files =
            descriptors(&server).iter().filter(|file| !file.to_string_lossy().starts_with("socket:")).count();
        (files, threads(&server), images(&server))
    };
    let (baseline, before) = (counts(), sockets(&server));
    for turn in 3..=202 {
        server.rewrite(&with_socket(&text(turn)));
        assert_eq!(ask_reload(&server).0, 200);
    }
    until_true("rest", at_rest);
    until_true("no more sockets than before", || sockets(&server) <= before);
    assert_eq!(counts(), baseline, "{:#?}", descriptors(&server));
    assert_eq!(number(&server), 203);
    assert!(server.stop().0.success());
}
