//! PidFile: who runs here, while it runs.

use std::fs;
use std::path::{Path, PathBuf};

/// A file with this process's number; removed when dropped, unless another process has written it since.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the file.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub(crate) fn write(path: &Path) -> Result<Self, String> {
        fs::write(path, own()).map_err(|error| {
            format!(
                "PidFile {} cannot be written: {error}; name a file in a directory that this user may write",
                path.display()
            )
        })?;
        Ok(Self { path: path.to_owned() })
    }
}

impl PidFile {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if fs::read_to_string(&self.path).is_ok_and(|text| text == own()) {
            // It was only ever advice.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn own() -> String {
    format!("{}\n", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let file = PidFile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own());
        drop(file);
        assert!(!path.exists());
        let file = PidFile::write(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert!(path.exists());
    }
}
