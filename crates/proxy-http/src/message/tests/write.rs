//! The canonical writers, byte for byte.

use proxy_core::conf::{CookieAttribute, CookieRule};

use super::super::{
    Asked, Body, EndpointConnection, Forwarded, Limits, Parsed, RequestHead, RequestRewrite, ResponseBody,
    ResponseHead, ResponseRewrite, Reverse, ReversePair, Simple, Version, Via, write_interim, write_request,
    write_response, write_simple,
};
use super::plain_rewrite;

fn request(bytes: &str, change: impl FnOnce(&mut RequestRewrite<'_>)) -> String {
    let mut head = RequestHead::default();
    assert!(matches!(head.parse(bytes.as_bytes(), &Limits::default()), Ok(Parsed::Complete(_))), "{bytes}");
    let view = head.view(bytes.as_bytes());
    let mut rewrite = RequestRewrite { preserve_host: false, forwarded: None, ..plain_rewrite(&view) };
    change(&mut rewrite);
    let mut out = Vec::new();
    write_request(&mut out, &view, &rewrite);
    String::from_utf8(out).unwrap()
}

const REWRITE: ResponseRewrite<'_> = ResponseRewrite {
    edits: &[],
    client: Version::Http11,
    close: false,
    via: Via::Off,
    reverse: None,
    date: b"Tue, 24 Nov 2026 12:00:00 GMT",
};

fn response(bytes: &str, asked: Asked, rewrite: &ResponseRewrite<'_>) -> (ResponseBody, String) {
    let mut head = ResponseHead::default();
    let parsed = head.parse(bytes.as_bytes(), &Limits::default(), asked);
    assert!(matches!(parsed, Ok(Parsed::Complete(_))), "{bytes}: {parsed:?}");
    let mut out = Vec::new();
    let body = write_response(&mut out, &head.view(bytes.as_bytes()), rewrite);
    (body, String::from_utf8(out).unwrap())
}

#[test]
fn a_request_is_spelt_anew() {
    let bytes = "POST /a?b HTTP/1.1\r\nUser-Agent: x\r\nA:1 \r\nHost: a\r\nB:\t2\r\nC: 3\r\nD: 4\r\nContent-Length: 007\r\n\r\n";
    assert_eq!(
        request(bytes, |_| {}),
        "POST /a?b HTTP/1.1\r\nHost: endpoint.test:8080\r\nUser-Agent: x\r\nA: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n\
         Content-Length: 7\r\n\r\n"
    );
}

#[test]
fn a_prefix_is_replaced() {
    let bytes = "GET /%73noop/x%2fy?q HTTP/1.1\r\nHost: a\r\n\r\n";
    let line = |prefix: &'static [u8]| {
        let rest = proxy_core::path::rest_after(b"/%73noop/x%2fy", "/snoop".len());
        let out = request(bytes, |rewrite| rewrite.path = Some([prefix, rest]));
        out.lines().next().unwrap().to_owned()
    };
    assert_eq!(line(b"/app"), "GET /app/x%2fy?q HTTP/1.1");
    assert_eq!(line(b""), "GET /x%2fy?q HTTP/1.1");
    let out = request("GET /a HTTP/1.1\r\nHost: a\r\n\r\n", |rewrite| rewrite.path = Some([b"", b""]));
    assert!(out.starts_with("GET / HTTP/1.1\r\n"), "{out}");
}

