//! The process that holds the lock of a PidFile: asked of the kernel, and held by a descriptor, so that a signal
//! reaches it or nobody.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::process::{
    Flock, FlockType, Pid, PidfdFlags, Signal, fcntl_getlk, pidfd_open, pidfd_send_signal,
};

/// A running server.
#[derive(Debug)]
pub(crate) struct Holder {
    pid: Pid,
    process: OwnedFd,
}

impl Holder {
    /// Who holds the file at `path`; nobody if it is not there or not locked, whatever stands in it.
    ///
    /// # Errors
    /// If that cannot be told: why, and the next step.
    pub(crate) fn of(path: &Path) -> Result<Option<Self>, String> {
        let said = |text: String| format!("PidFile {}: {text}", path.display());
        let file = match open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
                return Err(said(
                    "it is a symbolic link, which is not followed: name the file itself".to_owned(),
                ));
            }
            Err(error) => return Err(said(format!("it cannot be opened: {error}"))),
        };
        loop {
            let Some(pid) = locked_by(&file).map_err(said)? else { return Ok(None) };
            let process = match pidfd_open(pid, PidfdFlags::empty()) {
                Ok(process) => process,
                // It has ended, and its lock with it.
                Err(Errno::SRCH) => continue,
                Err(error) => return Err(said(format!("process {pid} cannot be reached: {error}"))),
            };
            // Of the same number as before, so that the descriptor cannot be that of a successor in the number.
            if locked_by(&file).map_err(said)? == Some(pid) {
                return Ok(Some(Self { pid, process }));
            }
        }
    }

    /// Its number.
    pub(crate) const fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Sends a signal to it and to nobody else; whether it was still there.
    ///
    /// # Errors
    /// If this user may not.
    pub(crate) fn signal(&self, signal: Signal) -> Result<bool, String> {
        match pidfd_send_signal(&self.process, signal) {
            Ok(()) => Ok(true),
            Err(Errno::SRCH) => Ok(false),
            Err(error) => Err(format!(
                "process {} cannot be signalled: {error}; do it as the user that the server runs as",
                self.pid
            )),
        }
    }

    /// Waits for its end; whether it came in time.
    pub(crate) fn ends_within(&self, limit: Duration) -> bool {
        let end = Instant::now() + limit;
        loop {
            let rest = end.saturating_duration_since(Instant::now());
            let timeout = Timespec::try_from(rest).ok();
            match poll(&mut [PollFd::new(&self.process, PollFlags::IN)], timeout.as_ref()) {
                Ok(0) if rest.is_zero() => return false,
                Ok(0) | Err(Errno::INTR) => {}
                Ok(_) => return true,
                Err(_) => return false,
            }
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    File::options().read(true).custom_flags(flags).open(path)
}

/// Who holds it, other than this process.
fn locked_by(file: &File) -> Result<Option<Pid>, String> {
    match fcntl_getlk(file, &Flock::from(FlockType::WriteLock)) {
        Ok(None) => Ok(None),
        Ok(Some(lock)) => match lock.pid {
            Some(pid) => Ok(Some(pid)),
            None => {
                Err("a process of another container holds it, which cannot be reached from here".to_owned())
            }
        },
        Err(error) => Err(format!("who holds it cannot be told: {error}")),
    }
}
