//! The tokenizer: cuts a head into the parts of its first line and its field lines, each byte of what is usual looked at
//! once.
//!
//! It knows the grammar (RFC 9112 sections 3, 4 and 5) and no leniency: a line ends in CRLF, one blank stands between
//! parts, no field line is folded. A line that is not whole yet is no fault as long as it can still become right, so
//! that how the bytes arrive makes no difference.

use super::field::Span;
use super::name::Name;
use super::{Fault, Version};

/// The parts of a request line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RequestLine {
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) version: Version,
    /// Where the next line begins.
    pub(super) end: usize,
}

/// The parts of a status line.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct StatusLine {
    pub(super) version: Version,
    pub(super) status: u16,
    /// May be empty.
    pub(super) reason: Span,
    /// Where the next line begins.
    pub(super) end: usize,
}

/// A field line, or what stands in its place.
#[derive(Debug, Clone, Copy)]
pub(super) enum FieldLine {
    /// Its end is not there yet.
    Partial,
    /// The empty line; the head ends before this offset.
    End(usize),
    Field {
        name: Span,
        /// Without the blanks around it.
        value: Span,
        kind: Name,
        /// Nothing but one space stands around the value.
        canonical: bool,
        /// Where the next line begins.
        end: usize,
    },
}

const BARE_LF: Fault = Fault::Grammar("line ends in LF without CR");
const NO_CRLF: Fault = Fault::Grammar("line does not end in CRLF");

/// Cuts the request line that begins at `start`; none if its end is not there yet.
pub(super) fn request_line(head: &[u8], start: usize) -> Result<Option<RequestLine>, Fault> {
    const BAD: Fault = Fault::Grammar("request line is not a method, a target and a version");
    let Some(method) = part(head, start, |byte| CLASS[byte as usize] != 0, BAD)? else { return Ok(None) };
    let Some(target) = part(head, method.end as usize + 1, is_visible, BAD)? else { return Ok(None) };
    let at = target.end as usize + 1;
    let Some(version) = version(&head[at..])? else { return Ok(None) };
    let Some(end) = line_end(head, at + VERSION, NO_CRLF)? else { return Ok(None) };
    Ok(Some(RequestLine { method, target, version, end }))
}

/// Cuts the status line at the front; none if its end is not there yet.
pub(super) fn status_line(head: &[u8]) -> Result<Option<StatusLine>, Fault> {
    const BAD: Fault = Fault::Grammar("status line is not a version, three digits and a reason");
    const DIGITS: usize = VERSION + 1;
    let Some(version) = version(head)? else { return Ok(None) };
    let Some(rest) = head.get(DIGITS..) else { return Ok(None) };
    if head[VERSION] != b' ' {
        return Err(BAD_VERSION);
    }
    if rest.iter().take(3).any(|byte| !byte.is_ascii_digit()) {
        return Err(BAD);
    }
    let &[a, b, c, ref rest @ ..] = rest else { return Ok(None) };
    let status = u16::from(a - b'0') * 100 + u16::from(b - b'0') * 10 + u16::from(c - b'0');
    let reason = match rest.first() {
        None => return Ok(None),
        Some(b' ') => DIGITS + 4,
        Some(b'\r' | b'\n') => DIGITS + 3,
        Some(_) => return Err(BAD),
    };
    let to = reason + text_run(&head[reason..]);
    let Some(end) = line_end(head, to, BAD)? else { return Ok(None) };
    Ok(Some(StatusLine { version, status, reason: Span::new(reason, to), end }))
}

/// Cuts the field line that begins at `start`.
#[inline]
pub(super) fn field_line(head: &[u8], start: usize) -> Result<FieldLine, Fault> {
    let line = head.get(start..).unwrap_or_default();
    if line.starts_with(b"\r\n") {
        return Ok(FieldLine::End(start + 2));
    }
    match usual_line(line) {
        Some((name, kind, value)) => Ok(FieldLine::Field {
            name: Span::new(start, start + name),
            value: Span::new(start + name + 2, start + name + 2 + value),
            kind,
            canonical: true,
            end: start + name + value + 4,
        }),
        None => unusual_line(line, start),
    }
}

/// A line as nearly all are, `Name: value`, with a name that is well known: its name's length, what it is, and the
/// length of its value. Such a line is what it would be by the long way.
#[inline]
fn usual_line(line: &[u8]) -> Option<(usize, Name, usize)> {
    let (name, kind) = Name::in_front(line)?;
    let [b' ', text @ ..] = line.get(name + 1..)? else { return None };
    if matches!(text.first()?, b' ' | b'\t' | 0xff) {
        return None;
    }
    let len = text_run(text);
    match text.get(len.wrapping_sub(1)..)? {
        [last, b'\r', b'\n', ..] if !is_blank(last) => Some((name, kind, len)),
        _ => None,
    }
}

