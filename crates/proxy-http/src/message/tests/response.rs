//! Responses of endpoints: what is believed, and how the body ends.

use proptest::prelude::*;

use super::super::{Asked, BadResponse, Limits, Parsed, ResponseBody, ResponseHead};
use super::text;

const PLAIN: Asked = Asked { head: false, websocket: false };
const HEAD: Asked = Asked { head: true, websocket: false };

fn parse(bytes: &[u8], asked: Asked) -> Result<(Parsed, ResponseBody, bool), BadResponse> {
    let mut head = ResponseHead::default();
    let parsed = head.parse(bytes, &Limits::default(), asked)?;
    let response = head.view(bytes);
    Ok((parsed, response.body(), response.keep_alive()))
}

#[test]
fn bodies_end_as_rfc_9112_says() {
    use ResponseBody::{Chunked, Length, None, UntilClose};
    for (head, asked, body, keep_alive) in [
        ("HTTP/1.1 200 OK\r\nContent-Length: 05\r\n", PLAIN, Length(5), true),
        ("HTTP/1.1 200\r\nContent-Length: 0\r\n", PLAIN, Length(0), true),
        ("HTTP/1.1 200 \r\nTransfer-Encoding: Chunked\r\n", PLAIN, Chunked, true),
        ("HTTP/1.1 200 OK\r\n", PLAIN, UntilClose, false),
        ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n", PLAIN, Length(5), false),
        ("HTTP/1.0 200 OK\r\nContent-Length: 5\r\n", PLAIN, Length(5), false),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n", PLAIN, Length(5), true),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", HEAD, None, true),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n", HEAD, None, true),
        ("HTTP/1.1 200 OK\r\n", HEAD, None, true),
        ("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n", PLAIN, None, true),
        ("HTTP/1.1 204 No Content\r\n", PLAIN, None, true),
        ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n", PLAIN, None, true),
        ("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n", PLAIN, None, true),
        ("HTTP/1.1 999 Denied\r\nContent-Length: 1\r\n", PLAIN, Length(1), true),
    ] {
        let bytes = format!("{head}\r\n").into_bytes();
        assert_eq!(parse(&bytes, asked), Ok((Parsed::Complete(bytes.len()), body, keep_alive)), "{head}");
    }
}

#[test]
fn doubtful_heads_are_refused() {
    for head in [
        "\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 2000 OK\r\n\r\n",
        "HTTP/1.1 0x200 OK\r\n\r\n",
        "HTTP/1.1 099 OK\r\n\r\n",
        "HTTP/1.1  200 OK\r\n\r\n",
        "HTTP/1.1\t200 OK\r\n\r\n",
        "HTTP/1.1 200\tOK\r\n\r\n",
        "HTTP/1.2 200 OK\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
        "http/1.1 200 OK\r\n\r\n",
        "ICY 200 OK\r\n\r\n",
        "<html>hello</html>\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 200 OK\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n\n",
        "HTTP/1.1 200 O\rK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: \0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
        "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n",
        "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer_Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: Content-Length\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    ] {
        assert!(parse(head.as_bytes(), PLAIN).is_err(), "{head:?} passed");
    }
}

#[test]
fn switching_is_an_answer_only_to_the_same_question() {
    let asked = Asked { head: false, websocket: true };
    let head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
    assert_eq!(parse(head.as_bytes(), asked), Ok((Parsed::Complete(head.len()), ResponseBody::None, false)));
    assert!(parse(b"HTTP/1.1 101 Switching\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", asked).is_err());
    assert!(parse(b"HTTP/1.1 101 Switching\r\n\r\n", asked).is_err());
}

#[test]
fn heads_have_limits() {
    let with = |fields: String| format!("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n{fields}\r\n").into_bytes();
    assert!(parse(&with("A: b\r\n".repeat(99)), PLAIN).is_ok());
    assert!(parse(&with("A: b\r\n".repeat(100)), PLAIN).is_err());
    assert!(parse(&with(format!("A: {}\r\n", "x".repeat(8189))), PLAIN).is_ok());
    assert!(parse(&with(format!("A: {}\r\n", "x".repeat(8190))), PLAIN).is_err());
    assert!(parse(&with(format!("A: {}\r\n", "x".repeat(8000)).repeat(9)), PLAIN).is_err());
    assert!(parse(format!("HTTP/1.1 200 {}", "x".repeat(8192)).as_bytes(), PLAIN).is_err());
}

#[test]
fn reasons_are_kept_as_text() {
    let mut head = ResponseHead::default();
    for (line, reason) in
        [("200 OK", "OK"), ("200", ""), ("200 ", ""), ("200 caf\u{e9} ol\u{e9}", "caf\u{e9} ol\u{e9}")]
    {
        let bytes = format!("HTTP/1.1 {line}\r\n\r\n").into_bytes();
        assert!(matches!(head.parse(&bytes, &Limits::default(), PLAIN), Ok(Parsed::Complete(_))));
        assert_eq!(text(head.view(&bytes).reason()), text(reason.as_bytes()));
    }
}

proptest! {
    #[test]
    fn arrival_makes_no_difference(
        tail in "(A: b\r\n|Content-Length: 5\r\n|Transfer-Encoding: chunked\r\n|\r\n|\n| |\r|x){0,8}",
        status in "(200|204|304|101|100|20)",
    ) {
        let bytes = format!("HTTP/1.1 {status} OK\r\n{tail}").into_bytes();
        let whole = parse(&bytes, PLAIN);
        let mut head = ResponseHead::default();
        let mut last = Ok(Parsed::Partial);
        for len in 1..=bytes.len() {
            last = head.parse(&bytes[..len], &Limits::default(), PLAIN);
            if last != Ok(Parsed::Partial) { break }
        }
        prop_assert_eq!(last.map_err(|_| ()), whole.map(|(parsed, ..)| parsed).map_err(|_| ()));
    }
}
