//! What fuzzers call with bytes of theirs. Each panics if something is wrong with what comes of them; the tests replay
//! the committed corpora through the same functions.

mod configuration;

use proxy_http::message::{Asked, BadResponse, Limits, Parsed, Reject, RequestHead, ResponseHead, Version};

pub use configuration::configuration;

use crate::{naive, rewritten, seen};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All of them, by the names that `cargo xtask fuzz` knows.
pub const ALL: &[(&str, Target)] = &[
    ("request_head", request_head),
    ("response_head", response_head),
    ("chunked_body", chunked_body),
    ("field_value", field_value),
    ("target_form", target_form),
    ("configuration", configuration),
    ("elf_note", elf_note),
];

/// Beyond this many bytes, splits are tried at so many places only: a fuzzer has many more bytes to try.
const SPLITS: usize = 16;

/// A request: how it arrives makes no difference, nor what was read by the same head before, and what is accepted is read as others read it, and so is what is
/// sent on of it.
pub fn request_head(bytes: &[u8]) {
    let mut head = RequestHead::default();
    let whole = parse_request(&mut head, bytes);
    for cut in cuts(bytes) {
        head.clear();
        let early = parse_request(&mut head, &bytes[..cut]);
        let split = if early == Ok(Parsed::Partial) { parse_request(&mut head, bytes) } else { early };
        assert_eq!(split, whole, "split at {cut}");
    }
    if let Some(ours) = seen::request(bytes) {
        let sent = rewritten::request(bytes).expect("what is accepted is sent on");
        let goes = seen::request(&sent).expect("what is sent on is accepted");
        assert_eq!((&goes.first, &goes.body, goes.len), (&ours.first, &ours.body, Some(sent.len())));
        assert_eq!(naive::request(&sent), Some(goes));
        assert_eq!(naive::request(bytes), Some(ours));
    }
}

/// The same for a response.
pub fn response_head(bytes: &[u8]) {
    let mut head = ResponseHead::default();
    let whole = parse_response(&mut head, bytes);
    for cut in cuts(bytes) {
        head.clear();
        let early = parse_response(&mut head, &bytes[..cut]);
        let split = if early == Ok(Parsed::Partial) { parse_response(&mut head, bytes) } else { early };
        assert_eq!(split, whole, "split at {cut}");
    }
    if let Some(ours) = seen::response(bytes) {
        let sent = rewritten::response(bytes, Version::Http11).expect("what is accepted is sent on");
        let goes = seen::response(&sent).expect("what is sent on is accepted");
        assert_eq!((&goes.first, &goes.body, goes.len), (&ours.first, &ours.body, Some(sent.len())));
        assert_eq!(naive::response(&sent), Some(goes));
        assert_eq!(naive::response(bytes), Some(ours));
    }
}

/// A chunked body, by any pieces.
pub fn chunked_body(bytes: &[u8]) {
    let ours = seen::chunked(bytes);
    for piece in [1, 2, 3, 7] {
        assert_eq!(seen::chunked_in_pieces(bytes, piece), ours, "pieces of {piece}");
    }
    if ours.is_some() {
        assert_eq!(naive::chunked(bytes), ours);
    }
}

/// A value in each of the fields whose value means something, and in one that means nothing.
pub fn field_value(bytes: &[u8]) {
    const NAMES: &[&str] = &[
        "Host",
        "Content-Length",
        "Transfer-Encoding",
        "Connection",
        "Expect",
        "Max-Forwards",
        "TE",
        "Upgrade",
        "X-Any",
    ];
    for name in NAMES {
        let host = if *name == "Host" { "" } else { "Host: a\r\n" };
        let mut request = format!("OPTIONS / HTTP/1.1\r\n{host}{name}:").into_bytes();
        request.extend_from_slice(bytes);
        request.extend_from_slice(b"\r\n\r\n0\r\n\r\n");
        request_head(&request);
        let mut response = format!("HTTP/1.1 200 OK\r\n{name}:").into_bytes();
        response.extend_from_slice(bytes);
        response.extend_from_slice(b"\r\n\r\n0\r\n\r\n");
        response_head(&response);
    }
}

/// A target, with the methods that decide which form it may have. An accepted one has a canonical path that is its own.
pub fn target_form(bytes: &[u8]) {
    for method in ["GET", "OPTIONS", "CONNECT"] {
        let message = request_to(method, bytes);
        request_head(&message);
        let Some(path) = canonical_path(&message) else { continue };
        assert!(path == b"*" || path.starts_with(b"/"), "a path begins with a slash: {path:?}");
        if path != b"*" {
            let again = canonical_path(&request_to("GET", &path));
            assert_eq!(again.as_deref(), Some(path.as_slice()), "what is canonical stays as it is");
        }
    }
}

/// A module file: checked to its note, none of its code being run.
pub fn elf_note(bytes: &[u8]) {
    match proxy_dso::inspect_bytes(bytes) {
        Ok(notes) => assert!(!notes.is_empty(), "a file without a note is refused"),
        Err(cause) => assert!(!cause.to_string().is_empty()),
    }
}

fn parse_request(head: &mut RequestHead, bytes: &[u8]) -> Result<Parsed, Reject> {
    head.parse(bytes, &Limits::default())
}

fn parse_response(head: &mut ResponseHead, bytes: &[u8]) -> Result<Parsed, BadResponse> {
    head.parse(bytes, &Limits::default(), Asked::default())
}

/// Places to split at, others for other bytes.
fn cuts(bytes: &[u8]) -> impl Iterator<Item = usize> {
    let step = bytes.len() / SPLITS + 1;
    let first = bytes.iter().fold(0, |sum, byte| sum + usize::from(*byte)) % step;
    (first..bytes.len()).step_by(step)
}

fn request_to(method: &str, target: &[u8]) -> Vec<u8> {
    [method.as_bytes(), b" ", target, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat()
}

fn canonical_path(message: &[u8]) -> Option<Vec<u8>> {
    let mut head = RequestHead::default();
    let Ok(Parsed::Complete(len)) = parse_request(&mut head, message) else { return None };
    let path = head.view(&message[..len]).canonical_path().to_vec();
    Some(path)
}
