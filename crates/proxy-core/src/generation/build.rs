//! From a configuration to a generation: modules are begun, hooks sorted, routes resolved, clusters made.
//! Everything that is wrong is collected; nothing is kept if anything is.

use std::sync::Arc;

use proxy_abi::Host;
use proxy_config::{Diagnostic, Diagnostics, Span, nearest};

use super::inherited::Inherited;
use super::live::LiveModules;
use super::{Balanced, Balancer, Generation, LiveModule, RequestHooks};
use crate::blob::BlobLayouts;
use crate::caller::Caller;
use crate::cluster::Cluster;
use crate::conf::{LbHashKey, MapTarget, ServerConf};
use crate::containment::Gate;
use crate::hooks::{HookTable, Keyed, Registry};
use crate::module::ModuleCode;
use crate::origin::Origin;
use crate::providers::Providers;
use crate::registration::{DeclaredCluster, DeclaredEndpoint, Registration};
use crate::routing::{Clusters, Destination, Servers};
use crate::value::Value;

impl Generation {
    /// Builds the generation that `conf` describes, with `modules` in load order. No socket is opened.
    ///
    /// # Errors
    /// All that is wrong, with its places.
    pub fn build(
        conf: ServerConf,
        modules: &[Arc<dyn ModuleCode>],
        caller: &Caller,
    ) -> Result<Self, Diagnostics> {
        Self::build_after(conf, modules, caller, None)
    }

    /// The same beside the generation in force: what is counted of endpoints that stay, and the place of the round robin
    /// that answers after a fault, are shared with it.
    ///
    /// # Errors
    /// As of [`build`](Self::build).
    pub fn build_after(
        conf: ServerConf,
        modules: &[Arc<dyn ModuleCode>],
        caller: &Caller,
        old: Option<&Self>,
    ) -> Result<Self, Diagnostics> {
        let mut errors = Diagnostics::default();
        let begun = begin_modules(&conf, modules, caller, &mut errors);
        let mut refuse =
            |texts: Vec<String>| errors.extend(texts.into_iter().map(|text| Diagnostic::error(None, text)));
        let table = begun.registry.seal(&begun.gates).map_err(&mut refuse);
        let providers = begun.providers.seal(&begun.gates).map_err(refuse);
        let (Ok(table), Ok(providers)) = (table, providers) else { return Err(errors) };
        if errors.has_errors() {
            return Err(errors);
        }
        let host = |module: usize| -> &'static Host { modules[module].host() };
        let load_balance = table.keyed(host);
        let mut resolver = Resolver::new(&conf, &load_balance, begun.clusters, &mut errors);
        let servers = Servers::compile(&conf, &mut resolver);
        let (declared, balancers) = (resolver.clusters, resolver.balancers);
        let servers = match servers {
            Ok(servers) => servers,
            Err(found) => {
                errors.extend(found);
                return Err(errors);
            }
        };
        if errors.has_errors() {
            return Err(errors);
        }
        table.fill(host);
        providers.fill(host);
        let modules = LiveModules::new(begun.modules, providers.retiring());
        let hooks = request_hooks(&table, host);
        let inherited = old.map(Inherited::from).unwrap_or_default();
        let clusters = make_clusters(&declared, &conf.hash_keys, &begun.blobs, &inherited);
        Ok(Self { conf, servers, hooks, load_balance, balancers, table, providers, clusters, modules })
    }
}

/// What the modules' `init`s left behind.
struct BegunModules {
    registry: Registry,
    providers: Providers,
    clusters: Vec<DeclaredCluster>,
    blobs: BlobLayouts,
    modules: Vec<LiveModule>,
    /// Of all modules in load order.
    gates: Vec<Arc<Gate>>,
}

