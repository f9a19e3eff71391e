//! What a reader makes of one message, in a form in which readers can be compared; and what ours makes.

use proxy_http::message::{
    Asked, Body, ChunkedDecoder, Event, Limits, Parsed, RequestHead, ResponseBody, ResponseHead,
};

/// A name in lower case, and its value.
pub type Field = (Vec<u8>, Vec<u8>);

/// A whole message as one reader understood it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The method, or the status in digits.
    pub first: Vec<u8>,
    /// The target; empty for a response.
    pub target: Vec<u8>,
    /// By name, and in the order in which they came within a name.
    pub fields: Vec<Field>,
    /// What the framing let through.
    pub body: Vec<u8>,
    /// Whether another message may follow.
    pub keep_alive: bool,
    /// Where it may follow; none where the reader does not say, and for a response that ends with the connection.
    pub len: Option<usize>,
}

impl Seen {
    /// The same, by a reader that does not say where the message ends.
    #[must_use]
    pub fn without_len(mut self) -> Self {
        self.len = None;
        self
    }
}

/// Fields in the order of [`Seen::fields`].
pub fn sorted<N: AsRef<[u8]>, V: AsRef<[u8]>>(fields: impl Iterator<Item = (N, V)>) -> Vec<Field> {
    let mut fields: Vec<Field> =
        fields.map(|(name, value)| (name.as_ref().to_ascii_lowercase(), value.as_ref().to_vec())).collect();
    fields.sort_by(|left, right| left.0.cmp(&right.0));
    fields
}

/// The request at the beginning of `bytes` as we read it; none if it is refused, or not whole.
#[must_use]
pub fn request(bytes: &[u8]) -> Option<Seen> {
    let mut head = RequestHead::default();
    let Ok(Parsed::Complete(len)) = head.parse(bytes, &Limits::default()) else { return None };
    let (head_bytes, rest) = bytes.split_at(len);
    let request = head.view(head_bytes);
    let (body, used) = match request.body() {
        Body::None => (Vec::new(), 0),
        Body::Length(length) => fixed(rest, length)?,
        Body::Chunked => chunked(rest)?,
    };
    Some(Seen {
        first: request.method_name().to_vec(),
        target: request.target().to_vec(),
        fields: sorted(request.fields()),
        body,
        keep_alive: request.keep_alive(),
        len: Some(len + used),
    })
}

/// The final response at the beginning of `bytes`, to a GET, as we read it; none if it is refused, interim or not
/// whole. One that ends with the connection has all that is there.
#[must_use]
pub fn response(bytes: &[u8]) -> Option<Seen> {
    let mut head = ResponseHead::default();
    let Ok(Parsed::Complete(len)) = head.parse(bytes, &Limits::default(), Asked::default()) else {
        return None;
    };
    let (head_bytes, rest) = bytes.split_at(len);
    let response = head.view(head_bytes);
    if response.is_interim() {
        return None;
    }
    let (body, used) = match response.body() {
        ResponseBody::None => (Vec::new(), Some(0)),
        ResponseBody::Length(length) => fixed(rest, length).map(|(body, used)| (body, Some(used)))?,
        ResponseBody::Chunked => chunked(rest).map(|(body, used)| (body, Some(used)))?,
        ResponseBody::UntilClose => (rest.to_vec(), None),
    };
    Some(Seen {
        first: response.status().to_string().into_bytes(),
        target: Vec::new(),
        fields: sorted(response.fields()),
        body,
        keep_alive: response.keep_alive(),
        len: used.map(|used| len + used),
    })
}

/// The content of the chunked body at the beginning of `bytes` as we read it, and its length with its framing.
#[must_use]
pub fn chunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    chunked_in_pieces(bytes, bytes.len().max(1))
}

/// The same, with `piece` bytes at a time.
#[must_use]
pub fn chunked_in_pieces(bytes: &[u8], piece: usize) -> Option<(Vec<u8>, usize)> {
    decoded(&mut ChunkedDecoder::new(&Limits::default()), bytes, piece)
}

/// The trailers of the chunked body at the beginning of `bytes`, as lines to be sent on.
#[must_use]
pub fn trailers(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut decoder = ChunkedDecoder::new(&Limits::default());
    decoded(&mut decoder, bytes, bytes.len().max(1))?;
    Some(decoder.trailers().to_vec())
}

fn decoded(decoder: &mut ChunkedDecoder, bytes: &[u8], piece: usize) -> Option<(Vec<u8>, usize)> {
    let (mut content, mut at) = (Vec::new(), 0);
    loop {
        let there = &bytes[at..bytes.len().min(at + piece)];
        let step = decoder.decode(there).ok()?;
        match step.event {
            Event::Data(range) => content.extend_from_slice(&there[range]),
            Event::End => return Some((content, at + step.consumed)),
            Event::More if there.is_empty() => return None,
            Event::More => {}
        }
        at += step.consumed;
    }
}

fn fixed(bytes: &[u8], length: u64) -> Option<(Vec<u8>, usize)> {
    let length = usize::try_from(length).ok()?;
    Some((bytes.get(..length)?.to_vec(), length))
}
