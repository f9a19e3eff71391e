//! Who used a core: processes' times and the core's own, from `/proc`.

use std::fs;
use std::time::Instant;

/// A reading at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    at: Instant,
    /// Ticks of the watched processes, user and system.
    watched: u64,
    core: Core,
}

/// Ticks of a core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Core {
    busy: u64,
    idle: u64,
    stolen: u64,
}

/// What passed between two readings, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// By the clock on the wall.
    pub wall: f64,
    /// User and system time of the watched processes.
    pub watched: f64,
    /// The core did something, for whomever.
    pub busy: f64,
    /// The core was another virtual machine's.
    pub stolen: f64,
}

impl Reading {
    /// Reads now.
    ///
    /// # Errors
    /// If a process is gone, or `/proc` is not Linux's.
    pub fn now(watch: &[u32], core: usize) -> Result<Self, String> {
        let mut watched = 0;
        for pid in watch {
            let path = format!("/proc/{pid}/stat");
            let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
            watched += process_ticks(&text).ok_or_else(|| format!("{path} is not understood"))?;
        }
        let text = fs::read_to_string("/proc/stat").map_err(|error| format!("/proc/stat: {error}"))?;
        let core = core_ticks(&text, core).ok_or_else(|| format!("/proc/stat has no core {core}"))?;
        Ok(Self { at: Instant::now(), watched, core })
    }

    /// What passed until `later`.
    #[must_use]
    pub fn until(&self, later: &Self) -> Spent {
        let second = rustix::param::clock_ticks_per_second() as f64;
        let seconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / second;
        Spent {
            wall: later.at.duration_since(self.at).as_secs_f64(),
            watched: seconds(self.watched, later.watched),
            busy: seconds(self.core.busy, later.core.busy),
            stolen: seconds(self.core.stolen, later.core.stolen),
        }
    }
}

/// utime and stime of `/proc/PID/stat`. The name stands in brackets and may hold anything.
fn process_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// The line `cpuN user nice system idle iowait irq softirq steal …`.
fn core_ticks(stat: &str, core: usize) -> Option<Core> {
    let name = format!("cpu{core}");
    let line = stat.lines().find(|line| line.split_whitespace().next() == Some(&*name))?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, idle, iowait, irq, softirq, stolen, ..] = ticks[..] else { return None };
    Some(Core { busy: user + nice + system + irq + softirq, idle: idle + iowait, stolen })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_may_have_any_name() {
        let stat = "42 (a) b (c) S 1 42 42 0 -1 4194560 100 0 0 0 7 5 0 0 20 0 1 0 100 1000 10";
        assert_eq!(process_ticks(stat), Some(12));
        assert_eq!(process_ticks("42 (cut"), None);
    }

    #[test]
    fn a_core_is_found_by_its_whole_name() {
        let stat = "cpu 9 9 9 9 9 9 9 9 0 0\ncpu10 1 1 1 1 1 1 1 1 0 0\ncpu1 1 2 3 4 5 6 7 8 0 0\n";
        assert_eq!(core_ticks(stat, 1), Some(Core { busy: 19, idle: 9, stolen: 8 }));
        assert_eq!(core_ticks(stat, 2), None);
    }

    #[test]
    fn this_process_is_accounted_for() {
        let first = Reading::now(&[std::process::id()], 0).unwrap();
        let until = Instant::now() + std::time::Duration::from_millis(60);
        while Instant::now() < until {}
        let spent = first.until(&Reading::now(&[std::process::id()], 0).unwrap());
        assert!(spent.wall >= 0.06, "{spent:?}");
        assert!(Reading::now(&[u32::MAX], 0).is_err());
    }
}
