//! The round robin that answers in place of a policy that failed.

use std::sync::atomic::Ordering::Relaxed;

use super::Tried;
use crate::cluster::Cluster;
use crate::sync::AtomicUsize;

/// One for each cluster.
#[derive(Debug, Default)]
pub(crate) struct Builtin {
    turn: AtomicUsize,
}

impl Builtin {
    /// The next usable endpoint that was not tried yet.
    pub(crate) fn next(&self, cluster: &Cluster, tried: &Tried) -> Option<u32> {
        let usable = cluster.usable();
        let first = self.turn.fetch_add(1, Relaxed);
        (0..usable.len())
            .map(|step| usable[first.wrapping_add(step) % usable.len()])
            .find(|&index| !tried.contains(index))
    }
}
