//! Configuration files from the file system: who may have written them, and that links do not lead out of
//! ServerRoot.

use std::fs::{File, FileType, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use proxy_config::{DirEntry, Loader};
use rustix::fs::OFlags;

/// Reads the files of one configuration.
#[derive(Debug)]
pub(crate) struct Files {
    main: PathBuf,
    server_root: PathBuf,
    is_root: bool,
}

const OTHERS_WRITE: u32 = 0o002;

impl Files {
    /// For the main file, which the operator named and which may be anywhere, and what it includes.
    pub(crate) fn new(main: &Path, server_root: &Path) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        Self { main: main.to_owned(), server_root: server_root.to_owned(), is_root }
    }

    /// A link below ServerRoot must not lead out of it: whoever may write one directory of the configuration
    /// could otherwise have the server read, and print in its errors, any file. Paths below another ServerRoot,
    /// set by the configuration itself, have been confined by name already.
    fn confine(&self, path: &Path) -> io::Result<()> {
        if path == self.main || !path.starts_with(&self.server_root) {
            return Ok(());
        }
        let (real, root) = (path.canonicalize()?, self.server_root.canonicalize()?);
        if real.starts_with(&root) {
            return Ok(());
        }
        let text = format!("it is a link to {}, outside of ServerRoot {}", real.display(), root.display());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
    }
}

impl Loader for Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.confine(path)?;
        // A FIFO would wait for somebody to write.
        let flags = OFlags::NONBLOCK.bits().cast_signed();
        let mut file = File::options().read(true).custom_flags(flags).open(path)?;
        // Of the open file, so that it cannot be exchanged in between.
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        if is_null(&metadata) {
            return Ok(Vec::new());
        }
        if !metadata.is_file() {
            return Err(not_regular(metadata.file_type()));
        }
        if self.is_root {
            refuse_writable(path, metadata.mode())?;
        }
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<DirEntry>> {
        self.confine(dir)?;
        let entry = |entry: io::Result<std::fs::DirEntry>| {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            // Follows links, as reading does.
            Ok(DirEntry { name, is_dir: entry.path().is_dir() })
        };
        std::fs::read_dir(dir)?.map(entry).collect()
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// `/dev/null`: nothing but what `-C` and `-c` say.
fn is_null(metadata: &Metadata) -> bool {
    let device = metadata.rdev();
    metadata.file_type().is_char_device() && (rustix::fs::major(device), rustix::fs::minor(device)) == (1, 3)
}

fn not_regular(is: FileType) -> io::Error {
    let kind = if is.is_fifo() {
        "a pipe"
    } else if is.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    io::Error::other(format!(
        "it is {kind}; a configuration is a regular file, or /dev/null for an empty one"
    ))
}

fn refuse_writable(path: &Path, mode: u32) -> io::Result<()> {
    if mode & OTHERS_WRITE == 0 {
        return Ok(());
    }
    let text = format!(
        "everybody may write it (mode {:04o}), and the server runs as root: chmod o-w {}",
        mode & 0o7777,
        path.display()
    );
    Err(io::Error::new(io::ErrorKind::PermissionDenied, text))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn write(path: &Path, mode: u32) {
        std::fs::write(path, "Listen 80\n").unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn links_stay_below_the_server_root() {
        let outside = tempfile::tempdir().unwrap();
        let root = tempfile::tempdir().unwrap();
        let (secret, inside) = (outside.path().join("secret"), root.path().join("a.conf"));
        write(&secret, 0o644);
        write(&inside, 0o644);
        symlink(&secret, root.path().join("out.conf")).unwrap();
        symlink(&inside, root.path().join("in.conf")).unwrap();
        symlink(outside.path(), root.path().join("dir")).unwrap();
        let files = Files::new(&inside, root.path());
        assert!(files.read(&root.path().join("in.conf")).is_ok());
        assert!(files.read(&root.path().join("dir/secret")).is_err());
        assert!(files.list(&root.path().join("dir")).is_err());
        let error = files.read(&root.path().join("out.conf")).unwrap_err().to_string();
        assert!(error.contains("outside of ServerRoot"), "{error}");
        let linked_main = Files::new(&root.path().join("out.conf"), root.path());
        assert!(linked_main.read(&root.path().join("out.conf")).is_ok());
    }

    #[test]
    fn root_refuses_what_others_may_write() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.conf");
        write(&path, 0o666);
        let files = |is_root| Files { is_root, ..Files::new(&path, dir.path()) };
        assert!(files(false).read(&path).is_ok());
        let error = files(true).read(&path).unwrap_err().to_string();
        assert!(error.contains("mode 0666") && error.contains("chmod o-w"), "{error}");
        write(&path, 0o664);
        assert!(files(true).read(&path).is_ok());
    }

    #[test]
    fn only_regular_files_are_read() {
        let files = Files::new(Path::new("/dev/zero"), Path::new("/"));
        let error = files.read(Path::new("/dev/zero")).unwrap_err().to_string();
        assert_eq!(error, "it is a device; a configuration is a regular file, or /dev/null for an empty one");
        assert_eq!(files.read(Path::new("/dev/null")).unwrap(), b"");
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, rustix::fs::Mode::RWXU).unwrap();
        assert!(files.read(&fifo).unwrap_err().to_string().starts_with("it is a pipe; "));
        assert_eq!(files.read(Path::new("/dev")).unwrap_err().kind(), io::ErrorKind::IsADirectory);
    }
}
