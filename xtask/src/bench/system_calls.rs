//! What strace counts: calls of the system, by name.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

/// Calls by name.
pub(crate) type Calls = BTreeMap<String, u64>;

/// Names of fewer calls a request than this are left out: they belong to starting or to timers.
const SHOWN: f64 = 0.02;

/// Whether strace is installed, and may trace.
pub(crate) fn is_available() -> bool {
    let traced = Command::new("strace").args(["-c", "-o", "/dev/null", "true"]).output();
    traced.is_ok_and(|output| output.status.success())
}

/// strace with its count going to `file`, before it was told what to run.
pub(crate) fn command(file: &Path) -> Command {
    let mut command = Command::new("strace");
    command.args(["-f", "-c", "-o"]).arg(file);
    command
}

/// Reads what strace wrote.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn read(file: &Path) -> Result<Calls> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    Ok(parse(&text))
}

/// Calls of one request, from two runs of which the second had `requests` more: `recvfrom 2.00  sendto 2.00`.
pub(crate) fn per_request(short: &Calls, long: &Calls, requests: u64) -> String {
    let each = long.iter().map(|(name, count)| {
        let before = short.get(name).copied().unwrap_or(0);
        (name, (*count as f64 - before as f64) / requests as f64)
    });
    let mut each: Vec<_> = each.filter(|(_, count)| *count >= SHOWN).collect();
    each.sort_by(|one, other| other.1.total_cmp(&one.1));
    let sum: f64 = each.iter().map(|(_, count)| count).sum();
    let shown: Vec<_> = each.iter().map(|(name, count)| format!("{name} {count:.2}")).collect();
    format!("{sum:.2} ({})", shown.join(", "))
}

/// Lines `% time, seconds, usecs/call, calls, errors or nothing, name`.
fn parse(text: &str) -> Calls {
    let rows = text.lines().filter_map(|line| {
        let words: Vec<_> = line.split_whitespace().collect();
        let (name, count) = (words.last()?, words.get(3)?.parse().ok()?);
        (words.len() >= 5 && *name != "total").then(|| ((*name).to_owned(), count))
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTED: &str = "\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 60.00    0.000700           1       220           sendto
 40.00    0.000300           1       240        20 recvfrom
  0.00    0.000000           0         9           mmap
------ ----------- ----------- --------- --------- ----------------
100.00    0.001000           1       469        20 total
";

    #[test]
    fn calls_are_counted_by_name() {
        let calls = parse(COUNTED);
        assert_eq!(calls.get("sendto"), Some(&220));
        assert_eq!(calls.get("recvfrom"), Some(&240));
        assert_eq!(calls.len(), 3);
        let short =
            Calls::from([("sendto".to_owned(), 20), ("recvfrom".to_owned(), 0), ("mmap".to_owned(), 9)]);
        assert_eq!(per_request(&short, &calls, 100), "4.40 (recvfrom 2.40, sendto 2.00)");
    }
}
