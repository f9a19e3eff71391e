//! Opening a file below a directory that no link may lead out of: whoever may write one directory there could
//! otherwise have the server load any file.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::FLAGS;
use crate::refusal::Cause;

/// Opens `path`, which begins with `root`. Links may be followed as long as they stay below `root`, whatever it is
/// itself reached by.
///
/// # Errors
/// If one leads out of it, or the file cannot be opened.
pub(super) fn open(root: &Path, path: &Path) -> Result<File, Cause> {
    let relative = path.strip_prefix(root).map_err(|_| outside(root, path))?;
    let directory =
        rustix::fs::openat(CWD, root, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
            .map_err(super::not_opened)?;
    match confined(&directory, relative) {
        Ok(file) => Ok(file.into()),
        // Either of them may be a link that is written from `/` and leads below the root all the same, which the
        // system does not tell from others.
        Err(Errno::XDEV | Errno::NOSYS | Errno::PERM | Errno::AGAIN) => open_real(root, path),
        Err(error) => Err(super::not_opened(error)),
    }
}

/// By the system's own rule: no step may leave `directory`. Linux before 5.6 cannot, and filters may forbid it.
fn confined(directory: impl AsFd, relative: &Path) -> Result<OwnedFd, Errno> {
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    // A directory that is renamed meanwhile makes the system unsure.
    let mut attempts =
        (0..4).map(|_| rustix::fs::openat2(directory.as_fd(), relative, FLAGS, Mode::empty(), resolve));
    attempts.find(|opened| !matches!(opened, Err(Errno::AGAIN))).unwrap_or(Err(Errno::AGAIN))
}

/// Follows all links first, sees where they end, and then opens what is there without following any.
fn open_real(root: &Path, path: &Path) -> Result<File, Cause> {
    let failed = |error: io::Error| super::not_opened(Errno::from_io_error(&error).unwrap_or(Errno::IO));
    let (real_root, real) =
        (fs::canonicalize(root).map_err(failed)?, fs::canonicalize(path).map_err(failed)?);
    if !real.starts_with(&real_root) {
        return Err(outside(root, &real));
    }
    let opened = rustix::fs::openat(CWD, &real, FLAGS | OFlags::NOFOLLOW, Mode::empty());
    let file = File::from(opened.map_err(super::not_opened)?);
    // A directory on the way may have been exchanged for a link since.
    let there = super::real_path(&file).map_err(super::unreadable)?;
    if there.starts_with(&real_root) { Ok(file) } else { Err(outside(root, &there)) }
}

fn outside(root: &Path, real: &Path) -> Cause {
    let path = |path: &Path| -> PathBuf { path.to_owned() };
    Cause::OutsideRoot { root: path(root), real: path(real) }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    /// How the file was opened, by both ways.
    fn opened(root: &Path, path: &Path) -> [Result<String, Cause>; 2] {
        [open(root, path), open_real(root, path)].map(|file| {
            let mut text = String::new();
            file?.read_to_string(&mut text).unwrap();
            Ok(text)
        })
    }

    #[test]
    fn links_may_lead_anywhere_below_and_nowhere_else() {
        let (outside, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (secret, root) = (outside.path().join("secret"), root.path());
        fs::write(&secret, "secret").unwrap();
        fs::create_dir(root.join("modules")).unwrap();
        fs::write(root.join("modules/a"), "a").unwrap();
        symlink("modules/a", root.join("near")).unwrap();
        symlink(root.join("modules"), root.join("absolute")).unwrap();
        symlink(&secret, root.join("far")).unwrap();
        symlink(outside.path(), root.join("away")).unwrap();
        symlink("../../../../../../../../etc/passwd", root.join("up")).unwrap();
        symlink("/proc/self/root", root.join("magic")).unwrap();
        for inside in ["modules/a", "near", "absolute/a"] {
            assert_eq!(
                opened(root, &root.join(inside)),
                [Ok("a".to_owned()), Ok("a".to_owned())],
                "{inside}"
            );
        }
        for out in ["far", "away/secret", "up", "magic/etc/passwd"] {
            for found in opened(root, &root.join(out)) {
                assert!(matches!(found, Err(Cause::OutsideRoot { .. })), "{out}: {found:?}");
            }
        }
        assert_eq!(opened(root, &root.join("none")), [Err(Cause::Missing), Err(Cause::Missing)]);
        assert_eq!(
            opened(&root.join("none"), &root.join("none/x")),
            [Err(Cause::Missing), Err(Cause::Missing)]
        );
    }

    #[test]
    fn the_root_itself_may_be_a_link() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("v1")).unwrap();
        fs::write(dir.path().join("v1/a"), "a").unwrap();
        let current = dir.path().join("current");
        symlink("v1", &current).unwrap();
        assert_eq!(opened(&current, &current.join("a")), [Ok("a".to_owned()), Ok("a".to_owned())]);
    }
}
