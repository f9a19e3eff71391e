//! Clusters and their endpoints, owned by the core whoever declared them: stable ids, live statistics, and the
//! one borrowed array in which policies see them.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use proxy_abi as abi;
use proxy_abi::{Health, Outcome, OutcomeResult, RawBytes, Stats};
use proxy_config::Span;

use crate::blob::{BlobLayouts, BlobMemory};
use crate::origin::Origin;
use crate::registration::DeclaredCluster;

/// A named group of endpoints.
#[derive(Debug)]
pub struct Cluster {
    /// Its name; for a route to an URL, the URL.
    pub name: String,
    /// Where it was declared.
    pub span: Option<Span>,
    set: EndpointSet,
    // After `set`, whose entries point here: fields are dropped in order.
    endpoints: Box<[Endpoint]>,
    blob: BlobMemory,
}

impl Cluster {
    /// Makes cluster number `number` with endpoint slots from `first_slot` on; `stats` has the statistics of an endpoint
    /// by its id.
    pub(crate) fn new(
        declared: &DeclaredCluster,
        number: u32,
        first_slot: usize,
        blobs: &BlobLayouts,
        stats: impl Fn(u64) -> Arc<Stats>,
    ) -> Self {
        let endpoints: Box<[Endpoint]> = declared
            .endpoints
            .iter()
            .enumerate()
            .map(|(index, endpoint)| {
                let id = endpoint_id(&declared.name, &endpoint.origin);
                Endpoint {
                    id,
                    slot: first_slot + index,
                    index: index as u32,
                    authority: endpoint.origin.authority(),
                    addr: endpoint.origin.address().into(),
                    origin: endpoint.origin.clone(),
                    weight: endpoint.weight,
                    stats: stats(id),
                    blob: blobs.endpoint.allocate(),
                }
            })
            .collect();
        let blob = blobs.cluster.allocate();
        let name = declared.name.clone();
        let set = EndpointSet::new(&name, number, &endpoints, &blob);
        Self { name, span: declared.span, set, endpoints, blob }
    }

    /// Its endpoints, in configuration order.
    #[must_use]
    #[inline]
    pub fn endpoints(&self) -> &[Endpoint] {
        &self.endpoints
    }

    /// Its endpoints as policies see them.
    #[must_use]
    #[inline]
    pub const fn set(&self) -> &abi::EndpointSet {
        &self.set.header
    }

    /// The indexes of those that may take traffic.
    #[must_use]
    #[inline]
    pub fn usable(&self) -> &[u32] {
        &self.set.usable
    }

    /// Memory of modules beside it.
    pub(crate) const fn blob(&self) -> &BlobMemory {
        &self.blob
    }
}

/// One backend server in a cluster.
#[derive(Debug)]
pub struct Endpoint {
    /// The same in every generation: made from the cluster's name and the origin.
    pub id: u64,
    /// Its number among all endpoints of the generation: index of per-executor pools.
    pub slot: usize,
    /// Its place in the cluster's set.
    pub index: u32,
    /// Where it listens.
    pub origin: Origin,
    /// What a Host field calls it.
    pub authority: String,
    /// `host:port` or `unix:PATH`, for logs and modules.
    pub addr: Arc<str>,
    /// Relative capacity.
    pub weight: u32,
    stats: Arc<Stats>,
    blob: BlobMemory,
}

impl Endpoint {
    /// Its live statistics.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Memory of modules beside it.
    pub(crate) const fn blob(&self) -> &BlobMemory {
        &self.blob
    }

    /// The same, for the next generation.
    pub(crate) fn shared_stats(&self) -> Arc<Stats> {
        Arc::clone(&self.stats)
    }

    /// Notes a request handed to it.
    #[inline]
    pub(crate) fn handed_out(&self) {
        self.stats.in_flight.fetch_add(1, Relaxed);
        self.stats.total.fetch_add(1, Relaxed);
    }

    /// Notes how a request handed to it ended. One that was cancelled says nothing about the endpoint.
    #[inline]
    pub(crate) fn finished(&self, outcome: &Outcome) {
        let stats = &*self.stats;
        stats.in_flight.fetch_sub(1, Relaxed);
        match outcome.result {
            OutcomeResult::OK => stats.fails_in_row.store(0, Relaxed),
            OutcomeResult::CANCELLED => {}
            _ => {
                stats.fails_in_row.fetch_add(1, Relaxed);
                stats.errors.fetch_add(1, Relaxed);
            }
        }
        if outcome.ttfb_us != 0 {
            let old = stats.ewma_us.load(Relaxed);
            let sample = u32::try_from(outcome.ttfb_us).unwrap_or(u32::MAX);
            let new = if old == 0 { sample } else { old - old / 8 + sample / 8 };
            stats.ewma_us.store(new, Relaxed);
        }
    }

    /// Notes a connection opened to it.
    pub fn connection_opened(&self) {
        self.stats.conns.fetch_add(1, Relaxed);
    }

    /// Notes a connection to it closed.
    pub fn connection_closed(&self) {
        self.stats.conns.fetch_sub(1, Relaxed);
    }
}

/// An endpoint's id: FNV-1a over the cluster's name and the normalised URL, never 0.
#[must_use]
pub fn endpoint_id(cluster: &str, origin: &Origin) -> u64 {
    abi::signature(&format!("{cluster}\0{origin}")).max(1)
}

/// The array that crosses the boundary, and its header.
///
/// What the raw pointers in it lead to is shared (`Arc`) and not owned alone (`Box`): moving a box would end what was
/// borrowed of it before.
#[derive(Debug)]
struct EndpointSet {
    header: abi::EndpointSet,
    usable: Arc<[u32]>,
    // These are read through `header` alone.
    _entries: Arc<[abi::Endpoint]>,
    _name: Arc<str>,
    _addrs: Vec<Arc<str>>,
}

impl EndpointSet {
    fn new(name: &str, cluster: u32, endpoints: &[Endpoint], blob: &BlobMemory) -> Self {
        let entries: Arc<[abi::Endpoint]> = endpoints
            .iter()
            .map(|endpoint| abi::Endpoint {
                id: endpoint.id,
                addr: RawBytes::of(endpoint.addr.as_bytes()),
                weight: endpoint.weight,
                health: Health::UP,
                flags: 0,
                reserved: 0,
                stats: Arc::as_ptr(&endpoint.stats),
                blob: endpoint.blob.address(),
            })
            .collect();
        let name: Arc<str> = name.into();
        let usable: Arc<[u32]> = (0..endpoints.len() as u32).collect();
        let header = abi::EndpointSet {
            size: size_of::<abi::EndpointSet>() as u32,
            stride: size_of::<abi::Endpoint>() as u32,
            version: 1,
            cluster,
            reserved: 0,
            name: RawBytes::of(name.as_bytes()),
            ptr: entries.as_ptr(),
            len: entries.len(),
            usable: usable.as_ptr(),
            usable_len: usable.len(),
            blob: blob.address(),
        };
        let addrs = endpoints.iter().map(|endpoint| Arc::clone(&endpoint.addr)).collect();
        Self { header, usable, _entries: entries, _name: name, _addrs: addrs }
    }
}
