//! Places in the sources: which file, which line, which column.

/// One text that was read. A file that is included twice has two ids. `Copy`; only [`crate::Sources`] makes
/// them, and only the `Sources` that made one can say what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub(crate) u32);

/// Where a word stands in its file, as written there: before `${…}` is replaced and quotes are removed.
///
/// Lines and columns count from 1; columns and lengths are in characters, not bytes. A word that goes on over
/// a continuation has `end_line` > `line`, and its `len` counts the backslash and the line break as well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Span {
    pub file: FileId,
    /// The physical line of the first character.
    pub line: u32,
    /// The physical line of the last character.
    pub end_line: u32,
    /// The first character's place in `line`.
    pub column: u32,
    /// Zero only where something is missing, as at the end of a file.
    pub len: u32,
}

/// Turns byte offsets of one text into lines and columns. Offsets that mostly grow cost linear time over the
/// whole text, however long its lines are.
#[derive(Debug)]
pub(crate) struct Locator<'t> {
    file: FileId,
    text: &'t str,
    offset: usize,
    line: u32,
    column: u32,
}

impl<'t> Locator<'t> {
    pub(crate) fn new(file: FileId, text: &'t str) -> Self {
        Self { file, text, offset: 0, line: 1, column: 1 }
    }

    /// The span of `range`, in bytes; a range outside of the text is cut to it.
    pub(crate) fn span(&mut self, range: std::ops::Range<usize>) -> Span {
        let start = floor_boundary(self.text, range.start);
        let end = floor_boundary(self.text, range.end).max(start);
        self.go_to(start);
        let (line, column) = (self.line, self.column);
        let covered = &self.text[start..end];
        // A trailing line break belongs to the line it ends.
        let breaks = covered.strip_suffix('\n').unwrap_or(covered).matches('\n').count();
        Span {
            file: self.file,
            line,
            end_line: line + count(breaks),
            column,
            len: count(covered.chars().count()),
        }
    }

    fn go_to(&mut self, offset: usize) {
        if offset < self.offset {
            self.go_back_to(offset);
        }
        for c in self.text[self.offset..offset].chars() {
            if c == '\n' {
                self.line += 1;
                self.column = 1;
            } else {
                self.column += 1;
            }
        }
        self.offset = offset;
    }

    fn go_back_to(&mut self, offset: usize) {
        let passed = &self.text[offset..self.offset];
        match passed.matches('\n').count() {
            0 => {
                self.column -= count(passed.chars().count());
                self.offset = offset;
            }
            breaks => {
                self.line -= count(breaks);
                self.column = 1;
                self.offset = self.text[..offset].rfind('\n').map_or(0, |at| at + 1);
            }
        }
    }
}

/// The last character boundary at or before `offset`.
fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_and_lines_count_from_one() {
        let text = "äb cd\nef \\\n gh";
        let mut locator = Locator::new(FileId(0), text);
        let at = |s: Span| (s.line, s.end_line, s.column, s.len);
        assert_eq!(at(locator.span(0..3)), (1, 1, 1, 2));
        assert_eq!(at(locator.span(4..6)), (1, 1, 4, 2));
        assert_eq!(at(locator.span(7..text.len())), (2, 3, 1, 8));
    }

    #[test]
    fn going_back_finds_the_same_places() {
        let text = "one\ntwo\nthree";
        let mut forward = Locator::new(FileId(0), text);
        let spans: Vec<_> = (0..text.len()).map(|i| forward.span(i..i + 1)).collect();
        let mut back = Locator::new(FileId(0), text);
        for i in (0..text.len()).rev() {
            assert_eq!(back.span(i..i + 1), spans[i], "at {i}");
        }
    }

    #[test]
    fn a_range_outside_of_the_text_is_cut_to_it() {
        let mut locator = Locator::new(FileId(0), "ab");
        assert_eq!(locator.span(7..9).len, 0);
    }
}
