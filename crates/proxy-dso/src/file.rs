//! A module file's bytes, read once: everything that follows looks at these bytes and at no file again.
//!
//! Who may have written them comes first: a server that runs as root trusts a file only if nobody else can
//! replace it.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::owner::{self, Complaint};
use crate::refusal::Cause;

/// A module file has at most this many bytes.
pub(crate) const MOST: u64 = 64 << 20;

/// Reads the file at `path` once, after looking at its kind, owner and mode.
///
/// # Errors
/// Why it is not read.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Cause> {
    if !path.is_absolute() {
        return Err(Cause::Relative);
    }
    let file = open(path)?;
    let stat = stat_regular(&file)?;
    check_owner(path, &stat)?;
    read_bytes(file, stat.st_size.unsigned_abs())
}

/// Opens without waiting, as it would for the writer of a FIFO.
fn open(path: &Path) -> Result<File, Cause> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(fd) => Ok(File::from(fd)),
        Err(Errno::NOENT | Errno::NOTDIR) => Err(Cause::Missing),
        Err(Errno::NXIO) => Err(Cause::NotRegular { kind: "a socket" }),
        Err(error) => Err(unreadable(error.into())),
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

/// As root a complaint refuses the file; otherwise it is only said, since whoever can write the file could
/// as well start a server of their own.
fn check_owner(path: &Path, stat: &Stat) -> Result<(), Cause> {
    let looked = complaint_about(path, stat).map_err(unreadable)?;
    let Some(Complaint { complaint, remedy }) = looked else { return Ok(()) };
    if rustix::process::geteuid().is_root() {
        return Err(Cause::Unsafe { complaint, remedy });
    }
    tracing::warn!("{}: {complaint}: {remedy}", path.display());
    Ok(())
}

/// Looks at the file and at the directory that it really stands in.
fn complaint_about(path: &Path, stat: &Stat) -> io::Result<Option<Complaint>> {
    let uid = rustix::process::geteuid().as_raw();
    let real = fs::canonicalize(path)?;
    let (complaint, parent) = (owner::of_file(&real, stat, uid), real.parent());
    match (complaint, parent) {
        (None, Some(parent)) => Ok(owner::of_directory(parent, &rustix::fs::stat(parent)?, uid)),
        (complaint, _) => Ok(complaint),
    }
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
