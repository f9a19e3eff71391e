//! What a module registers while its `init` runs. Nothing of it counts unless `init` succeeds.

use std::collections::HashSet;
use std::sync::Arc;

use proxy_abi::{BlobKind, HookKind, HookSpec, LoadBalance, RawEntry};
use proxy_config::Span;

use crate::blob::{BlobError, BlobLayouts, BlobType, KeptBlob};
use crate::hooks::RunSlot;
use crate::origin::{Origin, parse_url};
use crate::providers::{ProvidedFunction, ProviderSlot};

/// A hook declared, the host's own copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredHook {
    /// Its name.
    pub name: String,
    /// How implementations are run.
    pub kind: HookKind,
    /// Its signature.
    pub sig: u64,
    /// One sentence.
    pub doc: String,
    /// The text from which the signature was made.
    pub layout: String,
}

/// A hook implemented, the host's own copy.
#[derive(Clone, Debug)]
pub struct ImplementedHook {
    /// The hook's name.
    pub name: String,
    /// Place among the implementations.
    pub order: i32,
    /// For KEYED hooks: the key answered for, empty for any.
    pub key: String,
    /// Modules that come later.
    pub before: Vec<String>,
    /// Modules that come earlier.
    pub after: Vec<String>,
    /// The signature it was registered with.
    pub sig: u64,
    /// The function.
    pub entry: RawEntry,
    /// Bytes of scratch for each trylist, which is always aligned to 64.
    pub scratch_size: u32,
}

/// A cluster declared, by a module or by the core's own directives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredCluster {
    /// Its name.
    pub name: String,
    /// Where it was first named.
    pub span: Option<Span>,
    /// Its endpoints in order.
    pub endpoints: Vec<DeclaredEndpoint>,
    /// The origins of those that were added, to find one that is added twice.
    origins: HashSet<Origin>,
}

/// An endpoint declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredEndpoint {
    /// Scheme, host and port.
    pub origin: Origin,
    /// Relative capacity.
    pub weight: u32,
    /// Where it was named.
    pub span: Option<Span>,
}

impl DeclaredCluster {
    /// One without endpoints.
    #[must_use]
    pub fn new(name: String, span: Option<Span>) -> Self {
        Self { name, span, endpoints: Vec::new(), origins: HashSet::new() }
    }

    /// Adds an endpoint.
    ///
    /// # Errors
    /// If the URL is not one, has a path, or names an endpoint that the cluster has already.
    pub fn add(&mut self, url: &str, weight: u32, span: Option<Span>) -> Result<(), String> {
        let (origin, path) = parse_url(url).map_err(|error| error.to_string())?;
        if !path.is_empty() && path != "/" {
            return Err(format!(
                "endpoint '{url}' of cluster '{}' has a path: put it behind the cluster's name where the route stands",
                self.name
            ));
        }
        if !self.origins.insert(origin.clone()) {
            return Err(format!("cluster '{}' has the endpoint {origin} already: write it once", self.name));
        }
        self.endpoints.push(DeclaredEndpoint { origin, weight: weight.max(1), span });
        Ok(())
    }
}

/// Everything that one module registers.
#[derive(Debug, Default)]
pub struct Registration {
    pub(crate) declared: Vec<DeclaredHook>,
    pub(crate) implemented: Vec<ImplementedHook>,
    pub(crate) run: Vec<Arc<RunSlot>>,
    pub(crate) provided: Vec<ProvidedFunction>,
    pub(crate) lookups: Vec<Arc<ProviderSlot>>,
    pub(crate) clusters: Vec<DeclaredCluster>,
    pub(crate) blobs: BlobLayouts,
    /// Kind and offset of those that are this module's own.
    own_blobs: Vec<(BlobKind, u32)>,
    pub(crate) kept: Vec<KeptBlob>,
}

impl Registration {
    /// An empty one, with the blobs that earlier modules of the generation asked for.
    #[must_use]
    pub fn after(blobs: BlobLayouts) -> Self {
        Self { blobs, ..Self::default() }
    }

    /// Declares a hook.
    ///
    /// # Errors
    /// If the name is not of the form `a.b`, or was declared before in this `init`.
    pub fn declare_hook(&mut self, hook: DeclaredHook) -> Result<(), String> {
        check_hook_name(&hook.name)?;
        if self.declared.iter().any(|declared| declared.name == hook.name) {
            return Err(format!("hook {} is declared twice by one module", hook.name));
        }
        self.declared.push(hook);
        Ok(())
    }

    /// Implements a hook.
    ///
    /// # Errors
    /// If the name is not of the form `a.b`, or the scratch asked for is out of bounds.
    pub fn implement_hook(&mut self, hook: ImplementedHook) -> Result<(), String> {
        const MOST_SCRATCH: u32 = 64 * 1024;
        check_hook_name(&hook.name)?;
        let size = hook.scratch_size;
        if size > MOST_SCRATCH {
            return Err(format!("{}: {size} bytes of scratch are more than {MOST_SCRATCH}", hook.name));
        }
        self.implemented.push(hook);
        Ok(())
    }

    /// Asks to run a hook. What is answered stays where it is as long as the generation.
    ///
    /// # Errors
    /// If the name is not of the form `a.b`, or the hook is one that the server alone can run.
    pub fn run_hook(&mut self, name: String, sig: u64) -> Result<&Arc<RunSlot>, String> {
        check_hook_name(&name)?;
        if name == LoadBalance::NAME {
            return Err(format!(
                "{name} is run by the server alone: its implementations want its scratch memory"
            ));
        }
        let place = self.run.iter().position(|slot| slot.name() == name && slot.sig() == sig);
        let place = place.unwrap_or_else(|| {
            self.run.push(Arc::new(RunSlot::new(name, sig)));
            self.run.len() - 1
        });
        Ok(&self.run[place])
    }

