//! The matching form of a request path.
//!
//! Access rules and routes are compared with one canonical spelling, so that neither `/a/%73noop` nor `/a//snoop` can
//! walk around a rule for `/a/snoop`; what goes to the endpoint stays as the client spelt it. Two spellings that an
//! endpoint may read as the same place and that we cannot tell apart (dot segments, overlong UTF-8) are refused.
//!
//! The rules are those of RFC 3986 section 6.2.2, without 6.2.2.3: dot segments are not removed but refused. Beyond them
//! a run of slashes is one slash, as under httpd's `MergeSlashes On`: the RFC tells such paths apart, many endpoints do
//! not.

/// Why a path has no canonical form. Every one of them is a client error (400).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A segment is `.` or `..` in some spelling, also between encoded slashes or with parameters (`..;x`).
    #[error("path holds a `.` or `..` segment")]
    DotSegment,
    /// `%` without two hexadecimal digits behind it.
    #[error("path holds a `%` without two hexadecimal digits")]
    Encoding,
    /// A control character, plain or percent-encoded (`%00`, `%0d`, `%0a` above all).
    #[error("path holds a control character")]
    Control,
    /// A blank, a backslash or a byte of 0x80 and above that is not percent-encoded.
    #[error("path holds a byte that must be percent-encoded")]
    Byte,
    /// Percent-encoded UTF-8 that is longer than it need be, as `%c0%af` for a slash.
    #[error("path holds overlong UTF-8")]
    Overlong,
}

/// Gives the matching form of `path` (without its query): unreserved characters decoded, the digits of all
/// other percent-encodings in upper case, each run of slashes merged into one, everything else (`%2F` too) left alone.
///
/// Borrows from `path` when it is canonical already, as nearly all are; else the answer is written to
/// `scratch`, whose content is replaced and whose capacity is kept. The answer is a fixed point: its canonical
/// form is itself, so nothing is ever decoded twice.
///
/// # Errors
/// See [`PathError`]. `scratch` then holds nothing of use.
pub fn canonical<'a>(path: &'a [u8], scratch: &'a mut Vec<u8>) -> Result<&'a [u8], PathError> {
    if is_plain(path) {
        return Ok(path);
    }
    respell(path, scratch)?;
    refuse_dot_segments(scratch)?;
    Ok(if scratch == path { path } else { scratch })
}

/// Whether the canonical `path` lies below `prefix`, at a segment boundary: `/snoop` holds `/snoop` and
/// `/snoop/x`, not `/snoopy`; `/app/` holds `/app/` and `/app/x`, not `/app`.
#[must_use]
pub fn has_prefix(path: &[u8], prefix: &[u8]) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| {
        rest.is_empty() || rest[0] == b'/' || prefix.last().is_none_or(|last| *last == b'/')
    })
}

/// What follows in `raw`, the path as sent, behind the part whose canonical form is `matched` bytes long; all of a
/// run of slashes at its end belongs to that. With this a prefix matched on the canonical form is cut off without
/// respelling the rest.
#[must_use]
pub fn rest_after(raw: &[u8], matched: usize) -> &[u8] {
    let mut rest = raw;
    for _ in 0..matched {
        rest = match rest {
            [b'/', tail @ ..] => after_slashes(tail),
            [b'%', high, low, tail @ ..] if decoded(*high, *low).is_some_and(is_unreserved) => tail,
            [_, tail @ ..] => tail,
            [] => return rest,
        };
    }
    rest
}

fn after_slashes(mut path: &[u8]) -> &[u8] {
    while let [b'/', tail @ ..] = path {
        path = tail;
    }
    path
}

/// Whether one look at each byte shows that a path is canonical: nothing is encoded, and no slash has another one or
/// a dot behind it. Most paths are like that.
fn is_plain(path: &[u8]) -> bool {
    // What a path begins with is behind a slash, whether it has one or not.
    let mut before = b'/';
    path.strip_prefix(b"/").unwrap_or(path).iter().all(|&byte| {
        let fits = MEANS_ITSELF[usize::from(byte)] || matches!(byte, b'/' | b'.') && before != b'/';
        before = byte;
        fits
    })
}

/// The bytes that are the same in every canonical path, whatever stands beside them.
const MEANS_ITSELF: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        let is_special = matches!(byte as u8, b'/' | b'.' | b'%');
        table[byte] = check_byte(byte as u8).is_ok() && !is_special;
        byte += 1;
    }
    table
};

const fn check_byte(byte: u8) -> Result<(), PathError> {
    match byte {
        0..0x20 | 0x7f => Err(PathError::Control),
        b' ' | b'\\' | 0x80.. => Err(PathError::Byte),
        _ => Ok(()),
    }
}

