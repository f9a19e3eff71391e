//! Interleaved rounds: A B C, A B C, and so on, without those in which others used the proxies' core.

use anyhow::{Context, Result};

use super::Bench;
use super::figures::{median, median_ratio, ratio};
use super::load::{Load, Round, run};
use super::proxy::Serving;

/// A round counts if others took no more than this of either core.
const QUIET: f64 = 0.10;
/// Below this, the proxy waited for the clients rather than the other way round.
const FULL: f64 = 0.90;

/// The rounds of one proxy.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds {
    /// Those that count.
    kept: Vec<Turn>,
    disturbed: Vec<Turn>,
}

/// A round, and which of the proxy's it was: those of one turn were run one after the other.
#[derive(Clone, Copy, Debug)]
struct Turn {
    number: usize,
    round: Round,
}

impl Rounds {
    #[cfg(test)]
    pub(crate) fn of(round: Round) -> Self {
        Self { kept: vec![Turn { number: 0, round }], disturbed: Vec::new() }
    }

    pub(crate) fn median(&self, of: impl Fn(&Round) -> f64) -> f64 {
        median(self.kept.iter().map(|turn| of(&turn.round)))
    }

    /// What this proxy's rounds are to the other's of the same turn, and of these the median: a machine that is slow for
    /// some seconds is slow for both. Where no turn counts for both, what the median is to the median.
    pub(crate) fn ratio(&self, other: &Self, of: impl Fn(&Round) -> f64) -> Option<f64> {
        let beside = |turn: &Turn| other.kept.iter().find(|beside| beside.number == turn.number);
        let pairs = self.kept.iter().filter_map(|turn| Some((of(&turn.round), of(&beside(turn)?.round))));
        median_ratio(pairs).or_else(|| ratio(self.median(&of), other.median(&of)))
    }

    /// Errors of all rounds, counted or not.
    pub(crate) fn errors(&self) -> u64 {
        self.kept.iter().chain(&self.disturbed).map(|turn| turn.round.errors).sum()
    }

    /// What a reader has to know of these rounds.
    pub(crate) fn notes(&self) -> String {
        let mut notes = Vec::new();
        if self.median(Round::busyness) < FULL {
            notes.push("load-bound".to_owned());
        }
        let [others, beside] =
            [self.median(|round| round.others), self.median(|round| round.others_of_clients)];
        if others.max(beside) > QUIET {
            let (others, beside) = (others * 100.0, beside * 100.0);
            notes.push(format!(
                "no quiet round: others took {others:.0} % of core 0, {beside:.0} % of core 1"
            ));
        } else if !self.disturbed.is_empty() {
            notes.push(format!("{} rounds discarded", self.disturbed.len()));
        }
        if self.errors() > 0 {
            notes.push(format!("{} ERRORS", self.errors()));
        }
        notes.join(", ")
    }

    fn add(&mut self, number: usize, round: Round, discard: bool) {
        let disturbed = round.others.max(round.others_of_clients) > QUIET;
        let rounds = if discard && disturbed { &mut self.disturbed } else { &mut self.kept };
        rounds.push(Turn { number, round });
    }

    /// Disturbed rounds are better than none.
    fn settle(mut self) -> Self {
        if self.kept.is_empty() {
            self.kept = std::mem::take(&mut self.disturbed);
        }
        self
    }
}

/// Runs the wanted number of rounds of each proxy in turn; and up to as many again, while one of them lacks quiet
/// ones. With two executors a core is not one proxy's, and there is nothing to `discard` by.
///
/// # Errors
/// If the clients give up.
pub(crate) fn interleaved(
    bench: &Bench,
    proxies: &[(&str, &Serving)],
    load: &Load,
    discard: bool,
) -> Result<Vec<Rounds>> {
    let wanted = bench.options.rounds;
    let mut rounds = vec![Rounds::default(); proxies.len()];
    for turn in 0..wanted * 2 {
        if turn >= wanted && rounds.iter().all(|rounds| rounds.kept.len() >= wanted) {
            break;
        }
        for ((name, serving), rounds) in proxies.iter().zip(&mut rounds) {
            let round = run(bench, serving, load).with_context(|| (*name).to_owned())?;
            rounds.add(turn, round, discard);
        }
    }
    Ok(rounds.into_iter().map(Rounds::settle).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(requests: f64, others: f64) -> Round {
        Round { requests, others, seconds: 1.0, cpu: 0.5, busy: 0.8, ..Round::default() }
    }

    #[test]
    fn rounds_that_others_disturbed_do_not_count() {
        let mut rounds = Rounds::default();
        rounds.add(0, round(100.0, 0.05), true);
        rounds.add(1, round(10.0, 0.45), true);
        rounds.add(2, Round { others_of_clients: 0.3, ..round(20.0, 0.0) }, true);
        rounds.add(3, round(120.0, 0.08), true);
        let rounds = rounds.settle();
        assert_eq!(rounds.median(Round::per_second), 110.0);
        assert_eq!(rounds.notes(), "load-bound, 2 rounds discarded");
    }

    #[test]
    fn without_a_quiet_round_all_count_and_it_is_said() {
        let mut rounds = Rounds::default();
        rounds.add(0, round(100.0, 0.45), true);
        rounds.add(1, Round { errors: 2, busy: 0.95, ..round(200.0, 0.45) }, true);
        let rounds = rounds.settle();
        assert_eq!(rounds.median(Round::per_second), 150.0);
        let notes = "load-bound, no quiet round: others took 45 % of core 0, 0 % of core 1, 2 ERRORS";
        assert_eq!(rounds.notes(), notes);
    }

    #[test]
    fn rounds_are_compared_with_those_of_their_turn() {
        let of = |speeds: &[(f64, f64)]| {
            let mut rounds = Rounds::default();
            for (turn, (requests, others)) in speeds.iter().enumerate() {
                rounds.add(turn, round(*requests, *others), true);
            }
            rounds.settle()
        };
        let (quiet, loud) = (0.0, 0.9);
        // The machine was slow in the second turn and in the third; medians alone would say 1.0.
        let one = of(&[(150.0, quiet), (75.0, quiet), (75.0, quiet), (150.0, loud)]);
        let other = of(&[(100.0, quiet), (50.0, quiet), (999.0, loud), (100.0, quiet)]);
        assert_eq!(one.ratio(&other, Round::per_second), Some(1.5));
        let [first, last] = [of(&[(80.0, quiet), (1.0, loud)]), of(&[(1.0, loud), (40.0, quiet)])];
        assert_eq!(first.ratio(&last, Round::per_second), Some(2.0), "no turn counts for both");
        assert_eq!(first.ratio(&Rounds::default(), Round::per_second), None);
    }
}
