//! Stopping.

use proxy_http::executor::Phase;

use crate::support::{Origin, Proxy, field};

#[test]
fn busy_connections_finish_and_idle_ones_are_closed() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut idle = proxy.client();
    idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    idle.head();
    let mut busy = proxy.client();
    busy.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(endpoint.head().starts_with("GET /slow "));
    proxy.phase(Phase::Draining);
    assert_eq!(idle.rest(), b"");
    endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let (head, body) = busy.message();
    assert_eq!(field(&head, "Connection"), Some("close"), "{head}");
    assert_eq!(body, b"ok");
    assert_eq!(busy.rest(), b"");
    endpoint.gone();
    let addr = proxy.addr;
    assert_eq!(proxy.join().cut, 0);
    assert!(std::net::TcpStream::connect(addr).is_err(), "nobody listens any more");
}

#[test]
fn what_does_not_finish_is_cut_and_counted() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    proxy.phase(Phase::Draining);
    proxy.phase(Phase::Stop);
    assert_eq!(proxy.join().cut, 1);
    endpoint.gone();
    client.gone();
}