fn respell(path: &[u8], out: &mut Vec<u8>) -> Result<(), PathError> {
    out.clear();
    out.reserve(path.len());
    let mut rest = path;
    // The byte that the encoding just before this place stands for; 0 when there is none.
    let mut before = 0;
    while let Some((&byte, tail)) = rest.split_first() {
        if byte != b'%' {
            check_byte(byte)?;
            if byte != b'/' || out.last() != Some(&b'/') {
                out.push(byte);
            }
            (rest, before) = (tail, 0);
            continue;
        }
        let &[high, low, ref tail @ ..] = tail else { return Err(PathError::Encoding) };
        let value = decoded(high, low).ok_or(PathError::Encoding)?;
        match value {
            0..0x20 | 0x7f => return Err(PathError::Control),
            0x80..0xc0 if is_overlong(before, value) => return Err(PathError::Overlong),
            _ if is_unreserved(value) => out.push(value),
            _ => out.extend_from_slice(&[b'%', high.to_ascii_uppercase(), low.to_ascii_uppercase()]),
        }
        (rest, before) = (tail, value);
    }
    Ok(())
}

/// RFC 3629 section 3: the lead bytes behind which `next` shows that a shorter form exists.
fn is_overlong(lead: u8, next: u8) -> bool {
    matches!((lead, next), (0xc0 | 0xc1, _) | (0xe0, 0x80..0xa0) | (0xf0, 0x80..0x90))
}

fn decoded(high: u8, low: u8) -> Option<u8> {
    Some(hex_digit(high)? << 4 | hex_digit(low)?)
}

fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// RFC 3986 section 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// Refuses `.` and `..` between separators of any kind: by `..` endpoints that decode `%2F` or `%5C` before they
/// split would climb, by `.` a request would walk around an exclusion, and those that know path parameters drop what
/// follows a `;`.
fn refuse_dot_segments(path: &[u8]) -> Result<(), PathError> {
    for at in (0..path.len()).filter(|&at| path[at] == b'.' && ends_segment(&path[..at])) {
        let after = &path[at + 1..];
        if starts_segment(after.strip_prefix(b".").unwrap_or(after)) {
            return Err(PathError::DotSegment);
        }
    }
    Ok(())
}

fn ends_segment(before: &[u8]) -> bool {
    before.is_empty() || [&b"/"[..], b"%2F", b"%5C"].iter().any(|mark| before.ends_with(mark))
}

