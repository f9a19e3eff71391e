//! Lines of a log on their way there together.

/// Lines with their ends.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    bytes: Vec<u8>,
    /// Where each line ends.
    ends: Vec<usize>,
}

/// Memory beyond this is given back.
const KEPT: usize = 16 * 1024;

impl Lines {
    /// Adds what `spell` appends, cut to `longest` bytes with its end, as a line.
    pub(crate) fn add(&mut self, longest: usize, spell: impl FnOnce(&mut Vec<u8>)) {
        let begin = self.bytes.len();
        spell(&mut self.bytes);
        self.bytes.truncate(begin + longest - 1);
        self.bytes.push(b'\n');
        self.ends.push(self.bytes.len());
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut begin = 0;
        self.ends.iter().map(move |&end| &self.bytes[std::mem::replace(&mut begin, end)..end])
    }

    /// How many of them are not whole among the first `len` bytes.
    pub(crate) fn count_behind(&self, len: usize) -> u64 {
        self.ends.iter().filter(|end| **end > len).count() as u64
    }

    /// Takes them all away, with the memory of many.
    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.bytes.shrink_to(KEPT);
        self.ends.clear();
    }
}

#[cfg(test)]
impl Lines {
    /// These texts, whatever they end in.
    pub(crate) fn of(texts: &[&str]) -> Self {
        let mut lines = Self::default();
        for text in texts {
            lines.bytes.extend_from_slice(text.as_bytes());
            lines.ends.push(lines.bytes.len());
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_cut_by_itself_and_counted_when_it_is_whole() {
        let mut lines = Lines::default();
        for text in ["a", "abcdef", ""] {
            lines.add(4, |bytes| bytes.extend_from_slice(text.as_bytes()));
        }
        assert_eq!(lines.iter().collect::<Vec<_>>(), [&b"a\n"[..], b"abc\n", b"\n"]);
        assert_eq!([0, 1, 2, 5, 6, 7].map(|len| lines.count_behind(len)), [3, 3, 2, 2, 1, 0]);
        lines.clear();
        assert_eq!((lines.bytes().len(), lines.iter().count()), (0, 0));
    }
}
