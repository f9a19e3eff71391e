//! What a reader has to know of the machine to judge figures.

use std::fs;
use std::process::Command;

use super::proxy::cores;

/// Names and values, in the order in which they are shown.
pub(crate) fn about() -> Vec<(&'static str, String)> {
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().take(3).collect::<Vec<_>>().join(" ");
    vec![
        ("machine", format!("{} cores, {}", cores(), model(&read("/proc/cpuinfo")))),
        ("virtual", virtualised()),
        ("kernel", format!("Linux {}", read("/proc/sys/kernel/osrelease").trim())),
        ("memory", format!("{} MiB", memory(&read("/proc/meminfo")) / 1024)),
        ("load", format!("{load} (1, 5 and 15 minutes, before the run)")),
        ("cores", "proxies on core 0, clients and origins on core 1".to_owned()),
    ]
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The processor's name; what the machine is where it has none.
fn model(cpuinfo: &str) -> String {
    let name = cpuinfo.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        matches!(key.trim(), "model name" | "Model" | "cpu model").then(|| value.trim().to_owned())
    });
    name.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// KiB.
fn memory(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What the system knows of a machine around this one.
fn virtualised() -> String {
    let found = ["--vm", "--container"].map(|kind| {
        let output = Command::new("systemd-detect-virt").arg(kind).output();
        output.map_or_else(
            |_| String::new(),
            |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        )
    });
    let found: Vec<_> = found.into_iter().filter(|name| !name.is_empty() && name != "none").collect();
    if !found.is_empty() {
        return found.join(", ");
    }
    let flagged = read("/proc/cpuinfo")
        .lines()
        .any(|line| line.starts_with("flags") && line.split_whitespace().any(|flag| flag == "hypervisor"));
    if flagged { "yes, under a hypervisor".to_owned() } else { "not that one could tell".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_found_in_the_systems_texts() {
        assert_eq!(model("processor\t: 0\nmodel name\t: A: B\n"), "A: B");
        assert_eq!(model(""), std::env::consts::ARCH);
        assert_eq!(memory("MemTotal:  2048 kB\nMemFree: 1 kB\n"), 2048);
    }
}
