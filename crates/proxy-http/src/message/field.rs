//! Field lines: where they lie, which of the names with a meaning for a proxy they bear, and which of them
//! belong to one connection only.

use super::lines::{self, FieldLine};
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
    /// A `Connection` field names it: it ends here.
    pub(crate) named: bool,
}

/// The field names that a proxy acts upon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the field of its name")]
pub enum Name {
    Connection,
    ContentLength,
    ContentLocation,
    Date,
    Destination,
    Expect,
    Forwarded,
    Host,
    Http2Settings,
    KeepAlive,
    Location,
    MaxForwards,
    ProxyAuthenticate,
    ProxyConnection,
    SetCookie,
    Te,
    Trailer,
    TransferEncoding,
    Upgrade,
    Uri,
    Via,
    XForwardedFor,
    XForwardedHost,
    XForwardedProto,
    /// Any other `X-Forwarded-…`, and `X-Real-IP`, in any spelling that an endpoint could take for one.
    XForwardedOther,
    Other,
}

impl Name {
    /// Whether a field of this name concerns one connection only (RFC 9110 section 7.6.1) or is made anew by
    /// whoever writes the message.
    pub(crate) const fn is_hop_by_hop(self) -> bool {
        matches!(
            self,
            Self::Connection
                | Self::ContentLength
                | Self::Http2Settings
                | Self::KeepAlive
                | Self::ProxyAuthenticate
                | Self::ProxyConnection
                | Self::Te
                | Self::Trailer
                | Self::TransferEncoding
                | Self::Upgrade
        )
    }

