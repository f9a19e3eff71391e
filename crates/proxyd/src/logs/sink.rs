//! What a log is written to: opened so that nothing waits for a reader, and asked whether writing can wait for one.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use proxy_core::conf::LogTarget;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{FileType, OFlags, Stat};
use rustix::io::Errno;

/// An open destination.
#[derive(Debug)]
pub(crate) enum Sink {
    Stderr(io::Stderr),
    Stdout(io::Stdout),
    File(File),
}

/// One destination, by whatever name it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity(u64, u64);

/// What can be said of a destination before anything is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Writing never waits for anybody: a regular file, `/dev/null` and its like.
    Prompt,
    /// A pipe, a terminal, a socket: writing waits when its reader does not read.
    Read(Identity),
}

impl Sink {
    /// Opens `target`; nothing for one that is off.
    ///
    /// # Errors
    /// If it is a file that cannot be opened: which, why, and what to do.
    pub(crate) fn open(target: &LogTarget) -> Result<Option<Self>, String> {
        Ok(Some(match target {
            LogTarget::Stderr => Self::Stderr(io::stderr()),
            LogTarget::Stdout => Self::Stdout(io::stdout()),
            LogTarget::Off => return Ok(None),
            LogTarget::File(path) => Self::File(open(path)?),
        }))
    }

    /// # Errors
    /// Those of the system.
    pub(crate) fn kind(&self) -> io::Result<Kind> {
        let stat = rustix::fs::fstat(self)?;
        Ok(if is_prompt(&stat) { Kind::Prompt } else { Kind::Read(Identity(stat.st_dev, stat.st_ino)) })
    }

    /// One write(2) of whole lines, without the locks and buffers of the standard library.
    ///
    /// # Errors
    /// Those of the system, also if it took a part only: how many bytes.
    pub(crate) fn write(&self, lines: &[u8]) -> Result<(), (usize, io::Error)> {
        match rustix::io::write(self, lines) {
            Ok(count) if count == lines.len() => Ok(()),
            Ok(count) => Err((count, io::ErrorKind::WriteZero.into())),
            Err(error) => Err((0, error.into())),
        }
    }

    /// Writes everything, however long that takes.
    ///
    /// # Errors
    /// Those of the system.
    pub(crate) fn write_all(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(self, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => bytes = &bytes[count..],
                Err(Errno::INTR) => {}
                // Whoever shares the pipe with us may have made it so.
                Err(Errno::AGAIN) => drop(poll(&mut [PollFd::new(self, PollFlags::OUT)], None)),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

impl AsFd for Sink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Stderr(stderr) => stderr.as_fd(),
            Self::Stdout(stdout) => stdout.as_fd(),
            Self::File(file) => file.as_fd(),
        }
    }
}

/// The driver of `/dev/null`, `/dev/zero` and `/dev/full`, see Documentation/admin-guide/devices.txt of Linux.
const MEMORY_DEVICES: u32 = 1;

fn is_prompt(stat: &Stat) -> bool {
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => true,
        FileType::CharacterDevice => rustix::fs::major(stat.st_rdev) == MEMORY_DEVICES,
        _ => false,
    }
}

fn open(path: &Path) -> Result<File, String> {
    let is_fifo = path.metadata().is_ok_and(|metadata| metadata.file_type().is_fifo());
    let mut options = File::options();
    // Opened for both, a FIFO waits for no reader and outlives each (fifo(7)). A terminal does not become ours.
    options.create(!is_fifo).append(true).read(is_fifo).custom_flags(OFlags::NOCTTY.bits().cast_signed());
    options.open(path).map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::NotFound => "make its directory",
            io::ErrorKind::PermissionDenied if is_fifo => "let this user read and write it",
            io::ErrorKind::PermissionDenied => "let this user write there",
            _ => "name another file",
        };
        format!("log file {} cannot be opened: {error}; {remedy}", path.display())
    })
}
