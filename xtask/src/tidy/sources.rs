//! The source files: module docs, line-number citations, unsafe code, sizes.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cargo::root;

/// Crates that may hold unsafe code.
const UNSAFE: &[&str] = &["crates/proxy-abi", "crates/proxy-module", "crates/proxy-dso"];

/// Modules: the macro that exports them expands to an attribute that would be forbidden; their own text holds none.
const MODULES: &[&str] = &["modules", "tests/modules"];

/// Tables that tests include.
const DATA: &str = "tests/data";

/// Where source files are.
const DIRS: &[&str] = &["crates", "modules", "tests", "xtask"];

/// One file.
#[derive(Debug)]
pub(crate) struct Source {
    /// Relative to the repository.
    path: PathBuf,
    text: String,
}

/// Reads all of them.
///
/// # Errors
/// Those of the file system.
pub(crate) fn read() -> Result<Vec<Source>> {
    let mut sources = Vec::new();
    for dir in DIRS {
        read_below(&root().join(dir), &mut sources)?;
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(sources)
}

fn read_below(dir: &Path, sources: &mut Vec<Source>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if !path.ends_with("target") && path != root().join(DATA) {
                read_below(&path, sources)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)?;
            sources.push(Source { path: path.strip_prefix(root())?.to_owned(), text });
        }
    }
    Ok(())
}

impl Source {
    /// What is wrong with it.
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        if !self.text.starts_with("//!") {
            faults.push(format!(
                "{}: begin with a `//!` line that says what the file is for",
                self.path.display()
            ));
        }
        for (number, line) in (1..).zip(self.text.lines()) {
            if let Some(citation) = line_citation(line) {
                let path = self.path.display();
                faults.push(format!("{path}:{number}: `{citation}` will rot: name the item, not its line"));
            }
        }
        faults
    }

    fn is_crate_root(&self) -> bool {
        self.path.ends_with("src/lib.rs")
            || self.path.ends_with("src/main.rs")
            || self.path == Path::new("tests/tests.rs")
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests")
            || self.path.components().any(|part| part.as_os_str() == "tests")
            || self.path.ends_with("tests.rs")
    }
}

/// A citation of a source line in a comment: a file's name, a colon and a number.
fn line_citation(line: &str) -> Option<&str> {
    let comment = &line[line.find("//")?..];
    comment.split_ascii_whitespace().find(|word| {
        let word = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        let Some((file, number)) = word.rsplit_once(':') else { return false };
        let is_source = [".rs", ".c", ".h"].iter().any(|end| file.ends_with(end));
        is_source && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    })
}

/// Crates whose root does not forbid unsafe code, and modules that hold some, though none belongs there.
pub(crate) fn misplaced_unsafe(sources: &[Source]) -> Vec<String> {
    let is_below = |path: &Path, dirs: &[&str]| dirs.iter().any(|dir| path.starts_with(dir));
    let fault = |source: &Source| {
        let path = source.path.display();
        if is_below(&source.path, UNSAFE) {
            None
        } else if is_below(&source.path, MODULES) {
            source.text.contains("unsafe ").then(|| format!("{path}: a module does without unsafe code"))
        } else {
            let is_missing = source.is_crate_root() && !source.text.contains("#![forbid(unsafe_code)]");
            is_missing.then(|| format!("{path}: add #![forbid(unsafe_code)]"))
        }
    };
    sources.iter().filter_map(fault).collect()
}

/// Lines of files, and of functions, without tests.
pub(crate) fn sizes(sources: &[Source]) -> String {
    let code: Vec<&Source> = sources.iter().filter(|source| !source.is_test()).collect();
    let mut files: Vec<(usize, &Path)> =
        code.iter().map(|source| (non_test_lines(&source.text).count(), source.path.as_path())).collect();
    files.sort_unstable_by(|a, b| b.cmp(a));
    let mut functions: Vec<usize> = code.iter().flat_map(|source| function_lengths(&source.text)).collect();
    functions.sort_unstable();
    let total: usize = files.iter().map(|(lines, _)| lines).sum();
    let middle = |sorted: &[usize]| sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    let lines: Vec<usize> = files.iter().rev().map(|(lines, _)| *lines).collect();
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{total} lines in {} files, median {}", files.len(), middle(&lines));
    let longest = functions.last().copied().unwrap_or_default();
    let _ = writeln!(
        text,
        "{} functions, median {} lines, longest {longest}",
        functions.len(),
        middle(&functions)
    );
    for (lines, path) in files.iter().filter(|(lines, _)| *lines > 400) {
        let _ = writeln!(text, "{}: {lines} lines: is it about one thing?", path.display());
    }
    text
}

/// The lines in front of a file's inline tests.
fn non_test_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().take_while(|line| *line != "#[cfg(test)]")
}

/// Lengths of functions, found by rustfmt's indentation: from `fn` to the closing brace at the same column.
fn function_lengths(text: &str) -> Vec<usize> {
    let mut lengths = Vec::new();
    let mut open: Vec<(usize, usize)> = Vec::new();
    for (number, line) in non_test_lines(text).enumerate() {
        let indent = line.len() - line.trim_start().len();
        let code = line.trim();
        if code == "}" && open.last().is_some_and(|(column, _)| *column == indent) {
            lengths.extend(open.pop().map(|(_, start)| number - start + 1));
        } else if is_function(code) {
            if code.ends_with('}') {
                lengths.push(1);
            } else if !code.ends_with(';') {
                open.push((indent, number));
            }
        }
    }
    lengths
}

fn is_function(code: &str) -> bool {
    let before = code.find("fn ").map(|at| &code[..at]);
    before.is_some_and(|before| {
        before.split_ascii_whitespace().all(|word| {
            word.starts_with("pub")
                || matches!(word, "const" | "async" | "unsafe" | "extern" | "\"C\"" | "in" | "super)")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source { path: path.into(), text: text.to_owned() }
    }

    #[test]
    fn faults_of_a_file_are_found() {
        let cited = concat!("//! Doc.\n// as in core.c", ":123 there\n");
        assert_eq!(source("crates/a/src/b.rs", cited).faults().len(), 1);
        assert_eq!(source("crates/a/src/b.rs", "use std::io;\n").faults().len(), 1);
        assert!(
            source("crates/a/src/b.rs", "//! Doc.\n// see http://a.example:80 and b.rs\n")
                .faults()
                .is_empty()
        );
    }

    #[test]
    fn unsafe_code_has_its_places() {
        let table = [
            ("crates/proxy-dso/src/lib.rs", "//! Doc.\nunsafe { }\n", 0),
            ("crates/proxy-core/src/lib.rs", "//! Doc.\n", 1),
            ("crates/proxy-core/src/lib.rs", "//! Doc.\n#![forbid(unsafe_code)]\n", 0),
            ("crates/proxy-core/src/path.rs", "//! Doc.\n", 0),
            ("modules/mod-x/src/lib.rs", "//! Doc.\n", 0),
            ("modules/mod-x/src/lib.rs", "//! Doc.\nunsafe { }\n", 1),
        ];
        for (path, text, faults) in table {
            assert_eq!(misplaced_unsafe(&[source(path, text)]).len(), faults, "{path} {text}");
        }
    }

    #[test]
    fn functions_are_measured() {
        let text = "//! Doc.\nfn a() {}\n\nimpl X {\n    pub(crate) const fn b(\n        &self,\n    ) -> u8 {\n        \
                    match 1 {\n            _ => 2,\n        }\n    }\n}\ntrait T {\n    fn c();\n}\n";
        assert_eq!(function_lengths(text), [1, 7]);
    }
}