    /// Classifies a name, or says that it only looks like one that frames or routes a message.
    pub(crate) fn of(name: &[u8]) -> Result<Self, Fault> {
        Self::classify(name, name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'))
    }

    /// The same for a token of which it is known whether it is letters, digits and hyphens.
    #[inline]
    pub(crate) fn classify(name: &[u8], plain: bool) -> Result<Self, Fault> {
        match exact(name) {
            Self::Other if !plain || may_be_look_alike(name) => folded(name),
            kind => Ok(kind),
        }
    }

    /// Its place in a set of names.
    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

fn exact(name: &[u8]) -> Name {
    let is = |text: &[u8]| name.eq_ignore_ascii_case(text);
    // The last letter tells most names of one length apart before all letters are compared.
    let last = name.last().map_or(0, |last| last | 0x20);
    match (name.len(), last) {
        (2, b'e') if is(b"te") => Name::Te,
        (3, b'a') if is(b"via") => Name::Via,
        (3, b'i') if is(b"uri") => Name::Uri,
        (4, b't') if is(b"host") => Name::Host,
        (4, b'e') if is(b"date") => Name::Date,
        (6, b't') if is(b"expect") => Name::Expect,
        (7, b'e') if is(b"upgrade") => Name::Upgrade,
        (7, b'r') if is(b"trailer") => Name::Trailer,
        (8, b'n') if is(b"location") => Name::Location,
        (9, b'd') if is(b"forwarded") => Name::Forwarded,
        (10, b'n') if is(b"connection") => Name::Connection,
        (10, b'e') if is(b"keep-alive") => Name::KeepAlive,
        (10, b'e') if is(b"set-cookie") => Name::SetCookie,
        (11, b'n') if is(b"destination") => Name::Destination,
        (12, b's') if is(b"max-forwards") => Name::MaxForwards,
        (14, b'h') if is(b"content-length") => Name::ContentLength,
        (14, b's') if is(b"http2-settings") => Name::Http2Settings,
        (15, b'r') if is(b"x-forwarded-for") => Name::XForwardedFor,
        (16, b'n') if is(b"proxy-connection") => Name::ProxyConnection,
        (16, b'n') if is(b"content-location") => Name::ContentLocation,
        (16, b't') if is(b"x-forwarded-host") => Name::XForwardedHost,
        (17, b'g') if is(b"transfer-encoding") => Name::TransferEncoding,
        (17, b'o') if is(b"x-forwarded-proto") => Name::XForwardedProto,
        (18, b'e') if is(b"proxy-authenticate") => Name::ProxyAuthenticate,
        _ => Name::Other,
    }
}

/// Spares most plain names the folding: a look-alike that is letters, digits and hyphens begins and ends with the
/// letters of what it looks like, or with a hyphen.
fn may_be_look_alike(name: &[u8]) -> bool {
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return false };
    match (first | 0x20, last | 0x20) {
        (b'c', b'h' | b'n') | (b't', b'g') | (b'h', b't') | (b'u', b'e') | (b'f', b'd') => true,
        // X-Forwarded-…, X-Real-IP, however it is divided.
        (b'x', _) => {
            !matches!(name.get(1..3), Some([b'-', third]) if !matches!(third | 0x20, b'f' | b'r' | b'-'))
        }
        (b'-', _) | (_, b'-') => true,
        _ => false,
    }
}

/// Letters and digits of the names that no other spelling may pass for.
const PROTECTED: [&[u8]; 5] = [b"contentlength", b"transferencoding", b"host", b"connection", b"upgrade"];

/// Classifies by letters and digits alone, as CGI-like receivers do: `Content_Length` is `CONTENT_LENGTH` there.
fn folded(name: &[u8]) -> Result<Name, Fault> {
    let mut letters = [0; 24];
    let mut count = 0;
    let mut rest = name;
    while let Some((&byte, tail)) = rest.split_first() {
        let (byte, tail) = unescaped(byte, tail);
        rest = tail;
        if byte.is_ascii_alphanumeric() {
            if let Some(slot) = letters.get_mut(count) {
                *slot = byte.to_ascii_lowercase();
            }
            count += 1;
        }
    }
    let letters = letters.get(..count).unwrap_or(&letters);
    if PROTECTED.contains(&letters) {
        return Err(Fault::Grammar("field name looks like one that frames or routes the message"));
    }
    let forwarding = letters.starts_with(b"xforwarded") || matches!(letters, b"xrealip" | b"forwarded");
    Ok(if forwarding { Name::XForwardedOther } else { Name::Other })
}

/// Reads `%45` as the letter it stands for; some receivers decode names.
fn unescaped(byte: u8, tail: &[u8]) -> (u8, &[u8]) {
    let digits = |pair: &[u8; 2]| {
        let text = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(text, 16).ok()
    };
    match tail.split_first_chunk::<2>() {
        Some((pair, after)) if byte == b'%' => digits(pair).map_or((byte, tail), |letter| (letter, after)),
        _ => (byte, tail),
    }
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
                FieldLine::Field { name, value, plain, end } => {
                    let kind = Name::classify(name.of(head), plain)?;
                    self.push(Field { name, value, kind, named: false });
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
    if matches!(exact(option), Name::Host | Name::ContentLength | Name::TransferEncoding) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Names that folding may find something in: letters of one that counts, divided, respelt and hidden anyhow.
    fn disguised() -> impl Strategy<Value = Vec<u8>> {
        let plain = prop::sample::select(vec![
            "contentlength",
            "transferencoding",
            "host",
            "connection",
            "upgrade",
            "xforwardedfor",
            "xrealip",
            "forwarded",
            "contenttype",
            "cookie",
            "xrequestid",
            "useragent",
            "te",
            "x",
        ]);
        let dressed = (any::<u8>(), prop::sample::select(vec!["", "", "", "-", "_", "--", ".", "~"]));
        (plain, prop::collection::vec(dressed, 17)).prop_map(|(plain, dress)| {
            let mut name = Vec::new();
            for (letter, (how, divider)) in plain.bytes().zip(dress) {
                match how {
                    0..8 => name.extend_from_slice(format!("%{letter:02x}").as_bytes()),
                    8..128 => name.push(letter.to_ascii_uppercase()),
                    _ => name.push(letter),
                }
                name.extend_from_slice(divider.as_bytes());
            }
            name
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn no_look_alike_is_spared_the_folding(name in disguised()) {
            if exact(&name) == Name::Other {
                prop_assert_eq!(Name::of(&name), folded(&name), "{}", name.escape_ascii());
            }
        }
    }
}
