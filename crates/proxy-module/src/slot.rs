//! A module's own state beside each cluster or endpoint: memory that the server lends, typed.
//!
//! State follows the object, not an index: the same endpoint has the same state in all sets of a generation.
//! A reload makes it anew.

use std::marker::PhantomData;

/// State of type `T` beside each cluster; from [`Init::per_cluster`](crate::Init::per_cluster), read by
/// [`Endpoints::state`](crate::Endpoints::state). Keep it in the instance that asked for it.
#[derive(Debug)]
pub struct ClusterSlot<T>(pub(crate) Slot<T>);

/// State of type `T` beside each endpoint; from [`Init::per_endpoint`](crate::Init::per_endpoint), read by
/// [`Endpoint::state`](crate::Endpoint::state). Keep it in the instance that asked for it.
#[derive(Debug)]
pub struct EndpointSlot<T>(pub(crate) Slot<T>);

/// Where the state is in an object's memory.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    pub(crate) offset: u32,
    /// For objects without memory, such as the empty set of a request that belongs to no cluster.
    pub(crate) spare: T,
    pub(crate) kind: PhantomData<fn() -> T>,
}
