//! A cluster: endpoints that a test sets up and down, and the immutable set that a trylist is shown.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use proxy_module::abi::{self, BlobKind, Health, OutcomeResult, RawBytes, Stats};
use proxy_module::testing::{Declared, Instance, Lent, endpoint_id};

/// A cluster of one host.
#[derive(Debug)]
pub(crate) struct Cluster {
    members: Rc<Members>,
    /// The set as of the last change; made anew when it is asked for.
    current: RefCell<Option<Rc<Set>>>,
    version: Cell<u64>,
}

/// What stays the same in all sets of a cluster.
#[derive(Debug)]
struct Members {
    number: u32,
    name: String,
    endpoints: Vec<Endpoint>,
    lent: Option<Lent>,
}

#[derive(Debug)]
struct Endpoint {
    id: u64,
    addr: String,
    weight: u32,
    up: Cell<bool>,
    stats: Stats,
    lent: Lent,
}

/// The endpoints at one moment.
#[derive(Debug)]
pub(crate) struct Set {
    header: abi::EndpointSet,
    usable: Vec<u32>,
    // These are read through `header` alone.
    _entries: Vec<abi::Endpoint>,
    members: Rc<Members>,
}

impl Cluster {
    pub(crate) fn new(instance: &Instance, number: u32, declared: &Declared) -> Self {
        let lent = Some(Lent::new(instance, BlobKind::CLUSTER));
        let endpoint = |(url, weight): &(String, u32)| Endpoint::new(instance, &declared.name, url, *weight);
        let endpoints = declared.endpoints.iter().map(endpoint).collect();
        Self::of(Members { number, name: declared.name.clone(), endpoints, lent })
    }

    /// Lets the module's state go on from `old`'s, where it is the same cluster and the same endpoint.
    pub(crate) fn take_over_from(&self, old: &Self) {
        if self.name() != old.name() {
            return;
        }
        let carry = |new: Option<&Lent>, old: Option<&Lent>| {
            // What is declined begins anew, as it does in a server.
            let _ = new.zip(old).is_none_or(|(new, old)| new.take_over_from(old));
        };
        carry(self.members.lent.as_ref(), old.members.lent.as_ref());
        for new in &self.members.endpoints {
            let same = old.members.endpoints.iter().find(|endpoint| endpoint.id == new.id);
            carry(Some(&new.lent), same.map(|endpoint| &endpoint.lent));
        }
    }

    /// What a request that belongs to no cluster is shown.
    pub(crate) fn nowhere() -> Self {
        Self::of(Members { number: u32::MAX, name: String::new(), endpoints: Vec::new(), lent: None })
    }

    fn of(members: Members) -> Self {
        Self { members: Rc::new(members), current: RefCell::new(None), version: Cell::new(1) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.members.name
    }

    pub(crate) fn len(&self) -> usize {
        self.members.endpoints.len()
    }

    pub(crate) fn set_up(&self, index: u32, up: bool) {
        self.endpoint(index).up.set(up);
        self.version.set(self.version.get() + 1);
        self.current.take();
    }

    pub(crate) fn set_in_flight(&self, index: u32, requests: u32) {
        self.endpoint(index).stats.in_flight.store(requests, Relaxed);
    }

    pub(crate) fn stats(&self, index: u32) -> &Stats {
        &self.endpoint(index).stats
    }

    fn endpoint(&self, index: u32) -> &Endpoint {
        let all = self.len();
        let found = self.members.endpoints.get(index as usize);
        found.unwrap_or_else(|| panic!("cluster '{}' has {all} endpoints: there is no {index}", self.name()))
    }

    pub(crate) fn set(&self) -> Rc<Set> {
        let mut current = self.current.borrow_mut();
        Rc::clone(
            current.get_or_insert_with(|| Rc::new(Set::new(Rc::clone(&self.members), self.version.get()))),
        )
    }
}

impl Endpoint {
    fn new(instance: &Instance, cluster: &str, url: &str, weight: u32) -> Self {
        let addr = url.strip_prefix("http://").unwrap_or(url).trim_end_matches('/');
        let port = if addr.contains(':') { "" } else { ":80" };
        Self {
            id: endpoint_id(cluster, url),
            addr: format!("{addr}{port}"),
            weight,
            up: Cell::new(true),
            stats: Stats::default(),
            lent: Lent::new(instance, BlobKind::ENDPOINT),
        }
    }

    fn entry(&self) -> abi::Endpoint {
        abi::Endpoint {
            id: self.id,
            addr: RawBytes::of(self.addr.as_bytes()),
            weight: self.weight,
            health: if self.up.get() { Health::UP } else { Health::DOWN },
            flags: 0,
            reserved: 0,
            stats: &raw const self.stats,
            blob: self.lent.address(),
        }
    }
}

impl Set {
    fn new(members: Rc<Members>, version: u64) -> Self {
        let entries: Vec<_> = members.endpoints.iter().map(Endpoint::entry).collect();
        let up = |(_, endpoint): &(u32, &Endpoint)| endpoint.up.get();
        let usable: Vec<_> = (0..).zip(&members.endpoints).filter(up).map(|(index, _)| index).collect();
        let header = abi::EndpointSet {
            size: size_of::<abi::EndpointSet>() as u32,
            stride: size_of::<abi::Endpoint>() as u32,
            version,
            cluster: members.number,
            reserved: 0,
            name: RawBytes::of(members.name.as_bytes()),
            // Null where there is nothing, as a server may do.
            ptr: if entries.is_empty() { std::ptr::null() } else { entries.as_ptr() },
            len: entries.len(),
            usable: if usable.is_empty() { std::ptr::null() } else { usable.as_ptr() },
            usable_len: usable.len(),
            blob: members.lent.as_ref().map_or(std::ptr::null_mut(), Lent::address),
        };
        Self { header, usable, _entries: entries, members }
    }

    pub(crate) const fn header(&self) -> &abi::EndpointSet {
        &self.header
    }

    pub(crate) fn len(&self) -> usize {
        self.members.endpoints.len()
    }

    pub(crate) fn usable(&self) -> &[u32] {
        &self.usable
    }

    pub(crate) fn id(&self, index: u32) -> u64 {
        self.members.endpoints.get(index as usize).map_or(0, |endpoint| endpoint.id)
    }

    /// Counts as the server does: a request was handed to the endpoint.
    pub(crate) fn handed_out(&self, index: u32) {
        let Some(endpoint) = self.members.endpoints.get(index as usize) else { return };
        endpoint.stats.in_flight.fetch_add(1, Relaxed);
        endpoint.stats.total.fetch_add(1, Relaxed);
    }

    /// Counts as the server does: that request ended. One that was cancelled says nothing about the endpoint.
    pub(crate) fn finished(&self, outcome: &abi::Outcome) {
        let Some(endpoint) = self.members.endpoints.get(outcome.index as usize) else { return };
        let stats = &endpoint.stats;
        let _ = stats.in_flight.try_update(Relaxed, Relaxed, |count| count.checked_sub(1));
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
            stats.ewma_us.store(if old == 0 { sample } else { old - old / 8 + sample / 8 }, Relaxed);
        }
    }
}
