//! The chunked coding (RFC 9112 section 7.1), taken apart where it lies and framed anew.
//!
//! Narrower than the RFC: no blanks around extensions, the last chunk is exactly `0`, a size has at most 16
//! digits, every line ends in CRLF. Extensions are dropped; trailers are kept apart from the head.

use std::ops::Range;

use super::Limits;
use super::field;
use super::name::Name;

/// A body that is not chunked as it should be: nothing behind this point can be trusted, so the connection it
/// came on is closed; 400 to a client that still waits for an answer, 502 for an endpoint's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct ChunkError {
    /// What was wrong; holds no byte of the body.
    pub reason: &'static str,
}

const fn bad<T>(reason: &'static str) -> Result<T, ChunkError> {
    Err(ChunkError { reason })
}

/// What one call of [`ChunkedDecoder::decode`] did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that are done with.
    pub consumed: usize,
    /// What they were.
    pub event: Event,
}

/// What was found in the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Nothing but framing; the input is used up.
    More,
    /// Content, at this place of the input; it ends where `consumed` ends. Never empty.
    Data(Range<usize>),
    /// The body is complete, and [`ChunkedDecoder::trailers`] too. What follows is no part of it.
    End,
}

/// Takes a chunked body apart; one for each body.
#[derive(Debug)]
pub struct ChunkedDecoder {
    state: State,
    /// Bytes of the current chunk still to come, or its size as far as read.
    left: u64,
    /// Bytes of extensions that may still come.
    extensions: usize,
    /// Bytes and fields of trailers that may still come.
    trailer_bytes: usize,
    trailer_fields: usize,
    line: Vec<u8>,
    trailers: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// So many digits of the size are read, and whether all were zeros.
    Size(u8),
    /// Behind `;` or in a name that has begun.
    Name {
        begun: bool,
    },
    /// Behind `=` or in a token that has begun.
    Value {
        begun: bool,
    },
    Quoted,
    /// Behind a backslash in a quoted string.
    Escaped,
    /// Behind the closing quote.
    Closed,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// In a line of the trailer section.
    Trailer,
    TrailerLf,
    End,
}

/// A size of more digits cannot be within 2^63 - 1, or pads to confuse.
const MAX_DIGITS: u8 = 16;

impl ChunkedDecoder {
    /// A decoder for a body that begins with the next byte.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::Size(0),
            left: 0,
            extensions: limits.chunk_extensions,
            trailer_bytes: limits.field,
            trailer_fields: limits.fields,
            line: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// Makes it ready for another body, keeping its memory.
    pub fn reset(&mut self, limits: &Limits) {
        let (mut line, mut trailers) = (std::mem::take(&mut self.line), std::mem::take(&mut self.trailers));
        line.clear();
        trailers.clear();
        *self = Self { line, trailers, ..Self::new(limits) };
    }

    /// Takes the next piece of `input`. Call it again with what it left; how the input is split makes no
    /// difference to the content, the trailers and the end.
    ///
    /// # Errors
    /// See [`ChunkError`]; the decoder is of no use afterwards.
    pub fn decode(&mut self, input: &[u8]) -> Result<Step, ChunkError> {
        let mut at = 0;
        while self.state != State::End {
            let Some(&byte) = input.get(at) else { return Ok(Step { consumed: at, event: Event::More }) };
            if self.state == State::Data {
                return Ok(self.data(at, input.len()));
            }
            self.framing(byte)?;
            at += 1;
        }
        Ok(Step { consumed: at, event: Event::End })
    }

