//! Messages by the grammar, most of them right, some wounded in a few bytes.

use crate::dice::Dice;

const METHODS: &[&str] =
    &["GET", "GET", "POST", "PUT", "HEAD", "DELETE", "OPTIONS", "PATCH", "M-SEARCH", "get", "X_y"];
const TARGETS: &[&str] = &[
    "/",
    "/a/b",
    "/a?b=c&d",
    "/%41%2e",
    "/a/./b",
    "/a/../b",
    "*",
    "http://a/",
    "http://a",
    "http://b:80/x?y",
    "/a;b=c",
    "/{x}|y",
    "/^`",
    "//a",
    "/a b",
    "/a#b",
    "/?",
    "/~a!$'()*+,:@",
    "a:80",
    "ftp://a/",
    "/\u{e9}",
];
const VERSIONS: &[&str] =
    &["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.2", "http/1.1", "HTTP/2.0"];
const STATUSES: &[&str] = &[
    "200", "200", "201", "204", "206", "301", "304", "404", "500", "503", "599", "999", "100", "20", "0200",
];
const REASONS: &[&str] = &[" OK", " ", "", " Not Found", " a\tb", " \u{e9}"];
const NAMES: &[&str] = &[
    "Accept",
    "X-Real",
    "Cookie",
    "Content-Type",
    "TE",
    "Via",
    "Range",
    "x_y",
    "A!#$%&'*+-.^`|~9",
    "Date",
    "Content_Length",
    "Upgrade",
    "Trailer",
    "X Y",
    "",
];
const VALUES: &[&str] = &[
    "",
    "a",
    "a b",
    "a\tb",
    "a, b;c=\"d\"",
    " ",
    "\"",
    "trailers",
    "\u{e9}",
    "Mon, 01 Jan 2026 00:00:00 GMT",
    "websocket",
    "a:b",
    "0",
    "a \t",
];
const BLANKS: &[&str] = &[" ", " ", " ", "", "  ", "\t", " \t "];
const FRAMINGS: &[(&str, &[&str])] = &[
    (
        "Content-Length",
        &["0", "5", "05", "11", "+5", "5,5", "5 5", "9223372036854775807", "18446744073709551621", ""],
    ),
    (
        "Transfer-Encoding",
        &["chunked", "Chunked", "gzip, chunked", "identity", "chunked, chunked", "xchunked", "chunked;a"],
    ),
];
const CONNECTIONS: &[&str] = &[
    "close",
    "keep-alive",
    "Close",
    "Keep-Alive",
    "close, keep-alive",
    "keep-alive, close",
    "x, close",
    "upgrade",
    ",close,",
    "x",
];
const EXTENSIONS: &[&str] =
    &["", "", "", "", ";a", ";a=b", ";a=\"b;\\\"c\"", ";a;b=c", ";", " ;a", ";a=\"b\n\""];
const TRAILERS: &[&str] =
    &["", "", "", "X-Sum: 1\r\n", "X-A: b\r\nX-C:d\r\n", "Content-Length: 5\r\n", "X: a\n", " X: a\r\n"];
const SIZES: &[&str] = &["{:x}", "{:X}", "0{:x}", "000{:x}", "0x{:x}", "{:x} "];

/// What a wound may put in: what readers are known to differ over, and any letter.
const SHARP: &[u8] = b"\r\n\0 \t:;,\"\\\x0b\x0c\x7f\x80\xff\x85\xa0_-+0x5aG/#?*=";

/// A request with its body, of seed `seed`.
#[must_use]
pub fn request(seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut out = Vec::with_capacity(256);
    if dice.once_in(40) {
        out.extend_from_slice(b"\r\n");
    }
    for part in [dice.pick(METHODS), " ", often(&mut dice, TARGETS), " ", often(&mut dice, VERSIONS), "\r\n"]
    {
        out.extend_from_slice(part.as_bytes());
    }
    if !dice.once_in(30) {
        field(&mut dice, &mut out, "Host", &["a", "a", "a.example:80", "[::1]:8080", "b", "a b", ""]);
    }
    let seen = fields(&mut dice, &mut out);
    body(&mut dice, &mut out, seen);
    wounds(&mut dice, &mut out);
    out
}

