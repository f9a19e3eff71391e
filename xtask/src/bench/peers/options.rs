//! The words behind `cargo xtask bench`.

use anyhow::{Context, Result, bail};

use super::{executors, idle, scenario};

/// What is to be measured, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Names of scenarios; all if there are none.
    scenarios: Vec<String>,
    /// Rounds that count, for each proxy.
    pub(crate) rounds: usize,
    /// Seconds of a round.
    pub(crate) seconds: f64,
    /// proxyd is left out, and nothing is compared.
    pub(crate) only_peers: bool,
    /// proxyd is built guided by a profile, if the toolchain can.
    pub(crate) guided: bool,
}

impl Options {
    /// Reads `--scenario A,B`, `--rounds N`, `--seconds N`, `--quick`, `--only-peers`, `--no-pgo`.
    ///
    /// # Errors
    /// If a word is unknown or lacks its value.
    pub(crate) fn parse(words: &[String]) -> Result<Self> {
        let mut options =
            Self { scenarios: Vec::new(), rounds: 20, seconds: 0.75, only_peers: false, guided: true };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().with_context(|| format!("{word} wants a value"));
            match word.as_str() {
                "--scenario" => options.scenarios.extend(value()?.split(',').map(str::to_owned)),
                "--rounds" => options.rounds = value()?.parse().context("--rounds wants a number")?,
                "--seconds" => options.seconds = value()?.parse().context("--seconds wants a number")?,
                "--quick" => (options.rounds, options.seconds) = (2, 1.0),
                "--only-peers" => options.only_peers = true,
                "--no-pgo" => options.guided = false,
                _ => bail!(
                    "bench does not know {word}; it knows --scenario A,B --rounds N --seconds N --quick \
                     --only-peers --no-pgo"
                ),
            }
        }
        let known: Vec<_> =
            scenario::ALL.iter().map(|scenario| scenario.name).chain([idle::NAME, executors::NAME]).collect();
        if let Some(unknown) = options.scenarios.iter().find(|name| !known.contains(&name.as_str())) {
            bail!("there is no scenario {unknown}; there are {}", known.join(", "));
        }
        if options.rounds == 0 || !(0.1..=3600.0).contains(&options.seconds) {
            bail!("a benchmark wants at least one round of at least 0.1 s");
        }
        Ok(options)
    }

    /// Whether a scenario is to run.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.scenarios.is_empty() || self.scenarios.iter().any(|wanted| wanted == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Options> {
        Options::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn words_choose_scenarios_and_lengths() {
        let options = parse("--scenario S1,S4 --quick --rounds 3").unwrap();
        assert_eq!((options.rounds, options.seconds, options.only_peers), (3, 1.0, false));
        assert!(options.wants("S4") && !options.wants("S2"));
        assert!(parse("").unwrap().wants("idle"));
        assert!(parse("").unwrap().guided && !parse("--no-pgo").unwrap().guided);
    }

    #[test]
    fn what_is_unknown_is_named() {
        assert!(parse("--fast").unwrap_err().to_string().contains("--fast"));
        assert!(parse("--scenario S9").unwrap_err().to_string().contains("S9"));
        assert!(parse("--rounds").is_err() && parse("--rounds 0").is_err());
    }
}
