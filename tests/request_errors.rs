//! Requests that are refused: the exact status of each, and that no endpoint hears of it.

use crate::support::origin::Origin;
use crate::support::server::Server;

/// What is sent, and the status that comes back.
type Case = (&'static str, String, u16);

fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

fn fields(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n")
}

fn line(line: &str) -> String {
    format!("{line}\r\nHost: a\r\n\r\n")
}

fn cases() -> Vec<Case> {
    let many: String = (0..101).map(|number| format!("X-{number}: 1\r\n")).collect();
    vec![
        // Request lines
        ("two blanks", line("GET  / HTTP/1.1"), 400),
        ("a tab for a blank", line("GET\t/ HTTP/1.1"), 400),
        ("no version", line("GET /"), 400),
        ("no target", line("GET HTTP/1.1"), 400),
        ("version 1.2", line("GET / HTTP/1.2"), 400),
        ("version 2.0", line("GET / HTTP/2.0"), 400),
        ("version in lower case", line("GET / http/1.1"), 400),
        ("a blank behind the version", line("GET / HTTP/1.1 "), 400),
        ("a method of 33 bytes", line(&format!("{} / HTTP/1.1", "M".repeat(33))), 501),
        ("a method that is no token", line("GE(T / HTTP/1.1"), 400),
        ("TRACE", line("TRACE / HTTP/1.1"), 405),
        ("CONNECT", line("CONNECT a:443 HTTP/1.1"), 405),
        ("bytes of TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\u{fc}\x03\x03\r\n\r\n".to_owned(), 400),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("line ends without CR", "GET / HTTP/1.1\nHost: a\n\n".to_owned(), 400),
        // Targets
        ("a target of 8 KiB and more", get(&format!("/{}", "x".repeat(9000))), 414),
        ("a fragment", get("/a#b"), 400),
        ("dot segments", get("/a/../b"), 400),
        ("dot segments in other spelling", get("/a/%2e%2E/b"), 400),
        ("half encoded dot segments", get("/a/.%2e/b"), 400),
        ("NUL", get("/a%00b"), 400),
        ("a line end", get("/a%0d%0ab"), 400),
        ("a backslash", get("/a\\b"), 400),
        ("a broken escape", get("/a%2"), 400),
        ("bytes above ASCII", get("/\u{e4}"), 400),
        ("star with GET", get("*"), 400),
        ("neither path nor URL", get("a/b"), 400),
        ("a user in the URL", get("http://u@a/"), 400),
        ("another scheme", get("ftp://a/"), 400),
        ("an URL against its Host", "GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n".to_owned(), 400),
        ("a unix socket", get("unix:/run/x.sock|http://a/"), 400),
        // Host
        ("no Host", "GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n".to_owned(), 400),
        ("a Host with a list", "GET / HTTP/1.1\r\nHost: a,b\r\n\r\n".to_owned(), 400),
        ("a Host with a bad port", "GET / HTTP/1.1\r\nHost: a:99999\r\n\r\n".to_owned(), 400),
        // Fields
        ("no colon", fields("Foo\r\n"), 400),
        ("a blank before the colon", fields("Foo : bar\r\n"), 400),
        ("a folded field", fields("Foo: bar\r\n baz\r\n"), 400),
        ("NUL in a value", fields("Foo: a\0b\r\n"), 400),
        ("more than 100 fields", fields(&many), 431),
        ("a field of more than 8 KiB", fields(&format!("Foo: {}\r\n", "x".repeat(9000))), 431),
        ("a head of more than 64 KiB", fields(&format!("Foo: {}\r\n", "x".repeat(7000)).repeat(12)), 431),
        ("Expect of something else", fields("Expect: 200-ok\r\n"), 417),
        ("Connection names Host", fields("Connection: Host\r\n"), 400),
        (
            "Max-Forwards that is no number",
            "OPTIONS / HTTP/1.1\r\nHost: a\r\nMax-Forwards: x\r\n\r\n".to_owned(),
            400,
        ),
        // Framing
        ("length and chunked", fields("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400),
        ("two lengths", fields("Content-Length: 5\r\nContent-Length: 5\r\n"), 400),
        ("a length with a sign", fields("Content-Length: +5\r\n"), 400),
        ("a coding that we lack", fields("Transfer-Encoding: gzip, chunked\r\n"), 501),
        ("no coding at all", fields("Transfer-Encoding: xchunked\r\n"), 400),
        ("chunked in 1.0", "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(), 400),
        ("a chunk size that is none", fields("Transfer-Encoding: chunked\r\n") + "x\r\n", 400),
        (
            "a chunk longer than its size",
            fields("Transfer-Encoding: chunked\r\n") + "2\r\nabc\r\n0\r\n\r\n",
            400,
        ),
        (
            "a length among the trailers",
            fields("Transfer-Encoding: chunked\r\n") + "0\r\nContent-Length: 5\r\n\r\n",
            400,
        ),
        // Routing
        ("excluded", get("/excluded/x"), 404),
        ("no mapping", get("/nothing"), 404),
    ]
}

#[test]
fn each_has_its_status_and_reaches_no_endpoint() {
    let origin = Origin::named("reached");
    let url = origin.url();
    let server = Server::conf(&format!(
        "ProxyPass /excluded !\nProxyPass /nothing !\nProxyPass / {url}/\nExecutors 1\nProxyTimeout 5s\n"
    ));
    let mut failures = Vec::new();
    for (what, bytes, status) in cases() {
        let mut client = server.client();
        client.try_send(bytes.as_bytes());
        match client.try_response(false) {
            Ok(response) if response.status == status => {}
            Ok(response) => failures.push(format!("{what}: {}, not {status}", response.status)),
            Err(error) => failures.push(format!("{what}: {error}, not {status}")),
        }
        if status != 404 && !client.rest().is_empty() {
            failures.push(format!("{what}: something came after the refusal"));
        }
        if origin.count() > 0 {
            failures.push(format!("{what}: reached the origin"));
            break;
        }
    }
    assert!(failures.is_empty(), "{} of {}:\n{}", failures.len(), cases().len(), failures.join("\n"));
    assert_eq!(server.get("/fine").text(), "reached", "the server goes on");
}

#[test]
fn no_spelling_walks_around_an_exclusion() {
    let origin = Origin::named("reached");
    let server = Server::conf(&format!("ProxyPass /a/b !\nProxyPass / {}/\n", origin.url()));
    assert_eq!(server.get("/a/b").status, 404);
    // The origin would take each of these for /a/b.
    for target in [
        "/a/x/../b",
        "/a/./b",
        "/a/%2e/b",
        "/./a/b",
        "/a/b/..;/b",
        "/%61/b",
        "/a/%62",
        "/a//b",
        "/a////b//x",
        "/%61//%62/",
        "//a/b",
        "http://test.example/a//b",
    ] {
        let status = server.get(target).status;
        assert!(matches!(status, 400 | 404), "{target}: {status}");
    }
    assert_eq!(origin.count(), 0);
}

#[test]
fn limits_are_exact() {
    let origin = Origin::named("reached");
    let server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let target = |length: usize| get(&format!("/{}", "x".repeat(length - 1)));
    let count =
        |count: usize| fields(&(2..=count).map(|number| format!("X-{number}: 1\r\n")).collect::<String>());
    for (what, bytes, status) in [
        ("100 fields", count(100), 200),
        ("101 fields", count(101), 431),
        ("a method of 32 bytes", line(&format!("{} / HTTP/1.1", "M".repeat(32))), 200),
        ("a target of 8,100 bytes", target(8100), 200),
        ("a target of 8,193 bytes", target(8193), 414),
    ] {
        assert_eq!(server.send(&bytes).status, status, "{what}");
    }
}

#[test]
fn what_is_refused_has_a_small_page_that_repeats_nothing_of_the_request() {
    let origin = Origin::named("reached");
    let server = Server::conf(&format!("ProxyPass / {}/\n", origin.url()));
    let response = server.send("GET /<script>..%00 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(response.status, 400);
    assert!(!response.text().contains("script"), "{}", response.text());
    assert_eq!(response.field("Connection"), Some("close"));
    let head = server.send("HEAD /a/../b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(head.status, 400);
}

#[test]
fn a_head_that_never_ends_is_answered_408_or_closed() {
    let server = Server::conf("ProxyPass / !\n");
    let mut client = server.client();
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\n");
    client.finish_sending();
    let status = client.try_response(false).map(|response| response.status);
    assert!(matches!(status, Err(_) | Ok(400 | 408)), "{status:?}");
}
