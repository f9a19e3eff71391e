//! What a client gets of the answer of an endpoint.

use std::io::Write;

use super::{passed_back, server};
use crate::support::origin::{Origin, Then};
use crate::support::server::Server;

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