#[test]
fn the_client_is_told_about_as_far_as_it_is_believed() {
    let bytes = "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 1.1.1.1\r\nX-Forwarded-For: 2.2.2.2\r\n\
                 X-Forwarded-Host: outer\r\nX-Real-IP: 1.1.1.1\r\nForwarded: for=1.1.1.1\r\n\r\n";
    let ours = Some(Forwarded { client: b"192.0.2.1", proto: b"https" });
    let untrusted = request(bytes, |rewrite| rewrite.forwarded = ours);
    assert_eq!(
        untrusted,
        "GET / HTTP/1.1\r\nHost: endpoint.test:8080\r\nX-Forwarded-For: 192.0.2.1\r\nX-Forwarded-Host: a\r\n\
         X-Forwarded-Proto: https\r\n\r\n"
    );
    let trusted = request(bytes, |rewrite| (rewrite.forwarded, rewrite.trusted) = (ours, true));
    assert_eq!(
        trusted,
        "GET / HTTP/1.1\r\nHost: endpoint.test:8080\r\nX-Forwarded-Host: outer\r\nX-Real-IP: 1.1.1.1\r\n\
         Forwarded: for=1.1.1.1\r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2, 192.0.2.1\r\nX-Forwarded-Proto: https\r\n\r\n"
    );
    let silent = request(bytes, |_| {});
    assert_eq!(silent, "GET / HTTP/1.1\r\nHost: endpoint.test:8080\r\n\r\n");
}

#[test]
fn via_is_added_kept_or_removed() {
    let bytes = "GET / HTTP/1.0\r\nHost: a\r\nVia: 1.1 far\r\n\r\n";
    let vias = |via: Via<'static>| -> Vec<String> {
        let out = request(bytes, |rewrite| rewrite.via = via);
        out.lines().filter(|line| line.starts_with("Via")).map(str::to_owned).collect()
    };
    assert_eq!(vias(Via::Off), ["Via: 1.1 far"]);
    assert_eq!(vias(Via::On(b"near:81")), ["Via: 1.1 far", "Via: 1.0 near:81"]);
    assert_eq!(
        vias(Via::Full(b"near"))[1],
        concat!("Via: 1.0 near (proxyd/", env!("CARGO_PKG_VERSION"), ")")
    );
    assert!(vias(Via::Block).is_empty());
}

#[test]
fn our_own_connection_is_what_is_asked() {
    let bytes = "POST / HTTP/1.1\r\nHost: a\r\nTE: trailers\r\nConnection: TE, close\r\nTransfer-Encoding: chunked\r\n\r\n";
    let out = request(bytes, |rewrite| rewrite.connection = EndpointConnection::Close);
    assert!(
        out.ends_with("\r\nTransfer-Encoding: chunked\r\nTE: trailers\r\nConnection: close, TE\r\n\r\n"),
        "{out}"
    );
    let out = request(bytes, |rewrite| rewrite.body = Body::Length(9));
    assert!(out.contains("\r\nContent-Length: 9\r\n") && !out.contains("chunked"), "{out}");
}