    /// Provides a function.
    ///
    /// # Errors
    /// If the group is not of the form `a.b` or the name is none, or if both were provided before in this `init`.
    pub fn provide(&mut self, function: ProvidedFunction) -> Result<(), String> {
        let ProvidedFunction { group, name, .. } = &function;
        check_provider_name(group, name)?;
        if self.provided.iter().any(|earlier| (&earlier.group, &earlier.name) == (group, name)) {
            return Err(format!("{group} '{name}' is provided twice by one module"));
        }
        self.provided.push(function);
        Ok(())
    }

    /// Looks up a function. What is answered stays where it is as long as the generation.
    ///
    /// # Errors
    /// If the group is not of the form `a.b`, or the name is none.
    pub fn look_up(&mut self, group: String, name: String, sig: u64) -> Result<&Arc<ProviderSlot>, String> {
        check_provider_name(&group, &name)?;
        let same = |slot: &Arc<ProviderSlot>| (slot.group(), slot.name(), slot.sig()) == (&group, &name, sig);
        let place = self.lookups.iter().position(same);
        let place = place.unwrap_or_else(|| {
            self.lookups.push(Arc::new(ProviderSlot::new(group, name, sig)));
            self.lookups.len() - 1
        });
        Ok(&self.lookups[place])
    }

    /// Makes a cluster and answers its number within this registration.
    ///
    /// # Errors
    /// If the name is empty, too long or taken within this registration.
    pub fn cluster(&mut self, name: &str, span: Option<Span>) -> Result<u32, String> {
        check_cluster_name(name)?;
        if self.clusters.iter().any(|cluster| cluster.name == name) {
            return Err(format!("cluster '{name}' is made twice: use another name"));
        }
        self.clusters.push(DeclaredCluster::new(name.to_owned(), span));
        u32::try_from(self.clusters.len() - 1).map_err(|_| "too many clusters".to_owned())
    }

    /// Adds an endpoint to a cluster of this registration and answers its id.
    ///
    /// # Errors
    /// See [`DeclaredCluster::add`]; or if there is no such cluster.
    pub fn endpoint(
        &mut self,
        cluster: u32,
        url: &str,
        weight: u32,
        span: Option<Span>,
    ) -> Result<u64, String> {
        let Some(cluster) = self.clusters.get_mut(cluster as usize) else {
            return Err(format!("there is no cluster number {cluster} in this init"));
        };
        cluster.add(url, weight, span)?;
        let added = cluster
            .endpoints
            .last()
            .map(|endpoint| crate::cluster::endpoint_id(&cluster.name, &endpoint.origin));
        Ok(added.unwrap_or_default())
    }

    /// Asks for memory beside each object of a kind and answers its offset.
    ///
    /// # Errors
    /// If size, alignment or kind are out of bounds.
    pub fn blob(
        &mut self,
        kind: BlobKind,
        size: u32,
        align: u32,
        make: Option<Arc<dyn BlobType>>,
    ) -> Result<u32, BlobError> {
        let offset = self.blobs.of(kind)?.add(size, align, make)?;
        self.own_blobs.push((kind, offset));
        Ok(offset)
    }

    /// Keeps a blob over reloads.
    ///
    /// # Errors
    /// If it is none of this registration's, is kept already, or has a name that is none or another's.
    pub fn keep(&mut self, kept: KeptBlob) -> Result<(), String> {
        let KeptBlob { kind, name, offset, .. } = &kept;
        if !is_name(name) {
            return Err(format!("'{name}' cannot name what is kept: use letters, digits, '-', '_' and '.'"));
        }
        if !self.own_blobs.contains(&(*kind, *offset)) {
            return Err(format!("'{name}': this init asked for no blob of kind {} at {offset}", kind.0));
        }
        let same = |other: &KeptBlob| other.kind == *kind && (other.name == *name || other.offset == *offset);
        if self.kept.iter().any(same) {
            return Err(format!("'{name}' is kept twice: each blob once, each by a name of its own"));
        }
        self.kept.push(kept);
        Ok(())
    }
}

/// Whether `name` may name a cluster.
///
/// # Errors
/// Why not.
pub fn check_cluster_name(name: &str) -> Result<(), String> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || name.len() > 1024 || !name.bytes().all(fits) {
        return Err(format!("'{name}' cannot name a cluster: use letters, digits, '-', '_' and '.'"));
    }
    Ok(())
}

fn check_hook_name(name: &str) -> Result<(), String> {
    if !is_dotted(name) {
        return Err(format!("'{name}' cannot name a hook: write it as in com.example.name"));
    }
    Ok(())
}

fn check_provider_name(group: &str, name: &str) -> Result<(), String> {
    if !is_dotted(group) {
        return Err(format!("'{group}' cannot name a group of providers: write it as in com.example.name"));
    }
    if !is_name(name) {
        return Err(format!(
            "'{name}' cannot name a provider of {group}: use letters, digits, '-', '_' and '.'"
        ));
    }
    Ok(())
}

/// One word that needs no quotes.
fn is_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty() && name.len() <= 128 && name.bytes().all(fits)
}

/// As names of hooks are: `a.b`.
fn is_dotted(name: &str) -> bool {
    let fits = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
    };
    name.len() <= 128 && name.contains('.') && name.split('.').all(fits)
}
