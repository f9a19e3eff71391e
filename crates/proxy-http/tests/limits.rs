//! What a client may take: sizes, times, rates, and how long its connection is kept.

use std::time::{Duration, Instant};

use crate::support::{Origin, Proxy, content, eventually, field};

fn proxy(origin: &Origin, lines: &str) -> Proxy {
    Proxy::start(&format!("ProxyPass / {}\n{lines}", origin.url()))
}

/// A head whose request line, whose one field line and whose number of fields are as told.
fn head(line: usize, field: usize, fields: usize) -> String {
    let host = "Host: a";
    let target = "x".repeat(line - "GET / HTTP/1.1".len());
    let more = if fields > 1 { format!("X: {}\r\n", "y".repeat(field - 3)) } else { String::new() };
    let rest = "Z: z\r\n".repeat(fields.saturating_sub(2));
    format!("GET /{target} HTTP/1.1\r\n{host}\r\n{more}{rest}\r\n")
}

fn status(proxy: &Proxy, head: &str) -> u16 {
    let mut client = proxy.client();
    client.send(head);
    client.head().split(' ').nth(1).unwrap().parse().unwrap()
}

/// All that is mapped to nowhere is a 404, so that no endpoint is wanted.
const NOWHERE: &str = "ProxyPass / !\n";

#[test]
fn heads_are_limited_as_configured() {
    let limits = "LimitRequestLine 60\nLimitRequestFieldSize 50\nLimitRequestFields 4";
    let proxy = Proxy::start(&format!("{NOWHERE}{limits}"));
    for (head, expected) in [
        (head(59, 50, 4), 404),
        (head(60, 50, 4), 404),
        (head(61, 50, 4), 414),
        (head(60, 49, 3), 404),
        (head(60, 51, 4), 431),
        (head(60, 50, 5), 431),
        (head(20, 20, 1), 404),
    ] {
        assert_eq!(status(&proxy, &head), expected, "{head}");
    }
}

#[test]
fn larger_heads_than_the_usual_are_borne_if_asked_for() {
    let proxy = Proxy::start(&format!("{NOWHERE}LimitRequestFieldSize 100000\nLimitRequestLine 100000"));
    assert_eq!(status(&proxy, &head(100_000, 100_000, 2)), 404);
    assert_eq!(status(&proxy, &head(100_000, 100_001, 2)), 431);
    assert_eq!(status(&proxy, &head(100_001, 100, 2)), 414);
}

#[test]
fn the_first_host_of_an_address_says_what_a_head_may_be_and_the_named_one_how_it_is_kept() {
    let proxy = Proxy::start(&format!(
        "{NOWHERE}LimitRequestFields 5\n<VirtualHost *:*>\nServerName first\nLimitRequestFields 2\n</VirtualHost>\n\
         <VirtualHost *:*>\nServerName second\nLimitRequestFields 9\nKeepAlive Off\n</VirtualHost>"
    ));
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: first\r\n\r\n");
    assert_eq!(field(&client.message().0, "Connection"), None);
    client.send("GET / HTTP/1.1\r\nHost: second\r\n\r\n");
    assert_eq!(field(&client.message().0, "Connection"), Some("close"));
    client.gone();
    assert_eq!(status(&proxy, "GET / HTTP/1.1\r\nHost: second\r\nA: a\r\nB: b\r\n\r\n"), 431);
}

#[test]
fn what_an_endpoint_answers_is_not_limited_by_what_clients_may_send() {
    let origin = Origin::new();
    let proxy = proxy(&origin, "LimitRequestFields 1\nLimitRequestFieldSize 20\nLimitRequestLine 20");
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    let long = "y".repeat(5000);
    endpoint
        .send(format!("HTTP/1.1 200 All is well with this one\r\nX: {long}\r\nContent-Length: 0\r\n\r\n"));
    assert!(client.message().0.contains(&long));
}

