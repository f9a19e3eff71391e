//! Another endpoint, and when not: only while no connection stands, and never once a byte of the request was sent.

use std::io::{Read, Write};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::support::backlog::FullBacklog;
use crate::support::client::Response;
use crate::support::config::{Balanced, Syntax};
use crate::support::origin::{Origin, Then, read_request, total};
use crate::support::ports::{Refused, UNRESOLVABLE};
use crate::support::server::Server;

/// A cluster of such URLs behind /snoop, impatient enough for tests.
fn server(urls: &[String]) -> Server {
    let config = Balanced::snoop(urls).set("ProxyConnectTimeout", "300ms").set("ProxyTimeout", "1500ms");
    Server::balanced(Syntax::Conf, &config)
}

in_both_syntaxes! {
    fn five_servers_of_which_four_are_dead(syntax) {
        let (refused, another, full, origin) =
            (Refused::new(), Refused::new(), FullBacklog::new(), Origin::named("alive"));
        let config = Balanced::snoop([
            refused.url(), UNRESOLVABLE.to_owned(), full.url(), origin.url(), another.url(),
        ]).set("ProxyConnectTimeout", "200ms");
        let server = Server::balanced(syntax, &config);
        for request in 0..5 {
            assert_eq!(server.get(&format!("/snoop/{request}")).text(), "alive", "request {request}");
        }
        let targets: Vec<String> = origin.requests().iter().map(|seen| seen.target().to_owned()).collect();
        assert_eq!(targets, (0..5).map(|request| format!("/snoop/{request}")).collect::<Vec<_>>());
    }

    fn all_down_is_a_503_with_retry_after(syntax) {
        let (one, two) = (Refused::new(), Refused::new());
        let server = Server::balanced(syntax, &Balanced::snoop([one.url(), two.url()]));
        let response = server.get("/snoop");
        assert_eq!(response.status, 503);
        let seconds = response.field("Retry-After").expect("Retry-After");
        assert!(seconds.parse::<u32>().is_ok_and(|seconds| seconds > 0), "Retry-After: {seconds}");
    }
}

#[test]
fn refused_goes_on_to_the_next() {
    let (refused, origin) = (Refused::new(), Origin::named("next"));
    let server = server(&[refused.url(), origin.url()]);
    assert_eq!(server.get("/snoop").text(), "next");
    assert_eq!(origin.count(), 1);
}

#[test]
fn an_unresolvable_name_goes_on_to_the_next() {
    let origin = Origin::named("next");
    let server = server(&[UNRESOLVABLE.to_owned(), origin.url()]);
    assert_eq!(server.get("/snoop").text(), "next");
    assert_eq!(origin.count(), 1);
}

#[test]
fn a_full_backlog_goes_on_to_the_next_after_the_connect_timeout() {
    let (full, origin) = (FullBacklog::new(), Origin::named("next"));
    let server = server(&[full.url(), origin.url()]);
    let start = Instant::now();
    assert_eq!(server.get("/snoop").text(), "next");
    let took = start.elapsed();
    assert!(took >= Duration::from_millis(290), "{took:?}: it was not waited for");
    assert!(took < Duration::from_millis(1400), "{took:?}: ProxyConnectTimeout is 300 ms");
    assert_eq!(origin.count(), 1);
}

#[test]
fn an_unresolvable_name_alone_is_a_503() {
    assert_eq!(server(&[UNRESOLVABLE.to_owned()]).get("/snoop").status, 503);
}

#[test]
fn a_full_backlog_alone_is_a_503() {
    let full = FullBacklog::new();
    assert_eq!(server(&[full.url()]).get("/snoop").status, 503);
}

#[test]
fn an_origin_that_dies_is_skipped_and_one_that_comes_up_is_used() {
    let mut first = Origin::named("first");
    let second = Origin::named("second");
    let server = server(&[first.url(), second.url()]);
    assert_eq!(server.get("/snoop").text(), "first");
    assert_eq!(server.get("/snoop").text(), "second");
    first.stop();
    for request in 2..10 {
        assert_eq!(server.get("/snoop").text(), "second", "request {request}");
    }
    assert_eq!((first.count(), second.count()), (1, 9));
}

