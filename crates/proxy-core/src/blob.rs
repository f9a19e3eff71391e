//! Memory that modules keep beside clusters and endpoints: all modules' state of one object in one allocation,
//! made and destroyed by the modules' own functions.

use std::ffi::c_void;
use std::fmt;
use std::sync::Arc;

use proxy_abi::{BlobKind, CacheLine};
use thiserror::Error;

/// How a module makes and destroys its blob in memory that it is lent. The memory is zeroed, aligned as asked for
/// and as long as asked for; it stays where it is until `destroy`.
pub trait BlobType: Send + Sync + fmt::Debug {
    /// Makes the blob. `memory` begins with it and is aligned to 64 bytes less its offset.
    fn construct(&self, memory: &BlobMemory, offset: usize);
    /// Destroys it.
    fn destroy(&self, memory: &BlobMemory, offset: usize);
}

/// How a module writes what is to be kept of a blob, and reads it in the generation that follows.
pub trait KeptType: Send + Sync + fmt::Debug {
    /// Writes to `out`, and says how many bytes were wanted: 0, or more than there are, is nothing to keep.
    fn save(&self, memory: &BlobMemory, offset: usize, out: &mut [u8]) -> usize;
    /// Reads what was written as `version`.
    fn load(&self, memory: &BlobMemory, offset: usize, version: u32, kept: &[u8]) -> Loaded;
}

/// What reading came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// The blob goes on where the old one was.
    Taken,
    /// It cannot be used: the blob begins anew.
    Declined,
    /// The module broke its contract, or panicked.
    Fault,
}

/// A blob that a module keeps over reloads.
#[derive(Clone, Debug)]
pub struct KeptBlob {
    /// Beside what it lies.
    pub kind: BlobKind,
    /// What it is known by to the module's other builds.
    pub name: String,
    /// Of what is written.
    pub version: u32,
    /// Where it lies.
    pub offset: u32,
    /// By whom it is written and read.
    pub functions: Arc<dyn KeptType>,
}

/// A blob that a module wants beside each object of a kind.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    offset: usize,
    make: Option<Arc<dyn BlobType>>,
}

/// What all modules of a generation want beside each object of one kind.
#[derive(Clone, Debug, Default)]
pub struct BlobLayout {
    size: usize,
    wanted: Vec<Wanted>,
}

/// Why a blob cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BlobError {
    /// Alignment is not a power of two up to 64.
    #[error("a blob's alignment of {0} is not a power of two up to 64")]
    Align(u32),
    /// More than 1 MiB beside one object.
    #[error("more than 1 MiB of state beside each object")]
    Size,
    /// Nothing is asked for.
    #[error("a blob of no bytes at all")]
    Empty,
    /// Neither a cluster nor an endpoint.
    #[error("there are no blobs of kind {0}")]
    Kind(u32),
}

impl BlobLayout {
    const MOST: usize = 1 << 20;

    /// Adds a blob and answers its offset.
    ///
    /// # Errors
    /// If size or alignment are out of bounds.
    pub fn add(&mut self, size: u32, align: u32, make: Option<Arc<dyn BlobType>>) -> Result<u32, BlobError> {
        if !align.is_power_of_two() || align > 64 {
            return Err(BlobError::Align(align));
        }
        if size == 0 {
            return Err(BlobError::Empty);
        }
        let offset = self.size.next_multiple_of(align as usize);
        let end = offset.saturating_add(size as usize);
        if end > Self::MOST {
            return Err(BlobError::Size);
        }
        self.size = end;
        self.wanted.push(Wanted { offset, make });
        u32::try_from(offset).map_err(|_| BlobError::Size)
    }

    /// Makes the memory for one object.
    #[must_use]
    pub fn allocate(&self) -> BlobMemory {
        let lines =
            std::iter::repeat_with(CacheLine::new).take(self.size.div_ceil(size_of::<CacheLine>())).collect();
        let memory = BlobMemory { lines, wanted: self.wanted.clone() };
        for wanted in &memory.wanted {
            if let Some(make) = &wanted.make {
                make.construct(&memory, wanted.offset);
            }
        }
        memory
    }
}

/// The two kinds of objects that blobs stand beside.
#[derive(Clone, Debug, Default)]
pub struct BlobLayouts {
    /// Beside each cluster.
    pub cluster: BlobLayout,
    /// Beside each endpoint.
    pub endpoint: BlobLayout,
}

impl BlobLayouts {
    /// The layout of `kind`.
    ///
    /// # Errors
    /// If there is no such kind.
    pub fn of(&mut self, kind: BlobKind) -> Result<&mut BlobLayout, BlobError> {
        match kind {
            BlobKind::CLUSTER => Ok(&mut self.cluster),
            BlobKind::ENDPOINT => Ok(&mut self.endpoint),
            BlobKind(other) => Err(BlobError::Kind(other)),
        }
    }
}

/// The memory beside one object.
#[derive(Debug)]
pub struct BlobMemory {
    // No box: moving one would end what modules have borrowed of it.
    lines: Vec<CacheLine>,
    wanted: Vec<Wanted>,
}

impl BlobMemory {
    /// Where it begins; null if nobody wanted any.
    #[must_use]
    pub fn address(&self) -> *mut c_void {
        if self.lines.is_empty() { std::ptr::null_mut() } else { CacheLine::address(&self.lines).cast() }
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.lines.len() * size_of::<CacheLine>()
    }

    /// Whether nobody wanted any.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }
}

impl Drop for BlobMemory {
    fn drop(&mut self) {
        for wanted in &self.wanted {
            if let Some(make) = &wanted.make {
                make.destroy(self, wanted.offset);
            }
        }
    }
}
