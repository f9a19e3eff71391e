//! Logical lines of the httpd syntax: continuations joined, and every byte still traceable to the source.

use std::borrow::Cow;
use std::ops::Range;

/// The longest logical line, in bytes, before and after variables are replaced (httpd's limit).
pub(crate) const MAX_LINE: usize = 16 << 20;

/// What httpd's `isspace` holds for blank.
pub(crate) fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\x0b' | '\x0c' | '\r')
}

/// One logical line, or one string of a TOML file.
#[derive(Clone, Debug)]
pub(crate) struct Line<'t> {
    pub(crate) text: Cow<'t, str>,
    /// In the order of `text`; never empty.
    segments: Vec<Segment>,
}

/// A stretch of a line's text, up to where the next one begins.
#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Where in the line's text.
    at: usize,
    /// Where in the source.
    source: usize,
    /// The source bytes that all of the stretch stands for; none where it was copied byte by byte.
    stands_for: Option<usize>,
}

impl<'t> Line<'t> {
    /// A line that was copied from the source byte by byte.
    pub(crate) fn copied(text: &'t str, source: usize) -> Self {
        let segments = vec![Segment { at: 0, source, stands_for: None }];
        Self { text: Cow::Borrowed(text), segments }
    }

    /// A text that as a whole stands for one range of the source, as a TOML string with escapes.
    pub(crate) fn standing_for(text: &'t str, source: Range<usize>) -> Self {
        let segments = vec![Segment { at: 0, source: source.start, stands_for: Some(source.len()) }];
        Self { text: Cow::Borrowed(text), segments }
    }

    /// The bytes of the source that a range of this line's text was made of.
    pub(crate) fn source_range(&self, range: Range<usize>) -> Range<usize> {
        let first = self.segment(range.start);
        let start = first.source + if first.stands_for.is_some() { 0 } else { range.start - first.at };
        if range.is_empty() {
            return start..start;
        }
        let last = self.segment(range.end - 1);
        let end = last.source + last.stands_for.unwrap_or(range.end - last.at);
        start..end.max(start)
    }

    /// The text without blanks at either end, and where in `text` it stands.
    pub(crate) fn trimmed(&self) -> Range<usize> {
        trim(&self.text, 0..self.text.len())
    }

    fn segment(&self, at: usize) -> Segment {
        let after = self.segments.partition_point(|segment| segment.at <= at);
        self.segments[after.saturating_sub(1)]
    }
}

/// `range` of `text` without the blanks at either end.
pub(crate) fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let part = &text[range.clone()];
    let start = range.start + (part.len() - part.trim_start_matches(is_blank).len());
    let end = range.end - (part.len() - part.trim_end_matches(is_blank).len());
    start..end.max(start)
}

/// Puts a line together piece by piece.
#[derive(Debug, Default)]
pub(crate) struct LineBuilder {
    text: String,
    segments: Vec<Segment>,
}

impl LineBuilder {
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Appends text that stands in the source just so.
    pub(crate) fn copy(&mut self, text: &str, source: usize) {
        self.segments.push(Segment { at: self.text.len(), source, stands_for: None });
        self.text.push_str(text);
    }

    /// Appends text that stands for something else in the source.
    pub(crate) fn replace(&mut self, text: &str, source: Range<usize>) {
        if !text.is_empty() {
            let stands_for = Some(source.len());
            self.segments.push(Segment { at: self.text.len(), source: source.start, stands_for });
            self.text.push_str(text);
        }
    }

    /// Appends a part of another line.
    pub(crate) fn append(&mut self, line: &Line<'_>, range: Range<usize>) {
        let mut at = range.start;
        while at < range.end {
            let segment = line.segment(at);
            let next = line.segments.partition_point(|s| s.at <= at);
            let end = line.segments.get(next).map_or(range.end, |s| s.at.min(range.end));
            match segment.stands_for {
                Some(len) => self.replace(&line.text[at..end], segment.source..segment.source + len),
                None => self.copy(&line.text[at..end], segment.source + (at - segment.at)),
            }
            at = end;
        }
    }

    pub(crate) fn finish(mut self) -> Line<'static> {
        if self.segments.is_empty() {
            self.segments.push(Segment { at: 0, source: 0, stands_for: None });
        }
        Line { text: Cow::Owned(self.text), segments: self.segments }
    }
}

/// The logical lines of a text, in order. A backslash directly before LF or CRLF joins the next line, also
/// inside a comment; the backslash and the line break are dropped.
pub(crate) fn logical_lines(text: &str) -> LogicalLines<'_> {
    LogicalLines { text, at: 0 }
}

#[derive(Debug)]
pub(crate) struct LogicalLines<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Iterator for LogicalLines<'t> {
    type Item = Line<'t>;

    fn next(&mut self) -> Option<Line<'t>> {
        let (first, source, mut goes_on) = self.physical()?;
        if !goes_on {
            return Some(Line::copied(first, source));
        }
        let mut line = LineBuilder::default();
        line.copy(first, source);
        while goes_on && let Some((text, source, more)) = self.physical() {
            line.copy(text, source);
            goes_on = more;
        }
        Some(line.finish())
    }
}

impl<'t> LogicalLines<'t> {
    /// The next physical line without its end, where it begins, and whether a backslash joins the next one.
    fn physical(&mut self) -> Option<(&'t str, usize, bool)> {
        let start = self.at;
        let rest = self.text.get(start..).filter(|rest| !rest.is_empty())?;
        let Some(end) = rest.find('\n') else {
            self.at = self.text.len();
            return Some((rest, start, false));
        };
        self.at = start + end + 1;
        let line = &rest[..end];
        let line = line.strip_suffix('\r').unwrap_or(line);
        let joined = line.strip_suffix('\\');
        Some((joined.unwrap_or(line), start, joined.is_some()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn continuations_join_lines() {
        for (text, lines) in [
            ("a\nb", &["a", "b"][..]),
            ("a \\\n  b\n", &["a   b"]),
            ("a\\\r\nb\r\nc", &["ab", "c"]),
            ("a\\ \nb", &["a\\ ", "b"]),
            ("# x\\\ny\nz", &["# xy", "z"]),
            ("a\\", &["a\\"]),
            ("a\\\n", &["a"]),
            ("\\\n\\\nx", &["x"]),
            ("", &[]),
            ("\n\n", &["", ""]),
        ] {
            let found: Vec<_> = logical_lines(text).map(|line| line.text.into_owned()).collect();
            assert_eq!(found, lines, "{text:?}");
        }
    }

    #[test]
    fn every_byte_is_traced_to_the_source() {
        let text = "ab\\\n cd";
        let line = logical_lines(text).next().unwrap();
        assert_eq!(line.text, "ab cd");
        assert_eq!(line.source_range(0..2), 0..2);
        assert_eq!(line.source_range(3..5), 5..7);
        assert_eq!(line.source_range(1..4), 1..6);
    }
}
