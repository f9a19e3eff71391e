//! Golden tables of the boundary, `tests/golden/MAJOR.MINOR`: every size, offset and number that a module of that
//! version was built with. Today's must be the same, but for what was appended.
//!
//! `PROXY_ABI_GOLDEN=append cargo test -p proxy-abi --test golden` writes what was appended into the tables of today's
//! version; anything else it refuses as well. The tables hold for x86-64 and aarch64 alike: both are LP64, and a C
//! compiler for either lays these structs out in the same way.

use std::path::{Path, PathBuf};

use proxy_abi as abi;

mod facts;

use facts::{Fact, constants, layouts, said_in_c};

const GOLDEN_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden");
/// Headers of versions that modules were built with.
const FROZEN_DIR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/modules/fixtures");

type Today = fn() -> Vec<Fact>;
const TABLES: [(&str, Today); 2] = [("layout.txt", layouts), ("constants.txt", constants)];

/// Reached through an array whose stride the host tells, so that they may grow although they have no size.
const STRIDED: [&str; 2] = ["pm_endpoint", "pm_directive"];

#[test]
fn nothing_differs_from_the_tables_but_what_was_appended() {
    let append = std::env::var("PROXY_ABI_GOLDEN").is_ok_and(|wish| wish == "append");
    let mut versions = versions();
    versions.push(today());
    for version in versions.iter().filter(|version| binds(version)) {
        for (file, facts) in TABLES {
            let (path, facts) = (Path::new(GOLDEN_DIR).join(version).join(file), facts());
            let golden = table(&path);
            let faults = faults(&golden, &facts);
            assert!(faults.is_empty(), "{}:\n{}\n{BREAKING}", path.display(), faults.join("\n"));
            if *version == today() && golden != facts {
                assert!(append, "{} lacks what was appended: {APPENDING}", path.display());
                write(&path, &facts);
            }
        }
    }
}

const BREAKING: &str =
    "modules built with this version would misread the server: append instead, or raise the version";
const APPENDING: &str = "run PROXY_ABI_GOLDEN=append cargo test -p proxy-abi --test golden, and commit it";

/// A frozen header is the one that its version's tables were made of.
#[test]
fn frozen_headers_say_what_their_tables_say() {
    let versions = versions();
    let frozen: Vec<&String> = versions.iter().filter(|version| frozen(version).exists()).collect();
    assert!(!frozen.is_empty(), "at least one version is frozen");
    for version in frozen {
        let dir = Path::new(GOLDEN_DIR).join(version);
        let golden: Vec<Fact> = TABLES.iter().flat_map(|(file, _)| table(&dir.join(file))).collect();
        let header_dir = Path::new(FROZEN_DIR).join(version).display().to_string();
        let Some(said) = said_in_c(&golden, &header_dir, &format!("golden-{version}")) else { return };
        assert_eq!(golden, said, "{version}");
    }
}

fn frozen(version: &str) -> PathBuf {
    Path::new(FROZEN_DIR).join(version).join("proxy_module.h")
}

fn today() -> String {
    format!("{}.{}", abi::MAJOR, abi::MINOR)
}

/// While the major is 0 the minor is equal on both sides; from then on every minor of the major binds.
fn binds(version: &str) -> bool {
    if abi::MAJOR == 0 { version == today() } else { version.starts_with(&format!("{}.", abi::MAJOR)) }
}

fn versions() -> Vec<String> {
    let dir = std::fs::read_dir(GOLDEN_DIR).into_iter().flatten();
    let mut names: Vec<String> = dir.flatten().map(|entry| entry.file_name().display().to_string()).collect();
    names.sort();
    names
}

/// Empty for a version without tables yet.
fn table(path: &Path) -> Vec<Fact> {
    std::fs::read_to_string(path).unwrap_or_default().lines().filter_map(Fact::read).collect()
}

