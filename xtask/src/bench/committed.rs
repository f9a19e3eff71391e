//! Figures that are committed beside the source: what was measured may not exceed them by much.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// How much more than the committed figure passes.
const GROWTH: f64 = 0.03;

/// A file of lines `NAME FIGURE`, and what was measured now.
#[derive(Debug)]
pub(crate) struct Committed {
    file: PathBuf,
    known: BTreeMap<String, f64>,
    measured: BTreeMap<String, f64>,
}

impl Committed {
    /// Reads `file`; a missing one holds no figures.
    ///
    /// # Errors
    /// If it cannot be read, or has other lines.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let text = if file.exists() { fs::read_to_string(file)? } else { String::new() };
        let known = parse(&text).with_context(|| format!("{} is not lines NAME FIGURE", file.display()))?;
        Ok(Self { file: file.to_owned(), known, measured: BTreeMap::new() })
    }

    /// Notes what was measured; its ratio to the committed figure, if there is one.
    pub(crate) fn note(&mut self, name: &str, figure: f64) -> Option<f64> {
        self.measured.insert(name.to_owned(), figure);
        self.known.get(name).map(|known| figure / known)
    }

    /// Writes what was measured in place of what was committed, beneath `heading`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(crate) fn write(&self, heading: &str) -> Result<()> {
        fs::write(&self.file, format(&self.measured, heading))?;
        println!("written to {}", self.file.display());
        Ok(())
    }

    /// Compares. `verb` is the benchmark that writes the file by `--write`.
    ///
    /// # Errors
    /// Names what has grown by more than a few hundredths, what has no committed figure, and what is committed but
    /// was not measured.
    pub(crate) fn judge(&self, verb: &str) -> Result<()> {
        let found = complaints(&self.known, &self.measured);
        if !found.is_empty() {
            bail!(
                "against {}: {}; if that is meant, commit what `cargo xtask bench {verb} --write` writes, and say why",
                self.file.display(),
                found.join(", ")
            );
        }
        Ok(())
    }
}

fn complaints(known: &BTreeMap<String, f64>, measured: &BTreeMap<String, f64>) -> Vec<String> {
    let compared = measured.iter().filter_map(|(name, figure)| match known.get(name) {
        None => Some(format!("{name} has no committed figure")),
        Some(known) if *figure > known * (1.0 + GROWTH) => {
            Some(format!("{name} has grown by {:.1} %", (figure / known - 1.0) * 100.0))
        }
        Some(_) => None,
    });
    let missing = known.keys().filter(|name| !measured.contains_key(*name));
    compared.chain(missing.map(|name| format!("{name} was not measured"))).collect()
}

fn parse(text: &str) -> Option<BTreeMap<String, f64>> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    lines
        .map(|line| {
            let (name, figure) = line.split_once(' ')?;
            Some((name.to_owned(), figure.trim().parse().ok()?))
        })
        .collect()
}

fn format(figures: &BTreeMap<String, f64>, heading: &str) -> String {
    let lines = figures.iter().map(|(name, figure)| format!("{name} {figure:.0}\n"));
    heading.lines().map(|line| format!("# {line}\n")).chain(lines).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(of: &[(&str, f64)]) -> BTreeMap<String, f64> {
        of.iter().map(|(name, figure)| ((*name).to_owned(), *figure)).collect()
    }

    #[test]
    fn figures_are_read_as_they_are_written() {
        let some = figures(&[("mod_proxy_lb/4", 700.0), ("mod_least/1000", 20_812.0)]);
        assert_eq!(parse(&format(&some, "two\nlines")), Some(some));
        assert_eq!(parse("a many\n"), None);
        assert_eq!(parse("alone\n"), None);
    }

    #[test]
    fn growth_is_complained_of_beyond_three_hundredths() {
        let known = figures(&[("a", 1000.0), ("b", 1000.0)]);
        assert_eq!(complaints(&known, &figures(&[("a", 1030.0), ("b", 10.0)])), Vec::<String>::new());
        assert_eq!(complaints(&known, &figures(&[("a", 1031.0), ("b", 1000.0)])), ["a has grown by 3.1 %"]);
    }

    #[test]
    fn what_is_known_or_measured_alone_is_complained_of() {
        let found = complaints(&figures(&[("gone", 1.0)]), &figures(&[("new", 1.0)]));
        assert_eq!(found, ["new has no committed figure", "gone was not measured"]);
    }
}
