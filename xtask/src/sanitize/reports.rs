//! What a sanitizer wrote: one file for each process that had something to report. The servers that tests start end in
//! many ways, and what they print goes to the tests, so files are the one place where nothing gets lost.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

/// Lines of a report that are shown.
const SHOWN: usize = 60;

/// The directory of the reports.
#[derive(Debug)]
pub(super) struct Reports {
    dir: PathBuf,
}

impl Reports {
    /// An empty one at `dir`.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn new(dir: PathBuf) -> Result<Self> {
        let reports = Self { dir };
        reports.clear()?;
        Ok(reports)
    }

    /// What the names of reports begin with, for the runtime.
    pub(super) fn log(&self) -> PathBuf {
        self.dir.join("report")
    }

    /// Their texts.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn found(&self) -> Result<Vec<String>> {
        let mut texts = Vec::new();
        for entry in fs::read_dir(&self.dir)? {
            let bytes = fs::read(entry?.path())?;
            texts.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        // Those that have the same cause stand together.
        texts.sort_by_cached_key(|text| headline(text));
        Ok(texts)
    }

    /// Removes what is there.
    ///
    /// # Errors
    /// Those of the file system.
    pub(super) fn clear(&self) -> Result<()> {
        if self.dir.exists() {
            fs::remove_dir_all(&self.dir).with_context(|| self.dir.display().to_string())?;
        }
        Ok(fs::create_dir_all(&self.dir)?)
    }
}

impl fmt::Display for Reports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.dir.display().fmt(f)
    }
}

/// The line that sums a report up.
pub(super) fn headline(report: &str) -> String {
    let mut lines = report.lines();
    lines.find(|line| line.starts_with("SUMMARY: ")).unwrap_or("a report without a summary").to_owned()
}

/// Shows them, each to so many lines.
pub(super) fn print(reports: &[String]) {
    for report in reports {
        println!("\n{}", headline(report));
        report.lines().take(SHOWN).for_each(|line| println!("  {line}"));
    }
}
