//! Chance that can be had again: a seed is printed with each run, and `PROXYD_TESTS_SEED` brings it back.

use std::time::{SystemTime, UNIX_EPOCH};

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// Of the run's `seed`, for its `part`.
    pub(crate) const fn new(seed: u64, part: usize) -> Self {
        Self(seed ^ (part as u64).wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    /// From 0 to `end - 1`.
    pub(crate) const fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }
}

/// The run's seed.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("PROXYD_TESTS_SEED").ok().and_then(|seed| seed.parse().ok());
    given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into())
}

/// How many requests a long run makes: `PROXYD_TESTS_REQUESTS`, or else `usual`.
pub(crate) fn requests(usual: usize) -> usize {
    std::env::var("PROXYD_TESTS_REQUESTS").ok().and_then(|count| count.parse().ok()).unwrap_or(usual)
}