fn begin_modules(
    conf: &ServerConf,
    modules: &[Arc<dyn ModuleCode>],
    caller: &Caller,
    errors: &mut Diagnostics,
) -> BegunModules {
    let mut begun = BegunModules {
        registry: Registry::default(),
        providers: Providers::default(),
        clusters: conf.clusters.clone(),
        blobs: BlobLayouts::default(),
        modules: Vec::new(),
        gates: Vec::new(),
    };
    let nothing = Value::empty_map();
    for (place, code) in modules.iter().enumerate() {
        let ident = &code.info().ident;
        let value =
            conf.module_values.iter().find(|(owner, _)| owner == ident).map_or(&nothing, |(_, value)| value);
        let gate = Gate::new(ident, conf.on_panics.of(ident));
        begun.gates.push(Arc::clone(&gate));
        let mut registration = Registration::after(begun.blobs.clone());
        match code.init(caller, value, &mut registration) {
            Ok(instance) => {
                let Registration { declared, implemented, run, provided, lookups, kept, .. } = registration;
                begun.registry.add(place, declared, implemented, run);
                begun.providers.add(place, provided, lookups);
                add_clusters(&mut begun.clusters, registration.clusters, errors);
                begun.blobs = registration.blobs;
                begun.modules.push(LiveModule::new(Arc::clone(code), instance, kept, gate));
            }
            Err(error) => errors.push(Diagnostic::error(error.span, format!("{ident}: {}", error.message))),
        }
    }
    begun
}

fn add_clusters(clusters: &mut Vec<DeclaredCluster>, more: Vec<DeclaredCluster>, errors: &mut Diagnostics) {
    for cluster in more {
        match clusters.iter().find(|earlier| earlier.name == cluster.name) {
            None => clusters.push(cluster),
            Some(earlier) => {
                let error =
                    Diagnostic::error(cluster.span, format!("cluster '{}' is declared twice", cluster.name))
                        .with_help("give one of them another name");
                let error = match earlier.span {
                    Some(span) => error.with_note(span, "declared here first"),
                    None => error,
                };
                errors.push(error);
            }
        }
    }
}

fn request_hooks(table: &HookTable, host: impl Fn(usize) -> &'static Host + Copy) -> RequestHooks {
    RequestHooks {
        post_read_request: table.chain(host),
        access_checker: table.chain(host),
        fixups: table.chain(host),
        response_head: table.chain(host),
        log_transaction: table.chain(host),
    }
}

fn make_clusters(
    declared: &[DeclaredCluster],
    keys: &[LbHashKey],
    blobs: &BlobLayouts,
    inherited: &Inherited<'_>,
) -> Vec<Balanced> {
    let mut first_slot = 0;
    let mut clusters = Vec::with_capacity(declared.len());
    for (number, declared) in declared.iter().enumerate() {
        let cluster = Cluster::new(declared, number as u32, first_slot, blobs, |id| inherited.stats(id));
        first_slot += cluster.endpoints().len();
        let key = keys.iter().find(|key| key.cluster == declared.name);
        let hash_source = key.map(|key| key.source.clone());
        let builtin = inherited.builtin(&cluster.name);
        clusters.push(Balanced { cluster, builtin, hash_source });
    }
    clusters
}

/// Finds the cluster and the balancer of each mapping.
struct Resolver<'a> {
    conf: &'a ServerConf,
    load_balance: &'a Keyed<proxy_abi::LoadBalance>,
    clusters: Vec<DeclaredCluster>,
    named: usize,
    balancers: Vec<Balancer>,
}

impl<'a> Resolver<'a> {
    fn new(
        conf: &'a ServerConf,
        load_balance: &'a Keyed<proxy_abi::LoadBalance>,
        clusters: Vec<DeclaredCluster>,
        errors: &mut Diagnostics,
    ) -> Self {
        let resolver = Self { conf, load_balance, named: clusters.len(), clusters, balancers: Vec::new() };
        let methods = conf.lb_methods.iter().map(|method| (&method.cluster, method.span));
        let keys = conf.hash_keys.iter().map(|key| (&key.cluster, key.span));
        for (cluster, span) in methods.chain(keys) {
            if resolver.find(cluster).is_none() {
                errors.push(resolver.unknown_cluster(cluster, span));
            }
        }
        resolver
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.clusters[..self.named].iter().position(|cluster| cluster.name == name)
    }

