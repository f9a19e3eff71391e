//! What an endpoint gets of a request and a client of an answer: fields, framing, bodies both ways, connections.

use std::io::{Read, Write};
use std::net::Ipv4Addr;
use std::sync::mpsc;
use std::time::Duration;

use crate::support::client::{Client, Response};
use crate::support::config::{Balanced, Syntax};
use crate::support::origin::{Origin, Seen, Then, ok, read_head, read_request};
use crate::support::server::Server;

/// A server that passes everything on to one origin, with further lines in front.
fn server(origin: &Origin, lines: &str) -> Server {
    Server::conf(&format!("ProxyTimeout 2s\n{lines}\nProxyPass / {}/\n", origin.url()))
}

/// What the origin gets of a request.
fn passed_on(lines: &str, request: &str) -> Seen {
    let origin = Origin::named("ok");
    let response = server(&origin, lines).send(request);
    assert_eq!(response.status, 200, "{request:?}");
    origin.only_request()
}

/// What the client gets of an answer to GET.
fn passed_back(lines: &str, answer: &str) -> Response {
    let origin = Origin::saying(answer.as_bytes(), Then::Close);
    server(&origin, lines).get("/")
}

// ---- Fields of requests

#[test]
fn the_host_is_the_endpoints_own_unless_it_is_preserved() {
    let origin = Origin::named("ok");
    let request = "GET / HTTP/1.1\r\nHost: front.example\r\n\r\n";
    server(&origin, "").send(request);
    server(&origin, "ProxyPreserveHost On").send(request);
    let hosts: Vec<String> =
        origin.requests().iter().map(|seen| seen.field("Host").unwrap_or_default().to_owned()).collect();
    assert_eq!(hosts, [origin.addr().to_string(), "front.example".to_owned()]);
}

#[test]
fn the_endpoint_is_told_of_the_client_in_fields_that_clients_cannot_forge() {
    let request = "GET / HTTP/1.1\r\nHost: front.example:81\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\
                   X-Real-IP: 6.6.6.6\r\nForwarded: for=6.6.6.6\r\nConnection: X-Forwarded-For\r\n\r\n";
    let seen = passed_on("ServerName proxy.example", request);
    assert_eq!(seen.fields("X-Forwarded-For"), ["127.0.0.1"]);
    assert_eq!(seen.fields("X-Forwarded-Host"), ["front.example:81"]);
    assert_eq!(seen.fields("X-Forwarded-Proto"), ["http"]);
    assert!(!seen.head.contains("6.6.6.6"), "{}", seen.head);
}

