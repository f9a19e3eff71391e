//! Limits, facts and the reuse of a request head.

use super::super::{Body, Limits, Method, Parsed, Reject, RequestHead, Version};
use super::request_with;

fn parse(bytes: &[u8]) -> Result<Parsed, Reject> {
    RequestHead::default().parse(bytes, &Limits::default())
}

fn with_head<T>(bytes: &[u8], look: impl FnOnce(super::Request<'_>) -> T) -> T {
    let mut head = RequestHead::default();
    assert!(
        matches!(head.parse(bytes, &Limits::default()), Ok(Parsed::Complete(_))),
        "{}",
        super::text(bytes)
    );
    look(head.view(bytes))
}

fn status(bytes: &[u8]) -> u16 {
    parse(bytes).map_or_else(|reject| reject.status, |parsed| if parsed == Parsed::Partial { 1 } else { 200 })
}

#[test]
fn the_request_line_has_a_limit() {
    for (line, expected) in [(8191, 200), (8192, 200), (8193, 414)] {
        let target = "x".repeat(line - "GET / HTTP/1.1".len());
        assert_eq!(
            status(format!("GET /{target} HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()),
            expected,
            "{line}"
        );
    }
    // Seen before the line ends.
    assert_eq!(status(&[b"GET /", &[b'x'; 8187][..]].concat()), 1);
    assert_eq!(status(&[b"GET /", &[b'x'; 8188][..]].concat()), 414);
}

#[test]
fn a_field_line_has_a_limit() {
    for (line, expected) in [(8191, 200), (8192, 200), (8193, 431)] {
        let value = "x".repeat(line - 3);
        assert_eq!(status(&request_with(&format!("A: {value}\r\n"))), expected, "{line}");
        assert_eq!(status(&request_with(&format!("A: {value}\r\nB: c\r\n"))), expected, "{line}");
        let blanks = " ".repeat(line - 3);
        assert_eq!(status(&request_with(&format!("A:{blanks}x\r\n"))), expected, "{line} with blanks");
    }
    let unfinished = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "x".repeat(8190));
    assert_eq!(status(unfinished.as_bytes()), 431);
}

#[test]
fn the_number_of_fields_has_a_limit() {
    for (fields, expected) in [(99, 200), (100, 200), (101, 431)] {
        assert_eq!(status(&request_with(&"A: b\r\n".repeat(fields - 1))), expected, "{fields}");
    }
}

#[test]
fn the_head_has_a_limit() {
    let base = request_with("").len();
    for (len, expected) in [(65_535, 200), (65_536, 200), (65_537, 431)] {
        let mut fields = String::new();
        let mut left = len - base;
        while left > 0 {
            // Lines of at most 8000 bytes, never leaving a rest too short for one.
            let line = if left > 8100 { 8000 } else { left };
            fields.push_str(&format!("A: {}\r\n", "x".repeat(line - 5)));
            left -= line;
        }
        let bytes = request_with(&fields);
        assert_eq!(bytes.len(), len);
        assert_eq!(status(&bytes), expected, "{len}");
        // A body behind it does not count.
        assert_eq!(status(&[bytes, vec![b'x'; 70_000]].concat()), expected, "{len} with more behind");
    }
}

#[test]
fn facts_of_a_request() {
    with_head(b"POST http://A.test:80/%73noop?x=1 HTTP/1.1\r\nhost: a.test:80\r\nX: y\r\nContent-Length: 3\r\n\r\nabc", |request| {
        assert_eq!(request.method(), Method::Post);
        assert!(!request.method().is_idempotent());
        assert_eq!(request.target(), b"http://A.test:80/%73noop?x=1");
        assert_eq!(request.path(), b"/%73noop");
        assert_eq!(request.canonical_path(), b"/snoop");
        assert_eq!(request.query(), Some(&b"x=1"[..]));
        assert_eq!(request.host(), Some(&b"a.test:80"[..]));
        assert_eq!(request.host_name(), Some(&b"a.test"[..]));
        assert_eq!(request.body(), Body::Length(3));
        assert_eq!(request.field(b"HOST"), request.host());
        assert_eq!(request.fields().count(), 3);
        assert!(request.keep_alive() && !request.body_is_unusual());
    });
    with_head(
        b"GET / HTTP/1.0\r\nHost: [::1]:80\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n",
        |request| {
            assert_eq!(request.version(), Version::Http10);
            assert_eq!(request.host_name(), Some(&b"[::1]"[..]));
            assert!(!request.keep_alive());
            assert!(!request.expect_continue(), "HTTP/1.0 knows no 100");
            assert!(request.body_is_unusual());
        },
    );
    with_head(b"GET http://a HTTP/1.0\r\n\r\n", |request| assert_eq!(request.host(), Some(&b"a"[..])));
}

#[test]
fn persistence_follows_version_and_connection() {
    for (version, connection, expected) in [
        ("1.1", "x", true),
        ("1.1", "Close", false),
        ("1.1", "keep-alive, close", false),
        ("1.0", "x", false),
        ("1.0", "Keep-Alive", true),
        ("1.0", "keep-alive, close", false),
    ] {
        let bytes = format!("GET / HTTP/{version}\r\nHost: a\r\nConnection: {connection}\r\n\r\n");
        assert_eq!(
            with_head(bytes.as_bytes(), |request| request.keep_alive()),
            expected,
            "{version} {connection}"
        );
    }
}

#[test]
fn only_a_proper_websocket_request_is_one() {
    for (bytes, expected) in [
        (&b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n\r\n"[..], true),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n", true),
        (b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", false),
        (b"GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false),
        (b"POST / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", false),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 1\r\n\r\n", false),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", false),
    ] {
        assert_eq!(with_head(bytes, |request| request.wants_websocket()), expected, "{}", super::text(bytes));
    }
}

#[test]
fn a_head_is_used_again() {
    let mut head = RequestHead::default();
    let limits = Limits::default();
    let first = b"GET /%41 HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
    assert_eq!(head.parse(first, &limits), Ok(Parsed::Complete(first.len())));
    let second = b"GET /b HTTP/1.1\r\nHost: b\r\n\r\n";
    assert_eq!(head.parse(&second[..20], &limits), Ok(Parsed::Partial));
    assert_eq!(head.parse(second, &limits), Ok(Parsed::Complete(second.len())));
    let request = head.view(second);
    assert_eq!((request.canonical_path(), request.fields().count()), (&b"/b"[..], 1));
    assert_eq!(head.parse(&first[..30], &limits), Ok(Parsed::Partial));
    head.clear();
    assert_eq!(head.parse(second, &limits), Ok(Parsed::Complete(second.len())));
}

#[test]
fn the_wrong_bytes_are_no_panic() {
    let mut head = RequestHead::default();
    let bytes = request_with("X: y\r\n");
    head.parse(&bytes, &Limits::default()).unwrap();
    assert_eq!(head.view(b"").path(), b"/");
    assert_eq!(head.view(b"").fields().map(|(name, _)| name.len()).sum::<usize>(), 0);
}
