//! Clients that go away, and clients that only say that they are done.

use crate::support::{Origin, Proxy, content, eventually};

#[test]
fn a_client_that_resets_aborts_the_endpoint() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    client.reset();
    endpoint.gone();
    let logged = proxy.logged();
    assert_eq!((logged.status, logged.aborted, logged.tries), (499, true, 1));
    assert_eq!(proxy.endpoint_gauges(), (0, 0));
}

#[test]
fn a_client_that_resets_while_it_is_answered_aborts_the_endpoint() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nabc");
    client.until(b"abc");
    client.reset();
    endpoint.gone();
    let logged = proxy.logged();
    assert_eq!((logged.status, logged.aborted), (200, true));
}

#[test]
fn a_client_that_ends_in_its_body_aborts_the_endpoint() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n").send(content(1000));
    let mut endpoint = origin.accept();
    endpoint.head();
    client.end();
    endpoint.gone();
    assert_eq!(proxy.logged().status, 499);
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").end();
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let answer = client.rest();
    assert!(answer.ends_with(b"\r\n\r\nok"), "{:?}", answer.escape_ascii());
    assert!(!proxy.logged().aborted);
    // The endpoint's connection is as good as any.
    let mut client = proxy.client();
    client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
    endpoint.head();
}

#[test]
fn all_requests_of_a_client_that_has_said_all_are_answered() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n").end();
    let mut endpoint = origin.accept();
    for path in ["/1", "/2"] {
        assert!(endpoint.head().starts_with(&format!("GET {path} ")));
        endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert_eq!(client.message().1, b"ok");
    }
    assert_eq!(client.rest(), b"");
}

#[test]
fn a_client_that_sends_nothing_costs_nothing() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    drop(proxy.client());
    let mut client = proxy.client();
    client.end();
    assert_eq!(client.rest(), b"");
    eventually("nothing is in flight", || proxy.endpoint_gauges() == (0, 0));
}
