//! The tests in the order of the report. C numbers are those of the ABI's conformance list, L6 is that step of loading;
//! other letters stand for a kind of policy.

use std::time::Duration;

use super::rig::Subject;
use super::{Finding, Kind, file, hashing, least, life, p2c, robust, round_robin, threads, walks, weighted};

/// A test.
pub(super) struct Test {
    /// `C22`.
    pub(super) id: &'static str,
    /// What has to hold.
    pub(super) name: &'static str,
    /// For which policies; empty for every module.
    kinds: &'static [Kind],
    /// How long it may take.
    pub(super) limit: Duration,
    /// The test itself.
    pub(super) run: fn(&Subject) -> Finding,
}

impl Test {
    /// Whether a policy of that kind has to pass it.
    pub(super) fn applies_to(&self, kind: Option<Kind>) -> bool {
        self.kinds.is_empty() || kind.is_some_and(|kind| self.kinds.contains(&kind))
    }

    const fn long(self) -> Self {
        Self { limit: Duration::from_secs(90), ..self }
    }
}

const fn every(id: &'static str, name: &'static str, run: fn(&Subject) -> Finding) -> Test {
    only(&[], id, name, run)
}

const fn only(
    kinds: &'static [Kind],
    id: &'static str,
    name: &'static str,
    run: fn(&Subject) -> Finding,
) -> Test {
    Test { id, name, kinds, limit: Duration::from_secs(5), run }
}

const ROUND_ROBIN: &[Kind] = &[Kind::RoundRobin];
const WEIGHTED: &[Kind] = &[Kind::Weighted];
const LEAST: &[Kind] = &[Kind::Least];
const P2C: &[Kind] = &[Kind::P2c];
const HASH: &[Kind] = &[Kind::ConsistentHash];
const SPREADING: &[Kind] = &[Kind::RoundRobin, Kind::Weighted, Kind::Least, Kind::P2c];
const TURNS: &[Kind] = &[Kind::RoundRobin, Kind::Weighted];
const EVEN: &[Kind] = &[Kind::RoundRobin, Kind::Least, Kind::P2c];

/// All of them.
pub(super) const TESTS: &[Test] = &[
    every("C1", "note and record say the same", file::note_equals_record),
    every("C2", "exports its record alone", file::exports),
    every("C3", "needs the C library alone", file::libraries),
    every("C4", "no text relocations, no executable stack", file::memory),
    every("C5", "no name of another library", file::soname),
    every("C6", "loading prints, opens and starts nothing", life::constructors),
    every("C7", "loads in under 100 ms of processor time", life::loads_fast),
    every("L6", "stands the trial that the server gives it", file::trial),
    every("C8", "magic, size and versions", file::versions),
    every("C9", "named as its symbol", file::symbol),
    every("C10", "reserved fields are zero", file::reserved),
    every("C11", "its configuration is accepted", life::accepted),
    every("C13", "nonsense in a directive: refused in order, if at all", life::nonsense),
    every("C14", "a refused configuration leaves nothing behind", life::refused_leaves_nothing),
    every("C15", "two instances at once", life::twice),
    every("C18", "the end of an instance leaves nothing behind", life::ended_leaves_nothing),
    every("C19", "a set of nobody: exhausted, no error", walks::empty_set),
    every("C20", "a set of one: always that one", walks::one_endpoint),
    every("C21", "nobody usable: exhausted, no error", walks::none_usable),
    every("C22", "offers only what is there and usable", walks::usable_only),
    every("C23", "offers nobody twice unless it says so", walks::no_repeat),
    every("C24", "comes to an end", walks::ends),
    every("C27", "keeps to the set that a trylist began with", walks::keeps_to_its_set),
    every("C28", "may be dropped at any point", walks::dropped),
    every("C29", "hears of what is cancelled", walks::cancelled),
    only(SPREADING, "C29b", "what was cancelled counts no longer", walks::cancelled_is_forgotten),
    every("C30", "moves on after a failure", walks::moves_on),
    every("C33", "8 threads at once", threads::eight),
    every("C34", "a trylist moves between threads", threads::moved),
    every("C35", "holds no lock from one call to the next", threads::interleaved),
    every("C36", "any bytes as target and key", robust::targets),
    every("C37", "unknown numbers of kinds and outcomes", robust::unknown_numbers),
    every("C38", "a clock that stands still or jumps", robust::clocks),
    every("C39", "endpoints further apart", robust::stride),
    every("C41", "no allocation for a request", robust::allocations).long(),
    every("C42", "under 5,000 ns of processor time for a request", robust::fast),
    every("S1", "same seed, same requests: same choices", robust::replay),
    only(ROUND_ROBIN, "R1", "strictly in turn", round_robin::in_turn),
    only(TURNS, "R2", "each cluster has its own turn", round_robin::own_turn),
    only(ROUND_ROBIN, "R3", "walks on in order, and failures take no turn", round_robin::walks_on),
    only(WEIGHTED, "C25", "shares follow the weights", weighted::shares),
    only(WEIGHTED, "W1", "smooth, not in runs", weighted::smooth),
    only(LEAST, "L1", "the least (in flight + 1)/weight", least::smallest),
    only(LEAST, "L2", "ties take turns", least::ties),
    only(P2C, "P1", "the less loaded of two different ones", p2c::two_distinct),
    only(P2C, "P2", "equal load: equal shares", p2c::uniform),
    only(EVEN, "D1", "the share of who is down goes to all others", weighted::share_of_the_dead),
    only(WEIGHTED, "D1w", "the share of who is down goes to all others", weighted::weight_of_the_dead),
    only(HASH, "C26", "the order of endpoints does not matter", hashing::order),
    only(HASH, "C31", "same key, same endpoint; few keys move", hashing::few_move),
    only(HASH, "D1h", "the keys of who is down go to all others", hashing::keys_of_the_dead),
    only(HASH, "H1", "shares of keys", hashing::shares),
];