    /// One implicit cluster for each origin that a route names by URL.
    fn cluster_of_origin(&mut self, origin: &Origin, span: Span) -> usize {
        let name = origin.to_string();
        if let Some(place) = self.clusters[self.named..].iter().position(|cluster| cluster.name == name) {
            return self.named + place;
        }
        let endpoint = DeclaredEndpoint { origin: origin.clone(), weight: 1, span: Some(span) };
        let mut cluster = DeclaredCluster::new(name, Some(span));
        cluster.endpoints.push(endpoint);
        self.clusters.push(cluster);
        self.clusters.len() - 1
    }

    /// `LBMethod` decides; else the module whose directive the mapping is.
    fn balancer_of(&mut self, symbol: &str, owner: Option<&str>, span: Span) -> Result<usize, Diagnostic> {
        let method = self.conf.lb_methods.iter().rev().find(|method| method.cluster == symbol);
        let Some(module_id) = method.map(|method| method.module.as_str()).or(owner) else {
            return Err(Diagnostic::error(span, format!("nobody balances cluster '{symbol}'")).with_help(
                format!(
                    "add 'LBMethod {symbol} x_module' with a loaded module that implements proxy.load_balance"
                ),
            ));
        };
        if let Some(place) = self.balancers.iter().position(|balancer| balancer.module_id == module_id) {
            return Ok(place);
        }
        let members = self.load_balance.answering(module_id);
        if members.is_empty() {
            let place = method.map_or(span, |method| method.span);
            let text = format!(
                "cluster '{symbol}' is handed to {module_id}, which does not implement proxy.load_balance"
            );
            let error = Diagnostic::error(place, text);
            return Err(match nearest(module_id, self.load_balance.keys().filter(|key| !key.is_empty())) {
                Some(near) => error.with_help(format!("{near} does")),
                None => error.with_help("load a module that does"),
            });
        }
        self.balancers.push(Balancer { module_id: module_id.to_owned(), members });
        Ok(self.balancers.len() - 1)
    }

    fn unknown_cluster(&self, name: &str, span: Span) -> Diagnostic {
        let known = self.clusters[..self.named].iter().map(|cluster| cluster.name.as_str());
        let error = Diagnostic::error(span, format!("there is no cluster '{name}'"));
        match nearest(name, known) {
            Some(near) => error.with_help(format!("did you mean '{near}'?")),
            None => error.with_help("declare it, with LBServerCluster or <Proxy balancer://name>"),
        }
    }
}

impl Clusters for Resolver<'_> {
    fn destination(&mut self, target: &MapTarget, span: Span) -> Result<Option<Destination>, Diagnostic> {
        match target {
            MapTarget::Exclude => Ok(None),
            MapTarget::Origin { origin, .. } => {
                Ok(Some(Destination { cluster: self.cluster_of_origin(origin, span), balancer: None }))
            }
            MapTarget::Cluster { symbol, owner, .. } => {
                let Some(cluster) = self.find(symbol) else { return Err(self.unknown_cluster(symbol, span)) };
                let balancer = self.balancer_of(symbol, owner.as_deref(), span)?;
                Ok(Some(Destination { cluster, balancer: Some(balancer) }))
            }
        }
    }

    fn origins(&self, cluster: &str, span: Span) -> Result<Vec<Origin>, Diagnostic> {
        let Some(place) = self.find(cluster) else { return Err(self.unknown_cluster(cluster, span)) };
        Ok(self.clusters[place].endpoints.iter().map(|endpoint| endpoint.origin.clone()).collect())
    }
}
