//! Interleaved rounds: A B C, A B C, and so on, without those in which others used the proxies' core.

use anyhow::{Context, Result};

use super::figures::median;
use super::load::{Load, Round, run};
use super::proxy::Serving;
use crate::bench::rig::Programs;

/// A round counts if others took no more than this of the proxies' core.
const QUIET: f64 = 0.10;
/// Below this, the proxy waited for the clients rather than the other way round.
const FULL: f64 = 0.90;

/// The rounds of one proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    /// Those that count.
    kept: Vec<Round>,
    disturbed: Vec<Round>,
}

impl Rounds {
    #[cfg(test)]
    pub(crate) fn of(round: Round) -> Self {
        Self { kept: vec![round], disturbed: Vec::new() }
    }

    pub(crate) fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.kept.iter().map(of))
    }

    /// Errors of all rounds, counted or not.
    pub(crate) fn errors(&self) -> u64 {
        self.kept.iter().chain(&self.disturbed).map(|round| round.errors).sum()
    }

    /// What a reader has to know of these rounds.
    pub(crate) fn notes(&self) -> String {
        let mut notes = Vec::new();
        if self.median(Round::busyness) < FULL {
            notes.push("load-bound".to_owned());
        }
        let others = self.median(Round::others);
        if others > QUIET {
            notes.push(format!("no quiet round: others took {:.0} % of the core", others * 100.0));
        } else if !self.disturbed.is_empty() {
            notes.push(format!("{} rounds discarded", self.disturbed.len()));
        }
        if self.errors() > 0 {
            notes.push(format!("{} ERRORS", self.errors()));
        }
        notes.join(", ")
    }

    fn add(&mut self, round: Round, share: bool) {
        // Another core's time is in the watched processes' if they have two, and says nothing of others.
        if share && round.others() > QUIET { self.disturbed.push(round) } else { self.kept.push(round) }
    }

    /// Disturbed rounds are better than none.
    fn settle(mut self) -> Self {
        if self.kept.is_empty() {
            self.kept = std::mem::take(&mut self.disturbed);
        }
        self
    }
}

/// Runs `wanted` rounds of each proxy in turn; and up to as many again, while one of them lacks quiet ones.
///
/// # Errors
/// If the clients give up.
pub(crate) fn interleaved(
    programs: &Programs,
    proxies: &[(&str, &Serving)],
    load: &Load,
    wanted: usize,
    discard: bool,
) -> Result<Vec<Rounds>> {
    let mut rounds = vec![Rounds::default(); proxies.len()];
    for turn in 0..wanted * 2 {
        if turn >= wanted && rounds.iter().all(|rounds| rounds.kept.len() >= wanted) {
            break;
        }
        for ((name, serving), rounds) in proxies.iter().zip(&mut rounds) {
            let round =
                run(programs, serving.addr, &serving.pids, load).with_context(|| (*name).to_owned())?;
            rounds.add(round, discard);
        }
    }
    Ok(rounds.into_iter().map(Rounds::settle).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(requests: f64, busy: f64) -> Round {
        Round { requests, seconds: 1.0, cpu: 0.5, busy, ..Round::default() }
    }

    #[test]
    fn rounds_that_others_disturbed_do_not_count() {
        let mut rounds = Rounds::default();
        rounds.add(round(100.0, 0.55), true);
        rounds.add(round(10.0, 0.95), true);
        rounds.add(round(120.0, 0.58), true);
        let rounds = rounds.settle();
        assert_eq!(rounds.median(Round::per_second), 110.0);
        assert_eq!(rounds.notes(), "load-bound, 1 rounds discarded");
    }

    #[test]
    fn without_a_quiet_round_all_count_and_it_is_said() {
        let mut rounds = Rounds::default();
        rounds.add(round(100.0, 0.95), true);
        rounds.add(Round { errors: 2, ..round(200.0, 0.95) }, true);
        let rounds = rounds.settle();
        assert_eq!(rounds.median(Round::per_second), 150.0);
        assert_eq!(rounds.notes(), "no quiet round: others took 45 % of the core, 2 ERRORS");
    }
}
