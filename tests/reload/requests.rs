//! Requests before, during and after a reload.

use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use super::{generation, reload, start};
use crate::support::admin::json;
use crate::support::config::load_line;
use crate::support::modules;
use crate::support::origin::{Origin, Then, read_request};
use crate::support::server::Server;
use crate::support::wait::until_true;

#[test]
fn one_connection_sees_each_configuration_in_turn() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let server = start(&format!("ProxyPass /one {}/\n", a.url()));
    let mut client = server.client();
    let mut get = |target: &str| {
        client.send_get(target);
        let response = client.response();
        assert!(response.complete);
        (response.status, response.text())
    };
    assert_eq!(get("/one"), (200, "a".to_owned()));
    reload(&server, &format!("ProxyPass /one {}/\n", b.url()));
    assert_eq!(get("/one"), (200, "b".to_owned()), "another endpoint");
    reload(&server, &format!("ProxyPass /two {}/\n", b.url()));
    assert_eq!(get("/one").0, 404, "another route");
    assert_eq!(get("/two"), (200, "b".to_owned()));
    reload(&server, &format!("LimitRequestFieldSize 50\nProxyPass / {}/\n", b.url()));
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(60)).as_bytes());
    assert_eq!(client.response().status, 431, "another limit");
}

#[test]
fn a_head_that_has_begun_is_measured_by_the_limits_in_force_when_it_ends() {
    let origin = Origin::named("ok");
    let server = start(&format!("ProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n", "x".repeat(60)).as_bytes());
    reload(&server, &format!("LimitRequestFieldSize 50\nProxyPass / {}/\n", origin.url()));
    // It holds none of the old one.
    until_true("the old generation to end", || generation(&server)["live"] == 1);
    client.send(b"\r\n");
    assert_eq!(client.response().status, 431);
}

#[test]
fn a_request_in_flight_sees_one_generation_in_all_its_hooks() {
    let (origin, tell) = Origin::waiting();
    let text = |name: &str| {
        format!(
            "{}RequestHeader set X-Generation {name}\nHeader set X-Generation {name}\nProxyPass / {}/\n",
            load_line("headers_module", &modules::rust("mod-headers")),
            origin.url()
        )
    };
    let mut server = start(&text("first"));
    let mut client = server.client();
    client.send_get("/");
    origin.wait_for_requests(1);
    reload(&server, &text("second"));
    assert_eq!(generation(&server)["live"], 2, "the request holds its generation");
    tell.send(()).unwrap();
    let response = client.response();
    assert_eq!((response.text().as_str(), response.field("X-Generation")), ("at last", Some("first")));
    client.send_get("/");
    tell.send(()).unwrap();
    assert_eq!(client.response().field("X-Generation"), Some("second"));
    let seen = origin.requests();
    assert_eq!(seen[0].field("X-Generation"), Some("first"));
    assert_eq!(seen[1].field("X-Generation"), Some("second"));
    server.wait_for_log("generation 1 ended");
    assert_eq!(generation(&server)["live"], 1);
}

/// Sends back what comes after an upgrade.
fn echo() -> Origin {
    Origin::conversing(|conn, mut stream, ledger| {
        if read_request(conn, &mut stream, ledger)?.is_some() {
            stream.write_all(
                b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            )?;
        }
        let mut piece = [0; 1024];
        loop {
            let count = stream.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            stream.write_all(&piece[..count])?;
        }
    })
}

