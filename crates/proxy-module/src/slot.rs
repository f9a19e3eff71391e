//! A module's own state beside each cluster or endpoint: memory that the server lends, typed.
//!
//! State follows the object, not an index: the same endpoint has the same state in all sets of a generation.
//! A reload makes it anew, but for what is [`Kept`](crate::Kept), and the slots with it: one that was kept from another `new` finds its spare state in
//! each set, for it does not know where in that set's memory anything lies.

use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// State of type `T` beside each cluster; from [`Init::per_cluster`](crate::Init::per_cluster), read by
/// [`Endpoints::state`](crate::Endpoints::state). Keep it in the instance that asked for it: another one finds a state apart.
#[derive(Debug)]
pub struct ClusterSlot<T>(pub(crate) Slot<T>);

/// State of type `T` beside each endpoint; from [`Init::per_endpoint`](crate::Init::per_endpoint), read by
/// [`Endpoint::state`](crate::Endpoint::state). Keep it in the instance that asked for it: another one finds a state apart.
#[derive(Debug)]
pub struct EndpointSlot<T>(pub(crate) Slot<T>);

/// Where the state is in an object's memory.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    /// Whose memory it is a place in.
    pub(crate) owner: InitNumber,
    pub(crate) offset: u32,
    /// For objects without memory, such as the empty set of a request that belongs to no cluster, and for those of
    /// another instance.
    pub(crate) spare: T,
    pub(crate) kind: PhantomData<fn() -> T>,
}

/// Which run of `init` something belongs to, and so which instance. Never used twice within an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InitNumber(u64);

impl InitNumber {
    /// A number that no other run has.
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

/// An instance of a module, as the host holds it.
pub(crate) struct Instance<T> {
    pub(crate) number: InitNumber,
    pub(crate) value: T,
}
