//! Which endpoints of a set a trylist has handed out: a bitmap over their indexes, without allocation for sets of
//! up to 64 endpoints and for requests whose first endpoint answers.

/// The bitmap.
#[derive(Debug, Default)]
pub(crate) struct Tried {
    first: [u64; 1],
    more: Vec<u64>,
}

impl Tried {
    /// Marks `index`.
    pub(crate) fn insert(&mut self, index: u32) {
        let (word, bit) = (index as usize / 64, index % 64);
        if word > 0 && self.more.len() <= word {
            self.more.resize(word + 1, 0);
            self.more[0] = self.first[0];
        }
        if let Some(slot) = self.more.get_mut(word) {
            *slot |= 1 << bit;
        }
        if word == 0 {
            self.first[0] |= 1 << bit;
        }
    }

    /// Whether `index` is marked.
    pub(crate) fn contains(&self, index: u32) -> bool {
        let (word, bit) = (index as usize / 64, index % 64);
        self.words().get(word).is_some_and(|word| word >> bit & 1 == 1)
    }

    /// The bitmap as it crosses the boundary, lowest bit first.
    pub(crate) fn words(&self) -> &[u64] {
        if self.more.is_empty() { &self.first } else { &self.more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_kept_on_both_sides_of_the_first_word() {
        let mut tried = Tried::default();
        for index in [0, 63, 64, 1, 1000] {
            assert!(!tried.contains(index));
            tried.insert(index);
            assert!(tried.contains(index), "{index}");
        }
        let marked: Vec<u32> = (0..2000).filter(|&index| tried.contains(index)).collect();
        assert_eq!(marked, [0, 1, 63, 64, 1000]);
    }
}
