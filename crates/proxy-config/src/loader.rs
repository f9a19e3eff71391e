//! Where texts come from: the only door to files and environment, and a loader that needs neither.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Reads files for the configuration. The paths handed in are those of the server, joined with ServerRoot and
/// normalised; whether a link inside leads elsewhere, and who may have written the file, is for the
/// implementation to judge: it refuses with an error, which is reported at the `Include`.
pub trait Loader {
    /// The whole file. Bytes, since a file that is not UTF-8 deserves an error with a line number.
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    /// What stands in a directory, in any order, without `.` and `..`.
    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>>;
    fn is_dir(&self, path: &Path) -> bool;
    fn exists(&self, path: &Path) -> bool;
    /// A variable of the environment.
    fn variable(&self, name: &str) -> Option<String>;
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DirEntry {
    /// The last part of its path.
    pub name: String,
    pub is_dir: bool,
}

/// Files and variables that exist in memory only: for tests, and for texts a program brings along. A
/// directory exists as long as a file is below it.
#[derive(Clone, Debug, Default)]
pub struct MemoryLoader {
    files: BTreeMap<PathBuf, Vec<u8>>,
    variables: BTreeMap<String, String>,
}

impl MemoryLoader {
    pub fn with(mut self, path: impl Into<PathBuf>, text: impl Into<Vec<u8>>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    pub fn with_variable(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.variables.insert(name.into(), value.into());
        self
    }
}

impl Loader for MemoryLoader {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.files.get(path).cloned().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        let mut entries = Vec::new();
        for path in self.files.keys() {
            let Ok(below) = path.strip_prefix(dir) else { continue };
            let mut parts = below.components();
            let Some(first) = parts.next() else { continue };
            let name = first.as_os_str().to_string_lossy().into_owned();
            entries.push(DirEntry { name, is_dir: parts.next().is_some() });
        }
        entries.dedup();
        if entries.is_empty() { Err(io::ErrorKind::NotFound.into()) } else { Ok(entries) }
    }

    fn is_dir(&self, path: &Path) -> bool {
        self.files.keys().any(|file| file != path && file.starts_with(path))
    }

    fn exists(&self, path: &Path) -> bool {
        self.files.contains_key(path) || self.is_dir(path)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
}
