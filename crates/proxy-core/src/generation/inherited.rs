//! What a generation shares with the one that is in force while it is built: what is counted of endpoints that stay,
//! and where the round robin of clusters that stay is. Both are found by identity, whatever their places; requests of
//! the old generation end on the same counters.

use std::collections::HashMap;
use std::sync::Arc;

use proxy_abi::Stats;

use super::Generation;
use crate::cluster::Cluster;
use crate::trylist::Builtin;

/// What there is to be shared.
#[derive(Default)]
pub(super) struct Inherited<'a> {
    /// By the endpoint's id.
    stats: HashMap<u64, Arc<Stats>>,
    /// By the cluster's name.
    builtins: HashMap<&'a str, &'a Arc<Builtin>>,
}

impl<'a> Inherited<'a> {
    /// All that `old` has.
    pub(super) fn from(old: &'a Generation) -> Self {
        let endpoints = old.clusters().flat_map(Cluster::endpoints);
        Self {
            stats: endpoints.map(|endpoint| (endpoint.id, endpoint.shared_stats())).collect(),
            builtins: old.clusters.iter().map(|one| (&*one.cluster.name, &one.builtin)).collect(),
        }
    }

    /// The statistics of the endpoint of this id.
    pub(super) fn stats(&self, endpoint: u64) -> Arc<Stats> {
        self.stats.get(&endpoint).cloned().unwrap_or_default()
    }

    /// The round robin of the cluster of this name.
    pub(super) fn builtin(&self, cluster: &str) -> Arc<Builtin> {
        self.builtins.get(cluster).map_or_else(Arc::default, |builtin| Arc::clone(builtin))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;

    use proxy_config::{Input, MemoryLoader};

    use super::*;
    use crate::caller::Caller;
    use crate::lower::configure;
    use crate::module::{LoadModules, LoadedCode, ModuleFile, NotLoaded};

    struct NoFiles;

    impl LoadModules for NoFiles {
        fn load(&self, _: &ModuleFile) -> Result<LoadedCode, NotLoaded> {
            Err(NotLoaded::File("there are none".to_owned()))
        }
    }

    /// Clusters with the ports of their endpoints.
    fn build(clusters: &[(&str, &[u16])], old: Option<&Generation>) -> Generation {
        let mut text = "Listen 80\n".to_owned();
        for (name, ports) in clusters {
            let members: String =
                ports.iter().map(|port| format!("BalancerMember http://127.0.0.1:{port}\n")).collect();
            text += &format!("<Proxy balancer://{name}>\n{members}</Proxy>\n");
        }
        let files = MemoryLoader::default().with("/t/a.conf", text);
        let configured = configure(&Input::new("/t/a.conf", "/t"), &files, &NoFiles, Vec::new());
        assert!(!configured.diagnostics.has_errors());
        Generation::build_after(configured.conf, &[], &Caller::new(u32::MAX), old).unwrap()
    }

    /// What each endpoint has in flight, in order.
    fn in_flight(generation: &Generation) -> Vec<(&str, &str, u32)> {
        let mut counts = Vec::new();
        for cluster in generation.clusters() {
            for endpoint in cluster.endpoints() {
                counts.push((&*cluster.name, &*endpoint.addr, endpoint.stats().in_flight.load(Relaxed)));
            }
        }
        counts
    }

    #[test]
    fn counters_go_with_the_endpoint_whatever_its_place() {
        let old = build(&[("a", &[1, 2]), ("b", &[1])], None);
        for (endpoint, count) in old.clusters().flat_map(Cluster::endpoints).zip([10, 20, 30]) {
            endpoint.stats().in_flight.store(count, Relaxed);
        }
        let new = build(&[("c", &[1]), ("b", &[2, 1]), ("a", &[3, 2])], Some(&old));
        let wanted = [
            ("c", "127.0.0.1:1", 0),
            ("b", "127.0.0.1:2", 0),
            ("b", "127.0.0.1:1", 30),
            ("a", "127.0.0.1:3", 0),
            ("a", "127.0.0.1:2", 20),
        ];
        assert_eq!(in_flight(&new), wanted);
        old.clusters().nth(1).unwrap().endpoints()[0].stats().in_flight.fetch_sub(1, Relaxed);
        assert_eq!(in_flight(&new)[2].2, 29, "a request of the old one has ended");
    }

    #[test]
    fn the_round_robin_goes_with_the_name_of_its_cluster() {
        let old = build(&[("a", &[1, 2]), ("b", &[1])], None);
        let new = build(&[("b", &[1]), ("c", &[1]), ("a", &[2])], Some(&old));
        let is_shared = |new_place: usize, old_place: usize| {
            Arc::ptr_eq(&new.clusters[new_place].builtin, &old.clusters[old_place].builtin)
        };
        assert!(is_shared(0, 1) && is_shared(2, 0));
        assert!((0..2).all(|place| !is_shared(1, place)));
    }
}