fn write(path: &Path, facts: &[Fact]) {
    let text: String = facts.iter().map(|fact| format!("{fact}\n")).collect();
    let dir = path.parent().expect("a table is in a directory");
    std::fs::create_dir_all(dir).expect("the tree is writable");
    std::fs::write(path, text).expect("the tree is writable");
}

/// What was changed or removed; a field that was put where others may be read already.
fn faults(golden: &[Fact], today: &[Fact]) -> Vec<String> {
    let kept = golden.iter().filter_map(|old| match value_of(today, &old.name) {
        None => Some(format!("{old} is gone")),
        Some(now) if now == old.value || has_grown(golden, old, now) => None,
        Some(now) => Some(format!("{old} is now {now}")),
    });
    let inserted = today.iter().filter(|now| value_of(golden, &now.name).is_none()).filter_map(|now| {
        let (name, _) = now.name.strip_prefix("offsetof(")?.split_once(',')?;
        let end: u64 = value_of(golden, &format!("sizeof({name})"))?.parse().ok()?;
        (now.value.parse::<u64>().ok()? < end)
            .then(|| format!("{now} is new, before the struct's end at {end}"))
    });
    kept.chain(inserted).collect()
}

fn value_of<'a>(facts: &'a [Fact], name: &str) -> Option<&'a str> {
    facts.iter().find(|fact| fact.name == name).map(|fact| fact.value.as_str())
}

/// Whether it is a size that may be larger now: of a struct that says its own size, or lies in steps that are told.
fn has_grown(golden: &[Fact], old: &Fact, now: &str) -> bool {
    let Some(name) = old.name.strip_prefix("sizeof(").and_then(|rest| rest.strip_suffix(')')) else {
        return false;
    };
    let may_grow = STRIDED.contains(&name) || value_of(golden, &format!("offsetof({name}, size)")).is_some();
    let sizes = (old.value.parse::<u64>(), now.parse::<u64>());
    may_grow && matches!(sizes, (Ok(old), Ok(now)) if old < now)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str =
        "sizeof(pm_a) = 16\noffsetof(pm_a, size) = 0\noffsetof(pm_a, b) = 8\nsizeof(pm_c) = 8\nPM_ONE = 1";

    fn facts(text: &str) -> Vec<Fact> {
        text.lines().filter_map(Fact::read).collect()
    }

    fn judged(today: &str) -> String {
        faults(&facts(OLD), &facts(today)).join("; ")
    }

    #[test]
    fn appending_passes() {
        assert_eq!(judged(OLD), "");
        assert_eq!(judged(&format!("{OLD}\nPM_TWO = 2\nsizeof(pm_d) = 4")), "");
        let grown = OLD.replace("sizeof(pm_a) = 16", "sizeof(pm_a) = 24\noffsetof(pm_a, c) = 16");
        assert_eq!(judged(&grown), "");
    }

    #[test]
    fn nothing_else_passes() {
        for (from, to, fault) in [
            ("offsetof(pm_a, b) = 8", "offsetof(pm_a, b) = 4", "offsetof(pm_a, b) = 8 is now 4"),
            ("PM_ONE = 1", "PM_ONE = 2", "PM_ONE = 1 is now 2"),
            ("PM_ONE = 1", "PM_TWO = 2", "PM_ONE = 1 is gone"),
            ("sizeof(pm_a) = 16", "sizeof(pm_a) = 8", "sizeof(pm_a) = 16 is now 8"),
            ("sizeof(pm_c) = 8", "sizeof(pm_c) = 16", "sizeof(pm_c) = 8 is now 16"),
            (
                "offsetof(pm_a, b) = 8",
                "offsetof(pm_a, b) = 8\noffsetof(pm_a, hole) = 4",
                "offsetof(pm_a, hole) = 4 is new, before the struct's end at 16",
            ),
        ] {
            assert_eq!(judged(&OLD.replace(from, to)), fault);
        }
    }
}
