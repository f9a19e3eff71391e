//! How often a module's faults are told: the first few each, then one line a second, with how many are untold.

/// What was told of one module.
#[derive(Debug, Default)]
pub(super) struct Telling {
    lines: u32,
    last_ns: u64,
    untold: u64,
}

/// So many are told each.
const FIRST: u32 = 5;
/// After that there is a line at most so often.
const EVERY_NS: u64 = 1_000_000_000;

impl Telling {
    /// One more: how many before it are untold, if there may be a line.
    pub(super) fn may_tell(&mut self, now_ns: u64) -> Option<u64> {
        if self.lines >= FIRST && now_ns < self.last_ns.saturating_add(EVERY_NS) {
            self.untold += 1;
            return None;
        }
        self.lines = self.lines.saturating_add(1);
        self.last_ns = now_ns;
        Some(std::mem::take(&mut self.untold))
    }

    /// How many are untold that nobody would otherwise tell of, as none follow.
    pub(super) fn rest(&mut self, now_ns: u64) -> u64 {
        if self.untold == 0 || now_ns < self.last_ns.saturating_add(2 * EVERY_NS) {
            return 0;
        }
        self.last_ns = now_ns;
        std::mem::take(&mut self.untold)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_the_first_few_there_is_a_line_a_second_and_none_is_uncounted() {
        let mut telling = Telling::default();
        let step = EVERY_NS / 1000;
        let told: Vec<u64> = (0..10_000).filter_map(|fault| telling.may_tell(fault * step)).collect();
        assert_eq!(told.len(), FIRST as usize + 9, "{told:?}");
        let rest = telling.rest(20 * EVERY_NS);
        assert_eq!(told.iter().sum::<u64>() + told.len() as u64 + rest, 10_000);
        assert_eq!(telling.rest(40 * EVERY_NS), 0);
    }
}
