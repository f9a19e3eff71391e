//! Splitting a line's text into words, by httpd's rules (`ap_getword_conf` in `server/util.c`).

use std::ops::Range;

use crate::lines::is_blank;

/// A word without its quotes, and the bytes it was made of, quotes included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) range: Range<usize>,
}

/// A quote that nothing closes: where it stands. httpd tolerates it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unterminated(pub(crate) usize);

/// The words of `text[range]`; ranges are those of `text`. What came before an unterminated quote is kept.
pub(crate) fn split(text: &str, range: Range<usize>) -> (Vec<Piece>, Option<Unterminated>) {
    let mut pieces = Vec::new();
    let mut at = range.start;
    loop {
        match next_word(text, at..range.end) {
            Ok(Some(piece)) => {
                at = piece.range.end;
                pieces.push(piece);
            }
            Ok(None) => return (pieces, None),
            Err(unterminated) => return (pieces, Some(unterminated)),
        }
    }
}

/// The first word of `text[range]`, if there is one.
pub(crate) fn next_word(text: &str, range: Range<usize>) -> Result<Option<Piece>, Unterminated> {
    let rest = &text[range.clone()];
    let start = range.end - rest.trim_start_matches(is_blank).len();
    let rest = &text[start..range.end];
    let Some(first) = rest.chars().next() else { return Ok(None) };
    if first == '"' || first == '\'' {
        return quoted(rest, first)
            .map(|(word, len)| Some(Piece { text: word, range: start..start + len }))
            .ok_or(Unterminated(start));
    }
    let len = rest.find(is_blank).unwrap_or(rest.len());
    Ok(Some(Piece { text: rest[..len].replace("\\\\", "\\"), range: start..start + len }))
}

/// The word that `rest` begins with, and its length with both quotes; none if the closing one is missing.
fn quoted(rest: &str, quote: char) -> Option<(String, usize)> {
    let mut word = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            return Some((word, at + 1));
        }
        match (c, chars.peek()) {
            ('\\', Some(&(_, escaped))) if escaped == quote || escaped == '\\' => {
                word.push(escaped);
                chars.next();
            }
            _ => word.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_unquoted() {
        for (text, words) in [
            ("a  b\tc", &["a", "b", "c"][..]),
            (r#""a b" 'c d'"#, &["a b", "c d"]),
            (r#""a\"b" "a\\b" "a\nb" 'it\'s'"#, &["a\"b", "a\\b", "a\\nb", "it's"]),
            (r"a\\b a\b", &[r"a\b", r"a\b"]),
            (r#"a"b c"d"#, &["a\"b", "c\"d"]),
            (r#""a"b"#, &["a", "b"]),
            (r#""" ''"#, &["", ""]),
            ("# x", &["#", "x"]),
            ("{a b}", &["{a", "b}"]),
            ("", &[]),
        ] {
            let (pieces, fault) = split(text, 0..text.len());
            let found: Vec<_> = pieces.into_iter().map(|piece| piece.text).collect();
            assert_eq!((found, fault), (words.iter().map(ToString::to_string).collect(), None), "{text}");
        }
    }

    #[test]
    fn an_unterminated_quote_is_found_where_it_opens() {
        for (text, words, at) in [("a \"b", 1, 2), ("'", 0, 0), (r#""a\""#, 0, 0), ("'a' 'b\\", 1, 4)] {
            let (pieces, fault) = split(text, 0..text.len());
            assert_eq!((pieces.len(), fault), (words, Some(Unterminated(at))), "{text}");
        }
    }
}
