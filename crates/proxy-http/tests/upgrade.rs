//! WebSocket: a tunnel after a 101 that was asked for, and only then.

use crate::support::{Origin, Peer, Proxy, field};

const UPGRADE: &str = "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                       Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCHING: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                         Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn asked(early: &str) -> (Origin, Proxy, Peer, Peer) {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send(format!("{UPGRADE}{early}"));
    let mut endpoint = origin.accept();
    let head = endpoint.head();
    assert_eq!(field(&head, "Upgrade"), Some("websocket"));
    assert_eq!(field(&head, "Connection"), Some("Upgrade"));
    (origin, proxy, client, endpoint)
}

#[test]
fn bytes_go_both_ways_and_each_side_ends_by_itself() {
    let (_origin, proxy, mut client, mut endpoint) = asked("");
    endpoint.send(format!("{SWITCHING}hello"));
    let head = client.head();
    assert!(head.starts_with("HTTP/1.1 101 ") && field(&head, "Sec-WebSocket-Accept").is_some(), "{head}");
    assert_eq!(client.bytes(5), b"hello");
    for word in ["one", "two"] {
        client.send(word);
        assert_eq!(endpoint.bytes(3), word.as_bytes());
        endpoint.send(word);
        assert_eq!(client.bytes(3), word.as_bytes());
    }
    client.end();
    assert_eq!(endpoint.rest(), b"");
    endpoint.send("last");
    drop(endpoint);
    assert_eq!(client.rest(), b"last");
    assert_eq!(proxy.logged().status, 101);
    assert_eq!(proxy.endpoint_gauges(), (0, 0));
}

#[test]
fn bytes_behind_the_request_wait_for_the_101() {
    let (_origin, _proxy, mut client, mut endpoint) = asked("early");
    endpoint.send(SWITCHING);
    assert_eq!(endpoint.bytes(5), b"early");
    client.head();
}

#[test]
fn a_refused_upgrade_is_an_ordinary_response() {
    let (_origin, _proxy, mut client, mut endpoint) = asked("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    endpoint.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 403 "));
    assert!(endpoint.head().starts_with("GET /next "), "and what follows is a request");
}

#[test]
fn a_silent_tunnel_is_closed() {
    let origin = Origin::new();
    let proxy = Proxy::start(&format!("ProxyPass / {}\nProxyTimeout 200ms", origin.url()));
    let mut client = proxy.client();
    client.send(UPGRADE);
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send(SWITCHING);
    client.head();
    endpoint.gone();
    client.gone();
}
