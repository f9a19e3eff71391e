//! Field lines: where they lie, which of the names with a meaning for a proxy they bear, and which of them
//! belong to one connection only.

use super::{Fault, Limits};

/// A stretch of a head's bytes. Meaningful only together with the bytes that were parsed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
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
        match exact(name) {
            Self::Other if may_be_look_alike(name) => folded(name),
            kind => Ok(kind),
        }
    }
}

fn exact(name: &[u8]) -> Name {
    let is = |text: &[u8]| name.eq_ignore_ascii_case(text);
    match name.len() {
        2 if is(b"te") => Name::Te,
        3 if is(b"via") => Name::Via,
        3 if is(b"uri") => Name::Uri,
        4 if is(b"host") => Name::Host,
        4 if is(b"date") => Name::Date,
        6 if is(b"expect") => Name::Expect,
        7 if is(b"upgrade") => Name::Upgrade,
        7 if is(b"trailer") => Name::Trailer,
        8 if is(b"location") => Name::Location,
        9 if is(b"forwarded") => Name::Forwarded,
        10 if is(b"connection") => Name::Connection,
        10 if is(b"keep-alive") => Name::KeepAlive,
        11 if is(b"destination") => Name::Destination,
        12 if is(b"max-forwards") => Name::MaxForwards,
        14 if is(b"content-length") => Name::ContentLength,
        14 if is(b"http2-settings") => Name::Http2Settings,
        15 if is(b"x-forwarded-for") => Name::XForwardedFor,
        16 if is(b"proxy-connection") => Name::ProxyConnection,
        16 if is(b"content-location") => Name::ContentLocation,
        16 if is(b"x-forwarded-host") => Name::XForwardedHost,
        17 if is(b"transfer-encoding") => Name::TransferEncoding,
        17 if is(b"x-forwarded-proto") => Name::XForwardedProto,
        18 if is(b"proxy-authenticate") => Name::ProxyAuthenticate,
        _ => Name::Other,
    }
}

/// Spares most names the folding: a look-alike begins with the letter of what it looks like, or with no letter.
fn may_be_look_alike(name: &[u8]) -> bool {
    matches!(
        name.first(),
        Some(b'c' | b'C' | b't' | b'T' | b'h' | b'H' | b'u' | b'U' | b'x' | b'X' | b'f' | b'F')
    ) || name.first().is_some_and(|first| !first.is_ascii_alphanumeric())
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

/// Fills `fields` from the tokens of `head`, a complete head, refusing what the tokenizer is lenient about.
pub(crate) fn index(
    fields: &mut Vec<Field>,
    headers: &[httparse::Header<'_>],
    head: &[u8],
    limits: &Limits,
) -> Result<(), Fault> {
    fields.clear();
    if !head.ends_with(b"\r\n\r\n") {
        return Err(BARE_LF);
    }
    for header in headers {
        let name = Span::within(head, header.name.as_bytes());
        let value = Span::within(head, header.value);
        // The tokenizer takes LF alone for a line end; the line before this one must have had its CR.
        if !head[..name.start as usize].ends_with(b"\r\n") {
            return Err(BARE_LF);
        }
        if header.value.first() == Some(&0xff) {
            return Err(Fault::Grammar("field value begins with 0xff"));
        }
        fields.push(Field { name, value, kind: Name::of(header.name.as_bytes())?, named: false });
    }
    line_lengths(fields, head, limits)
}

const BARE_LF: Fault = Fault::Grammar("line ends in LF without CR");

fn line_lengths(fields: &[Field], head: &[u8], limits: &Limits) -> Result<(), Fault> {
    let ends = fields.iter().skip(1).map(|next| next.name.start as usize).chain([head.len() - 2]);
    for (field, end) in fields.iter().zip(ends) {
        if end - 2 - field.name.start as usize > limits.field {
            return Err(Fault::Fields("field line is too long"));
        }
    }
    Ok(())
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

/// Reads all `Connection` fields and marks the fields that they name (RFC 9110 section 7.6.1).
pub(crate) fn connection(fields: &mut [Field], head: &[u8]) -> Result<Connection, Fault> {
    let mut facts = Connection::default();
    let mut options = 0;
    for at in 0..fields.len() {
        if fields[at].kind != Name::Connection {
            continue;
        }
        for option in list(fields[at].value.of(head)) {
            options += 1;
            if options > MAX_OPTIONS || !is_token(option) {
                return Err(Fault::Grammar("Connection is not a short list of tokens"));
            }
            match option {
                _ if option.eq_ignore_ascii_case(b"close") => facts.close = true,
                _ if option.eq_ignore_ascii_case(b"keep-alive") => facts.keep_alive = true,
                _ if option.eq_ignore_ascii_case(b"upgrade") => facts.upgrade = true,
                _ => mark_named(fields, head, option)?,
            }
        }
    }
    Ok(facts)
}

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

/// The value of the only field of a kind; an error if there are two.
pub(crate) fn only<'b>(fields: &[Field], head: &'b [u8], kind: Name) -> Result<Option<&'b [u8]>, ()> {
    let mut found = fields.iter().filter(|field| field.kind == kind);
    match (found.next(), found.next()) {
        (first, None) => Ok(first.map(|field| field.value.of(head))),
        (_, Some(_)) => Err(()),
    }
}
