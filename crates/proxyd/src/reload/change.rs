//! What a reload has changed, in few words.

use std::collections::HashSet;
use std::fmt;

use proxy_core::cluster::Cluster;
use proxy_core::generation::Generation;

/// The difference between two generations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    kept: usize,
    new: usize,
    gone: usize,
    /// Module files that were not loaded before.
    files: usize,
}

impl Change {
    /// From `old` to `new`, for which so many files were loaded anew.
    pub(super) fn between(old: &Generation, new: &Generation, files: usize) -> Self {
        let (old, new) = (endpoints(old), endpoints(new));
        let kept = old.intersection(&new).count();
        Self { kept, new: new.len() - kept, gone: old.len() - kept, files }
    }
}

fn endpoints(generation: &Generation) -> HashSet<u64> {
    generation.clusters().flat_map(Cluster::endpoints).map(|endpoint| endpoint.id).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kept, new, gone, files } = self;
        write!(f, "endpoints: {kept} kept, {new} new, {gone} gone; module files loaded anew: {files}")
    }
}
