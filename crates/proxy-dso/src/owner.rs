//! Who can replace a module file: owner and mode of the file, of every directory above it, and of every link on the
//! way to it.

use std::fmt;
use std::io;
use std::path::Path;

use rustix::fs::{FileType, Stat, lstat};

use crate::refusal::Cause;

/// What is wrong, and the command that mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) complaint: String,
    pub(crate) remedy: String,
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.complaint, self.remedy)
    }
}

const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// What is wrong with the file `stat`, or with how it is come by, if the server runs as `uid`: the nearest first.
/// `path` is how the file is named, `real` where it lies.
///
/// # Errors
/// If a directory cannot be looked at, or the file was taken away meanwhile.
pub(crate) fn look(path: &Path, real: &Path, stat: &Stat, uid: u32) -> io::Result<Option<Complaint>> {
    if let Some(complaint) = of(real, stat, uid) {
        return Ok(Some(complaint));
    }
    for entry in real.ancestors().skip(1) {
        if let Some(complaint) = of(entry, &lstat(entry)?, uid) {
            return Ok(Some(complaint));
        }
    }
    if path == real {
        return Ok(None);
    }
    // As named: whoever owns a link, or may write the directory that it stands in, says where it leads.
    for entry in path.ancestors().skip(1).chain([path]) {
        if let Some(complaint) = of(entry, &lstat(entry)?, uid) {
            return Ok(Some(complaint));
        }
    }
    Ok(None)
}

/// As root a complaint refuses the file; otherwise it is only said, since whoever can write the file could
/// as well start a server of their own.
///
/// # Errors
/// The complaint as a cause.
pub(crate) fn enforce(complaint: &Complaint) -> Result<(), Cause> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let Complaint { complaint, remedy } = complaint.clone();
    Err(Cause::Unsafe { complaint, remedy })
}

/// What is wrong with one file, directory or link. In a sticky directory only the owner of an entry can replace it,
/// and each entry on the way is looked at by itself.
fn of(path: &Path, stat: &Stat, uid: u32) -> Option<Complaint> {
    let path = path.display();
    let (owner, mode) = (stat.st_uid, stat.st_mode & 0o7777);
    let kind = FileType::from_raw_mode(stat.st_mode);
    if owner != 0 && owner != uid {
        let complaint = format!("{path} belongs to user id {owner}");
        let remedy = if kind == FileType::Symlink { "chown -h root" } else { "chown root" };
        return Some(Complaint { complaint, remedy: format!("{remedy} {path}") });
    }
    // A link has no mode of its own.
    if kind == FileType::Symlink || kind == FileType::Directory && mode & STICKY != 0 {
        return None;
    }
    // A group that bears the number of the owner is the owner's private group, which has no other member.
    let group_writes = mode & GROUP_WRITE != 0 && stat.st_gid != owner;
    if !group_writes && mode & OTHERS_WRITE == 0 {
        return None;
    }
    let who = if mode & OTHERS_WRITE != 0 { "everybody" } else { "its group" };
    let complaint = format!("{path} has mode {mode:04o}, which lets {who} write it");
    Some(Complaint { complaint, remedy: format!("chmod go-w {path}") })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn stat(kind: u32, owner: u32, group: u32, mode: u32) -> Stat {
        let mut stat = rustix::fs::stat("/").unwrap();
        stat.st_uid = owner;
        stat.st_gid = group;
        stat.st_mode = kind | mode;
        stat
    }

    const FILE: u32 = 0o100_000;
    const DIRECTORY: u32 = 0o040_000;
    const LINK: u32 = 0o120_000;

    fn said(stat: &Stat, uid: u32) -> Option<String> {
        of(Path::new("/m/x.so"), stat, uid).map(|complaint| complaint.to_string())
    }

    #[test]
    fn files_of_root_and_of_the_server_pass() {
        assert_eq!(said(&stat(FILE, 0, 0, 0o755), 0), None);
        assert_eq!(said(&stat(FILE, 0, 0, 0o755), 1000), None);
        assert_eq!(said(&stat(FILE, 1000, 1000, 0o644), 1000), None);
    }

    #[test]
    fn the_owners_private_group_may_write() {
        assert_eq!(said(&stat(FILE, 1000, 1000, 0o664), 1000), None);
        assert_eq!(
            said(&stat(FILE, 1000, 100, 0o664), 1000).as_deref(),
            Some("/m/x.so has mode 0664, which lets its group write it: chmod go-w /m/x.so")
        );
    }

    #[test]
    fn others_may_not() {
        assert_eq!(
            said(&stat(FILE, 0, 0, 0o666), 0).as_deref(),
            Some("/m/x.so has mode 0666, which lets everybody write it: chmod go-w /m/x.so")
        );
        assert_eq!(
            said(&stat(FILE, 1000, 1000, 0o644), 0).as_deref(),
            Some("/m/x.so belongs to user id 1000: chown root /m/x.so")
        );
        assert_eq!(
            said(&stat(LINK, 1000, 1000, 0o777), 0).as_deref(),
            Some("/m/x.so belongs to user id 1000: chown -h root /m/x.so")
        );
    }

    #[test]
    fn sticky_is_for_directories() {
        assert_eq!(said(&stat(DIRECTORY, 0, 0, 0o1777), 0), None);
        assert!(said(&stat(DIRECTORY, 0, 0, 0o777), 0).is_some());
        assert!(said(&stat(FILE, 0, 0, 0o1777), 0).is_some());
        assert!(said(&stat(DIRECTORY, 7, 7, 0o1777), 0).is_some(), "its owner may replace anything in it");
    }

    #[test]
    fn every_directory_and_every_link_on_the_way_counts() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        let (deep, open) = (root.join("a/b/c"), root.join("open"));
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir(&open).unwrap();
        let file = deep.join("m.so");
        fs::write(&file, "").unwrap();
        symlink(&file, open.join("m.so")).unwrap();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        let uid = rustix::process::geteuid().as_raw();
        let stat = rustix::fs::stat(&file).unwrap();
        let look = |path: &Path| look(path, &file, &stat, uid).unwrap();
        for path in [&file, &deep, &root.join("a"), &open] {
            mode(path, 0o755);
        }
        assert_eq!(look(&open.join("m.so")), None);
        mode(&root.join("a"), 0o777);
        let text = look(&file).unwrap().to_string();
        assert!(text.ends_with(&format!("chmod go-w {}/a", root.display())), "{text}");
        mode(&root.join("a"), 0o1777);
        assert_eq!(look(&file), None);
        mode(&open, 0o777);
        assert_eq!(look(&file), None, "not on the way");
        let text = look(&open.join("m.so")).unwrap().to_string();
        assert!(text.ends_with(&format!("chmod go-w {}", open.display())), "{text}");
    }
}
