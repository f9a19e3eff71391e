//! Field lines: where they lie, which of the names with a meaning for a proxy they bear, and which of them
//! belong to one connection only.

use super::lines::{self, FieldLine};
use super::name::Name;
use super::{Fault, Limits};

/// A stretch of a head's bytes. Meaningful only together with the bytes that were parsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// From one offset up to another, both within a head and so within 32 bits.
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self { start: start as u32, end: end as u32 }
    }

    /// The place of `part`, a subslice of `whole`, in it.
    pub(crate) fn within(whole: &[u8], part: &[u8]) -> Self {
        let start = part.as_ptr().addr().wrapping_sub(whole.as_ptr().addr());
        debug_assert!(start + part.len() <= whole.len());
        Self { start: start as u32, end: (start + part.len()) as u32 }
    }

    /// The bytes; empty when `bytes` are not those that were parsed.
    pub(crate) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }
}

/// One field line: its name as spelt, and its value without the blanks around it.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    pub(crate) name: Span,
    pub(crate) value: Span,
    pub(crate) kind: Name,
    /// It is spelt as it goes on: one space behind the colon, and no blank at the end.
    pub(crate) canonical: bool,
    /// A `Connection` field names it: it ends here.
    pub(crate) named: bool,
}

/// The field lines of a head, read one after the other; belongs to a connection and is used again for each head.
#[derive(Debug, Default)]
pub(crate) struct Fields {
    list: Vec<Field>,
    /// Where the first line begins that was not read whole; 0 before the first.
    at: usize,
    /// The names that are there, and those that are there more than once.
    seen: u32,
    twice: u32,
}

impl Fields {
    /// Whether [`Fields::begin`] was called for the head.
    pub(crate) const fn has_begun(&self) -> bool {
        self.at > 0
    }

    /// The first field line begins at `at`.
    pub(crate) fn begin(&mut self, at: usize) {
        self.clear();
        self.at = at;
    }

    /// As new, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.list.clear();
        (self.at, self.seen, self.twice) = (0, 0, 0);
    }

    /// The next head begins; what was read of this one stays to be looked at.
    pub(crate) const fn end(&mut self) {
        self.at = 0;
    }

    /// Reads the lines that are whole and gives the head's length once its end was seen.
    pub(crate) fn read(&mut self, head: &[u8], limits: &Limits) -> Result<Option<usize>, Fault> {
        loop {
            let window = &head[..head.len().min(self.at + limits.field + 2)];
            match lines::field_line(window, self.at)? {
                FieldLine::Partial if lines::is_over(&window[self.at..], limits.field) => {
                    return Err(Fault::Fields("field line is too long"));
                }
                FieldLine::Partial => return Ok(None),
                FieldLine::End(end) => return Ok(Some(end)),
                FieldLine::Field { .. } if self.list.len() == limits.fields => {
                    return Err(Fault::Fields("too many fields"));
                }
                FieldLine::Field { name, value, kind, canonical, end } => {
                    self.push(Field { name, value, kind, canonical, named: false });
                    self.at = end;
                }
            }
        }
    }

    fn push(&mut self, field: Field) {
        self.twice |= self.seen & field.kind.bit();
        self.seen |= field.kind.bit();
        self.list.push(field);
    }

    /// All of them in order.
    pub(crate) fn list(&self) -> &[Field] {
        &self.list
    }

    /// Whether one of this kind is there.
    pub(crate) const fn has(&self, kind: Name) -> bool {
        self.seen & kind.bit() != 0
    }

    /// The only field of a kind; an error if there are two.
    pub(crate) fn only(&self, kind: Name) -> Result<Option<&Field>, ()> {
        match (self.has(kind), self.twice & kind.bit() != 0) {
            (false, _) => Ok(None),
            (true, false) => Ok(self.list.iter().find(|field| field.kind == kind)),
            (true, true) => Err(()),
        }
    }

    /// The value of the only field of a kind; an error if there are two.
    pub(crate) fn only_value<'b>(&self, head: &'b [u8], kind: Name) -> Result<Option<&'b [u8]>, ()> {
        Ok(self.only(kind)?.map(|field| field.value.of(head)))
    }

    /// Whether a list field of this kind has the element, in any case.
    pub(crate) fn names(&self, head: &[u8], kind: Name, element: &[u8]) -> bool {
        self.has(kind)
            && self
                .list
                .iter()
                .filter(|field| field.kind == kind)
                .flat_map(|field| list(field.value.of(head)))
                .any(|found| found.eq_ignore_ascii_case(element))
    }

    /// Reads all `Connection` fields and marks the fields that they name (RFC 9110 section 7.6.1).
    pub(crate) fn connection(&mut self, head: &[u8]) -> Result<Connection, Fault> {
        let mut facts = Connection::default();
        if !self.has(Name::Connection) {
            return Ok(facts);
        }
        let mut options = 0;
        for at in 0..self.list.len() {
            if self.list[at].kind != Name::Connection {
                continue;
            }
            let value = self.list[at].value.of(head);
            // What nearly all say, without taking it apart.
            if value.eq_ignore_ascii_case(b"keep-alive") {
                facts.keep_alive = true;
                continue;
            }
            for option in list(value) {
                options += 1;
                if options > MAX_OPTIONS || !is_token(option) {
                    return Err(Fault::Grammar("Connection is not a short list of tokens"));
                }
                match option {
                    _ if option.eq_ignore_ascii_case(b"close") => facts.close = true,
                    _ if option.eq_ignore_ascii_case(b"keep-alive") => facts.keep_alive = true,
                    _ if option.eq_ignore_ascii_case(b"upgrade") => facts.upgrade = true,
                    _ => mark_named(&mut self.list, head, option)?,
                }
            }
        }
        Ok(facts)
    }
}

/// What the `Connection` fields of a head say.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Connection {
    pub(crate) close: bool,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// More options than this in one head are an attempt to keep us busy.
const MAX_OPTIONS: usize = 32;

fn mark_named(fields: &mut [Field], head: &[u8], option: &[u8]) -> Result<(), Fault> {
    if matches!(Name::exactly(option), Name::Host | Name::ContentLength | Name::TransferEncoding) {
        return Err(Fault::Grammar("Connection names a field that frames or routes the message"));
    }
    for field in fields.iter_mut().filter(|field| field.name.of(head).eq_ignore_ascii_case(option)) {
        field.named = true;
    }
    Ok(())
}

/// The elements of a comma-separated list, without blanks and empty elements (RFC 9110 section 5.6.1).
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|byte| *byte == b',').map(trim).filter(|element| !element.is_empty())
}

/// Cuts SP and HTAB from both ends, and nothing else: other blanks are no blanks to other parsers.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// RFC 9110 section 5.6.2.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| is_token_byte(*byte))
}

pub(crate) const fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'^'..=b'`' | b'|' | b'~')
}

/// Reads the framing length: `1*DIGIT`, at most 2^63 - 1 so that no signed reader overflows.
pub(crate) fn content_length(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    let length = value.iter().try_fold(0_u64, |sum, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        sum.checked_mul(10)?.checked_add(digit)
    })?;
    (length <= i64::MAX as u64).then_some(length)
}