#[test]
fn proxyaddheaders_off_adds_none() {
    let seen = passed_on("ProxyAddHeaders Off", "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(!seen.head.contains("X-Forwarded"), "{}", seen.head);
}

#[test]
fn fields_of_the_hop_stay_on_it() {
    let request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Named\r\nX-Named: 1\r\nKeep-Alive: 5\r\n\
                   Proxy-Connection: keep-alive\r\nTE: gzip\r\nUpgrade: h2c\r\nX-Kept: yes\r\n\r\n";
    let seen = passed_on("", request);
    for name in ["X-Named", "Keep-Alive", "Proxy-Connection", "TE", "Upgrade"] {
        assert!(seen.fields(name).is_empty(), "{name}:\n{}", seen.head);
    }
    assert_eq!(seen.fields("X-Kept"), ["yes"]);
}

#[test]
fn other_fields_go_on_in_order_with_their_spelling() {
    let seen = passed_on(
        "ProxyAddHeaders Off",
        "GET / HTTP/1.1\r\nHost: a\r\nx-ONE: 1\r\nCookie: a=b; c=d\r\nX-Two:\t two words \r\nx-one: again\r\nX-Empty:\r\n\r\n",
    );
    let lines: Vec<&str> =
        seen.head.split("\r\n").filter(|line| line.to_ascii_lowercase().starts_with("x-")).collect();
    assert_eq!(lines, ["x-ONE: 1", "X-Two: two words", "x-one: again", "X-Empty: "]);
    assert_eq!(seen.field("Cookie"), Some("a=b; c=d"));
}

#[test]
fn via_is_written_kept_or_blocked_as_configured() {
    let via = |lines: &str| {
        let request = "GET / HTTP/1.1\r\nHost: a\r\nVia: 1.0 far\r\n\r\n";
        passed_on(&format!("ServerName proxy.example\n{lines}"), request).fields("Via").join(", ")
    };
    assert_eq!(via(""), "1.0 far");
    assert_eq!(via("ProxyVia Off"), "1.0 far");
    assert!(via("ProxyVia On").starts_with("1.0 far, 1.1 proxy.example"), "{}", via("ProxyVia On"));
    assert!(via("ProxyVia Full").starts_with("1.0 far, 1.1 proxy.example"), "{}", via("ProxyVia Full"));
    assert!(via("ProxyVia Full").contains("proxyd/"), "{}", via("ProxyVia Full"));
    assert_eq!(via("ProxyVia Block"), "");
}

#[test]
fn a_target_in_absolute_form_goes_on_in_origin_form() {
    let seen = passed_on("", "GET http://a.example/x?y=1 HTTP/1.1\r\nHost: a.example\r\n\r\n");
    assert_eq!(seen.line(), "GET /x?y=1 HTTP/1.1");
}

#[test]
fn a_client_of_http_1_0_is_served_and_the_endpoint_gets_1_1() {
    let origin = Origin::named("ok");
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(b"GET / HTTP/1.0\r\n\r\n");
    let response = client.response();
    assert_eq!(
        (response.version.as_str(), response.status, response.text().as_str()),
        ("HTTP/1.1", 200, "ok")
    );
    assert!(client.is_closed(), "1.0 without keep-alive");
    assert_eq!(origin.only_request().line(), "GET / HTTP/1.1");
}

// ---- Bodies of requests

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

// ---- Answers

#[test]
fn an_answer_with_a_length_comes_back_with_its_fields() {
    let response = passed_back(
        "",
        "HTTP/1.1 201 Made It\r\nContent-Length: 5\r\nX-a: 1\r\nSet-Cookie: a=b\r\nset-cookie: c=d\r\nServer: theirs\r\n\r\nhello",
    );
    assert_eq!((response.status, response.text().as_str(), response.complete), (201, "hello", true));
    let cookies = response.fields.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
    assert_eq!(cookies.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["a=b", "c=d"]);
    assert_eq!((response.field("X-a"), response.field("Server")), (Some("1"), Some("theirs")));
}

#[test]
fn fields_of_the_hop_are_taken_out_of_an_answer() {
    let response = passed_back(
        "",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: X-Named\r\nX-Named: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Authenticate: Basic\r\nX-Kept: yes\r\n\r\nok",
    );
    for name in ["X-Named", "Keep-Alive", "Proxy-Authenticate"] {
        assert_eq!(response.field(name), None, "{}", response.head);
    }
    assert_eq!(response.field("X-Kept"), Some("yes"));
}

#[test]
fn a_chunked_answer_comes_back_chunked() {
    let response = passed_back(
        "",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x\r\n world\r\n0\r\n\r\n",
    );
    assert_eq!((response.text().as_str(), response.complete), ("hello world", true));
    assert_eq!(response.field("Transfer-Encoding"), Some("chunked"));
}

#[test]
fn a_chunked_answer_ends_with_the_connection_for_a_client_of_http_1_0() {
    let origin = Origin::saying(
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        Then::Keep,
    );
    let response = server(&origin, "").send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((response.text().as_str(), response.field("Transfer-Encoding")), ("hello", None));
}

#[test]
fn an_answer_that_ends_with_its_connection_comes_back_with_a_framing_of_its_own() {
    let response = passed_back("", "HTTP/1.1 200 OK\r\nX-a: 1\r\n\r\nuntil the end");
    assert_eq!((response.text().as_str(), response.complete), ("until the end", true));
}

#[test]
fn the_answer_to_head_keeps_its_length_and_has_no_body() {
    let origin = Origin::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 12345\r\n\r\n", Then::Keep);
    let server = server(&origin, "");
    let mut client = server.client();
    for _ in 0..2 {
        client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
        let response = client.response_to_head();
        assert_eq!((response.status, response.field("Content-Length")), (200, Some("12345")));
    }
    assert_eq!(origin.conns(), 1, "the connection stays clean");
}

#[test]
fn answers_without_a_body_do_not_end_the_connection() {
    let origin = Origin::answering(|seen, stream| {
        let answer: &[u8] = match seen.target() {
            "/204" => b"HTTP/1.1 204 No Content\r\n\r\n",
            "/304" => b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\nETag: \"x\"\r\n\r\n",
            _ => b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        };
        stream.write_all(answer)?;
        Ok(Then::Keep)
    });
    let server = server(&origin, "");
    let mut client = server.client();
    for (target, status) in [("/204", 204), ("/304", 304), ("/200", 200), ("/204", 204)] {
        client.send_get(target);
        let response = client.response();
        assert_eq!((response.status, response.body.len(), response.complete), (status, 0, true), "{target}");
        assert!(status != 204 || response.field("Content-Length").is_none(), "{}", response.head);
    }
    assert_eq!(origin.conns(), 1);
}

#[test]
fn interim_answers_come_before_the_final_one() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let response = passed_back("", &format!("{hints}{hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"));
    assert_eq!((response.interim.as_slice(), response.text().as_str()), ([103, 103].as_slice(), "ok"));
}

