//! Bodies in both directions, and their framing.

use std::thread;

use crate::support::{Origin, Peer, Proxy, content, field};

const LARGE: usize = 1 << 20;

fn post(framing: &str) -> String {
    format!("POST /in HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")
}

/// Reads a chunked body and its trailers.
fn chunked(peer: &mut Peer) -> (Vec<u8>, String) {
    let mut body = Vec::new();
    loop {
        let line = String::from_utf8(peer.until(b"\r\n")).unwrap();
        let size = usize::from_str_radix(line.trim_end(), 16).unwrap();
        if size == 0 {
            let mut trailers = String::new();
            loop {
                let line = String::from_utf8(peer.until(b"\r\n")).unwrap();
                if line == "\r\n" {
                    return (body, trailers);
                }
                trailers += &line;
            }
        }
        body.extend(peer.bytes(size));
        assert_eq!(peer.bytes(2), b"\r\n");
    }
}

#[test]
fn a_large_body_goes_up_and_comes_back() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    let body = content(LARGE);
    thread::scope(|scope| {
        let (sent, origin) = (&body, &origin);
        scope.spawn(move || {
            let mut endpoint = origin.accept();
            let (head, received) = endpoint.message();
            assert_eq!(field(&head, "Content-Length"), Some("1048576"));
            assert!(received == *sent, "the body is whole");
            endpoint.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n"));
            endpoint.send(received);
        });
        client.send(post("Content-Length: 01048576")).send(&body);
        assert!(client.message().1 == body, "and so is its echo");
    });
    let logged = proxy.logged();
    assert_eq!((logged.sent, logged.received), (LARGE as u64, LARGE as u64));
}

#[test]
fn chunks_are_framed_anew_both_ways() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send(post("Transfer-Encoding: chunked")).send("3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nX-Sum: 1\r\n\r\n");
    let mut endpoint = origin.accept();
    let head = endpoint.head();
    assert_eq!(field(&head, "Transfer-Encoding"), Some("chunked"));
    assert_eq!(chunked(&mut endpoint), (b"abcde".to_vec(), "X-Sum: 1\r\n".to_owned()));
    endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n");
    let head = client.head();
    assert_eq!(field(&head, "Transfer-Encoding"), Some("chunked"));
    assert_eq!(client.until(b"x\r\n"), b"1\r\nx\r\n", "what is there goes out at once");
    endpoint.send("2\r\nyz\r\n0\r\nX-Sum: 2\r\n\r\n");
    assert_eq!(chunked(&mut client), (b"yz".to_vec(), String::new()), "trailers only for those who ask");
    // Both connections are in step.
    client.send("GET /next HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE\r\n\r\n");
    assert!(endpoint.head().starts_with("GET /next "));
    endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX-Sum: 3\r\n\r\n");
    client.head();
    assert_eq!(chunked(&mut client), (b"x".to_vec(), "X-Sum: 3\r\n".to_owned()));
}

#[test]
fn a_large_chunked_body_is_whole() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    let body = content(LARGE);
    thread::scope(|scope| {
        let (sent, origin) = (&body, &origin);
        scope.spawn(move || {
            let mut endpoint = origin.accept();
            endpoint.head();
            assert!(chunked(&mut endpoint).0 == *sent);
            endpoint.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            for piece in sent.chunks(1000) {
                endpoint.send(format!("{:x}\r\n", piece.len())).send(piece).send("\r\n");
            }
            endpoint.send("0\r\n\r\n");
        });
        client.send(post("Transfer-Encoding: chunked"));
        for piece in body.chunks(777) {
            client.send(format!("{:x}\r\n", piece.len())).send(piece).send("\r\n");
        }
        client.send("0\r\n\r\n");
        client.head();
        assert!(chunked(&mut client).0 == body);
    });
}

#[test]
fn a_slow_reader_holds_the_endpoint_back() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut endpoint = origin.accept();
    endpoint.head();
    let body = content(64 << 20);
    endpoint.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()));
    thread::scope(|scope| {
        let sent = &body;
        let writing = scope.spawn(move || {
            endpoint.send(sent);
        });
        client.head();
        // Nobody reads: 64 MiB do not fit into socket buffers and ours.
        crate::support::eventually("bytes are on their way", || {
            let mut byte = [0];
            client.stream.peek(&mut byte).is_ok_and(|count| count == 1)
        });
        assert!(!writing.is_finished());
        assert!(client.bytes(body.len()) == body);
    });
}

#[test]
fn a_malformed_body_is_refused() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send(post("Transfer-Encoding: chunked")).send("5\r\nabcdeX");
    let answer = String::from_utf8({
        client.end();
        client.rest()
    })
    .unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
    assert_eq!(proxy.logged().status, 400);
}

#[test]
fn a_body_with_get_ends_the_endpoint_connection() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    for _ in 0..2 {
        client.send("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
        let mut endpoint = origin.accept();
        let (head, body) = endpoint.message();
        assert_eq!(field(&head, "Connection"), Some("close"));
        assert_eq!(body, b"abc");
        endpoint.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
        client.message();
        endpoint.gone();
    }
}

#[test]
fn a_client_that_expects_100_gets_the_endpoints() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send(post("Content-Length: 3\r\nExpect: 100-continue"));
    let mut endpoint = origin.accept();
    let head = endpoint.head();
    assert_eq!(field(&head, "Expect"), Some("100-continue"));
    endpoint.send("HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(client.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    client.send("abc");
    assert_eq!(endpoint.bytes(3), b"abc");
    endpoint.send("HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    assert!(client.head().starts_with("HTTP/1.1 201 Created\r\n"));
}

#[test]
fn an_early_answer_reaches_a_client_that_still_sends() {
    let origin = Origin::new();
    let proxy = Proxy::to(&origin);
    let mut client = proxy.client();
    client.send(post("Content-Length: 104857600")).send(content(100_000));
    let mut endpoint = origin.accept();
    endpoint.head();
    endpoint.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig");
    drop(endpoint);
    let (head, body) = client.message();
    assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    assert_eq!(field(&head, "Connection"), Some("close"));
    assert_eq!(body, b"big");
    client.send(content(100_000));
    client.end();
    assert_eq!(client.rest(), b"", "an orderly end");
}
