//! Sets of endpoints with blobs beside them.

use std::ffi::c_void;

use proxy_module::abi::{BlobKind, CacheLine, Endpoint, EndpointSet, Health, RawBytes, Stats};

use super::{Running, Wanted};

/// The endpoints of one cluster, with the memory that modules asked for.
#[derive(Debug)]
pub(crate) struct Set {
    wanted: Vec<Wanted>,
    cluster: Box<[CacheLine]>,
    each: Vec<Box<[CacheLine]>>,
    stats: Vec<Stats>,
    endpoints: Vec<Endpoint>,
    usable: Vec<u32>,
    abi: Option<EndpointSet>,
}

impl Set {
    pub(crate) fn new(running: &Running, count: u32, usable: &[u32]) -> Box<Self> {
        let memory = || (0..8).map(|_| CacheLine::new()).collect::<Box<[_]>>();
        let mut set = Box::new(Self {
            wanted: running.desk.blobs.borrow().clone(),
            cluster: memory(),
            each: (0..count).map(|_| memory()).collect(),
            stats: (0..count).map(|_| Stats::default()).collect(),
            endpoints: Vec::new(),
            usable: usable.to_vec(),
            abi: None,
        });
        set.for_each_blob(|wanted, blob| {
            if let Some(make) = wanted.ctor {
                // SAFETY: F5, zeroed memory of the size asked for, once.
                unsafe { make(blob) }
            }
        });
        set.endpoints = (0..count as usize).map(|index| set.endpoint(index)).collect();
        set.abi = Some(set.describe());
        set
    }

    pub(crate) fn get(&self) -> &EndpointSet {
        self.abi.as_ref().expect("made by new")
    }

    pub(crate) fn stats(&self, index: usize) -> &Stats {
        &self.stats[index]
    }

    fn endpoint(&self, index: usize) -> Endpoint {
        Endpoint {
            id: 100 + index as u64,
            addr: RawBytes::of(b"127.0.0.1:80"),
            weight: 1,
            health: if self.usable.contains(&(index as u32)) { Health::UP } else { Health::DOWN },
            flags: 0,
            reserved: 0,
            stats: &raw const self.stats[index],
            blob: CacheLine::address(&self.each[index]).cast(),
        }
    }

    fn describe(&self) -> EndpointSet {
        EndpointSet {
            size: size_of::<EndpointSet>() as u32,
            stride: size_of::<Endpoint>() as u32,
            version: 1,
            cluster: 0,
            reserved: 0,
            name: RawBytes::of(b"c"),
            ptr: self.endpoints.as_ptr(),
            len: self.endpoints.len(),
            usable: self.usable.as_ptr(),
            usable_len: self.usable.len(),
            blob: CacheLine::address(&self.cluster).cast(),
        }
    }

    fn for_each_blob(&self, act: impl Fn(&Wanted, *mut c_void)) {
        for wanted in &self.wanted {
            let of_one = std::slice::from_ref(&self.cluster);
            let memory = if wanted.kind == BlobKind::CLUSTER { of_one } else { &self.each };
            for lines in memory {
                act(wanted, CacheLine::address(lines).wrapping_add(wanted.offset).cast());
            }
        }
    }
}

impl Drop for Set {
    fn drop(&mut self) {
        self.for_each_blob(|wanted, blob| {
            if let Some(destroy) = wanted.dtor {
                // SAFETY: F5, where `ctor` was called, once.
                unsafe { destroy(blob) }
            }
        });
    }
}

/// A set of no cluster: no endpoints, no memory.
pub(crate) fn nowhere() -> EndpointSet {
    EndpointSet {
        size: size_of::<EndpointSet>() as u32,
        stride: size_of::<Endpoint>() as u32,
        version: 0,
        cluster: u32::MAX,
        reserved: 0,
        name: RawBytes::of(b""),
        ptr: std::ptr::null(),
        len: 0,
        usable: std::ptr::null(),
        usable_len: 0,
        blob: std::ptr::null_mut(),
    }
}
