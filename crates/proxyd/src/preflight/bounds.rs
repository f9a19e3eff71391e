//! What the child may use, and what it may no longer do.

use std::io;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};

use super::LIMIT;

/// Addresses, in bytes: what a module may ask for, and as much again.
const ADDRESSES: u64 = 2 << 30;
const OPEN_FILES: u64 = 64;

/// Bounds this process and whatever it starts. `threads`: the module says that it starts some.
///
/// # Errors
/// The system's.
pub(super) fn set(threads: bool) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    set_no_new_privs(true)?;
    drop_capabilities()?;
    limit(Resource::Cpu, LIMIT.as_secs() + 1)?;
    limit(Resource::Nofile, OPEN_FILES)?;
    limit(Resource::Core, 0)?;
    // A sanitizer reserves terabytes, has threads, and writes its reports into files.
    if cfg!(sanitized) {
        return Ok(());
    }
    limit(Resource::As, ADDRESSES)?;
    limit(Resource::Fsize, 0)?;
    if !threads {
        limit(Resource::Nproc, 0)?;
    }
    Ok(())
}

/// Whoever has none does not even ask: a service's own filter may end it for asking.
fn drop_capabilities() -> io::Result<()> {
    if capabilities(None)?.permitted.is_empty() {
        return Ok(());
    }
    let none = CapabilitySet::empty();
    Ok(set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?)
}

/// No more than there was.
fn limit(resource: Resource, most: u64) -> io::Result<()> {
    let Rlimit { maximum, .. } = getrlimit(resource);
    let most = Some(maximum.map_or(most, |maximum| maximum.min(most)));
    Ok(setrlimit(resource, Rlimit { current: most, maximum: most })?)
}