#[test]
fn a_response_is_spelt_anew() {
    let bytes = "HTTP/1.1 200 Fine\r\nA:1\r\nConnection: X\r\nX: y\r\nKeep-Alive: 5\r\nContent-Length: 05\r\n\
                 Set-Cookie: a\r\nSet-Cookie: b\r\n\r\n";
    let (body, out) = response(bytes, Asked::default(), &REWRITE);
    assert_eq!(body, ResponseBody::Length(5));
    assert_eq!(
        out,
        "HTTP/1.1 200 Fine\r\nA: 1\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nDate: Tue, 24 Nov 2026 12:00:00 GMT\r\n\
         Content-Length: 5\r\n\r\n"
    );
    let dated = "HTTP/1.1 200 OK\r\ndate: Mon\r\nContent-Length: 0\r\n\r\n";
    let (_, out) = response(dated, Asked::default(), &ResponseRewrite { close: true, ..REWRITE });
    assert_eq!(out, "HTTP/1.1 200 OK\r\ndate: Mon\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
}

#[test]
fn framing_fits_the_client() {
    use ResponseBody::{Chunked, Length, None, UntilClose};
    let old = ResponseRewrite { client: Version::Http10, date: b"", ..REWRITE };
    let new = ResponseRewrite { date: b"", ..REWRITE };
    let head = Asked { head: true, websocket: false };
    let get = Asked::default();
    for (fields, asked, rewrite, body, expected) in [
        ("Transfer-Encoding: chunked\r\n", get, &new, Chunked, "Transfer-Encoding: chunked\r\n"),
        ("Transfer-Encoding: chunked\r\n", get, &old, UntilClose, "Connection: close\r\n"),
        ("", get, &new, Chunked, "Transfer-Encoding: chunked\r\n"),
        ("", get, &old, UntilClose, "Connection: close\r\n"),
        ("Content-Length: 5\r\n", get, &old, Length(5), "Content-Length: 5\r\nConnection: keep-alive\r\n"),
        ("Content-Length: 5\r\n", head, &new, None, "Content-Length: 5\r\n"),
        ("Transfer-Encoding: chunked\r\n", head, &new, None, ""),
    ] {
        let (found, out) = response(&format!("HTTP/1.1 200 OK\r\n{fields}\r\n"), asked, rewrite);
        assert_eq!((found, out), (body, format!("HTTP/1.1 200 OK\r\n{expected}\r\n")), "{fields}");
    }
    let (_, out) = response("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", get, &new);
    assert_eq!(out, "HTTP/1.1 204 No Content\r\n\r\n");
}

#[test]
fn switching_is_passed_on() {
    let bytes = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n";
    let (body, out) = response(bytes, Asked { head: false, websocket: true }, &REWRITE);
    assert_eq!(body, ResponseBody::None);
    assert_eq!(
        out,
        "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    );
}

#[test]
fn interim_responses_lose_their_hop_by_hop_fields() {
    let bytes = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nConnection: x\r\n\r\n";
    let mut head = ResponseHead::default();
    head.parse(bytes, &Limits::default(), Asked::default()).unwrap();
    assert!(head.view(bytes).is_interim());
    let mut out = Vec::new();
    write_interim(&mut out, &head.view(bytes));
    assert_eq!(out, b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
}

#[test]
fn places_are_renamed() {
    let pairs = [
        ReversePair { internal: b"http://10.0.0.1:80", public: b"/snoop" },
        ReversePair { internal: b"http://b/app/", public: b"/" },
        ReversePair { internal: b"/inner", public: b"/outer/" },
    ];
    let reverse = Some(Reverse { pairs: &pairs, scheme: b"https", host: b"www.test", cookies: &[] });
    for (place, expected) in [
        ("http://10.0.0.1:80/x?y", "https://www.test/snoop/x?y"),
        ("HTTP://10.0.0.1:80", "https://www.test/snoop"),
        ("http://10.0.0.1:8080/x", "http://10.0.0.1:8080/x"),
        ("http://B/app/x", "https://www.test/x"),
        ("http://b/apple", "http://b/apple"),
        ("/inner/x", "https://www.test/outer/x"),
        ("/innermost", "/innermost"),
        ("http://elsewhere/", "http://elsewhere/"),
        ("", ""),
    ] {
        for name in ["Location", "content-location", "URI", "Destination"] {
            let bytes = format!("HTTP/1.1 302 Found\r\nA: b\r\n{name}: {place}\r\nContent-Length: 0\r\n\r\n");
            let (_, out) = response(&bytes, Asked::default(), &ResponseRewrite { reverse, ..REWRITE });
            assert!(out.contains(&format!("A: b\r\n{name}: {expected}\r\nDate")), "{place}: {out}");
        }
    }
    let other = "HTTP/1.1 200 OK\r\nX: http://10.0.0.1:80/x\r\nContent-Length: 0\r\n\r\n";
    let (_, out) = response(other, Asked::default(), &ResponseRewrite { reverse, ..REWRITE });
    assert!(out.contains("X: http://10.0.0.1:80/x\r\n"));
}

#[test]
fn attributes_of_cookies_are_renamed_and_nothing_else_of_them() {
    let rule = |attribute, internal: &str, public: &str| CookieRule {
        attribute,
        internal: internal.to_owned(),
        public: public.to_owned(),
    };
    let cookies = [
        rule(CookieAttribute::Domain, "b.local", "www.test"),
        rule(CookieAttribute::Domain, ".c.local", "c.test"),
        rule(CookieAttribute::Path, "/app/", "/"),
        rule(CookieAttribute::Path, "/in", "/out"),
        rule(CookieAttribute::Path, "/up", "/"),
        rule(CookieAttribute::Path, "/", "/all/"),
    ];
    // Cookies are renamed also where no place can be.
    let reverse = Some(Reverse { pairs: &[], scheme: b"http", host: b"", cookies: &cookies });
    for (cookie, expected) in [
        ("a=b", "a=b"),
        ("", ""),
        ("a=b; Domain=b.local", "a=b; Domain=www.test"),
        ("a=b;domain=.B.Local;Secure", "a=b;domain=www.test;Secure"),
        ("a=b; Domain=c.local; Path=/in", "a=b; Domain=c.test; Path=/out"),
        ("a=b; Domain=xb.local", "a=b; Domain=xb.local"),
        ("a=b; Domain=b.local.x", "a=b; Domain=b.local.x"),
        ("a=b; Path=/in/deep; HttpOnly", "a=b; Path=/out/deep; HttpOnly"),
        ("a=b; Path=/inn", "a=b; Path=/all/inn"),
        ("a=b; Path=/app/x", "a=b; Path=/x"),
        ("a=b; Path=/app/", "a=b; Path=/"),
        ("a=b; Path=/up/x", "a=b; Path=/x"),
        ("a=b; Path=/up", "a=b; Path=/"),
        ("a=b; Path=relative", "a=b; Path=relative"),
        ("a=b; path = /in ", "a=b; path =/out"),
        ("a=b; Secure; ; =; Path; Path=", "a=b; Secure; ; =; Path; Path="),
        // The first pair is the cookie itself.
        ("path=/in; Path=/in; X-Path=/in", "path=/in; Path=/out; X-Path=/in"),
    ] {
        let bytes = format!("HTTP/1.1 200 OK\r\nA: b\r\nSet-Cookie: {cookie}\r\nContent-Length: 0\r\n\r\n");
        let (_, out) = response(&bytes, Asked::default(), &ResponseRewrite { reverse, ..REWRITE });
        assert!(out.contains(&format!("A: b\r\nSet-Cookie: {expected}\r\nDate")), "{cookie}: {out}");
        let (_, out) = response(&bytes, Asked::default(), &REWRITE);
        assert!(out.contains(&format!("\r\nSet-Cookie: {}\r\n", cookie.trim_end())), "{cookie}: {out}");
    }
}

#[test]
fn our_own_responses() {
    let mut simple = Simple {
        status: 405,
        body: b"no\n",
        head: false,
        client: Version::Http11,
        close: true,
        date: b"D",
        fields: &[(b"Allow", b"GET"), (b"Evil", b"a\r\nb")],
    };
    let mut out = Vec::new();
    write_simple(&mut out, &simple);
    let head = "HTTP/1.1 405 Method Not Allowed\r\nDate: D\r\nAllow: GET\r\nContent-Type: text/plain; charset=utf-8\r\n\
                Content-Length: 3\r\nConnection: close\r\n\r\n";
    assert_eq!(String::from_utf8_lossy(&out), format!("{head}no\n"));
    out.clear();
    simple.head = true;
    write_simple(&mut out, &simple);
    assert_eq!(String::from_utf8_lossy(&out), head);
    out.clear();
    write_simple(
        &mut out,
        &Simple { status: 204, body: b"", client: Version::Http10, close: false, fields: &[], ..simple },
    );
    assert_eq!(out, b"HTTP/1.1 204 No Content\r\nDate: D\r\nConnection: keep-alive\r\n\r\n");
}