#[test]
fn tunnels_and_long_downloads_go_on_over_reloads() {
    let (tell, told) = mpsc::channel::<()>();
    let told = Mutex::new(told);
    let download = Origin::answering(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n")?;
        for _ in 0..5 {
            let _ = told.lock().unwrap().recv_timeout(Duration::from_secs(20));
            stream.write_all(b"0123456789")?;
        }
        Ok(Then::Keep)
    });
    let echo = echo();
    let text = |way: u32| {
        format!("ProxyPass /ws {}/\nProxyPass /long {}/\nProxyPass /{way} !\n", echo.url(), download.url())
    };
    let mut server = start(&text(0));
    let mut socket = server.client();
    socket.send(
        b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert_eq!(socket.response().status, 101);
    let mut client = server.client();
    client.send_get("/long");
    download.wait_for_requests(1);
    for way in 1..=5 {
        reload(&server, &text(way));
        socket.send(b"hello");
        assert_eq!(socket.bytes(5), b"hello", "after reload {way}");
        tell.send(()).unwrap();
    }
    let response = client.response();
    assert_eq!((response.body.len(), response.complete), (50, true));
    let page = generation(&server);
    assert_eq!((&page["number"], &page["replaced"][0]["number"]), (&6.into(), &1.into()), "{page}");
    drop(socket);
    server.wait_for_log("generation 1 ended");
    assert_eq!(server.get("/3").status, 404);
}

fn counters(server: &Server) -> (u64, u64, u64) {
    let endpoint = json(server, "/clusters")["clusters"][0]["endpoints"][0].clone();
    let figure = |name: &str| endpoint[name].as_u64().unwrap();
    (figure("in_flight"), figure("connections"), figure("total"))
}

#[test]
fn requests_of_the_old_generation_end_on_the_counters_of_the_new() {
    let (origin, tell) = Origin::waiting();
    let text = format!("ProxyPass / {}/\n", origin.url());
    let server = start(&text);
    let mut clients: Vec<_> = (0..3).map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| client.send_get("/"));
    origin.wait_for_requests(3);
    for place in 0..3 {
        // Its place among the others changes, and it stays what it is.
        reload(&server, &format!("ProxyPass /other{place} http://127.0.0.1:9/\n{text}"));
        let clusters = json(&server, "/clusters")["clusters"].as_array().unwrap().len();
        assert_eq!(clusters, 2);
    }
    reload(&server, &text);
    assert_eq!(counters(&server), (3, 3, 3));
    (0..3).for_each(|_| tell.send(()).unwrap());
    clients.iter_mut().for_each(|client| assert_eq!(client.response().text(), "at last"));
    until_true("nothing in flight", || counters(&server).0 == 0);
    assert_eq!(counters(&server), (0, 3, 3), "three idle connections");
    drop(origin);
    until_true("no connection", || counters(&server).1 == 0 || server.get("/").status == 503);
}

#[test]
fn idle_connections_of_endpoints_that_stay_are_kept() {
    let (stays, goes) = (Origin::named("stays"), Origin::named("goes"));
    let stay = format!("ProxyPass /stays {}/\n", stays.url());
    let go = format!("ProxyPass /goes {}/\n", goes.url());
    let server = start(&format!("Executors 1\n{go}{stay}"));
    assert_eq!(server.get("/stays").text(), "stays");
    assert_eq!(server.get("/goes").text(), "goes");
    reload(&server, &format!("Executors 1\nProxyPass /new {}/\n{stay}", stays.url()));
    until_true("the connection of the one that is gone to be closed", || goes.open() == 0);
    assert_eq!(server.get("/stays").text(), "stays");
    assert_eq!(server.get("/new").text(), "stays");
    assert_eq!((stays.conns(), stays.open()), (1, 1), "the same connection all along");
}

#[test]
fn the_round_robin_goes_on_where_it_was() {
    let origins: Vec<Origin> = ["a", "b", "c"].into_iter().map(Origin::named).collect();
    let text = |order: &[usize]| {
        let servers: String =
            order.iter().map(|place| format!("LBServerCluster c {}\n", origins[*place].url())).collect();
        format!("{{lb}}\n{servers}LBProxyPass / c\n")
    };
    let server = start(&text(&[0, 1, 2]));
    let mut seen = String::new();
    for turn in 0..6 {
        seen += &server.get("/").text();
        reload(&server, &format!("Timeout {}\n{}", 10 + turn, text(&[0, 1, 2])));
    }
    assert_eq!(seen, "abcabc");
}
