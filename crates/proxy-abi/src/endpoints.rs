//! Clusters as a policy sees them: one contiguous, immutable array of endpoints with live statistics.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::fmt;
#[cfg(not(loom))]
use core::sync::atomic::{AtomicU32, AtomicU64};

#[cfg(loom)]
use loom::sync::atomic::{AtomicU32, AtomicU64};

use crate::RawBytes;

/// What the server counts about one endpoint; a cache line of its own. All executors write it, policies read.
#[repr(C, align(64))]
#[derive(Debug, Default)]
pub struct Stats {
    /// Requests handed to it and not yet finished.
    pub in_flight: AtomicU32,
    /// Connections open to it, idle ones included.
    pub conns: AtomicU32,
    /// Moving average of the time to the first response byte, microseconds.
    pub ewma_us: AtomicU32,
    /// Failures since the last success.
    pub fails_in_row: AtomicU32,
    /// Requests ever handed to it.
    pub total: AtomicU64,
    /// Of these, those that failed.
    pub errors: AtomicU64,
    reserved: [u64; 4],
}

/// Whether an endpoint may take traffic.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Health(pub u8);

impl Health {
    /// It may.
    pub const UP: Self = Self(0);
    /// It may not.
    pub const DOWN: Self = Self(1);
}

/// One endpoint. The array's stride is in [`EndpointSet::stride`], so that this struct can grow.
#[repr(C)]
#[derive(Debug)]
pub struct Endpoint {
    /// The same after every reload: made from the cluster's name and the normalised URL.
    pub id: u64,
    /// `host:port`. Lives as long as the set.
    pub addr: RawBytes,
    /// Relative capacity, 1 unless configured; never 0.
    pub weight: u32,
    /// Whether it may take traffic.
    pub health: Health,
    /// Reserved, zero.
    pub flags: u8,
    /// Reserved, zero.
    pub reserved: u16,
    /// Its live statistics; never null.
    pub stats: *const Stats,
    /// The modules' own memory for it, see the host's `blob`.
    pub blob: *mut c_void,
}

// SAFETY: F5, what it points to is atomics, or memory whose owner the module makes shareable.
unsafe impl Send for Endpoint {}
// SAFETY: F5, likewise.
unsafe impl Sync for Endpoint {}

/// The endpoints of one cluster at one moment. Immutable, and pinned for as long as a trylist uses it: an index
/// means the same endpoint across all calls of that trylist.
#[repr(C)]
#[derive(Debug)]
pub struct EndpointSet {
    /// Bytes of this struct.
    pub size: u32,
    /// Bytes from one endpoint to the next.
    pub stride: u32,
    /// Another number whenever membership or health changed.
    pub version: u64,
    /// The cluster's number within its generation.
    pub cluster: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// The cluster's name.
    pub name: RawBytes,
    /// `len` endpoints, `stride` bytes apart.
    pub ptr: *const Endpoint,
    /// How many.
    pub len: usize,
    /// Indexes of those that may take traffic, ascending, each once.
    pub usable: *const u32,
    /// How many.
    pub usable_len: usize,
    /// The modules' own memory for the cluster.
    pub blob: *mut c_void,
}

// SAFETY: F5, immutable but for atomics and memory that modules share by their own means.
unsafe impl Send for EndpointSet {}
// SAFETY: F5, likewise.
unsafe impl Sync for EndpointSet {}

/// Memory that the host lends to modules for their state beside a cluster or an endpoint: zeroed, aligned to a
/// cache line, and never read by the host.
#[repr(C, align(64))]
pub struct CacheLine(UnsafeCell<[u8; 64]>);

// SAFETY: F5, the host never touches the bytes; the module that asked for them shares them by its own means.
unsafe impl Sync for CacheLine {}

impl CacheLine {
    /// A zeroed line.
    #[must_use]
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; 64]))
    }

    /// Where the bytes of `lines` begin.
    #[must_use]
    pub const fn address(lines: &[Self]) -> *mut u8 {
        lines.as_ptr().cast::<u8>().cast_mut()
    }
}

impl Default for CacheLine {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for CacheLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CacheLine")
    }
}