/// Cuts any line, which stands at `start` of its head.
// Kept out of what cuts the usual ones, which is short then.
#[inline(never)]
fn unusual_line(line: &[u8], start: usize) -> Result<FieldLine, Fault> {
    let (name, kind) = match front(line)? {
        Front::Partial => return Ok(FieldLine::Partial),
        Front::Empty => {
            let end = line_end(line, 0, NO_CRLF)?;
            return Ok(end.map_or(FieldLine::Partial, |end| FieldLine::End(start + end)));
        }
        Front::Name(len, kind) => (len, kind),
    };
    let behind = &line[name + 1..];
    let leading = behind.iter().take_while(|byte| is_blank(byte)).count();
    let text = &behind[leading..];
    let len = text_run(text);
    let control = Fault::Grammar("field value holds a control character");
    let Some(end) = line_end(text, len, control)? else { return Ok(FieldLine::Partial) };
    let text = &text[..len];
    if text.first() == Some(&0xff) {
        return Err(Fault::Grammar("field value begins with 0xff"));
    }
    let trailing = text.iter().rev().take_while(|byte| is_blank(byte)).count();
    let value = start + name + 1 + leading;
    Ok(FieldLine::Field {
        name: Span::new(start, start + name),
        value: Span::new(value, value + len - trailing),
        kind,
        canonical: behind.starts_with(b" ") && leading == 1 && trailing == 0,
        end: value + end,
    })
}

/// Whether a line that is not whole yet is over `limit` bytes already, without its CRLF.
pub(super) fn is_over(line: &[u8], limit: usize) -> bool {
    line.strip_suffix(b"\r").unwrap_or(line).len() > limit
}

/// What a line begins with.
enum Front {
    /// What does not tell yet.
    Partial,
    /// Its end.
    Empty,
    /// A name of so many bytes, and a colon.
    Name(usize, Name),
}

/// Reads a name byte by byte.
fn front(line: &[u8]) -> Result<Front, Fault> {
    let mut classes = 0;
    let ended = line.iter().position(|byte| {
        let class = CLASS[*byte as usize];
        classes |= class;
        class == 0
    });
    match ended.map(|at| (at, line[at])) {
        None => Ok(Front::Partial),
        Some((0, b'\r' | b'\n')) => Ok(Front::Empty),
        Some((at, b':')) if at > 0 => Ok(Front::Name(at, Name::classify(&line[..at], classes & ODD == 0)?)),
        Some(_) => Err(Fault::Grammar("field name holds a byte that a name may not")),
    }
}

/// A part of the first line that a single blank ends; none if that is not there yet.
fn part(head: &[u8], start: usize, is_of: fn(u8) -> bool, bad: Fault) -> Result<Option<Span>, Fault> {
    let rest = head.get(start..).unwrap_or_default();
    let end = start + rest.iter().position(|byte| !is_of(*byte)).unwrap_or(rest.len());
    match head.get(end) {
        None => Ok(None),
        Some(b' ') if end > start => Ok(Some(Span::new(start, end))),
        Some(_) => Err(bad),
    }
}

/// Bytes of a version.
const VERSION: usize = 8;
const BAD_VERSION: Fault = Fault::Grammar("version is neither HTTP/1.0 nor HTTP/1.1");

fn version(text: &[u8]) -> Result<Option<Version>, Fault> {
    match text.first_chunk::<VERSION>() {
        Some(b"HTTP/1.1") => Ok(Some(Version::Http11)),
        Some(b"HTTP/1.0") => Ok(Some(Version::Http10)),
        None if b"HTTP/1.".starts_with(text) => Ok(None),
        _ => Err(BAD_VERSION),
    }
}

/// What follows the CRLF that must stand at `at`; none if it is not there yet.
#[inline]
fn line_end(head: &[u8], at: usize, bad: Fault) -> Result<Option<usize>, Fault> {
    match head.get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => Ok(Some(at + 2)),
        [] | [b'\r'] => Ok(None),
        [b'\n', ..] => Err(BARE_LF),
        _ => Err(bad),
    }
}

const PLAIN: u8 = 1;
const ODD: u8 = 2;

/// Bytes of tokens (RFC 9110 section 5.6.2); 0 for all others.
const CLASS: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        if byte.is_ascii_alphanumeric() || byte == b'-' {
            table[byte as usize] = PLAIN;
        } else if super::field::is_token_byte(byte) {
            table[byte as usize] = ODD;
        }
        byte += 1;
    }
    table
};

