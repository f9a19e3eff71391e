//! Who can replace a module file: the file's and its directory's owner and mode.

use std::path::Path;

use rustix::fs::Stat;

/// What is wrong, and the command that mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Complaint {
    pub(crate) complaint: String,
    pub(crate) remedy: String,
}

const GROUP_WRITE: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// What is wrong with a module file, if the server runs as `uid`.
pub(crate) fn of_file(path: &Path, stat: &Stat, uid: u32) -> Option<Complaint> {
    complaint(path, stat, uid)
}

/// What is wrong with the directory of a module file that itself is in order. In a sticky directory only the
/// file's owner can replace it.
pub(crate) fn of_directory(path: &Path, stat: &Stat, uid: u32) -> Option<Complaint> {
    if stat.st_mode & STICKY != 0 { None } else { complaint(path, stat, uid) }
}

fn complaint(path: &Path, stat: &Stat, uid: u32) -> Option<Complaint> {
    let path = path.display();
    let (owner, mode) = (stat.st_uid, stat.st_mode & 0o7777);
    if owner != 0 && owner != uid {
        let complaint = format!("{path} belongs to user id {owner}");
        return Some(Complaint { complaint, remedy: format!("chown root {path}") });
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
    use super::*;

    fn stat(owner: u32, group: u32, mode: u32) -> Stat {
        let mut stat = rustix::fs::stat("/").unwrap();
        stat.st_uid = owner;
        stat.st_gid = group;
        stat.st_mode = 0o100_000 | mode;
        stat
    }

    fn said(stat: &Stat, uid: u32) -> Option<String> {
        of_file(Path::new("/m/x.so"), stat, uid).map(|c| format!("{}: {}", c.complaint, c.remedy))
    }

    #[test]
    fn files_of_root_and_of_the_server_pass() {
        assert_eq!(said(&stat(0, 0, 0o755), 0), None);
        assert_eq!(said(&stat(0, 0, 0o755), 1000), None);
        assert_eq!(said(&stat(1000, 1000, 0o644), 1000), None);
    }

    #[test]
    fn the_owners_private_group_may_write() {
        assert_eq!(said(&stat(1000, 1000, 0o664), 1000), None);
        assert_eq!(
            said(&stat(1000, 100, 0o664), 1000).as_deref(),
            Some("/m/x.so has mode 0664, which lets its group write it: chmod go-w /m/x.so")
        );
    }

    #[test]
    fn others_may_not() {
        assert_eq!(
            said(&stat(0, 0, 0o666), 0).as_deref(),
            Some("/m/x.so has mode 0666, which lets everybody write it: chmod go-w /m/x.so")
        );
        assert_eq!(
            said(&stat(1000, 1000, 0o644), 0).as_deref(),
            Some("/m/x.so belongs to user id 1000: chown root /m/x.so")
        );
    }

    #[test]
    fn a_sticky_directory_passes() {
        assert_eq!(of_directory(Path::new("/tmp"), &stat(0, 0, 0o1777), 0), None);
        assert!(of_directory(Path::new("/tmp"), &stat(0, 0, 0o777), 0).is_some());
    }
}
