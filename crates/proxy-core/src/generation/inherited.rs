//! What the next generation finds of the one in force, by identity, whatever their places. While it is built, it shares
//! what is counted of endpoints that stay, and where the round robin of clusters that stay is: requests of the old one
//! end on the same counters. What modules keep goes over before it is put in force (`hand_over`).

use std::collections::HashMap;
use std::sync::Arc;

use proxy_abi::Stats;

use super::{Balanced, Generation};
use crate::cluster::{Cluster, Endpoint};
use crate::trylist::Builtin;

/// The old generation's objects.
#[derive(Default)]
pub(super) struct Inherited<'a> {
    /// By id.
    endpoints: HashMap<u64, &'a Endpoint>,
    /// By name.
    clusters: HashMap<&'a str, &'a Balanced>,
}

impl<'a> Inherited<'a> {
    /// All that `old` has.
    pub(super) fn from(old: &'a Generation) -> Self {
        let endpoints = old.clusters().flat_map(Cluster::endpoints);
        Self {
            endpoints: endpoints.map(|endpoint| (endpoint.id, endpoint)).collect(),
            clusters: old.clusters.iter().map(|one| (&*one.cluster.name, one)).collect(),
        }
    }

    /// The endpoint of this id.
    pub(super) fn endpoint(&self, id: u64) -> Option<&'a Endpoint> {
        self.endpoints.get(&id).copied()
    }

    /// The cluster of this name.
    pub(super) fn cluster(&self, name: &str) -> Option<&'a Cluster> {
        self.clusters.get(name).map(|balanced| &balanced.cluster)
    }

    /// The statistics of the endpoint of this id.
    pub(super) fn stats(&self, endpoint: u64) -> Arc<Stats> {
        self.endpoint(endpoint).map_or_else(Arc::default, Endpoint::shared_stats)
    }

    /// The round robin of the cluster of this name.
    pub(super) fn builtin(&self, cluster: &str) -> Arc<Builtin> {
        self.clusters.get(cluster).map_or_else(Arc::default, |balanced| Arc::clone(&balanced.builtin))
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
