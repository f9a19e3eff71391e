//! Who used a core: processes' times and the core's own, from `/proc`.

use std::fs;
use std::time::Instant;

/// Processes and the core that they run on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Whose time counts as theirs.
    pub pids: Vec<u32>,
    /// Nothing is read without one.
    pub core: Option<usize>,
}

/// Both sides of a measurement.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// The proxy's.
    pub proxy: Account,
    /// That of the clients and what runs beside them; this process need not be named.
    pub clients: Account,
}

/// A reading at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    at: Instant,
    proxy: Ticks,
    clients: Ticks,
}

/// Ticks of an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    own: u64,
    busy: u64,
    stolen: u64,
}

/// What passed between two readings.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// Seconds by the clock on the wall.
    pub wall: f64,
    /// On the proxy's core.
    pub proxy: Share,
    /// On the clients' core.
    pub clients: Share,
}

/// Seconds of a core.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// User and system time of the account's processes.
    pub own: f64,
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
    pub fn now(accounts: &Accounts) -> Result<Self, String> {
        let proxy = accounts.proxy.ticks(0)?;
        let clients = accounts.clients.ticks(process(std::process::id())?)?;
        Ok(Self { at: Instant::now(), proxy, clients })
    }

    /// What passed until `later`.
    #[must_use]
    pub fn until(&self, later: &Self) -> Spent {
        let second = rustix::param::clock_ticks_per_second() as f64;
        let seconds = |from: u64, to: u64| to.saturating_sub(from) as f64 / second;
        let share = |from: Ticks, to: Ticks| Share {
            own: seconds(from.own, to.own),
            busy: seconds(from.busy, to.busy),
            stolen: seconds(from.stolen, to.stolen),
        };
        Spent {
            wall: later.at.duration_since(self.at).as_secs_f64(),
            proxy: share(self.proxy, later.proxy),
            clients: share(self.clients, later.clients),
        }
    }
}

impl Account {
    /// `own` ticks and those of the processes, and those of the core.
    fn ticks(&self, mut own: u64) -> Result<Ticks, String> {
        let Some(core) = self.core else { return Ok(Ticks::default()) };
        for pid in &self.pids {
            own += process(*pid)?;
        }
        let text = fs::read_to_string("/proc/stat").map_err(|error| format!("/proc/stat: {error}"))?;
        let (busy, stolen) =
            core_ticks(&text, core).ok_or_else(|| format!("/proc/stat has no core {core}"))?;
        Ok(Ticks { own, busy, stolen })
    }
}

fn process(pid: u32) -> Result<u64, String> {
    let path = format!("/proc/{pid}/stat");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    process_ticks(&text).ok_or_else(|| format!("{path} is not understood"))
}

/// utime and stime of `/proc/PID/stat`. The name stands in brackets and may hold anything.
fn process_ticks(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

/// Busy and stolen ticks, from the line `cpuN user nice system idle iowait irq softirq steal …`.
fn core_ticks(stat: &str, core: usize) -> Option<(u64, u64)> {
    let name = format!("cpu{core}");
    let line = stat.lines().find(|line| line.split_whitespace().next() == Some(&*name))?;
    let ticks: Vec<u64> = line.split_whitespace().skip(1).map_while(|word| word.parse().ok()).collect();
    let [user, nice, system, _idle, _iowait, irq, softirq, stolen, ..] = ticks[..] else { return None };
    Some((user + nice + system + irq + softirq, stolen))
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
        assert_eq!(core_ticks(stat, 1), Some((19, 8)));
        assert_eq!(core_ticks(stat, 2), None);
    }

    #[test]
    fn this_process_is_accounted_for() {
        let here = Account { pids: vec![std::process::id()], core: Some(0) };
        let accounts = Accounts { proxy: here, clients: Account { pids: Vec::new(), core: Some(0) } };
        let first = Reading::now(&accounts).unwrap();
        let until = Instant::now() + std::time::Duration::from_millis(200);
        let mut spun = 0_u64;
        while Instant::now() < until {
            spun = std::hint::black_box(spun + 1);
        }
        let spent = first.until(&Reading::now(&accounts).unwrap());
        assert!(spent.wall >= 0.2, "{spent:?}");
        assert_eq!(spent.proxy.own, spent.clients.own, "{spent:?}");
        let gone = Account { pids: vec![u32::MAX], core: Some(0) };
        assert!(Reading::now(&Accounts { proxy: gone, ..Accounts::default() }).is_err());
    }
}
