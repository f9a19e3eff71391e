//! Which endpoints of a set a trylist has handed out: a bitmap over their indexes. Allocates nothing for sets of up to
//! 64 endpoints, and in larger ones nothing before a second target is asked for.

/// The bitmap.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    low: [u64; 1],
    /// The only index so far, where it does not fit `low`.
    only: Option<u32>,
    /// All of it, once that is more than `low`.
    all: Vec<u64>,
}

impl Tried {
    /// Marks `index`.
    #[inline]
    pub(crate) fn insert(&mut self, index: u32) {
        if !self.all.is_empty() || self.only.is_some() {
            self.spread(index);
        } else if index < 64 {
            self.low[0] |= 1 << index;
        } else if self.low[0] == 0 {
            self.only = Some(index);
        } else {
            self.spread(index);
        }
    }

    /// Whether `index` is marked.
    #[inline]
    pub(crate) fn contains(&self, index: u32) -> bool {
        let words = if self.all.is_empty() { &self.low[..] } else { &self.all };
        let (word, bit) = (index as usize / 64, index % 64);
        self.only == Some(index) || words.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    /// The bitmap as it crosses the boundary, lowest bit first.
    #[inline]
    pub(crate) fn words(&mut self) -> &[u64] {
        if let Some(only) = self.only.take() {
            self.spread(only);
        }
        if self.all.is_empty() { &self.low } else { &self.all }
    }

    /// Marks `index`, and what was marked so far, in the allocated bitmap.
    #[cold]
    fn spread(&mut self, index: u32) {
        for index in self.only.take().into_iter().chain([index]) {
            let word = index as usize / 64;
            if self.all.len() <= word {
                self.all.resize(word + 1, 0);
            }
            self.all[word] |= 1 << (index % 64);
        }
        self.all[0] |= self.low[0];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_kept_on_both_sides_of_the_first_word() {
        for order in [[0, 63, 64, 1, 1000], [1000, 0, 63, 64, 1], [64, 1000, 1, 0, 63]] {
            let mut tried = Tried::default();
            for index in order {
                assert!(!tried.contains(index));
                tried.insert(index);
                assert!(tried.contains(index), "{index}");
            }
            let marked =
                |tried: &Tried| (0..2000).filter(|&index| tried.contains(index)).collect::<Vec<u32>>();
            assert_eq!(marked(&tried), [0, 1, 63, 64, 1000]);
            let words = tried.words().to_vec();
            assert_eq!((words[0], words[1], words[15], words.len()), (1 << 63 | 3, 1, 1 << 40, 16));
        }
    }

    #[test]
    fn one_target_takes_no_memory_whatever_its_index() {
        for index in [0, 63, 64, 100_000] {
            let mut tried = Tried::default();
            assert_eq!(tried.words(), [0]);
            tried.insert(index);
            assert!(tried.contains(index) && !tried.contains(index + 1));
            assert_eq!(tried.all.capacity(), 0, "{index}");
            let words = tried.words();
            assert_eq!(words[index as usize / 64], 1 << (index % 64));
            assert_eq!(words.iter().map(|word| word.count_ones()).sum::<u32>(), 1);
        }
    }
}
