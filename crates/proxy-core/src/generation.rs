//! A generation: one parsed configuration, the module instances begun for it, its clusters and its compiled hooks.
//! Immutable once published; a request sees one generation from its first hook to its last.

mod build;
mod hand_over;
mod inherited;
mod live;
mod published;
mod retired;

use std::sync::Arc;

use proxy_abi as abi;
use proxy_abi::{AccessChecker, Fixups, LoadBalance, LogTransaction, PostReadRequest, ResponseHead};

pub use hand_over::HandedOver;
pub use live::LiveModule;
use live::LiveModules;
pub use published::Published;
pub use retired::Retired;

use crate::caller::Caller;
use crate::cluster::Cluster;
use crate::conf::{ProxySettings, ServerConf};
use crate::hash_key::HashSource;
use crate::hooks::{Chain, HookTable, Keyed};
use crate::providers::ProviderTable;
use crate::routing::{Route, Servers};
use crate::trylist::{Builtin, Policy, Question, Trylist, Unwatched, Watch, Watched};

/// One generation.
#[derive(Debug)]
pub struct Generation {
    conf: ServerConf,
    servers: Servers,
    hooks: RequestHooks,
    load_balance: Keyed<LoadBalance>,
    balancers: Vec<Balancer>,
    clusters: Vec<Balanced>,
    // Dropped last: blobs and trylists are destroyed by code of these.
    modules: LiveModules,
    // After them, since they hold pointers to what they run and to what they looked up.
    table: HookTable,
    providers: ProviderTable,
}

/// The chains that each request runs.
#[derive(Debug)]
pub struct RequestHooks {
    /// After a well-formed head was read.
    pub post_read_request: Chain<PostReadRequest>,
    /// May refuse.
    pub access_checker: Chain<AccessChecker>,
    /// Last before forwarding.
    pub fixups: Chain<Fixups>,
    /// After the head of an endpoint's response was read.
    pub response_head: Chain<ResponseHead>,
    /// Once per request, at its end.
    pub log_transaction: Chain<LogTransaction>,
}

/// A cluster, and who answers for it after a fault of its policy.
#[derive(Debug)]
struct Balanced {
    cluster: Cluster,
    builtin: Arc<Builtin>,
    /// What its requests are hashed by.
    hash_source: Option<HashSource>,
}

/// Who answers for a load_balancer_module_id; resolved once, so that a request looks up no name.
#[derive(Debug)]
struct Balancer {
    module_id: String,
    /// Places in the keyed chain.
    members: Vec<usize>,
}

impl Generation {
    /// The configuration it was built from.
    #[must_use]
    pub const fn conf(&self) -> &ServerConf {
        &self.conf
    }

    /// Which server and which mapping a request belongs to.
    #[must_use]
    pub const fn servers(&self) -> &Servers {
        &self.servers
    }

    /// The chains that each request runs.
    #[must_use]
    pub const fn hooks(&self) -> &RequestHooks {
        &self.hooks
    }

    /// All hooks, for dumps.
    #[must_use]
    pub const fn hook_table(&self) -> &HookTable {
        &self.table
    }

    /// All providers, for dumps.
    #[must_use]
    pub const fn providers(&self) -> &ProviderTable {
        &self.providers
    }

    /// Its modules in load order.
    #[must_use]
    pub fn modules(&self) -> &[LiveModule] {
        self.modules.in_load_order()
    }

    /// It is put in force with this number.
    fn set_number(&self, number: u64) {
        for module in self.modules() {
            module.gate().set_generation(number);
        }
    }

    /// Its clusters, those made for routes to URLs included.
    pub fn clusters(&self) -> impl Iterator<Item = &Cluster> {
        self.clusters.iter().map(|balanced| &balanced.cluster)
    }

    /// Endpoints of all clusters: one more than the largest slot.
    #[must_use]
    pub fn endpoint_count(&self) -> usize {
        self.clusters().map(|cluster| cluster.endpoints().len()).sum()
    }

    /// Runs `proxy.load_balance` for a request on `route`: the endpoints to try, in order. A route to an URL asks
    /// nobody.
    ///
    /// Nothing else in the server knows how an endpoint is chosen.
    pub fn trylist<'g>(
        &'g self,
        caller: &'g Caller,
        route: &'g Route,
        settings: &ProxySettings,
        request: &'g abi::Request<'g>,
    ) -> Trylist<'g> {
        if caller.is_watched() {
            return self.watched_trylist(caller, route, settings, request);
        }
        self.trylist_as::<Unwatched>(caller, route, settings, request)
    }

    /// The same while somebody looks on; out of the way of requests at which nobody does.
    #[cold]
    #[inline(never)]
    fn watched_trylist<'g>(
        &'g self,
        caller: &'g Caller,
        route: &'g Route,
        settings: &ProxySettings,
        request: &'g abi::Request<'g>,
    ) -> Trylist<'g> {
        self.trylist_as::<Watched<'g>>(caller, route, settings, request)
    }

    #[inline(always)]
    fn trylist_as<'g, W: Watch<'g>>(
        &'g self,
        caller: &'g Caller,
        route: &'g Route,
        settings: &ProxySettings,
        request: &'g abi::Request<'g>,
    ) -> Trylist<'g> {
        let balanced: &'g Balanced = &self.clusters[route.destination.cluster];
        let (cluster, builtin) = (&balanced.cluster, &*balanced.builtin);
        let Some(balancer) = route.destination.balancer.map(|place| &self.balancers[place]) else {
            return Trylist::of_origin(cluster, caller);
        };
        let endpoints = u32::try_from(cluster.endpoints().len()).unwrap_or(u32::MAX);
        let max_attempts = settings.max_tries.unwrap_or(endpoints);
        let hash_key =
            balanced.hash_source.as_ref().and_then(|source| source.key(request)).unwrap_or_default();
        let question =
            Question { module_id: &balancer.module_id, cluster, builtin, request, hash_key, max_attempts };
        let members = balancer.members.iter().filter_map(|&place| self.load_balance.member(place));
        let begun = Policy::<W>::begin(caller, &question, members);
        Trylist::of_policy(cluster, caller, begun, max_attempts)
    }
}