#[test]
fn bodies_arrive_whole_at_the_next_server_and_once() {
    for size in [8, 64, 2048, 4096, 1_000_000] {
        let body: Vec<u8> = (0..size).map(|place: u32| (place % 251) as u8).collect();
        let (refused, origin) = (Refused::new(), Origin::named("next"));
        let server = server(&[refused.url(), UNRESOLVABLE.to_owned(), origin.url()]);
        let response = server.post("/snoop", &body);
        assert_eq!((response.status, response.text().as_str()), (200, "next"), "{size} bytes");
        let seen = origin.only_request();
        assert_eq!(seen.method(), "POST");
        assert!(seen.body == body, "{size} bytes: {} arrived, not the same", seen.body.len());
        assert_eq!(seen.field("Content-Length"), Some(size.to_string().as_str()));
    }
}

#[test]
fn a_chunked_body_arrives_whole_at_the_next_server_and_once() {
    let (refused, origin) = (Refused::new(), Origin::named("next"));
    let server = server(&[refused.url(), origin.url()]);
    let response = server.send(
        "POST /snoop HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
    );
    assert_eq!(response.status, 200);
    assert_eq!(origin.only_request().body, b"hello world");
}

/// One request to a cluster of two that behave alike: what the client gets, after which exactly one of them has
/// seen it.
fn once_of_two(method: &str, make: impl Fn() -> Origin) -> Response {
    let origins = [make(), make()];
    let server = server(&[origins[0].url(), origins[1].url()]);
    let body = if method == "GET" { "" } else { "Content-Length: 5\r\n\r\nhello" };
    let end = if body.is_empty() { "\r\n" } else { "" };
    let response =
        server.send(&format!("{method} /snoop HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{body}{end}"));
    assert_eq!(total(&[&origins[0], &origins[1]]), 1, "{method}: requests in both ledgers");
    assert_eq!(origins[0].count(), 1, "{method}: request 0 belongs to server 0");
    response
}

