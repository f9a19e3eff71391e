//! Keep-alive, pipelining, and what of a request reaches the endpoint.

use crate::support::{Logged, Origin, Proxy, field};

const GET: &str = "GET /a?b=c HTTP/1.1\r\nHost: site.test\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

#[test]
fn both_connections_are_used_again() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send(GET);
    let mut endpoint = origin.accept();
    for round in 0..3 {
        if round > 0 {
            client.send(GET);
        }
        let head = endpoint.head();
        assert!(head.starts_with("GET /a?b=c HTTP/1.1\r\n"), "{head}");
        assert_eq!(field(&head, "Host"), Some(&*origin.authority()));
        assert_eq!(field(&head, "X-Forwarded-For"), Some("127.0.0.1"));
        assert_eq!(field(&head, "X-Forwarded-Host"), Some("site.test"));
        endpoint.send(OK);
        let (head, body) = client.message();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(field(&head, "Date").is_some(), "{head}");
        assert_eq!(body, b"ok");
        let logged = proxy.logged();
        assert_eq!((logged.status, logged.tries, logged.sent), (200, 1, 2));
        assert_eq!(logged.line, "GET /a?b=c HTTP/1.1");
    }
    assert!(origin.try_accept().is_none(), "one connection served all");
    assert_eq!(proxy.endpoint_gauges(), (0, 1));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    for (path, body) in [("/1", ""), ("/2", "abc"), ("/3", "")] {
        let (head, sent) = endpoint.message();
        assert!(head.contains(path), "{head}");
        assert_eq!(sent, body.as_bytes());
        endpoint.send(format!("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{path}"));
    }
    for path in ["/1", "/2", "/3"] {
        assert_eq!(client.message().1, path.as_bytes());
    }
}

#[test]
fn a_head_may_come_byte_by_byte() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    for byte in GET.bytes() {
        client.send([byte]);
    }
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send(OK);
    assert_eq!(client.message().1, b"ok");
}

#[test]
fn a_head_may_be_larger_than_a_buffer() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    let fields: String = (0..8).map(|n| format!("X-{n}: {}\r\n", "v".repeat(7000))).collect();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
    let mut endpoint = origin.accept();
    assert!(endpoint.head().contains(&fields));
    endpoint.send(format!("HTTP/1.1 200 OK\r\n{fields}Content-Length: 0\r\n\r\n"));
    assert!(client.head().contains(&fields));
}

#[test]
fn an_http_1_0_client_is_answered_and_left() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.0\r\n\r\n");
    let mut endpoint = origin.accept();
    assert!(endpoint.head().starts_with("GET / HTTP/1.1\r\n"));
    endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let answer = String::from_utf8(client.rest()).unwrap();
    assert!(answer.ends_with("\r\n\r\nabc") && !answer.contains("chunked"), "{answer}");
}

#[test]
fn an_http_1_0_client_may_keep_its_connection() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send(OK);
    let (head, _) = client.message();
    assert_eq!(field(&head, "Connection"), Some("keep-alive"), "{head}");
    client.send(GET);
    endpoint.head();
}

#[test]
fn what_is_no_request_is_refused_and_logged() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\nGET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    client.end();
    let answer = String::from_utf8(client.rest()).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "the second request is not read: {answer}");
    let Logged { line, status, tries, .. } = proxy.logged();
    assert_eq!((&*line, status, tries), ("GET / HTTP/1.1", 400, 0));
    assert!(origin.try_accept().is_none(), "nothing of it reaches an endpoint");
}

#[test]
fn what_is_mapped_nowhere_is_not_found() {
    let origin = Origin::new();
    let proxy = Proxy::start(&format!("ProxyPass /app {}", origin.url()));
    let mut client = proxy.client();
    client.send("POST /other HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert!(client.message().0.starts_with("HTTP/1.1 404 "));
    assert_eq!(proxy.logged().status, 404);
    // The body was there, so the connection is in step.
    client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
    let (head, _) = client.message();
    assert!(head.starts_with("HTTP/1.1 200 ") && field(&head, "Allow").is_some(), "{head}");
}

#[test]
fn a_host_of_nobody_is_refused_whatever_is_asked_of_it() {
    let proxy = Proxy::start("StrictHostCheck On\nServerName a\nProxyPass /mapped http://127.0.0.1:1");
    for request in ["GET /mapped", "GET /unmapped", "OPTIONS *", "OPTIONS /"] {
        let status = |host: &str| {
            let mut client = proxy.client();
            client.send(format!("{request} HTTP/1.1\r\nHost: {host}\r\nMax-Forwards: 0\r\n\r\n"));
            let (head, _) = client.message();
            head.split(' ').nth(1).unwrap().to_owned()
        };
        assert_eq!(status("b"), "400", "{request}");
        assert_ne!(status("a"), "400", "{request}");
    }
}

#[test]
fn a_prefix_is_replaced_and_places_are_renamed() {
    let origin = Origin::new();
    let url = origin.url();
    let proxy =
        Proxy::start(&format!("ProxyPass /app {url}/inner\nProxyPassReverse /app {url}/inner\nProxyVia On"));
    let mut client = proxy.client();
    client.send("GET /app/x?y HTTP/1.1\r\nHost: site.test\r\n\r\n");
    let mut endpoint = origin.accept();
    let head = endpoint.head();
    assert!(head.starts_with("GET /inner/x?y HTTP/1.1\r\n"), "{head}");
    assert_eq!(field(&head, "Via"), Some("1.1 proxyd"));
    endpoint.send(format!("HTTP/1.1 302 Found\r\nLocation: {url}/inner/z\r\nContent-Length: 0\r\n\r\n"));
    let (head, _) = client.message();
    assert_eq!(field(&head, "Location"), Some("http://site.test/app/z"), "{head}");
}
