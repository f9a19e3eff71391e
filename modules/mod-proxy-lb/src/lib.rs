//! Round robin, after the 2003 post. LoadModule proxy_lb_module modules/mod_proxy_lb.so
use proxy_module::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

#[derive(Directives)]
struct Config {
    /// LBServerCluster NAME URL [weight=N]: adds a server to a cluster; servers are used in this order.
    #[directive(name = "LBServerCluster", keyed)]
    clusters: BTreeMap<String, Vec<String>>,
    /// LBProxyPass PATH CLUSTER: as ProxyPass, with a cluster in place of the URL.
    #[directive(name = "LBProxyPass", route)]
    _routes: Routes,
}

struct RoundRobin {
    turn: ClusterSlot<AtomicUsize>, // a counter for each cluster
}

struct Walk {
    first: usize,
    offered: usize,
}

impl Balancer for RoundRobin {
    type Config = Config;
    type Walk = Walk;

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        for (name, urls) in &config.clusters {
            init.cluster(name)?.endpoints(urls)?;
        }
        Ok(Self { turn: init.per_cluster_kept("turn")? })
    }

    fn begin(&self, _request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let first = set.state(&self.turn).fetch_add(1, Relaxed);
        Ok(Begin::Trylist(Walk { first, offered: 0 }))
    }

    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let usable = attempt.endpoints().usable();
        if walk.offered >= usable.len() {
            return Ok(Next::Exhausted);
        }
        let place = walk.first.wrapping_add(walk.offered) % usable.len();
        walk.offered += 1;
        Ok(Next::Endpoint(usable[place]))
    }
}

proxy_module::module!(proxy_lb_module: balancer RoundRobin);
