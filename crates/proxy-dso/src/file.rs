//! A module file's bytes, read once: everything that follows looks at these bytes and at no file again.
//!
//! Who may have written them comes first: a server that runs as root trusts a file only if nobody else can
//! replace it.

mod beneath;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::owner::{self, Complaint};
use crate::refusal::Cause;

/// A module file has at most this many bytes.
pub(crate) const MOST: u64 = 64 << 20;

/// A file that was read.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) bytes: Vec<u8>,
    /// Who else could replace it.
    pub(crate) complaint: Option<Complaint>,
}

/// Reads the file at `path` once, after looking at its kind, owner and mode. Links on the way do not leave `below`,
/// if that is given.
///
/// # Errors
/// Why it is not read.
pub(crate) fn read(path: &Path, below: Option<&Path>) -> Result<Contents, Cause> {
    if !path.is_absolute() {
        return Err(Cause::Relative);
    }
    let file = match below {
        None => open(path)?,
        Some(root) => beneath::open(root, path)?,
    };
    let stat = stat_regular(&file)?;
    let uid = rustix::process::geteuid().as_raw();
    let complaint =
        real_path(&file).and_then(|real| owner::look(path, &real, &stat, uid)).map_err(unreadable)?;
    let bytes = read_bytes(file, stat.st_size.unsigned_abs())?;
    Ok(Contents { bytes, complaint })
}

/// Without waiting, as it would for the writer of a FIFO.
const FLAGS: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::CLOEXEC).union(OFlags::NOCTTY);

fn open(path: &Path) -> Result<File, Cause> {
    rustix::fs::open(path, FLAGS, Mode::empty()).map(File::from).map_err(not_opened)
}

fn not_opened(error: Errno) -> Cause {
    match error {
        Errno::NOENT | Errno::NOTDIR => Cause::Missing,
        Errno::NXIO => Cause::NotRegular { kind: "a socket" },
        error => unreadable(error.into()),
    }
}

fn stat_regular(file: &File) -> Result<Stat, Cause> {
    let stat = rustix::fs::fstat(file).map_err(|error| unreadable(error.into()))?;
    let kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => return Ok(stat),
        FileType::Directory => "a directory",
        FileType::Fifo => "a FIFO",
        FileType::Socket => "a socket",
        _ => "a device",
    };
    Err(Cause::NotRegular { kind })
}

/// Where the open file lies, after all links.
fn real_path(file: &File) -> io::Result<PathBuf> {
    fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

/// The bytes of a copy of ours.
///
/// # Errors
/// If it cannot be read, or is none of ours.
pub(crate) fn read_whole(copy: &File) -> Result<Vec<u8>, Cause> {
    let stat = stat_regular(copy)?;
    let mut bytes = vec![0; usize::try_from(stat.st_size).unwrap_or_default().min(MOST as usize)];
    copy.read_exact_at(&mut bytes, 0).map_err(unreadable)?;
    Ok(bytes)
}

fn read_bytes(file: impl AsFd + Read, len: u64) -> Result<Vec<u8>, Cause> {
    if len > MOST {
        return Err(Cause::TooLarge { len, most: MOST });
    }
    let mut bytes = Vec::with_capacity(len as usize);
    // The file may grow meanwhile.
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let len = bytes.len() as u64;
    if len > MOST { Err(Cause::TooLarge { len, most: MOST }) } else { Ok(bytes) }
}

fn unreadable(error: io::Error) -> Cause {
    Cause::Unreadable { error: crate::words(&error), uid: rustix::process::geteuid().as_raw() }
}
