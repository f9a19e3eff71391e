//! Running the clients once, and what they report.

use std::process::Stdio;

use anyhow::{Context, Result, bail};

use super::Bench;
use super::proxy::Serving;
use crate::bench::rig::{LOAD_CORE, PROXY_CORE, spawn_on};

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    /// Bytes of a response's body.
    pub(crate) size: usize,
    pub(crate) connections: usize,
    /// A connection for each request.
    pub(crate) close: bool,
    /// Seconds that are counted; a third as much goes before.
    pub(crate) seconds: f64,
    /// Requests a second in an open loop; a closed loop without it.
    pub(crate) rate: Option<f64>,
}

/// One run of the clients against one proxy.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Round {
    pub(crate) requests: f64,
    pub(crate) errors: u64,
    pub(crate) seconds: f64,
    /// The proxy's own time, user and system, of all its processes.
    pub(crate) cpu: f64,
    /// Time in which the proxy's core did something.
    pub(crate) busy: f64,
    /// The share of that core that others took.
    pub(crate) others: f64,
    /// The share of the clients' core that others took.
    pub(crate) others_of_clients: f64,
    /// Nanoseconds; 0 in a closed loop.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Round {
    /// Requests a second by the clock on the wall.
    pub(crate) fn per_second(&self) -> f64 {
        self.requests / self.seconds
    }

    /// Requests a second of the proxy's own time.
    pub(crate) fn per_cpu_second(&self) -> f64 {
        self.requests / self.cpu
    }

    /// How busy the proxy's core was.
    pub(crate) fn busyness(&self) -> f64 {
        self.busy / self.seconds
    }

    fn parse(line: &str) -> Option<Self> {
        let value = |key: &str| -> Option<f64> {
            line.split_whitespace().find_map(|word| word.strip_prefix(key)?.strip_prefix('='))?.parse().ok()
        };
        let seconds = value("seconds")?;
        // What a core did without those whose core it is, and what another virtual machine had of it.
        let others = |busy: f64, own: f64, stolen: f64| ((busy - own).max(0.0) + stolen) / seconds;
        let (cpu, busy) = (value("cpu")?, value("busy")?);
        Some(Self {
            requests: value("requests")?,
            errors: value("errors")? as u64,
            seconds,
            cpu,
            busy,
            others: others(busy, cpu, value("stolen")?),
            others_of_clients: others(value("load_busy")?, value("load_cpu")?, value("load_stolen")?),
            p50: value("p50")?,
            p99: value("p99")?,
        })
    }
}

/// Sends `load` to a proxy.
///
/// # Errors
/// If the clients cannot be started or give up.
pub(crate) fn run(bench: &Bench, serving: &Serving, load: &Load) -> Result<Round> {
    let mut command = bench.programs.load();
    let account = |pids: &[u32], core: usize| {
        format!("{}@{core}", pids.iter().map(u32::to_string).collect::<Vec<_>>().join(","))
    };
    command.args([
        format!("addr={}", serving.addr),
        format!("size={}", load.size),
        format!("connections={}", load.connections),
        format!("warm={:.3}", load.seconds / 3.0),
        format!("seconds={:.3}", load.seconds),
        format!("watch={}", account(&serving.pids, PROXY_CORE)),
        format!("beside={}", account(&bench.origin.pids(), LOAD_CORE)),
    ]);
    if load.close {
        command.arg("close=yes");
    }
    if let Some(rate) = load.rate {
        command.arg(format!("rate={rate:.1}"));
    }
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = spawn_on(&[LOAD_CORE], &mut command)?.wait_with_output()?;
    let told = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        bail!("{}", told.trim());
    }
    eprint!("{told}");
    let line = String::from_utf8_lossy(&output.stdout);
    let round = Round::parse(&line).with_context(|| format!("the clients say `{}`", line.trim()))?;
    if round.cpu <= 0.0 || round.seconds <= 0.0 {
        bail!("too short to be measured: the proxy used no tick of its core; give more --seconds");
    }
    Ok(round)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "requests=1000 errors=2 reopened=0 seconds=2.0 cpu=0.50 busy=0.80 stolen=0.10 \
                        load_cpu=0.40 load_busy=0.41 load_stolen=0.03 p50=5 p99=9 max=11";

    #[test]
    fn a_report_becomes_a_round() {
        let round = Round::parse(LINE).unwrap();
        assert_eq!((round.errors, round.p99), (2, 9.0));
        assert_eq!((round.per_second(), round.per_cpu_second(), round.busyness()), (500.0, 2000.0, 0.4));
        assert!((round.others - 0.2).abs() < 1e-9, "{round:?}");
        assert!((round.others_of_clients - 0.02).abs() < 1e-9, "{round:?}");
        assert!(Round::parse("requests=1000").is_none());
    }
}
