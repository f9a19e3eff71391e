//! A set of endpoints as a test makes it up: which endpoints, in which order, which of them usable, how far apart in
//! memory.

use std::ffi::c_void;

use proxy_abi::{Endpoint, EndpointSet, RawBytes};

use super::rig::Which;

/// How the endpoints lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As the server of today has them.
    Close,
    /// With room between, as a later server with more fields would.
    Spaced,
}

/// A set, with where it lies. The rig it is of outlives it.
pub(super) struct Set {
    header: EndpointSet,
    which: Which,
    places: Vec<u32>,
    ids: Vec<u64>,
    usable: Box<[u32]>,
    // Read through `header` alone.
    _entries: Entries,
}

/// An endpoint as a later server might have it.
#[repr(C)]
struct Longer {
    endpoint: Endpoint,
    more: [u64; 3],
}

#[expect(dead_code, reason = "kept for the header, which points into it")]
enum Entries {
    Close(Box<[Endpoint]>),
    Spaced(Box<[Longer]>),
}

impl Set {
    pub(super) fn new(
        which: Which,
        places: &[u32],
        endpoint: impl Fn(u32) -> Endpoint,
        is_usable: impl Fn(u32) -> bool,
        shape: Shape,
        version: u64,
        blob: *mut c_void,
    ) -> Self {
        let endpoints = places.iter().map(|place| endpoint(*place));
        let ids = endpoints.clone().map(|endpoint| endpoint.id).collect();
        let (entries, ptr, stride): (_, *const Endpoint, _) = match shape {
            Shape::Close => {
                let entries: Box<[Endpoint]> = endpoints.collect();
                let ptr = entries.as_ptr();
                (Entries::Close(entries), ptr, size_of::<Endpoint>())
            }
            Shape::Spaced => {
                let entries: Box<[Longer]> =
                    endpoints.map(|endpoint| Longer { endpoint, more: [u64::MAX; 3] }).collect();
                let ptr = entries.as_ptr().cast();
                (Entries::Spaced(entries), ptr, size_of::<Longer>())
            }
        };
        let usable: Box<[u32]> =
            (0..).zip(places).filter(|(_, place)| is_usable(**place)).map(|(index, _)| index).collect();
        let name: &[u8] = if which == Which::One { b"one" } else { b"other" };
        let header = EndpointSet {
            size: size_of::<EndpointSet>() as u32,
            stride: stride as u32,
            version,
            cluster: which as u32,
            reserved: 0,
            name: RawBytes::of(name),
            ptr,
            len: places.len(),
            usable: usable.as_ptr(),
            usable_len: usable.len(),
            blob,
        };
        Self { header, which, places: places.to_vec(), ids, usable, _entries: entries }
    }

    /// As it crosses the boundary.
    pub(super) const fn header(&self) -> &EndpointSet {
        &self.header
    }

    /// Of which cluster.
    pub(super) const fn which(&self) -> Which {
        self.which
    }

    /// How many endpoints stand in it.
    pub(super) const fn len(&self) -> usize {
        self.places.len()
    }

    /// How many are usable.
    pub(super) const fn usable_len(&self) -> usize {
        self.usable.len()
    }

    /// Whether the endpoint at `index` is there and usable.
    pub(super) fn is_usable(&self, index: u32) -> bool {
        self.usable.contains(&index)
    }

    /// Which endpoint stands at `index`.
    pub(super) fn place(&self, index: u32) -> Option<u32> {
        self.places.get(index as usize).copied()
    }

    /// The id of the endpoint at `index`, or 0.
    pub(super) fn id(&self, index: u32) -> u64 {
        self.ids.get(index as usize).copied().unwrap_or_default()
    }
}
