//! The socket file: for the server's user alone from its first moment, and never taken from a server that answers.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

/// A bound socket; its file is removed when this is dropped, unless another server has replaced it since.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(super) listener: UnixListener,
    file: File,
}

/// The name, and what it named when it was made.
#[derive(Debug)]
pub(super) struct File {
    path: PathBuf,
    identity: (u64, u64),
}

impl Socket {
    /// Binds it; a file that nobody answers at is replaced.
    ///
    /// # Errors
    /// Why it cannot be had, with the next step.
    pub(crate) fn bind(path: &Path) -> Result<Self, String> {
        let said = |text: String| format!("AdminSocket {}: {text}", path.display());
        check_free(path).map_err(said)?;
        Self::placed(path).map_err(|error| {
            said(format!("it cannot be made: {error}; name a file in a directory that this user may write"))
        })
    }

    /// Bound where nobody else can reach it, and moved to its place only once its mode is right.
    fn placed(path: &Path) -> io::Result<Self> {
        let parent = path.parent().unwrap_or_else(|| Path::new("/"));
        let dir = tempfile::Builder::new().prefix(".admin").tempdir_in(parent)?;
        let made = dir.path().join("s");
        let listener = UnixListener::bind(&made)?;
        fs::set_permissions(&made, Permissions::from_mode(0o600))?;
        let identity = identity(&made)?;
        fs::rename(&made, path)?;
        Ok(Self { listener, file: File { path: path.to_owned(), identity } })
    }

    pub(super) fn into_parts(self) -> (UnixListener, File) {
        (self.listener, self.file)
    }
}

impl File {
    /// Its path, as long as that leads to it.
    pub(super) fn place(&self) -> Option<&Path> {
        identity(&self.path).is_ok_and(|identity| identity == self.identity).then_some(&*self.path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        if self.place().is_some() {
            // The next server replaces what is left behind.
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    fs::symlink_metadata(path).map(|metadata| (metadata.dev(), metadata.ino()))
}

fn check_free(path: &Path) -> Result<(), String> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err("there is a file that is no socket: remove it, or name another one".to_owned());
        }
        Ok(_) => {}
        Err(_) => return Ok(()),
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(error) => Err(format!("whether a server answers there cannot be told: {error}")),
        Ok(_) => Err("another server answers there: stop it, or name another socket".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_socket_that_nobody_answers_at_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("admin.sock");
        let first = Socket::bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert!(Socket::bind(&path).unwrap_err().contains("another server answers"));
        let (listener, file) = first.into_parts();
        // A child that another test is about to start may have it for a moment longer.
        rustix::net::shutdown(&listener, rustix::net::Shutdown::Both).unwrap();
        drop(listener);
        let second = Socket::bind(&path).unwrap();
        drop(file);
        assert!(path.exists(), "the file of the second was removed by the first");
        drop(second);
        assert!(!path.exists());
        fs::write(&path, "mine").unwrap();
        assert!(Socket::bind(&path).unwrap_err().contains("no socket"));
        assert_eq!(fs::read(&path).unwrap(), b"mine");
    }
}