#[test]
fn a_client_of_http_1_0_gets_no_interim_answers() {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n";
    let origin = Origin::saying(
        format!("{hints}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").as_bytes(),
        Then::Close,
    );
    let response = server(&origin, "").send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((response.interim.len(), response.text().as_str()), (0, "ok"));
}

#[test]
fn an_answer_streams_to_the_client_while_it_is_being_made() {
    let origin =
        Origin::saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnow\r\n", Then::Hang);
    let server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send_get("/");
    let mut seen = Vec::new();
    while !seen.ends_with(b"3\r\nnow\r\n") {
        seen.extend(client.bytes(1));
    }
}

#[test]
fn a_body_that_is_cut_short_never_looks_whole() {
    for (what, answer) in [
        ("length", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"),
        ("chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"),
        ("inside a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf"),
    ] {
        let response = passed_back("", answer);
        assert_eq!(
            (response.status, response.text().as_str(), response.complete),
            (200, "half", false),
            "{what}"
        );
    }
}

#[test]
fn a_cut_body_never_looks_whole_to_a_client_of_http_1_0_either() {
    // The end of the connection is the end of the body for it, so the end must be a reset.
    let origin =
        Origin::saying(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n", Then::Close);
    let response = server(&origin, "").send("GET / HTTP/1.0\r\n\r\n");
    assert_eq!((response.status, response.complete), (200, false));
}

#[test]
fn an_answer_that_stalls_is_cut_after_the_timeout() {
    let origin = Origin::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", Then::Hang);
    let response = Server::conf(&format!("ProxyTimeout 300ms\nProxyPass / {}/\n", origin.url())).get("/");
    assert_eq!((response.text().as_str(), response.complete), ("half", false));
}

#[test]
fn surplus_bytes_after_an_answer_are_nobodys_answer() {
    let response =
        passed_back("", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nevil");
    assert_eq!((response.text().as_str(), response.complete), ("ok", true));
}

#[test]
fn trailers_come_back_to_a_client_that_asked_for_them_and_never_in_the_head() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n";
    let origin = Origin::saying(answer, Then::Keep);
    let server = server(&origin, "");
    let asked = server.send("GET / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\n\r\n");
    assert_eq!(asked.trailers, [("X-Sum".to_owned(), "7".to_owned())]);
    assert_eq!(asked.field("X-Sum"), None);
    let not_asked = server.get("/");
    assert_eq!((not_asked.text().as_str(), not_asked.complete, not_asked.trailers.len()), ("ok", true, 0));
}

#[test]
fn proxypassreverse_renames_the_endpoint_in_locations() {
    let location = |answer: &str| {
        let origin = Origin::saying(
            format!("HTTP/1.1 302 Found\r\nLocation: {answer}\r\nContent-Length: 0\r\n\r\n").as_bytes(),
            Then::Keep,
        );
        let url = origin.url();
        let server = Server::conf(&format!("ProxyPass /app/ {url}/\nProxyPassReverse /app/ {url}/\n"));
        let response = server.send("GET /app/x HTTP/1.1\r\nHost: front.example\r\nConnection: close\r\n\r\n");
        response.field("Location").unwrap_or_default().to_owned()
    };
    assert_eq!(location("http://elsewhere.example/y"), "http://elsewhere.example/y");
    // The origin names itself by its own address, which is known only once it runs.
    let origin = Origin::answering(|_, stream| {
        let me = stream.local_addr()?;
        write!(stream, "HTTP/1.1 302 Found\r\nLocation: http://{me}/y?z=1\r\nContent-Length: 0\r\n\r\n")?;
        Ok(Then::Keep)
    });
    let url = origin.url();
    let server = Server::conf(&format!("ProxyPass /app/ {url}/\nProxyPassReverse /app/ {url}/\n"));
    let response = server.send("GET /app/x HTTP/1.1\r\nHost: front.example\r\nConnection: close\r\n\r\n");
    assert_eq!(response.field("Location"), Some("http://front.example/app/y?z=1"));
}

#[test]
fn answers_that_are_not_http_are_a_502() {
    let head = |fields: &str| format!("HTTP/1.1 200 OK\r\n{fields}\r\nok");
    let many: String = (0..120).map(|number| format!("X-{number}: 1\r\n")).collect();
    let interims = "HTTP/1.1 103 Hints\r\n\r\n".repeat(20);
    let cases = [
        ("garbage", "\x16\x03\x01\x02\x00\r\n\r\n".to_owned()),
        ("another protocol", "SSH-2.0-OpenSSH\r\n\r\n".to_owned()),
        ("nothing", String::new()),
        ("status of two digits", "HTTP/1.1 20 OK\r\n\r\n".to_owned()),
        ("status of four digits", "HTTP/1.1 2000 OK\r\n\r\n".to_owned()),
        ("status in hexadecimal", "HTTP/1.1 0x200 OK\r\n\r\n".to_owned()),
        ("version 2", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n".to_owned()),
        ("two lengths", head("Content-Length: 2\r\nContent-Length: 2\r\n")),
        ("two different lengths", head("Content-Length: 2\r\nContent-Length: 3\r\n")),
        ("length and chunked", head("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n")),
        ("length with a sign", head("Content-Length: +2\r\n")),
        ("unknown coding", head("Transfer-Encoding: xchunked\r\n")),
        ("folded field", head("X-a: 1\r\n folded\r\nContent-Length: 2\r\n")),
        ("bare LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok".to_owned()),
        ("NUL in a value", head("X-a: \0\r\nContent-Length: 2\r\n")),
        ("blank before a colon", head("Content-Length : 2\r\n")),
        ("too many fields", head(&many)),
        ("a head that is too large", head(&format!("X-a: {}\r\n", "x".repeat(70_000)))),
        ("endless interim answers", format!("{interims}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")),
        (
            "unsolicited 101",
            "HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n".to_owned(),
        ),
        ("cut inside the head", "HTTP/1.1 200 OK\r\nContent-Len".to_owned()),
    ];
    for (what, answer) in cases {
        let response = passed_back("", &answer);
        assert_eq!(response.status, 502, "{what}: {}", response.head);
        assert!(response.complete, "{what}");
    }
}

// ---- Connections

#[test]
fn a_connection_serves_many_requests_and_the_endpoints_one_is_kept() {
    let origin = Origin::named("ok");
    let server = server(&origin, "Executors 1");
    let mut client = server.client();
    for request in 0..50 {
        client.send_get(&format!("/{request}"));
        assert_eq!(client.response().text(), "ok");
    }
    for _ in 0..10 {
        assert_eq!(server.get("/").text(), "ok");
    }
    assert_eq!((origin.count(), origin.conns()), (60, 1));
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let origin = Origin::answering(|seen, stream| {
        stream.write_all(&ok(seen.target().as_bytes()))?;
        Ok(Then::Keep)
    });
    let server = server(&origin, "");
    let mut client = server.client();
    let all: String = (0..20).map(|number| format!("GET /{number} HTTP/1.1\r\nHost: a\r\n\r\n")).collect();
    client.send(all.as_bytes());
    for number in 0..20 {
        assert_eq!(client.response().text(), format!("/{number}"));
    }
}

#[test]
fn connection_close_is_honoured_on_both_sides() {
    let origin =
        Origin::saying(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok", Then::Close);
    let server = server(&origin, "");
    let mut client = server.client();
    client.send_get("/1");
    assert_eq!(client.response().text(), "ok");
    client.send(b"GET /2 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let response = client.response();
    assert_eq!((response.text().as_str(), response.field("Connection")), ("ok", Some("close")));
    assert!(client.is_closed());
    assert_eq!(origin.conns(), 2);
}

#[test]
fn a_client_of_http_1_0_may_ask_to_keep_its_connection() {
    let origin = Origin::named("ok");
    let server = server(&origin, "");
    let mut client = server.client();
    for _ in 0..3 {
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
        let response = client.response();
        assert_eq!(response.text(), "ok");
        assert!(response.field("Connection").is_some_and(|value| value.eq_ignore_ascii_case("keep-alive")));
    }
}

#[test]
fn a_client_that_has_finished_sending_still_gets_its_answer() {
    let origin = Origin::named("ok");
    let server = server(&origin, "");
    let mut client = server.client();
    client.send_get("/");
    client.finish_sending();
    assert_eq!(client.response().text(), "ok");
}

#[test]
fn a_client_that_goes_away_takes_the_endpoints_connection_with_it() {
    let (gone, wait) = mpsc::channel();
    let origin = Origin::conversing(move |_, mut stream, ledger| {
        if let Some(seen) = read_request(0, &mut stream, ledger)? {
            ledger.record(seen);
        }
        let ended = stream.read(&mut [0; 1]);
        let _ = gone.send(matches!(ended, Ok(0) | Err(_)));
        Ok(())
    });
    let server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let mut client = server.client();
    client.send_get("/");
    origin.wait_for_requests(1);
    client.reset();
    assert_eq!(wait.recv_timeout(Duration::from_secs(5)), Ok(true));
}

#[test]
fn bytes_flow_both_ways_after_an_upgrade_and_each_half_ends_by_itself() {
    let origin = Origin::conversing(|_, mut stream, ledger| {
        if let Some(seen) = read_request(0, &mut stream, ledger)? {
            ledger.record(seen);
        }
        stream.write_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst",
        )?;
        let mut all = Vec::new();
        stream.read_to_end(&mut all)?;
        stream.write_all(&all)
    });
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(
        b"GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
          Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    let response = client.response();
    assert_eq!((response.status, response.field("Upgrade")), (101, Some("websocket")));
    assert_eq!(client.bytes(5), b"first");
    client.send(b"echo this");
    client.finish_sending();
    assert_eq!(client.rest(), b"echo this");
    let seen = origin.only_request();
    assert_eq!((seen.field("Upgrade"), seen.field("Connection")), (Some("websocket"), Some("Upgrade")));
}

#[test]
fn an_upgrade_that_the_endpoint_refuses_is_an_ordinary_answer() {
    let origin = Origin::named("no thanks");
    let server = server(&origin, "");
    let mut client = server.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    assert_eq!(client.response().text(), "no thanks");
}

// ---- Routing

#[test]
fn virtual_hosts_and_locations_choose_the_endpoint() {
    let origins = ["main", "a", "b", "location"].map(Origin::named);
    let [main, a, b, location] = origins.each_ref().map(Origin::url);
    let server = Server::conf(&format!(
        "ServerName main.example
ProxyPass /everywhere {main}/
<VirtualHost *:*>
ServerName a.example
ServerAlias *.a.example
ProxyPass /x {b}/
ProxyPass / {a}/
<Location /x/in>
ProxyPass {location}/
</Location>
</VirtualHost>
<VirtualHost *:*>
ServerName b.example
ProxyPass / {b}/
</VirtualHost>
"
    ));
    for (host, target, expected) in [
        ("a.example", "/", "a"),
        ("A.Example:8080", "/", "a"),
        ("www.a.example", "/", "a"),
        ("b.example", "/", "b"),
        ("unknown.example", "/", "a"),
        ("a.example", "/x", "b"),
        ("a.example", "/x/in/y", "location"),
        ("a.example", "/x/inn", "b"),
        ("a.example", "/everywhere", "main"),
        ("b.example", "/everywhere", "main"),
    ] {
        let response =
            server.send(&format!("GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
        assert_eq!(response.text(), expected, "{host}{target}");
    }
}

#[test]
fn a_location_overrides_what_its_server_says() {
    let origin = Origin::named("ok");
    let url = origin.url();
    let server = Server::conf(&format!(
        "ProxyPreserveHost On\n<Location /own>\nProxyPreserveHost Off\n</Location>\nProxyPass / {url}/\n"
    ));
    server.get("/own/x");
    server.get("/other");
    let hosts: Vec<String> =
        origin.requests().iter().map(|seen| seen.field("Host").unwrap_or_default().to_owned()).collect();
    assert_eq!(hosts, [origin.addr().to_string(), "test.example".to_owned()]);
}

#[test]
fn a_cluster_of_the_core_is_served_by_the_balancer_that_lbmethod_names() {
    let origins = ["0", "1"].map(Origin::named);
    let [one, two] = origins.each_ref().map(Origin::url);
    let server = Server::conf(&format!(
        "{{lb}}\n<Proxy balancer://c>\nBalancerMember {one}\nBalancerMember {two}\n</Proxy>\n\
         LBMethod c proxy_lb_module\nProxyPass /app balancer://c/inner\n"
    ));
    let answers: String = (0..4).map(|_| server.get("/app/x").text()).collect();
    assert_eq!(answers, "0101");
    assert_eq!(origins[0].requests()[0].target(), "/inner/x");
}

#[test]
fn the_same_routes_hold_inside_a_virtual_host() {
    let origin = Origin::named("0");
    let url = origin.url();
    let server = Server::conf(&format!(
        "{{lb}}\nLBServerCluster c {url}\n<VirtualHost *:*>\nServerName a.example\nLBProxyPass /in c\n</VirtualHost>\n"
    ));
    assert_eq!(server.get("/in").status, 200);
    assert_eq!(server.get("/out").status, 404);
}

#[test]
fn two_listen_lines_open_two_ports() {
    let origin = Origin::named("ok");
    let config = Balanced::snoop([origin.url()]);
    let text = format!("Listen 127.0.0.1:0\n{}", config.text(Syntax::Conf));
    let server = Server::conf(&text);
    let line = server.log_lines("listening on 127.0.0.1:").remove(0);
    let ports: Vec<u16> = line
        .split("127.0.0.1:")
        .skip(1)
        .map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap())
        .collect();
    assert_eq!(ports.len(), 2, "{line}");
    for port in ports {
        let mut client = Client::connect((Ipv4Addr::LOCALHOST, port).into());
        client.send_get("/snoop");
        assert_eq!(client.response().text(), "ok", "{port}");
    }
}