fn starts_segment(after: &[u8]) -> bool {
    after.is_empty() || [&b"/"[..], b";", b"%2F", b"%5C", b"%3B"].iter().any(|mark| after.starts_with(mark))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn form(path: &[u8]) -> Result<Vec<u8>, PathError> {
        canonical(path, &mut Vec::new()).map(<[u8]>::to_vec)
    }

    #[test]
    fn unreserved_characters_are_decoded_slashes_merged_and_the_rest_is_left_alone() {
        for (path, expected) in [
            ("", ""),
            ("/", "/"),
            ("/%73noop/%7Eme", "/snoop/~me"),
            ("/a%2fb/c%3b", "/a%2Fb/c%3B"),
            ("//", "/"),
            ("//a///b////", "/a/b/"),
            ("/a//%73noop", "/a/snoop"),
            ("/a/%2F/%2f//b", "/a/%2F/%2F/b"),
            ("a//b", "a/b"),
            ("*", "*"),
            ("/a//.b", "/a/.b"),
            ("/%2541", "/%2541"),
            ("/a%20b", "/a%20b"),
            ("/.a/b./.well-known", "/.a/b./.well-known"),
            ("/...", "/..."),
            ("/a..b/..c/d..", "/a..b/..c/d.."),
            ("/%e2%82%ac", "/%E2%82%AC"),
        ] {
            assert_eq!(form(path.as_bytes()).as_deref(), Ok(expected.as_bytes()), "{path}");
        }
    }

    #[test]
    fn ambiguous_paths_are_refused() {
        use PathError::*;
        for (path, expected) in [
            (&b"/.."[..], DotSegment),
            (b"/a/../b", DotSegment),
            (b"/.", DotSegment),
            (b"/a/./b", DotSegment),
            (b"/a/%2e/b", DotSegment),
            (b"/a//..//b", DotSegment),
            (b"//./b", DotSegment),
            (b"/.;x/b", DotSegment),
            (b".", DotSegment),
            (b"..", DotSegment),
            (b"/a/.%2e/b", DotSegment),
            (b"/%2E%2E", DotSegment),
            (b"/a%2f..%2Fb", DotSegment),
            (b"/a%5c..", DotSegment),
            (b"/..;x/b", DotSegment),
            (b"/..%3bx", DotSegment),
            (b"/.", DotSegment),
            (b"/a/./b", DotSegment),
            (b"/a/%2e/b", DotSegment),
            (b"/a/.;x/b", DotSegment),
            (b"/%", Encoding),
            (b"/%2", Encoding),
            (b"/%zz", Encoding),
            (b"/%00", Control),
            (b"/%0d%0aX: y", Control),
            (b"/\x00", Control),
            (b"/a b", Byte),
            (b"/a\\b", Byte),
            (b"/\x80%41", Byte),
            (b"/%c0%af", Overlong),
            (b"/%E0%80%AF", Overlong),
            (b"/%f0%80%80%af", Overlong),
        ] {
            assert_eq!(form(path), Err(expected), "{}", path.escape_ascii());
        }
    }

    #[test]
    fn a_canonical_path_is_borrowed() {
        let mut scratch = Vec::new();
        let path = b"/a/%2F/b";
        assert!(std::ptr::eq(canonical(path, &mut scratch).unwrap(), &path[..]));
    }

    #[test]
    fn prefixes_end_at_segments() {
        for (path, prefix, expected) in [
            ("/snoop", "/snoop", true),
            ("/snoop/x", "/snoop", true),
            ("/snoopy", "/snoop", false),
            ("/app/", "/app/", true),
            ("/app/x", "/app/", true),
            ("/app", "/app/", false),
            ("/x", "/", true),
            ("/", "/", true),
            ("/x", "", true),
            ("/", "/snoop", false),
        ] {
            assert_eq!(has_prefix(path.as_bytes(), prefix.as_bytes()), expected, "{path} below {prefix}");
        }
    }

    #[test]
    fn the_rest_keeps_its_spelling() {
        assert_eq!(rest_after(b"/%73noop/%7ex", 6), b"/%7ex");
        assert_eq!(rest_after(b"/%2f/x", 4), b"/x");
        assert_eq!(rest_after(b"/a", 9), b"");
        assert_eq!(rest_after(b"//a///b//%7ex", 4), b"//%7ex");
        assert_eq!(rest_after(b"//a///b//%7ex", 5), b"%7ex");
        assert_eq!(rest_after(b"///", 1), b"");
        assert_eq!(rest_after(b"///", 0), b"///");
    }

    /// Paths out of what has a meaning here, as a regular expression.
    const LIKELY: &str = "(/|//|%2[fF]|%2e|\\.|%[0-9a-f]{2}|[a-z;%]){0,20}";

    proptest! {
        #[test]
        fn the_form_is_a_fixed_point_without_runs_of_slashes(path in LIKELY) {
            if let Ok(once) = form(path.as_bytes()) {
                prop_assert!(!once.windows(2).any(|two| two == b"//"));
                prop_assert_eq!(form(&once), Ok(once));
            }
        }

        #[test]
        fn one_look_at_a_path_says_what_a_thorough_one_does(path in prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..20), LIKELY.prop_map(String::into_bytes),
        ]) {
            let mut thorough = Vec::new();
            let outcome = respell(&path, &mut thorough).and_then(|()| refuse_dot_segments(&thorough));
            prop_assert_eq!(form(&path), outcome.map(|()| thorough));
        }

        #[test]
        fn what_is_behind_a_match_at_a_segment_is_the_rest_of_the_form(path in LIKELY) {
            if let Ok(whole) = form(path.as_bytes()) {
                let ends = (0..=whole.len()).filter(|at| whole.get(*at).is_none_or(|byte| *byte == b'/'));
                for end in ends {
                    prop_assert_eq!(form(rest_after(path.as_bytes(), end)), Ok(whole[end..].to_vec()));
                }
            }
        }

        #[test]
        fn no_bytes_panic_and_the_rest_belongs_to_the_match(
            path in proptest::collection::vec(any::<u8>(), 0..40), cut in 0_usize..50,
        ) {
            let rest = rest_after(&path, cut);
            prop_assert!(path.ends_with(rest));
            if let Ok(whole) = form(&path) {
                // A cut inside an encoding leaves its digits as they were spelt.
                let rest = form(rest).unwrap_or_default().to_ascii_lowercase();
                prop_assert!(whole.to_ascii_lowercase().ends_with(&rest));
            }
        }

        #[test]
        fn how_many_slashes_there_are_does_not_matter(
            segments in proptest::collection::vec(("/{1,4}", "[a-z]{1,3}|%2F|%C3%A9"), 1..6),
        ) {
            let spelt: String = segments.iter().map(|(slashes, name)| format!("{slashes}{name}")).collect();
            let merged: String = segments.iter().map(|(_, name)| format!("/{name}")).collect();
            prop_assert_eq!(form(spelt.as_bytes()), Ok(merged.into_bytes()));
        }

        #[test]
        fn spelling_does_not_matter(segment in "[a-zA-Z0-9~_-]{1,8}", mask in any::<u8>()) {
            let spelt: String = segment.bytes().enumerate().map(|(at, byte)| {
                if mask >> at & 1 == 1 { format!("%{byte:02x}") } else { char::from(byte).to_string() }
            }).collect();
            prop_assert_eq!(form(format!("/{spelt}").as_bytes()), Ok(format!("/{segment}").into_bytes()));
        }
    }
}
