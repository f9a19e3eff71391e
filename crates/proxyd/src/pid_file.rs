//! PidFile: who runs here, while it runs. The server holds a lock on the file from before it binds anything until
//! its last request has ended; that lock, not the number in the file, says who runs.
//!
//! It is a record lock of fcntl(2), since the kernel tells who holds one of these. Such a lock ends with the first
//! descriptor of the file that its process closes: this process opens the file once.

mod holder;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, fcntl_lock, ftruncate};
use rustix::io::Errno;

pub(crate) use holder::Holder;

/// A file with this process's number, locked; removed when dropped, if it is still the one that was locked.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: File,
}

/// Why the file is not ours.
#[derive(Debug, PartialEq)]
pub(crate) enum Refused {
    /// The process with this number runs here.
    Held(i32),
    /// Why, with the next step.
    Failed(String),
}

/// So often the file may be removed between being opened and being locked.
const ATTEMPTS: u32 = 100;
/// Longer than any number of a process, with its line's end.
const LONGEST: usize = 32;

impl PidFile {
    /// Locks the file and writes the number; one that nobody holds is taken over. Once a process for each path.
    ///
    /// # Errors
    /// If somebody holds it, it is no pid file, or it cannot be written.
    pub(crate) fn take(path: &Path) -> Result<Self, Refused> {
        let failed = |text: String| Refused::Failed(format!("PidFile {}: {text}", path.display()));
        for _ in 0..ATTEMPTS {
            let file = open(path).map_err(|error| failed(cannot_open(&error)))?;
            check(&file).map_err(failed)?;
            match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => {}
                Err(Errno::AGAIN | Errno::ACCESS) => match Holder::of(path).map_err(Refused::Failed)? {
                    Some(holder) => return Err(Refused::Held(holder.pid())),
                    None => continue,
                },
                Err(error) => return Err(failed(format!("it cannot be locked: {error}"))),
            }
            if is_at(path, &file) {
                write(&file).map_err(|error| failed(format!("it cannot be written: {error}")))?;
                return Ok(Self { path: path.to_owned(), file });
            }
        }
        Err(failed("it is removed again and again".to_owned()))
    }

    /// Whether it is still where it was made: somebody may have removed it, or put another in its place.
    pub(crate) fn is_there(&self) -> bool {
        is_at(&self.path, &self.file)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Whether both lead to the same file, which this process then may not take twice: its lock keeps out others only.
pub(crate) fn is_same(one: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::symlink_metadata(path).map(|there| (there.dev(), there.ino()));
    one == other || matches!((identity(one), identity(other)), (Ok(one), Ok(other)) if one == other)
}

impl Drop for PidFile {
    fn drop(&mut self) {
        if self.is_there() {
            // Nobody is misled by what is left behind: it is not locked.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens the file itself and nothing that it links to, so that who may write the directory does not decide what
/// root writes.
fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o644)
        .custom_flags(flags)
        .open(path)
}

fn cannot_open(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::LOOP) => "it is a symbolic link, which is not followed: name the file itself".to_owned(),
        Some(Errno::NOENT) => {
            "its directory is not there: make it, or name a file in a directory that this user may write"
                .to_owned()
        }
        _ => {
            format!("it cannot be written: {error}; name a file in a directory that this user may write")
        }
    }
}

/// That nothing is overwritten which was not a pid file.
fn check(file: &File) -> Result<(), String> {
    let unreadable = |error: io::Error| format!("it cannot be read: {error}");
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() || metadata.nlink() > 1 {
        return Err("it is no regular file with one name: name another one".to_owned());
    }
    let mut text = Vec::new();
    file.take(LONGEST as u64).read_to_end(&mut text).map_err(unreadable)?;
    let is_number = text.len() < LONGEST && text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'\n');
    if is_number {
        Ok(())
    } else {
        Err("there is a file that is no pid file: remove it, or name another one".to_owned())
    }
}

fn write(file: &File) -> io::Result<()> {
    ftruncate(file, 0)?;
    file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0)
}

/// Whether the path still leads to this very file.
fn is_at(path: &Path, file: &File) -> bool {
    let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    let there = fs::symlink_metadata(path).map(identity);
    matches!((there, file.metadata().map(identity)), (Ok(there), Ok(ours)) if there == ours)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn own() -> String {
        format!("{}\n", std::process::id())
    }

    fn refusal(path: &Path) -> String {
        match PidFile::take(path).unwrap_err() {
            Refused::Failed(text) => text,
            Refused::Held(pid) => panic!("held by {pid}"),
        }
    }

    #[test]
    fn a_stale_file_is_taken_over_and_removed_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        fs::write(&path, "4000000123\n").unwrap();
        let file = PidFile::take(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own());
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn only_its_own_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let file = PidFile::take(&path).unwrap();
        fs::remove_file(&path).unwrap();
        fs::write(&path, "1\n").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1\n");
    }

    #[test]
    fn links_and_other_files_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::write(at("precious"), "12").unwrap();
        symlink(at("precious"), at("link")).unwrap();
        assert!(refusal(&at("link")).contains("it is a symbolic link"));
        fs::hard_link(at("precious"), at("second")).unwrap();
        assert!(refusal(&at("second")).contains("no regular file with one name"));
        assert_eq!(fs::read_to_string(at("precious")).unwrap(), "12");
        fs::write(at("proxyd.conf"), "Listen 80\n").unwrap();
        assert!(refusal(&at("proxyd.conf")).contains("no pid file"));
        assert_eq!(fs::read_to_string(at("proxyd.conf")).unwrap(), "Listen 80\n");
        fs::write(at("digits"), "1".repeat(LONGEST)).unwrap();
        assert!(refusal(&at("digits")).contains("no pid file"));
        assert!(refusal(dir.path()).contains("cannot be written"));
        assert!(refusal(&at("no/pid")).contains("its directory is not there"));
    }
}
