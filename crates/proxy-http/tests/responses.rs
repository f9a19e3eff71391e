//! Responses: those without a body, interim ones, and those that are none.

use crate::support::{Origin, Peer, Proxy, field};

fn exchange(method: &str) -> (Origin, Proxy, Peer, Peer) {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
    let mut endpoint = origin.accept();
    endpoint.head();
    (origin, proxy, client, endpoint)
}

#[test]
fn responses_without_a_body_leave_both_connections_in_step() {
    let cases = [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n", Some("7")),
        ("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", None),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n", None),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n", Some("9")),
        ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", Some("0")),
    ];
    for (method, response, length) in cases {
        let (origin, _proxy, mut client, mut endpoint) = exchange(method);
        endpoint.send(response);
        let head = client.head();
        assert_eq!(field(&head, "Content-Length"), length, "{method} {response}");
        client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(endpoint.head().starts_with("GET /next "), "{method} {response}");
        assert!(origin.try_accept().is_none());
    }
}

#[test]
fn a_body_until_the_end_becomes_chunks() {
    let (_origin, _proxy, mut client, mut endpoint) = exchange("GET");
    endpoint.send("HTTP/1.1 200 OK\r\n\r\nabc");
    drop(endpoint);
    let head = client.head();
    assert_eq!(field(&head, "Transfer-Encoding"), Some("chunked"));
    assert_eq!(client.until(b"0\r\n\r\n"), b"3\r\nabc\r\n0\r\n\r\n");
}

#[test]
fn interim_responses_are_passed_on() {
    let (_origin, _proxy, mut client, mut endpoint) = exchange("GET");
    endpoint.send("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n", "100 was not asked for");
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn an_old_client_gets_no_interim_response() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 200 OK\r\n"));
}

#[test]
fn what_is_no_response_is_a_502() {
    let many = "HTTP/1.1 103 Early Hints\r\n\r\n".repeat(17);
    let fields: String = (0..101).map(|n| format!("X-{n}: v\r\n")).collect();
    let endless = format!("HTTP/1.1 200 OK\r\n{}", format!("X: {}\r\n", "v".repeat(8000)).repeat(9));
    let cases: [(&str, &str); 9] = [
        ("garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n"),
        ("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx"),
        (
            "length and chunks",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "unsolicited 101",
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        ),
        ("status", "HTTP/1.1 20 OK\r\n\r\n"),
        ("endless interim", &many),
        ("too many fields", &format!("HTTP/1.1 200 OK\r\n{fields}\r\n")),
        ("too large", &endless),
        ("half a head", "HTTP/1.1 200 OK\r\nContent-Le"),
    ];
    for (what, response) in cases {
        let (_origin, proxy, mut client, mut endpoint) = exchange("GET");
        endpoint.send(response);
        endpoint.end();
        let mut head = client.head();
        while head.starts_with("HTTP/1.1 103") {
            head = client.head();
        }
        assert!(head.starts_with("HTTP/1.1 502 "), "{what}: {head}");
        let logged = proxy.logged();
        assert_eq!((logged.status, logged.upstream_status, logged.tries), (502, 0, 1), "{what}");
        assert_eq!(proxy.endpoint_gauges(), (0, 0), "{what}: the connection is closed");
    }
}

#[test]
fn surplus_bytes_end_the_endpoint_connection() {
    let (origin, proxy, mut client, mut endpoint) = exchange("GET");
    endpoint.send(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    );
    assert_eq!(client.message().1, b"ok");
    endpoint.gone();
    proxy.logged();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    assert_eq!(client.message().1, b"good");
}

#[test]
fn bytes_on_an_idle_connection_close_it() {
    let (origin, proxy, mut client, mut endpoint) = exchange("GET");
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    client.message();
    proxy.logged();
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    // POST asks the system, so the bytes are seen whatever the reactor has heard.
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    assert_eq!(client.message().1, b"good");
}

/// A whole response, as the body of another or behind it.
const EVIL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/// The client has sent a GET and behind it another request, which is only looked at once `behind` is there.
#[track_caller]
fn assert_unheard(origin: &Origin, proxy: &Proxy, client: &mut Peer, response: &str, behind: &str) {
    let mut endpoint = origin.accept();
    endpoint.head();
    let held = proxy.hold();
    endpoint.send(response);
    client.head();
    endpoint.send(behind);
    drop(held);
    let mut fresh = origin.accept();
    fresh.head();
    fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood");
    assert_eq!(client.message().1, b"good", "{response}");
    endpoint.gone();
}

#[test]
fn a_body_behind_a_response_that_has_none_is_not_taken_for_the_next() {
    let cases = [
        ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 42\r\n\r\n"),
        ("GET", "HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 42\r\n\r\n"),
    ];
    for (method, response) in cases {
        let origin = Origin::new();
        let proxy = Proxy::to(&origin);
        let mut client = proxy.client();
        client.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_unheard(&origin, &proxy, &mut client, response, EVIL);
    }
}

#[test]
fn an_endpoint_that_has_once_answered_nonsense_is_asked_whether_it_has_more_to_say() {
    let (origin, proxy, mut client, mut endpoint) = exchange("GET");
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    client.message();
    proxy.logged();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    endpoint.head();
    endpoint.send("the end of an earlier answer\r\n\r\n");
    assert!(client.message().0.starts_with("HTTP/1.1 502 "));
    endpoint.gone();
    proxy.logged();
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n".repeat(2));
    assert_unheard(&origin, &proxy, &mut client, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", EVIL);
}

#[test]
fn a_truncated_response_never_looks_whole() {
    let cases = [
        ("length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc"),
        ("chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc"),
        ("between chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
    ];
    for (what, response) in cases {
        let (_origin, proxy, mut client, mut endpoint) = exchange("GET");
        endpoint.send(response);
        drop(endpoint);
        let got = String::from_utf8(client.until_reset()).unwrap();
        assert!(!got.ends_with("0\r\n\r\n"), "{what}: {got}");
        assert_eq!(proxy.logged().upstream_status, 200, "{what}");
    }
}

#[test]
fn a_response_that_breaks_behind_its_first_chunk_is_reset() {
    let (_origin, proxy, mut client, mut endpoint) = exchange("GET");
    endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
    client.head();
    assert_eq!(client.bytes(8), b"3\r\nabc\r\n");
    endpoint.send("3\r\nabcde\r\n");
    let got = String::from_utf8(client.until_reset()).unwrap();
    assert!(!got.ends_with("0\r\n\r\n"), "{got}");
    assert_eq!(proxy.logged().upstream_status, 200);
}