    /// Whether the whole body has been read.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::End
    }

    /// The trailer fields as canonical lines, each with its CRLF, without the empty line; complete at the end.
    #[must_use]
    pub fn trailers(&self) -> &[u8] {
        &self.trailers
    }

    fn data(&mut self, start: usize, len: usize) -> Step {
        let there = (len - start) as u64;
        let taken = there.min(self.left);
        self.left -= taken;
        if self.left == 0 {
            self.state = State::DataCr;
        }
        let end = start + taken as usize;
        Step { consumed: end, event: Event::Data(start..end) }
    }

    fn framing(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (State::Size(digits), _) => self.size(digits, byte)?,
            (State::SizeLf, b'\n') if self.left == 0 => State::Trailer,
            (State::SizeLf, b'\n') => State::Data,
            (State::SizeLf, _) => return bad("chunk size line has CR without LF"),
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::Size(0),
            (State::DataCr | State::DataLf, _) => return bad("chunk is not followed by CRLF"),
            (State::Trailer | State::TrailerLf, _) => self.trailer(byte)?,
            (State::Data | State::End, _) => self.state,
            (state, _) => self.extension(state, byte)?,
        };
        Ok(())
    }

    fn size(&mut self, digits: u8, byte: u8) -> Result<State, ChunkError> {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'A'..=b'F' => byte - b'A' + 10,
            b'\r' if digits == 1 || (digits > 1 && self.left > 0) => return Ok(State::SizeLf),
            b';' if digits > 0 && self.left > 0 => return Ok(State::Name { begun: false }),
            _ => return bad("chunk size is not a plain hexadecimal number"),
        };
        if digits == MAX_DIGITS {
            return bad("chunk size has more than 16 digits");
        }
        // A new size begins from 0: data is over when nothing of it is left.
        self.left = match self.left.checked_mul(16) {
            Some(size) if size <= i64::MAX as u64 => size + u64::from(digit),
            _ => return bad("chunk size is beyond 2^63 - 1"),
        };
        Ok(State::Size(digits + 1))
    }

    fn extension(&mut self, state: State, byte: u8) -> Result<State, ChunkError> {
        let Some(left) = self.extensions.checked_sub(1) else { return bad("too many chunk extensions") };
        self.extensions = left;
        let token = field::is_token_byte(byte);
        let text = matches!(byte, b'\t' | 0x20..=0x7e | 0x80..);
        Ok(match (state, byte) {
            (State::Name { .. }, _) if token => State::Name { begun: true },
            (State::Name { begun: true }, b'=') => State::Value { begun: false },
            (State::Value { begun: false }, b'"') => State::Quoted,
            (State::Value { .. }, _) if token => State::Value { begun: true },
            (State::Name { begun: true } | State::Value { begun: true } | State::Closed, b';') => {
                State::Name { begun: false }
            }
            (State::Name { begun: true } | State::Value { begun: true } | State::Closed, b'\r') => {
                State::SizeLf
            }
            (State::Quoted, b'"') => State::Closed,
            (State::Quoted, b'\\') => State::Escaped,
            (State::Quoted | State::Escaped, _) if text => State::Quoted,
            _ => return bad("chunk extension is malformed"),
        })
    }

    fn trailer(&mut self, byte: u8) -> Result<State, ChunkError> {
        match (self.state, byte) {
            (State::Trailer, b'\r') => return Ok(State::TrailerLf),
            (State::Trailer, b'\n') => return bad("trailer line ends in LF without CR"),
            (State::Trailer, _) => {}
            (_, b'\n') if self.line.is_empty() => return Ok(State::End),
            (_, b'\n') => {
                self.keep_trailer()?;
                return Ok(State::Trailer);
            }
            _ => return bad("trailer section has CR without LF"),
        }
        let Some(left) = self.trailer_bytes.checked_sub(1) else { return bad("trailer section is too long") };
        self.trailer_bytes = left;
        self.line.push(byte);
        Ok(State::Trailer)
    }

    fn keep_trailer(&mut self) -> Result<(), ChunkError> {
        let Some(left) = self.trailer_fields.checked_sub(1) else { return bad("too many trailer fields") };
        self.trailer_fields = left;
        let colon = self.line.iter().position(|byte| *byte == b':');
        let Some((name, rest)) = colon.and_then(|at| self.line.split_at_checked(at)) else {
            return bad("trailer line has no colon");
        };
        let value = field::trim(&rest[1..]);
        if !field::is_token(name) {
            return bad("trailer name is not a token");
        }
        if !value.iter().all(|byte| matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)) {
            return bad("trailer value holds a control character");
        }
        if is_forbidden(name) {
            return bad("trailer of a name that belongs into the head");
        }
        for part in [name, b": ", value, b"\r\n"] {
            self.trailers.extend_from_slice(part);
        }
        self.line.clear();
        Ok(())
    }
}

/// RFC 9110 section 6.5.1: fields that frame, route, authenticate or steer a message mean nothing behind it, and
/// a receiver that merges them believes what nobody checked.
fn is_forbidden(name: &[u8]) -> bool {
    const OTHERS: [&[u8]; 7] = [
        b"authorization",
        b"cookie",
        b"proxy-authorization",
        b"set-cookie",
        b"content-encoding",
        b"content-type",
        b"content-range",
    ];
    match Name::of(name) {
        Err(_) => true,
        Ok(Name::Other) => OTHERS.iter().any(|other| name.eq_ignore_ascii_case(other)),
        Ok(Name::Date | Name::Uri | Name::Destination | Name::Location | Name::ContentLocation) => false,
        Ok(_) => true,
    }
}

/// The line before the data of one chunk.
#[derive(Debug, Clone, Copy)]
pub struct ChunkHeader {
    line: [u8; 18],
    start: usize,
}

impl AsRef<[u8]> for ChunkHeader {
    fn as_ref(&self) -> &[u8] {
        &self.line[self.start..]
    }
}

/// The size line of a chunk of `len` bytes; after the data comes CRLF. `len` is not 0: that would end the body.
#[must_use]
pub fn chunk_header(len: u64) -> ChunkHeader {
    debug_assert!(len > 0, "a chunk of no bytes ends the body");
    let mut line = *b"0000000000000000\r\n";
    let mut start = 16;
    let mut rest = len;
    while rest > 0 || start == 16 {
        start -= 1;
        line[start] = b"0123456789abcdef"[(rest & 15) as usize];
        rest >>= 4;
    }
    ChunkHeader { line, start }
}

/// Ends a chunked body; `trailers` are canonical lines as [`ChunkedDecoder::trailers`] gives them, or nothing.
pub fn last_chunk(out: &mut Vec<u8>, trailers: &[u8]) {
    for part in [b"0\r\n", trailers, b"\r\n"] {
        out.extend_from_slice(part);
    }
}
