//! Endpoints at unix sockets: the same requests, answers and failures as by TCP.

use crate::support::client::find;
use crate::support::origin::{Origin, Then, ok};
use crate::support::server::Server;
use crate::support::unix::{Bridge, FullSocket, unix_url};
use crate::support::wait::until_true;

#[test]
fn a_socket_is_asked_by_the_name_in_its_url_and_its_connection_is_kept() {
    let origin = Origin::named("at the socket");
    let bridge = Bridge::to(origin.addr());
    let mut server = Server::conf(&format!(
        "CustomLog /dev/stdout \"log %{{endpoint}}x %{{tries}}x\"\nProxyPass /app {}\n",
        bridge.url("http://app.test:81/in")
    ));
    let mut client = server.client();
    for number in 0..3 {
        client.send_post(&format!("/app/{number}"), b"body");
        assert_eq!(client.response().text(), "at the socket");
    }
    let seen = &origin.requests()[2];
    assert_eq!((seen.target(), seen.body.as_slice()), ("/in/2", b"body".as_slice()));
    assert_eq!((seen.field("Host"), seen.field("X-Forwarded-For")), (Some("app.test:81"), Some("127.0.0.1")));
    assert_eq!(origin.conns(), 1);
    let path = bridge.path();
    server.wait_for_log(&format!("log unix:{} 1", path.display()));
}

#[test]
fn http_alone_is_localhost() {
    let origin = Origin::named("ok");
    let bridge = Bridge::to(origin.addr());
    let server = Server::conf(&format!("ProxyPass / {}\n", bridge.url("http:")));
    assert_eq!(server.get("/x?y").status, 200);
    let seen = origin.only_request();
    assert_eq!((seen.target(), seen.field("Host")), ("/x?y", Some("localhost")));
}

/// A missing file, one at which nobody listens, and a full backlog are failures to connect as any other; none is waited
/// for.
#[test]
fn whoever_cannot_be_connected_to_is_passed_over() {
    let origin = Origin::named("next");
    let (mut ended, bridge, full) = (Bridge::to(origin.addr()), Bridge::to(origin.addr()), FullSocket::new());
    ended.stop();
    let missing = bridge.path().with_extension("missing");
    let members = [unix_url(&missing), ended.url("http://a"), full.url(), bridge.url("http://b")];
    let members: String = members.iter().map(|url| format!("BalancerMember {url}\n")).collect();
    let server = Server::conf(&format!(
        "{{lb}}\nProxyConnectTimeout 15s\n<Proxy balancer://c>\n{members}</Proxy>\n\
         LBMethod c proxy_lb_module\nProxyPass / balancer://c\n"
    ));
    for request in 0..8 {
        assert_eq!(server.post("/", b"once").text(), "next", "request {request}");
    }
    assert_eq!(origin.count(), 8);
    for event in ["event=connect_unreachable", "event=connect_refused", "event=connect_failed"] {
        assert!(!server.log_lines(event).is_empty(), "{event}");
    }
}

#[test]
fn a_socket_that_nobody_listens_at_is_a_503() {
    let missing = tempfile::tempdir().unwrap().path().join("missing.sock");
    let server = Server::conf(&format!("ProxyPass / {}/\n", unix_url(&missing)));
    assert_eq!(server.get("/").status, 503);
}

#[test]
fn long_bodies_go_both_ways() {
    const LENGTH: usize = 8 << 20;
    let origin = Origin::answering(|seen, stream| {
        std::io::Write::write_all(stream, &ok(&seen.body))?;
        Ok(Then::Keep)
    });
    let bridge = Bridge::to(origin.addr());
    let server = Server::conf(&format!("ProxyPass / {}/\n", bridge.url("http://a")));
    let body: Vec<u8> = (0..LENGTH).map(|place| (place % 251) as u8).collect();
    let answer = server.post("/", &body);
    assert_eq!((answer.status, answer.body.len()), (200, LENGTH));
    assert!(answer.body == body, "not the same bytes");
}

/// The next request may meet a connection that its endpoint has closed, and then goes over another.
#[test]
fn a_kept_connection_that_ended_costs_no_get() {
    let origin = Origin::saying(&ok(b"bye"), Then::Close);
    let bridge = Bridge::to(origin.addr());
    let server = Server::conf(&format!("Executors 1\nProxyPass / {}/\n", bridge.url("http://a")));
    for request in 0..5 {
        assert_eq!(server.get("/").status, 200, "request {request}");
        until_true("the end of the connection", || origin.open() == 0);
    }
    assert_eq!(origin.count(), 5);
}

#[test]
fn what_it_says_of_itself_is_renamed() {
    let answer = b"HTTP/1.1 302 Found\r\nLocation: http://app.test/in/x\r\nContent-Length: 0\r\n\r\n";
    let origin = Origin::saying(answer, Then::Keep);
    let bridge = Bridge::to(origin.addr());
    let url = bridge.url("http://app.test/in");
    let server = Server::conf(&format!("ProxyPass /app {url}\nProxyPassReverse /app {url}\n"));
    assert_eq!(server.get("/app/y").field("Location"), Some("http://test.example/app/x"));
}

/// CVE-2021-40438: only the configuration names sockets.
#[test]
fn no_request_names_a_socket() {
    let (origin, other) = (Origin::named("meant"), Origin::named("not meant"));
    let bridge = Bridge::to(other.addr());
    let server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let url = bridge.url("http://a/");
    assert_eq!(server.send(&format!("GET {url} HTTP/1.1\r\nHost: a\r\n\r\n")).status, 400);
    assert_eq!(server.send(&format!("GET /?{url} HTTP/1.1\r\nHost: a\r\n\r\n")).status, 200);
    assert!(find(&origin.only_request().raw, url.as_bytes()).is_some());
    assert_eq!(other.conns(), 0);
}