#[test]
fn no_failover_after_a_404() {
    for method in ["GET", "POST"] {
        let make = || Origin::saying(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", Then::Keep);
        assert_eq!(once_of_two(method, make).status, 404);
    }
}

#[test]
fn no_failover_after_a_500() {
    for method in ["GET", "POST"] {
        let make = || Origin::saying(b"HTTP/1.1 500 Oops\r\nContent-Length: 4\r\n\r\noops", Then::Keep);
        let response = once_of_two(method, make);
        assert_eq!((response.status, response.text().as_str()), (500, "oops"));
    }
}

#[test]
fn no_failover_after_a_503_of_the_endpoint() {
    let make = || Origin::saying(b"HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy", Then::Keep);
    let response = once_of_two("GET", make);
    assert_eq!((response.status, response.text().as_str()), (503, "busy"));
}

#[test]
fn no_failover_after_a_reset() {
    for method in ["GET", "POST"] {
        assert_eq!(once_of_two(method, || Origin::saying(b"", Then::Reset)).status, 502, "{method}");
    }
}

#[test]
fn no_failover_after_a_close() {
    for method in ["GET", "POST"] {
        assert_eq!(once_of_two(method, || Origin::saying(b"", Then::Close)).status, 502, "{method}");
    }
}

#[test]
fn no_failover_after_a_close_inside_the_head() {
    let make = || Origin::saying(b"HTTP/1.1 200 OK\r\nContent-Le", Then::Close);
    assert_eq!(once_of_two("GET", make).status, 502);
}

#[test]
fn no_failover_after_a_timeout() {
    for method in ["GET", "POST"] {
        assert_eq!(once_of_two(method, || Origin::saying(b"", Then::Hang)).status, 504, "{method}");
    }
}

#[test]
fn no_failover_after_garbage() {
    assert_eq!(
        once_of_two("GET", || Origin::saying(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Then::Close)).status,
        502
    );
}

#[test]
fn no_failover_when_an_accepted_connection_is_closed_unread() {
    // A connection stood, so that the request may have been received: the next endpoint is none of its business.
    let close = || Origin::conversing(|_, _, _| Ok(()));
    let (first, second) = (close(), Origin::named("second"));
    let server = server(&[first.url(), second.url()]);
    let response = server.send("POST /snoop HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(response.status, 502);
    assert_eq!(second.count(), 0);
}

#[test]
fn max_tries_bounds_the_walk() {
    let (one, two, origin) = (Refused::new(), Refused::new(), Origin::named("third"));
    let urls = [one.url(), two.url(), origin.url()];
    for (tries, status) in [("1", 503), ("2", 503), ("3", 200), ("9", 200)] {
        let server = Server::balanced(Syntax::Conf, &Balanced::snoop(&urls).set("MaxTries", tries));
        assert_eq!(server.get("/snoop").status, status, "MaxTries {tries}");
    }
    assert_eq!(origin.count(), 2);
}

#[test]
fn a_dead_idle_connection_is_replaced_at_the_same_endpoint() {
    // Closes each connection after its first answer without having said so.
    let sneaky = || Origin::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Then::Close);
    let origin = sneaky();
    let server = server(&[origin.url()]);
    let mut client = server.client();
    for request in 0..20 {
        client.send_get(&format!("/snoop/{request}"));
        assert_eq!(client.response().status, 200, "request {request}");
    }
    assert_eq!(origin.count(), 20);
}

#[test]
fn a_post_on_a_reused_connection_that_dies_unanswered_runs_at_most_once() {
    // The first request of each connection is answered, the second read and not answered.
    let origin = Origin::conversing(|conn, mut stream, ledger| {
        let mut answered = false;
        while let Some(seen) = read_request(conn, &mut stream, ledger)? {
            ledger.record(seen);
            if answered {
                return Ok(());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
            answered = true;
        }
        Ok(())
    });
    let server = server(&[origin.url()]);
    let mut client = server.client();
    client.send_get("/snoop/first");
    assert_eq!(client.response().status, 200);
    client.send_post("/snoop/second", b"hello");
    let status = client.response().status;
    let posts = origin.requests().iter().filter(|seen| seen.method() == "POST").count();
    assert_eq!(posts, 1, "a POST must not be repeated");
    assert!(matches!(status, 200 | 502), "{status}");
}

#[test]
fn a_get_on_a_reused_connection_that_dies_unanswered_is_repeated_once_at_the_same_endpoint() {
    let origin = Origin::conversing(|conn, mut stream, ledger| {
        let mut answered = false;
        while let Some(seen) = read_request(conn, &mut stream, ledger)? {
            ledger.record(seen);
            if answered {
                return Ok(());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
            answered = true;
        }
        Ok(())
    });
    let other = Origin::named("other");
    // /snoop alternates; only the first cluster's endpoint is of interest.
    let server = server(&[origin.url()]);
    let mut client = server.client();
    for target in ["/snoop/first", "/snoop/second"] {
        client.send_get(target);
        assert_eq!(client.response().status, 200, "{target}");
    }
    let conns: Vec<(usize, String)> =
        origin.requests().iter().map(|seen| (seen.conn, seen.target().to_owned())).collect();
    assert_eq!(
        conns,
        [(0, "/snoop/first".to_owned()), (0, "/snoop/second".to_owned()), (1, "/snoop/second".to_owned())]
    );
    assert_eq!(other.count(), 0);
}

#[test]
fn an_idle_connection_on_which_something_came_is_not_used_again() {
    let (tell, told) = mpsc::channel();
    let origin = Origin::answering(move |_, stream| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")?;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")?;
        let _ = tell.send(());
        Ok(Then::Keep)
    });
    let server = server(&[origin.url()]);
    let mut client = server.client();
    for request in 0..20 {
        client.send_get("/snoop");
        assert_eq!(client.response().text(), "ok", "request {request}");
        // The surplus lies in the server's socket before the next request is sent.
        told.recv().unwrap();
    }
    assert_eq!(origin.conns(), 20, "each request on a clean connection");
}

#[test]
fn an_origin_that_only_reads_the_head_slowly_is_no_failure() {
    let origin = Origin::conversing(|_, mut stream, _| {
        let mut byte = [0];
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        for part in b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow".chunks(3) {
            stream.write_all(part)?;
        }
        Ok(())
    });
    let server = server(&[origin.url()]);
    assert_eq!(server.get("/snoop").text(), "slow");
}
