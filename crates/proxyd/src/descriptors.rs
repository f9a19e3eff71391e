//! Open files: how many there may be, and how many clients they bear. A client whose request is forwarded takes two,
//! one for itself and one for the endpoint, and what was accepted must not fail for want of the second.

use std::fs;
use std::path::Path;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Takes all that the system lets us: the usual soft limit of 1024 is there for programs that use `select`.
pub(crate) fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Failing leaves the limit as it was.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}

/// What the server takes beside its clients.
#[derive(Debug, Clone, Copy)]
struct Fixed {
    open: u64,
    executors: u64,
    listeners: u64,
}

/// Room for as many clients as MaxConnections asks for (`asked`), but no more than the limit of open files bears; and
/// what executors may keep beside them. The server may be at work.
pub(crate) fn room(asked: Option<usize>, executors: usize, listeners: usize) -> Shares {
    let Some(limit) = getrlimit(Resource::Nofile).current else {
        return Shares {
            clients: asked.unwrap_or(UNLIMITED),
            lingering: MOST_LINGERING as usize,
            pipes: MOST_PIPES as usize,
        };
    };
    let fixed = Fixed { open: open_files(), executors: executors as u64, listeners: listeners as u64 };
    let shares = share(limit, fixed);
    let bears = shares.clients;
    if let Some(asked) = asked.filter(|asked| *asked > bears) {
        let wanted = limit + 2 * (asked - bears) as u64;
        warn!(
            event = "fd_limit",
            "MaxConnections {asked} is more than {limit} open files bear: it is {bears}; allow {wanted} files, as by \
             `ulimit -n {wanted}`"
        );
    }
    Shares { clients: asked.map_or(bears, |asked| asked.min(bears)), ..shares }
}

/// Those that are neither sockets, a reactor's nor pipes of bodies: clients and executors come and go.
fn open_files() -> u64 {
    let Ok(files) = fs::read_dir("/proc/self/fd") else { return USUAL };
    let is_passing = |link: &Path| {
        let link = link.to_string_lossy();
        ["socket:", "anon_inode:", "pipe:"].iter().any(|kind| link.starts_with(kind))
    };
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links.filter(|link| !is_passing(link)).count() as u64
}

/// Files that are open where nobody can say.
const USUAL: u64 = 32;
/// Clients where files are not limited.
const UNLIMITED: usize = 1_000_000;
/// Refused clients that an executor keeps open for a while.
const MOST_LINGERING: u64 = 8;
/// Pipes of an executor that long bodies go through; without one they go through memory.
const MOST_PIPES: u64 = 32;
/// For the admin socket, signals, the reactors of both, logs that are pipes, and whatever the system opens on our behalf,
/// as for looking up names.
const RESERVE: u64 = 16;

/// What files are for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    pub(crate) clients: usize,
    /// Refused clients that an executor may keep.
    pub(crate) lingering: usize,
    /// Pipes that an executor may have.
    pub(crate) pipes: usize,
}

/// What so many files bear.
fn share(limit: u64, fixed: Fixed) -> Shares {
    let lingering = (limit / 64).min(MOST_LINGERING);
    let pipes = (limit / 128).min(MOST_PIPES);
    // A reactor has two; listeners are shared, but each has a spare; a pipe has two ends.
    let executor = 2 + fixed.listeners + lingering + 2 * pipes;
    let taken = fixed.open + fixed.listeners + fixed.executors * executor + RESERVE;
    let clients = (limit.saturating_sub(taken) / 2).max(1);
    let clients = usize::try_from(clients).unwrap_or(UNLIMITED);
    Shares { clients, lingering: lingering as usize, pipes: pipes as usize }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_takes_two() {
        let fixed = Fixed { open: 12, executors: 2, listeners: 1 };
        let shares = |clients, lingering, pipes| Shares { clients, lingering, pipes };
        assert_eq!(share(1024, fixed), shares((1024 - 12 - 1 - 22 - 32 - 16) / 2, 8, 8));
        assert_eq!(share(64, fixed), shares((64 - 12 - 1 - 8 - 16) / 2, 1, 0));
        assert_eq!(share(10, fixed), shares(1, 0, 0), "one is served as long as it can be");
    }
}
