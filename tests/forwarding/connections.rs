//! Connections on both sides: kept, ended, upgraded.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::Duration;

use super::server;
use crate::support::origin::{Origin, Then, ok, read_request};
use crate::support::server::Server;

#[test]
fn a_connection_serves_many_requests_and_the_endpoints_one_is_kept() {
    let origin = Origin::named("ok");
    let server = server(&origin, "Executors 1");
    let mut client = server.client();
    for request in 0..50 {
        client.send_get(&format!("/{request}"));
        assert_eq!(client.response().text(), "ok");
    }
    for _ in 0..10 {
        assert_eq!(server.get("/").text(), "ok");
    }
    assert_eq!((origin.count(), origin.conns()), (60, 1));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::answering(|seen, stream| {
        stream.write_all(&ok(seen.target().as_bytes()))?;
        Ok(Then::Keep)
    });
    let server = server(&origin, "");
    let mut client = server.client();
    let all: String = (0..20).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(all.as_bytes());
    for number in 0..20 {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
}

#[test]
fn connection_close_is_honoured_on_both_sides() {
    let origin =
        Origin::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", Then::Close);
    let server = server(&origin, "");
    let mut client = server.client();
    client.send_get("/1");
    assert_eq!(client.response().text(), "ok");
    client.send(b"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let response = client.response();
    assert_eq!((response.text().as_str(), response.field("Connection")), ("ok", Some("close")));
    assert!(client.is_closed());
    assert_eq!(origin.conns(), 2);
}

#[test]
fn a_client_of_http_1_0_may_ask_to_keep_its_connection() {
    let origin = Origin::named("ok");
    let server = server(&origin, "");
    let mut client = server.client();
    for _ in 0..3 {
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response();
        assert_eq!(response.text(), "ok");
        assert!(response.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")));
    }
}

#[test]
fn a_client_that_has_finished_sending_still_gets_its_answer() {
    let origin = Origin::named("ok");
    let server = server(&origin, "");
    let mut client = server.client();
    client.send_get("/");
    client.finish_sending();
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn a_client_that_goes_away_takes_the_endpoints_connection_with_it() {
    let (gone, wait) = mpsc::channel();
    let origin = Origin::conversing(move |_, mut stream, ledger| {
        if let Some(seen) = read_request(0, &mut stream, ledger)? {
            ledger.record(seen);
        }
        let ended = stream.read(&mut [0; 1]);
        let _ = gone.send(matches!(ended, Ok(0) | Err(_)));
        Ok(())
    });
    let server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send_get("/");
    origin.wait_for_requests(1);
    client.reset();
    assert_eq!(wait.recv_timeout(Duration::from_secs(5)), Ok(true));
}

#[test]
fn bytes_flow_both_ways_after_an_upgrade_and_each_half_ends_by_itself() {
    let origin = Origin::conversing(|_, mut stream, ledger| {
        if let Some(seen) = read_request(0, &mut stream, ledger)? {
            ledger.record(seen);
        }
        stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst",
        )?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all)?;
        stream.write_all(&all)
    });
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(
        b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let response = client.response();
    assert_eq!((response.status, response.field("Upgrade")), (101, Some("websocket")));
    assert_eq!(client.bytes(5), b"first");
    client.send(b"echo this");
    client.finish_sending();
    assert_eq!(client.rest(), b"echo this");
    let seen = origin.only_request();
    assert_eq!((seen.field("Upgrade"), seen.field("Connection")), (Some("websocket"), Some("Upgrade")));
}

#[test]
fn an_upgrade_that_the_endpoint_refuses_is_an_ordinary_answer() {
    let origin = Origin::named("no thanks");
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.response().text(), "no thanks");
}