/// A response with its body, of seed `seed`.
#[must_use]
pub fn response(seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut out = Vec::with_capacity(256);
    for part in
        [often(&mut dice, VERSIONS), " ", often(&mut dice, STATUSES), often(&mut dice, REASONS), "\r\n"]
    {
        out.extend_from_slice(part.as_bytes());
    }
    let seen = fields(&mut dice, &mut out);
    body(&mut dice, &mut out, seen);
    wounds(&mut dice, &mut out);
    out
}

/// A chunked body, of seed `seed`.
#[must_use]
pub fn chunked(seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let mut out = Vec::with_capacity(128);
    chunks(&mut dice, &mut out);
    wounds(&mut dice, &mut out);
    out
}

/// One of the first few three times in four, which are right; else any.
fn often(dice: &mut Dice, choices: &[&'static str]) -> &'static str {
    if dice.once_in(4) { dice.pick(choices) } else { choices[dice.below(4.min(choices.len()))] }
}

fn field(dice: &mut Dice, out: &mut Vec<u8>, name: &str, values: &[&'static str]) {
    for part in
        [name, ":", dice.pick(BLANKS), often(dice, values), dice.pick(&["", "", "", " ", "\t"]), "\r\n"]
    {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Writes the fields and the empty line; gives the framing field that was among them.
fn fields(dice: &mut Dice, out: &mut Vec<u8>) -> Option<&'static str> {
    let mut framing = None;
    for _ in 0..dice.below(5) {
        let name = if dice.once_in(8) { dice.pick(NAMES) } else { NAMES[dice.below(NAMES.len() - 2)] };
        field(dice, out, name, VALUES);
    }
    for _ in 0..=usize::from(dice.once_in(12)) {
        if !dice.once_in(3) {
            let (name, values) = FRAMINGS[dice.below(FRAMINGS.len())];
            let spelt = if dice.once_in(3) { name.to_ascii_lowercase() } else { name.to_owned() };
            field(dice, out, &spelt, values);
            framing = Some(name);
        }
    }
    if dice.once_in(3) {
        field(dice, out, "Connection", CONNECTIONS);
    }
    if dice.once_in(30) {
        field(dice, out, "Expect", &["100-continue", "100-Continue", "x"]);
    }
    out.extend_from_slice(b"\r\n");
    framing
}

fn body(dice: &mut Dice, out: &mut Vec<u8>, framing: Option<&str>) {
    match framing {
        Some("Transfer-Encoding") => chunks(dice, out),
        Some(_) => out.extend_from_slice(dice.pick(&["", "hello", "hello", "hello world"]).as_bytes()),
        None => {}
    }
}

fn chunks(dice: &mut Dice, out: &mut Vec<u8>) {
    for _ in 0..dice.below(4) {
        let len = 1 + dice.below(20);
        let form = if dice.once_in(4) { dice.pick(SIZES) } else { SIZES[dice.below(2)] };
        let size = form.replace("{:x}", &format!("{len:x}")).replace("{:X}", &format!("{len:X}"));
        let data: String = (0..len).map(|_| char::from(b'a' + dice.below(26) as u8)).collect();
        for part in [size.as_str(), often(dice, EXTENSIONS), "\r\n", &data, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    for part in [often(dice, &["0", "0", "0", "0", "00", "0;a"]), "\r\n", often(dice, TRAILERS), "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

fn wounds(dice: &mut Dice, out: &mut Vec<u8>) {
    if !dice.once_in(2) {
        return;
    }
    for _ in 0..=dice.below(3) {
        if out.is_empty() {
            return;
        }
        let place = dice.below(out.len());
        let byte = if dice.once_in(4) { dice.roll() as u8 } else { SHARP[dice.below(SHARP.len())] };
        match dice.below(5) {
            0 | 1 => out[place] = byte,
            2 => out.insert(place, byte),
            3 => {
                out.remove(place);
            }
            _ => {
                let end = (place + 1 + dice.below(24)).min(out.len());
                let piece = out[place..end].to_vec();
                out.splice(place..place, piece);
            }
        }
    }
}