const fn is_blank(byte: &u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

const fn is_visible(byte: u8) -> bool {
    !matches!(byte, 0..=0x20 | 0x7f)
}

const fn is_text(byte: u8) -> bool {
    matches!(byte, b'\t' | 0x20..=0x7e | 0x80..)
}

/// How many bytes at the front are blanks, visible characters or obsolete text. Eight at a time, as values are what a
/// head is mostly made of.
#[inline]
fn text_run(text: &[u8]) -> usize {
    let mut at = 0;
    for eight in text.as_chunks().0 {
        let controls = controls(u64::from_le_bytes(*eight));
        if controls != 0 {
            at += (controls.trailing_zeros() / 8) as usize;
            // A tab is a control character, and text.
            return if text.get(at) == Some(&b'\t') { text_run_bytewise(text, at) } else { at };
        }
        at += 8;
    }
    text_run_bytewise(text, at)
}

/// The same, where those up to `at` are text.
#[inline(never)]
fn text_run_bytewise(text: &[u8], at: usize) -> usize {
    let rest = text.get(at..).unwrap_or_default();
    at + rest.iter().position(|byte| !is_text(*byte)).unwrap_or(rest.len())
}

/// The high bit of each byte that is below 0x20 or is 0x7f. Bytes above such a one may be marked by mistake; the lowest
/// mark is right ("Bit Twiddling Hacks", "Determine if a word has a byte less than n").
#[inline]
const fn controls(word: u64) -> u64 {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    let delete = word ^ (ONES * 0x7f);
    let below = word.wrapping_sub(ONES * 0x20) & !word;
    let deletes = delete.wrapping_sub(ONES) & !delete;
    (below | deletes) & HIGH
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Field lines that are nearly right, behind something and before something, and cut anywhere.
    fn nearly_right() -> impl Strategy<Value = (Vec<u8>, usize)> {
        let name = prop::sample::select(vec![
            "Host",
            "te",
            "content-length",
            "Content-Type",
            "X-Forwarded-Host",
            "Transfer-Encoding",
            "User-Agent",
            "X",
            "Hos",
            "",
        ]);
        let odd = prop_oneof![any::<u8>(), prop::sample::select(b"\r\n\t :\0\x1f\x7f\xff\xba;@`-_".to_vec())];
        let between = prop::sample::select(vec![": ", ": ", ": ", ":", ":  ", ":\t", " : ", "::"]);
        let end = prop::sample::select(vec![
            "\r\n\r\n",
            "\r\n\r\n",
            "\r\nA: b\r\n",
            " \r\n",
            "\t\r\n",
            "\n",
            "\r",
            "",
        ]);
        let wounds = prop::collection::vec((any::<prop::sample::Index>(), odd), 0..3);
        (0..3_usize, name, between, "[a-z ]{0,24}", end, wounds, any::<prop::sample::Index>()).prop_map(
            |(start, name, between, value, end, wounds, cut)| {
                let mut head = format!("{:start$}{name}{between}{value}{end}", "").into_bytes();
                for (at, byte) in wounds {
                    if let Some(place) = head.len().checked_sub(1).map(|last| at.index(last + 1)) {
                        head[place] = byte;
                    }
                }
                head.truncate(head.len() - cut.index(head.len() + 1) / 3);
                (head, start)
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn the_short_way_and_the_long_one_cut_a_line_alike((head, start) in nearly_right()) {
            let line = head.get(start..).unwrap_or_default();
            let (short, long) = (field_line(&head, start), unusual_line(line, start));
            prop_assert_eq!(format!("{short:?}"), format!("{long:?}"), "{}", head.escape_ascii());
        }
    }

    #[test]
    fn a_run_of_text_ends_where_it_does_byte_by_byte() {
        for byte in 0..=255_u8 {
            for place in 0..20 {
                let mut text = vec![b'a'; 24];
                text[place] = byte;
                text[place / 2] = 0xe4;
                text[place] = byte;
                let expected = text.iter().position(|byte| !is_text(*byte)).unwrap_or(text.len());
                assert_eq!(text_run(&text), expected, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn a_first_line_that_can_still_become_right_is_no_fault() {
        let line = b"GET /x HTTP/1.1\r\n";
        for len in 0..line.len() {
            assert!(matches!(request_line(&line[..len], 0), Ok(None)), "{len}");
        }
        let line = b"HTTP/1.0 404 Not Found\r\n";
        for len in 0..line.len() {
            assert!(matches!(status_line(&line[..len]), Ok(None)), "{len}");
        }
    }

    #[test]
    fn a_fault_shows_with_its_byte() {
        for bad in ["GE(", "GET  ", "GET /\r", "GET / HTTP/2", "GET / HTTP/1.1 ", "GET / HTTP/1.1\n", " "] {
            assert!(request_line(bad.as_bytes(), 0).is_err(), "{bad}");
            assert!(matches!(request_line(&bad.as_bytes()[..bad.len() - 1], 0), Ok(None)), "{bad}");
        }
        for bad in
            ["HTTP/2", "HTTP/1.1\t", "HTTP/1.1 2x", "HTTP/1.1 200x", "HTTP/1.1 200 \x7f", "HTTP/1.1 200\n"]
        {
            assert!(status_line(bad.as_bytes()).is_err(), "{bad}");
            assert!(matches!(status_line(&bad.as_bytes()[..bad.len() - 1]), Ok(None)), "{bad}");
        }
    }
}
