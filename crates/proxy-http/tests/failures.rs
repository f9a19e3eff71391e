//! Endpoints that cannot be reached, go away, or are silent.

use crate::support::{Origin, Peer, Proxy, field};

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn unused_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A proxy whose connection to the endpoint has served one request.
fn warmed() -> (Origin, Proxy, Peer, Peer) {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET /first HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send(OK);
    client.message();
    proxy.logged();
    (origin, proxy, client, endpoint)
}

#[test]
fn a_refused_connection_is_a_503() {
    let proxy = Proxy::start(&format!("ProxyPass / http://127.0.0.1:{}", unused_port()));
    let mut client = proxy.client();
    for _ in 0..2 {
        client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        let (head, _) = client.message();
        assert!(head.starts_with("HTTP/1.1 503 "), "{head}");
        assert_eq!(field(&head, "Retry-After"), Some("1"));
        let logged = proxy.logged();
        assert_eq!((logged.status, logged.tries), (503, 1));
    }
    assert_eq!(proxy.endpoint_gauges(), (0, 0));
}

#[test]
fn a_name_without_an_address_is_a_503() {
    let proxy = Proxy::start("ProxyPass / http://no-such-name.invalid");
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 503 "));
}

#[test]
fn all_addresses_of_a_name_are_tried() {
    // `localhost` may be ::1 first, where nobody listens.
    let origin = Origin::new();
    let port = origin.authority().rsplit(':').next().unwrap().to_owned();
    let proxy = Proxy::start(&format!("ProxyPass / http://localhost:{port}"));
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    assert_eq!(field(&endpoint.head(), "Host"), Some(&*format!("localhost:{port}")));
    endpoint.send(OK);
    assert_eq!(client.message().1, b"ok");
}

#[test]
fn a_full_backlog_is_a_503_in_time() {
    let full = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    full.bind(&"127.0.0.1:0".parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    full.listen(0).unwrap();
    let addr = full.local_addr().unwrap().as_socket().unwrap();
    let fillers: Vec<_> = (0..4)
        .map(|_| {
            let filler = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
            filler.set_nonblocking(true).unwrap();
            let _ = filler.connect(&addr.into());
            filler
        })
        .collect();
    let proxy = Proxy::start(&format!("ProxyPass / http://{addr}\nProxyConnectTimeout 200ms"));
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 503 "));
    drop(fillers);
}

#[test]
fn a_dead_idle_connection_costs_an_idempotent_request_nothing() {
    let (origin, _proxy, mut client, mut endpoint) = warmed();
    client.send("PUT /second HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    endpoint.message();
    endpoint.reset();
    let mut endpoint = origin.accept();
    let (head, body) = endpoint.message();
    assert!(head.starts_with("PUT /second "), "{head}");
    assert_eq!(body, b"abc");
    endpoint.send(OK);
    assert_eq!(client.message().1, b"ok");
}

#[test]
fn a_post_runs_at_most_once() {
    let (origin, proxy, mut client, mut endpoint) = warmed();
    client.send("POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    endpoint.message();
    drop(endpoint);
    assert!(client.message().0.starts_with("HTTP/1.1 502 "));
    assert_eq!(proxy.logged().status, 502);
    assert!(origin.try_accept().is_none(), "it was not sent again");
}

#[test]
fn an_idle_connection_that_ended_is_not_used() {
    let (origin, _proxy, mut client, endpoint) = warmed();
    drop(endpoint);
    client.send("POST /second HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    let mut endpoint = origin.accept();
    assert_eq!(endpoint.message().1, b"abc");
    endpoint.send(OK);
    assert_eq!(client.message().1, b"ok");
}

#[test]
fn a_fresh_connection_that_dies_is_a_502_at_once() {
    for abrupt in [false, true] {
        let origin = Origin::new();
        let proxy = Proxy::to(&origin);
        let mut client = proxy.client();
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut endpoint = origin.accept();
        endpoint.head();
        if abrupt {
            endpoint.reset();
        } else {
            drop(endpoint);
        }
        assert!(client.message().0.starts_with("HTTP/1.1 502 "));
        assert!(origin.try_accept().is_none(), "it was not sent again");
        assert_eq!(proxy.logged().tries, 1);
        // The client's connection is in step.
        client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n");
        origin.accept().head();
    }
}

#[test]
fn silence_before_the_response_is_a_504() {
    let origin = Origin::new();
    let proxy = Proxy::start(&format!("ProxyPass / {}\nProxyTimeout 200ms", origin.url()));
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    assert!(client.message().0.starts_with("HTTP/1.1 504 "));
    endpoint.gone();
    assert_eq!(proxy.logged().status, 504);
}

#[test]
fn silence_within_the_response_cuts_it() {
    let origin = Origin::new();
    let proxy = Proxy::start(&format!("ProxyPass / {}\nProxyTimeout 200ms", origin.url()));
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
    assert!(client.until_reset().ends_with(b"\r\n\r\nabc"));
    endpoint.gone();
}

#[test]
fn a_client_that_stops_in_its_body_gets_a_408() {
    let origin = Origin::new();
    let proxy = Proxy::start(&format!("ProxyPass / {}\nTimeout 200ms", origin.url()));
    let mut client = proxy.client();
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc");
    let mut endpoint = origin.accept();
    endpoint.head();
    assert!(client.head().starts_with("HTTP/1.1 408 "));
    endpoint.gone();
}

#[test]
fn a_request_that_was_sent_is_no_503_when_its_endpoint_has_gone() {
    let (origin, proxy, mut client, mut endpoint) = warmed();
    client.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n");
    endpoint.head();
    drop(origin);
    endpoint.reset();
    assert!(client.message().0.starts_with("HTTP/1.1 502 "));
    assert_eq!(proxy.endpoint_gauges(), (0, 0));
}
