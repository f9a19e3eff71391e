//! Bodies of requests, on their way to the endpoint.

use std::io::{Read, Write};

use super::{passed_on, server};
use crate::support::origin::{Origin, ok, read_head};
use crate::support::wait::until_true;

#[test]
fn a_body_with_a_length_goes_on_with_it() {
    let seen = passed_on("", "PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 0000011\r\n\r\nhello world");
    assert_eq!((seen.body.as_slice(), seen.field("Content-Length")), (b"hello world".as_slice(), Some("11")));
}

#[test]
fn a_chunked_body_goes_on_whole_without_its_extensions() {
    let body = "5;a=b\r\nhello\r\n0006\r\n world\r\n0\r\n\r\n";
    let seen =
        passed_on("", &format!("POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}"));
    assert_eq!(seen.body, b"hello world");
    assert_eq!((seen.field("Content-Length"), seen.field("Transfer-Encoding")), (None, Some("chunked")));
    assert!(!seen.raw.windows(3).any(|bytes| bytes == b"a=b"));
}

/// However much of it is there at once: the end of a body that is refused must not be sent on.
#[test]
fn a_chunked_body_over_the_limit_never_arrives_whole() {
    let origin = Origin::named("whole");
    let server = server(&origin, "LimitRequestBody 65536\n");
    let body = |chunks: usize| ["3e8\r\n", &"x".repeat(1000), "\r\n"].concat().repeat(chunks) + "0\r\n\r\n";
    let post = |body: &str| format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    for chunks in [66, 70, 100, 131, 500] {
        let mut client = server.client();
        client.try_send(post(&body(chunks)).as_bytes());
        assert_eq!(client.response().status, 413, "{chunks} chunks");
        until_true("the end of the connection to the endpoint", || origin.open() == 0);
        assert_eq!(origin.count(), 0, "{chunks} chunks");
    }
    assert_eq!(server.send(&post(&body(65))).text(), "whole");
}

#[test]
fn a_body_streams_to_the_endpoint_while_it_is_being_sent() {
    let origin = Origin::conversing(|_, mut stream, _| {
        read_head(&mut stream, &mut Vec::new())?;
        let mut part = [0; 5];
        stream.read_exact(&mut part)?;
        // Answers the first part of a body whose second part waits for this answer.
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n")?;
        stream.write_all(&part)?;
        stream.write_all(b"\r\n")?;
        stream.read_exact(&mut part)?;
        stream.write_all(b"5\r\n")?;
        stream.write_all(&part)?;
        stream.write_all(b"\r\n0\r\n\r\n")
    });
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nfirst");
    let head = loop {
        let head = client.bytes(1);
        if head == b"\r" && client.bytes(3) == b"\n\r\n" {
            break head;
        }
    };
    assert_eq!(head, b"\r");
    assert_eq!(client.bytes(10), b"5\r\nfirst\r\n");
    client.send(b"later");
    assert_eq!(client.bytes(15), b"5\r\nlater\r\n0\r\n\r\n");
}

#[test]
fn expect_100_continue_is_answered_before_the_body_comes() {
    let origin = Origin::conversing(|_, mut stream, _| {
        read_head(&mut stream, &mut Vec::new())?;
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        let mut body = [0; 5];
        stream.read_exact(&mut body)?;
        stream.write_all(&ok(&body))
    });
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(client.bytes(25), b"HTTP/1.1 100 Continue\r\n\r\n");
    client.send(b"hello");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str(), response.interim.len()), (200, "hello", 0));
}

#[test]
fn an_early_answer_reaches_a_client_that_is_still_sending() {
    let origin = Origin::conversing(|_, mut stream, _| {
        read_head(&mut stream, &mut Vec::new())?;
        stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig")
    });
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n");
    client.send(&[b'x'; 20_000]);
    let response = client.response();
    assert_eq!((response.status, response.text().as_str(), response.complete), (413, "big", true));
}

#[test]
fn a_client_that_stops_in_the_middle_of_its_body_is_not_passed_on_as_complete() {
    let origin = Origin::named("ok");
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    client.finish_sending();
    let response = client.try_response(false).map(|response| response.status).unwrap_or(400);
    assert_eq!(response, 400);
    assert_eq!(origin.count(), 0, "the origin must not take it for whole");
}

#[test]
fn a_client_that_ends_its_side_behind_its_body_is_answered() {
    let origin = Origin::named("ok");
    let server = server(&origin, "");
    // The end is met while the endpoint is connected to, or later: each connection may show the other.
    for round in 0..40 {
        let mut client = server.client();
        let body =
            ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"];
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{}", body[round % 2]).as_bytes());
        client.finish_sending();
        assert_eq!(client.response().status, 200, "{round}");
    }
}
