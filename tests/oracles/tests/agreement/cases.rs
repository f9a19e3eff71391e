//! What readers are given: messages that we accept, and what we send on of them.

use oracles::llhttp::Kind;
use oracles::seen::Seen;
use oracles::{message, rewritten, seen};
use proxy_http::message::Version;

/// A request behind the first: a reader that ends the first elsewhere sees something else.
pub(crate) const MARKER: &[u8] = b"GET /marker HTTP/1.1\r\nHost: m\r\n\r\n";

/// Bytes that begin with a message that we accept, and what we see in it.
pub(crate) struct Case {
    pub(crate) seed: u64,
    pub(crate) kind: Kind,
    /// The message to its end, if it has one of its own; behind a request there is another.
    pub(crate) bytes: Vec<u8>,
    pub(crate) ours: Seen,
}

impl Case {
    fn new(seed: u64, kind: Kind, bytes: &[u8], ours: Seen) -> Self {
        let mut bytes = bytes[..ours.len.unwrap_or(bytes.len())].to_vec();
        if kind == Kind::Request {
            bytes.extend_from_slice(MARKER);
        }
        Self { seed, kind, bytes, ours }
    }

    /// For the message of a failure.
    pub(crate) fn shown(&self) -> String {
        format!("seed {}: {}", self.seed, self.bytes.escape_ascii())
    }
}

/// The cases of a seed's request and response: as they came, and as we send them on.
pub(crate) fn of(seed: u64) -> impl Iterator<Item = Case> {
    requests(seed).into_iter().chain(responses(seed)).flatten()
}

/// Those of its request.
fn requests(seed: u64) -> [Option<Case>; 2] {
    let came = message::request(seed);
    let Some(ours) = seen::request(&came) else { return [None, None] };
    let goes = rewritten::request(&came).expect("what is accepted is sent on");
    let sent = seen::request(&goes);
    let sent = sent.unwrap_or_else(|| panic!("seed {seed}: we refuse our own: {}", goes.escape_ascii()));
    assert_eq!((&sent.first, &sent.body), (&ours.first, &ours.body), "seed {seed}");
    let case = |bytes: &[u8], ours| Some(Case::new(seed, Kind::Request, bytes, ours));
    [case(&came, ours), case(&goes, sent)]
}

/// Those of its response; one client in four is of HTTP/1.0.
fn responses(seed: u64) -> [Option<Case>; 2] {
    let came = message::response(seed);
    let Some(ours) = seen::response(&came) else { return [None, None] };
    let client = if seed.is_multiple_of(4) { Version::Http10 } else { Version::Http11 };
    let goes = rewritten::response(&came, client).expect("what is accepted is sent on");
    let sent = seen::response(&goes);
    let sent = sent.unwrap_or_else(|| panic!("seed {seed}: we refuse our own: {}", goes.escape_ascii()));
    assert_eq!((&sent.first, &sent.body), (&ours.first, &ours.body), "seed {seed}");
    let case = |bytes: &[u8], ours| Some(Case::new(seed, Kind::Response, bytes, ours));
    [case(&came, ours), case(&goes, sent)]
}
