//! Field names: those that a proxy acts upon, told apart from all others and from those that only look like one.

use super::Fault;

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

    /// The name that stands at the front of a field line, and its length, if it is one of those that nearly all heads
    /// are made of, and ends within what is looked at, which has to be there; the rest has to be read as what it is, a
    /// token of whatever bytes.
    #[inline]
    pub(super) fn in_front(line: &[u8]) -> Option<(usize, Self)> {
        let word = u128::from_le_bytes(*line.first_chunk()?);
        // The high bit of each byte that is a colon, of which the lowest is right (`lines::controls` says why).
        let others = word ^ (ONES * b':' as u128);
        let colons = others.wrapping_sub(ONES) & !others & (ONES * 0x80);
        let len = (colons.trailing_zeros() / 8) as usize;
        let below = (colons.wrapping_sub(1) & !colons) >> 7;
        let name = well_known(word & below, len)?;
        (colons != 0).then_some((len, name))
    }

    /// Classifies a name, or says that it only looks like one that frames or routes a message.
    pub(crate) fn of(name: &[u8]) -> Result<Self, Fault> {
        Self::classify(name, name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-'))
    }

    /// The same for a token of which it is known whether it is letters, digits and hyphens.
    pub(super) fn classify(name: &[u8], plain: bool) -> Result<Self, Fault> {
        match Self::exactly(name) {
            Self::Other if !plain || may_be_look_alike(name) => folded(name),
            kind => Ok(kind),
        }
    }

    /// Classifies by the very name, in any case.
    pub(super) fn exactly(name: &[u8]) -> Self {
        if name.len() <= WORD {
            return well_known(number(name), name.len()).unwrap_or(Self::Other);
        }
        let long = LONG.iter().find(|(long, _)| name.eq_ignore_ascii_case(long.as_bytes()));
        long.map_or(Self::Other, |(_, kind)| *kind)
    }

    /// Its place in a set of names.
    pub(super) const fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// Bytes that are compared as one number.
const WORD: usize = 16;
/// 1 in each byte.
const ONES: u128 = u128::MAX / 255;

/// Names of at most [`WORD`] bytes: those that matter, and the usual ones of those that do not, which are shorter, as
/// [`Name::in_front`] finds no longer ones.
const WELL_KNOWN: &[(&str, Name)] = &[
    ("accept", Name::Other),
    ("accept-encoding", Name::Other),
    ("accept-language", Name::Other),
    ("accept-ranges", Name::Other),
    ("age", Name::Other),
    ("authorization", Name::Other),
    ("cache-control", Name::Other),
    ("connection", Name::Connection),
    ("content-length", Name::ContentLength),
    ("content-location", Name::ContentLocation),
    ("content-type", Name::Other),
    ("cookie", Name::Other),
    ("date", Name::Date),
    ("destination", Name::Destination),
    ("etag", Name::Other),
    ("expect", Name::Expect),
    ("expires", Name::Other),
    ("forwarded", Name::Forwarded),
    ("host", Name::Host),
    ("http2-settings", Name::Http2Settings),
    ("if-none-match", Name::Other),
    ("keep-alive", Name::KeepAlive),
    ("last-modified", Name::Other),
    ("location", Name::Location),
    ("max-forwards", Name::MaxForwards),
    ("origin", Name::Other),
    ("pragma", Name::Other),
    ("proxy-connection", Name::ProxyConnection),
    ("range", Name::Other),
    ("referer", Name::Other),
    ("server", Name::Other),
    ("set-cookie", Name::SetCookie),
    ("te", Name::Te),
    ("trailer", Name::Trailer),
    ("upgrade", Name::Upgrade),
    ("uri", Name::Uri),
    ("user-agent", Name::Other),
    ("vary", Name::Other),
    ("via", Name::Via),
    ("x-forwarded-for", Name::XForwardedFor),
    ("x-forwarded-host", Name::XForwardedHost),
];

/// Longer names that matter.
const LONG: [(&str, Name); 3] = [
    ("proxy-authenticate", Name::ProxyAuthenticate),
    ("transfer-encoding", Name::TransferEncoding),
    ("x-forwarded-proto", Name::XForwardedProto),
];

/// Looks a name up that is given as the number which its bytes are, those behind it 0.
#[inline]
fn well_known(word: u128, len: usize) -> Option<Name> {
    // Capital letters become small ones. So do some marks, but none of them becomes a letter, a digit or a hyphen.
    let small = word | (word & (ONES * 0x40)) >> 1;
    let slot = &SLOTS[hash(small)];
    (slot.word == small && slot.len == len).then_some(slot.name)
}

/// A place in [`SLOTS`].
#[derive(Clone, Copy)]
struct Slot {
    word: u128,
    /// [`NOBODY`] where the place is empty.
    len: usize,
    name: Name,
}

/// Each name where its hash says. A name that has no place of its own is found by the compiler: the factor in
/// [`hash`] is then to be another one.
static SLOTS: [Slot; 1 << BITS] = {
    let mut slots = [Slot { word: 0, len: NOBODY, name: Name::Other }; 1 << BITS];
    let mut at = 0;
    while at < WELL_KNOWN.len() {
        let (text, name) = WELL_KNOWN[at];
        let word = number(text.as_bytes());
        let slot = &mut slots[hash(word)];
        assert!(slot.len == NOBODY, "two names have one place");
        *slot = Slot { word, len: text.len(), name };
        at += 1;
    }
    slots
};
const BITS: u32 = 7;
/// The length of no name.
const NOBODY: usize = usize::MAX;

/// The place of a name (D. Knuth, The Art of Computer Programming, volume 3, section 6.4: multiplicative hashing).
#[inline]
const fn hash(word: u128) -> usize {
    const FACTOR: u64 = 0x2f8b_be78_77d8_6d2d;
    let both = word as u64 ^ (word >> 64) as u64;
    (both.wrapping_mul(FACTOR) >> (u64::BITS - BITS)) as usize
}

/// A name of at most [`WORD`] bytes as a number.
const fn number(name: &[u8]) -> u128 {
    let mut word = [0; WORD];
    let mut at = 0;
    while at < name.len() {
        word[at] = name[at];
        at += 1;
    }
    u128::from_le_bytes(word)
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
            if Name::exactly(&name) == Name::Other {
                prop_assert_eq!(Name::of(&name), folded(&name), "{}", name.escape_ascii());
            }
        }
    }

    #[test]
    fn a_well_known_name_is_found_in_any_case_and_no_other_is() {
        for &(text, kind) in WELL_KNOWN {
            let line = |name: &str| format!("{name}: some value that is long enough");
            for name in [text.to_owned(), text.to_uppercase()] {
                assert_eq!(Name::of(name.as_bytes()), Ok(kind), "{name}");
                let found = Name::in_front(line(&name).as_bytes());
                assert_eq!(found, (text.len() < WORD).then_some((text.len(), kind)), "{name}");
            }
            for place in 0..text.len() {
                for byte in (0..=255_u8).filter(|byte| !text.as_bytes()[place].eq_ignore_ascii_case(byte)) {
                    let mut bytes = line(text).into_bytes();
                    bytes[place] = byte;
                    let name = &bytes[..text.len()];
                    let known =
                        WELL_KNOWN.iter().find(|(text, _)| name.eq_ignore_ascii_case(text.as_bytes()));
                    let found = Name::in_front(&bytes);
                    // A colon makes it another, shorter name.
                    let expected =
                        known.filter(|(text, _)| text.len() < WORD).map(|(text, kind)| (text.len(), *kind));
                    assert!(found == expected || byte == b':', "{}", bytes.escape_ascii());
                }
            }
        }
        for (text, kind) in LONG {
            assert_eq!(Name::of(text.to_uppercase().as_bytes()), Ok(kind));
        }
        for line in [&b": value of sixteen"[..], b"host\0: and so on, on", b"te\0\0: and so on, on", b"host"]
        {
            assert_eq!(Name::in_front(line), None, "{}", line.escape_ascii());
        }
    }

    #[test]
    fn a_name_that_does_not_matter_looks_like_none_that_does() {
        for (text, kind) in WELL_KNOWN.iter().filter(|(_, kind)| *kind == Name::Other) {
            assert_eq!(folded(text.as_bytes()), Ok(*kind), "{text}");
        }
    }
}
