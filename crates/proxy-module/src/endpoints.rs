//! The endpoints of a cluster, as a policy sees them.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use crate::slot::InitNumber;
use crate::{ClusterSlot, EndpointSlot, abi, ffi};

/// The endpoints of one cluster at one moment. An index means the same endpoint in all calls for one request.
#[derive(Clone, Copy)]
pub struct Endpoints<'a> {
    set: &'a abi::EndpointSet,
    /// The instance that is shown them.
    owner: InitNumber,
}

impl<'a> Endpoints<'a> {
    pub(crate) const fn of(set: &'a abi::EndpointSet, owner: InitNumber) -> Self {
        Self { set, owner }
    }

    /// The cluster's name.
    #[must_use]
    #[inline]
    pub const fn name(&self) -> &'a [u8] {
        ffi::set::name(self.set)
    }

    /// How many there are, usable or not.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.set.len
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.set.len == 0
    }

    /// Another number whenever membership or health changed.
    #[must_use]
    #[inline]
    pub const fn version(&self) -> u64 {
        self.set.version
    }

    /// The indexes of those that may take traffic, ascending. Walk these: one that skips over the others gives
    /// the successor of a dead endpoint a double share.
    #[must_use]
    #[inline]
    pub const fn usable(&self) -> &'a [u32] {
        ffi::set::usable(self.set)
    }

    /// The endpoint at `index`.
    #[must_use]
    #[inline]
    pub const fn get(&self, index: u32) -> Option<Endpoint<'a>> {
        match ffi::set::endpoint(self.set, index as usize) {
            Some(endpoint) => Some(Endpoint { endpoint, index, owner: self.owner }),
            None => None,
        }
    }

    /// All of them, in the order of their indexes.
    #[inline]
    pub fn iter(&self) -> impl Iterator<Item = Endpoint<'a>> + use<'a> {
        self.iter_from(0)
    }

    /// Those from index `first` on.
    #[inline]
    pub(crate) fn iter_from(&self, first: usize) -> impl Iterator<Item = Endpoint<'a>> + use<'a> {
        let owner = self.owner;
        ffi::set::all(self.set, first).map(move |(index, endpoint)| Endpoint { endpoint, index, owner })
    }

    /// The module's own state for this cluster. For a set that belongs to no cluster, and for a slot that another
    /// instance asked for, a state apart.
    #[must_use]
    #[inline]
    pub fn state<'s, T: Default + Send + Sync + 'static>(&self, slot: &'s ClusterSlot<T>) -> &'s T
    where
        'a: 's,
    {
        ffi::blob::state(self.set.blob, self.owner, &slot.0)
    }
}

impl fmt::Debug for Endpoints<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Endpoints({}: {} of {} usable)",
            self.name().escape_ascii(),
            self.usable().len(),
            self.len()
        )
    }
}

/// One endpoint, with what the server counts about it on all executors.
#[derive(Clone, Copy)]
pub struct Endpoint<'a> {
    endpoint: &'a abi::Endpoint,
    index: u32,
    owner: InitNumber,
}

impl<'a> Endpoint<'a> {
    /// Its place in the set: what [`Next::Endpoint`](crate::Next::Endpoint) takes.
    #[must_use]
    #[inline]
    pub const fn index(&self) -> u32 {
        self.index
    }

    /// The same after every reload.
    #[must_use]
    #[inline]
    pub const fn id(&self) -> u64 {
        self.endpoint.id
    }

    /// `host:port`.
    #[must_use]
    #[inline]
    pub const fn addr(&self) -> &'a [u8] {
        ffi::set::addr(self.endpoint)
    }

    /// Relative capacity, 1 unless configured; never 0.
    #[must_use]
    #[inline]
    pub const fn weight(&self) -> u32 {
        self.endpoint.weight
    }

    /// Whether it may take traffic.
    #[must_use]
    #[inline]
    pub fn is_up(&self) -> bool {
        self.endpoint.health == abi::Health::UP
    }

    /// Requests handed to it and not yet finished.
    #[must_use]
    #[inline]
    pub fn in_flight(&self) -> u32 {
        self.stats().in_flight.load(Relaxed)
    }

    /// Connections open to it, idle ones included.
    #[must_use]
    #[inline]
    pub fn conns(&self) -> u32 {
        self.stats().conns.load(Relaxed)
    }

    /// Moving average of the time to the first byte of a response, in microseconds.
    #[must_use]
    #[inline]
    pub fn ewma_us(&self) -> u32 {
        self.stats().ewma_us.load(Relaxed)
    }

    /// Failures since the last success.
    #[must_use]
    #[inline]
    pub fn fails_in_row(&self) -> u32 {
        self.stats().fails_in_row.load(Relaxed)
    }

    /// Requests ever handed to it.
    #[must_use]
    #[inline]
    pub fn total(&self) -> u64 {
        self.stats().total.load(Relaxed)
    }

    /// Of these, those that failed.
    #[must_use]
    #[inline]
    pub fn errors(&self) -> u64 {
        self.stats().errors.load(Relaxed)
    }

    /// The module's own state for this endpoint; for a slot that another instance asked for, a state apart.
    #[must_use]
    #[inline]
    pub fn state<'s, T: Default + Send + Sync + 'static>(&self, slot: &'s EndpointSlot<T>) -> &'s T
    where
        'a: 's,
    {
        ffi::blob::state(self.endpoint.blob, self.owner, &slot.0)
    }

    #[inline]
    const fn stats(&self) -> &'a abi::Stats {
        ffi::set::stats(self.endpoint)
    }
}

impl fmt::Debug for Endpoint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({})", self.addr().escape_ascii())
    }
}
