//! Private copies of a module's bytes, from which it is loaded: nobody can write to them.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::PathBuf;

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use tempfile::TempDir;

/// Where private copies are made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PrivateCopy {
    /// In a sealed memory file, or in a directory where memory files may not be executed.
    #[default]
    Memory,
    /// In a directory of our own below the temporary directory.
    Directory,
}

/// A copy.
#[derive(Debug)]
pub(crate) struct Copied {
    /// Open on it; keep it, or `path` may come to mean another file.
    pub(crate) file: File,
    /// The path to load it by, for as long as this value lives.
    pub(crate) path: PathBuf,
    /// Removed with this value: the image does not need the file's name.
    _directory: Option<TempDir>,
}

/// Copies `bytes` into a memory file called `name` and seals it.
///
/// # Errors
/// The system's, above all where executable memory files are forbidden.
pub(crate) fn in_memory(bytes: &[u8], name: &str) -> io::Result<Copied> {
    let mut file = File::from(memory_file(name)?);
    file.write_all(bytes)?;
    let seals = SealFlags::WRITE | SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL;
    rustix::fs::fcntl_add_seals(&file, seals)?;
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    Ok(Copied { file, path, _directory: None })
}

/// Copies `bytes` into a file of mode 0500 in a new directory of mode 0700.
///
/// # Errors
/// The system's.
pub(crate) fn in_directory(bytes: &[u8], name: &str) -> io::Result<Copied> {
    let directory = tempfile::Builder::new()
        .prefix("proxyd-module-")
        .permissions(Permissions::from_mode(0o700))
        .tempdir()?;
    let path = directory.path().join(format!("{name}.so"));
    OpenOptions::new().write(true).create_new(true).mode(0o500).open(&path)?.write_all(bytes)?;
    Ok(Copied { file: File::open(&path)?, path, _directory: Some(directory) })
}

/// Linux before 6.3 does not know `MFD_EXEC`, later ones may want it.
fn memory_file(name: &str) -> Result<OwnedFd, Errno> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    match rustix::fs::memfd_create(name, flags | MemfdFlags::EXEC) {
        Err(Errno::INVAL) => rustix::fs::memfd_create(name, flags),
        made => made,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_copy_cannot_be_changed_even_by_us() {
        let copied = in_memory(b"bytes", "x_module").unwrap();
        assert!((&copied.file).write_all(b"other").is_err(), "write");
        assert!(copied.file.set_len(2).is_err(), "shrink");
        assert!(copied.file.set_len(20).is_err(), "grow");
        assert_eq!(std::fs::read(&copied.path).unwrap(), b"bytes");
    }

    #[test]
    fn a_copy_in_a_directory_is_for_its_owner_alone_and_leaves_nothing_behind() {
        let copied = in_directory(b"bytes", "x_module").unwrap();
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&copied.path), 0o500);
        let directory = copied.path.parent().unwrap().to_owned();
        assert_eq!(mode(&directory), 0o700);
        drop(copied);
        assert!(!directory.exists());
    }
}