#[test]
fn a_body_over_the_limit_is_refused_before_an_endpoint_is_asked() {
    let origin = Origin::new();
    let proxy = proxy(&origin, "LimitRequestBody 10\n<Location /more>\nLimitRequestBody 11\n</Location>");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world");
    let (head, body) = client.message();
    assert!(head.starts_with("HTTP/1.1 413 ") && body.ends_with(b"LimitRequestBody allows\n"), "{head}");
    assert!(origin.try_accept().is_none());
    for (target, length) in [("/", 10), ("/more", 11)] {
        client.send(format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"));
        client.send(content(length));
        let mut endpoint = origin.accept();
        endpoint.message();
        endpoint.send("HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
        assert!(client.head().starts_with("HTTP/1.1 204 "));
    }
}

#[test]
fn a_chunked_body_is_refused_once_it_is_over_the_limit() {
    let origin = Origin::new();
    let proxy = proxy(&origin, "LimitRequestBody 10");
    let request = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut client = proxy.client();
    client.send(request).send("5\r\nhello\r\n");
    let mut endpoint = origin.accept();
    endpoint.until(b"hello\r\n");
    client.send("6\r\n world\r\n");
    assert!(client.head().starts_with("HTTP/1.1 413 "));
    endpoint.gone();
    // All in one piece.
    let mut client = proxy.client();
    client.send(format!("{request}b\r\nhello world\r\n0\r\n\r\n"));
    assert!(client.head().starts_with("HTTP/1.1 413 "));
    assert_eq!(proxy.logged().status, 413);
    assert_eq!(proxy.endpoint_gauges().0, 0);
}

#[test]
fn keep_alive_can_be_switched_off_and_counted() {
    let (one, two) = (Proxy::start(&format!("{NOWHERE}KeepAlive Off")), Proxy::start(NOWHERE));
    let three = Proxy::start(&format!("{NOWHERE}MaxKeepAliveRequests 3"));
    for (proxy, most) in [(&one, 1), (&three, 3)] {
        let mut client = proxy.client();
        for number in 1..=most {
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            let expected = (number == most).then_some("close");
            assert_eq!(field(&client.message().0, "Connection"), expected, "{number} of {most}");
        }
        client.gone();
    }
    let mut client = two.client();
    for _ in 0..10 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(field(&client.message().0, "Connection"), None);
    }
}

#[test]
fn a_kept_connection_ends_after_its_time() {
    let proxy = Proxy::start(&format!("{NOWHERE}KeepAliveTimeout 300ms\nRequestReadTimeout header=3"));
    let connected = Instant::now();
    let mut fresh = proxy.client();
    let mut client = proxy.client();
    let asked = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client.message();
    assert_eq!(client.rest(), b"");
    let kept = asked.elapsed();
    // Long before the time of a head is up, on a busy machine too.
    assert!(kept >= Duration::from_millis(290) && kept < Duration::from_millis(2500), "{kept:?}");
    assert_eq!(fresh.rest(), b"");
    let silent = connected.elapsed();
    assert!(silent >= Duration::from_millis(2990), "a fresh one has the time of a head: {silent:?}");
}

#[test]
fn a_slow_head_is_a_408_however_often_a_byte_of_it_comes() {
    let proxy = Proxy::start(&format!("{NOWHERE}RequestReadTimeout header=1"));
    let mut client = proxy.client();
    let began = Instant::now();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    client.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut first = [0; 12];
    // A byte now and then, until there is an answer.
    while client.stream.peek(&mut first).is_err() {
        client.send("x");
        assert!(began.elapsed() < Duration::from_secs(5), "it is still waited for");
    }
    let took = began.elapsed();
    assert_eq!(&first, b"HTTP/1.1 408");
    assert!(took >= Duration::from_millis(990) && took < Duration::from_millis(2500), "{took:?}");
    assert_eq!(proxy.logged().status, 408);
}

#[test]
fn a_head_that_stops_is_given_up_after_timeout() {
    let proxy = Proxy::start(&format!("{NOWHERE}Timeout 200ms"));
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\n");
    assert!(client.head().starts_with("HTTP/1.1 408 "));
    assert_eq!(proxy.logged().line, "GET / HTTP/1.1");
}

#[test]
fn a_head_in_many_pieces_is_parsed_as_one() {
    let origin = Origin::new();
    let proxy = proxy(&origin, "");
    let mut client = proxy.client();
    let request = format!("GET /one HTTP/1.1\r\nHost: a\r\nX: {}\r\nY: y\r\n\r\n", "x".repeat(6000));
    for piece in request.as_bytes().chunks(7) {
        client.send(piece);
    }
    let mut endpoint = origin.accept();
    let head = endpoint.head();
    assert!(head.contains(&"x".repeat(6000)) && head.contains("\r\nY: y\r\n"), "{head}");
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_eq!(client.message().1, b"ok");
}

#[test]
fn a_slow_body_has_the_time_that_its_rate_earns() {
    let origin = Origin::new();
    let proxy = proxy(&origin, "RequestReadTimeout body=1,MinRate=1000");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    let began = Instant::now();
    client.send(content(1000));
    endpoint.bytes(1000);
    assert!(client.head().starts_with("HTTP/1.1 408 "));
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(1950) && took < Duration::from_millis(3500), "{took:?}");
    endpoint.gone();
}

#[test]
fn a_body_that_the_endpoint_does_not_take_is_not_the_clients_fault() {
    let origin = Origin::new();
    let proxy = proxy(&origin, "RequestReadTimeout body=1\nProxyTimeout 1500ms\nTimeout 1500ms");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    // The endpoint reads nothing more: the client sends until nobody takes anything.
    client.stream.set_write_timeout(Some(Duration::from_millis(100))).unwrap();
    let piece = content(65_536);
    while std::io::Write::write_all(&mut client.stream, &piece).is_ok() {}
    assert!(client.head().starts_with("HTTP/1.1 504 "), "send_timeout");
}

#[test]
fn a_client_that_waits_for_a_100_is_not_slow() {
    let origin = Origin::new();
    let proxy = proxy(&origin, "RequestReadTimeout body=1\nTimeout 100ms\nProxyTimeout 500ms");
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    assert!(client.head().starts_with("HTTP/1.1 504 "), "the endpoint said nothing");
}

#[test]
fn a_reader_that_is_too_slow_is_cut() {
    let origin = Origin::new();
    let proxy = proxy(&origin, "ResponseWriteTimeout 1");
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    let began = Instant::now();
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n");
    endpoint.stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
    let piece = content(65_536);
    while std::io::Write::write_all(&mut endpoint.stream, &piece).is_ok() {}
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(950) && took < Duration::from_secs(5), "{took:?}");
    client.until_reset();
    assert!(proxy.logged().aborted);
    eventually("nothing in flight", || proxy.endpoint_gauges() == (0, 0));
}
