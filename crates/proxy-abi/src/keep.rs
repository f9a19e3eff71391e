//! Keeping what a module has learned over a reload: its blobs, as bytes that the next build of it reads.
//!
//! A reload makes all blobs anew. One that was declared with [`KeepDecl`] is written by the old generation's module and
//! read by the new one's, which may come from another file: so what passes between them has a name and a version.

use core::ffi::c_void;

use crate::{BlobKind, Bytes, Status};

/// A blob's bytes may be this many.
pub const MOST_KEPT: usize = 64 * 1024;

/// Writes what is to be kept of a blob to the `room` bytes at `out`, and answers how many these are. 0, or more than
/// `room`, and nothing is kept. Called while requests use the blob.
pub type SaveFn = unsafe extern "C" fn(blob: *const c_void, out: *mut u8, room: usize) -> usize;

/// Reads what the `save` of `version` wrote, in a blob that nobody has seen yet. DECLINED if it cannot be used: the
/// blob then stays as it was made.
pub type LoadFn = unsafe extern "C" fn(blob: *mut c_void, version: u32, kept: Bytes<'_>) -> Status;

/// Keeps a blob over reloads: from a cluster to the one of the same name, from an endpoint to the one of the same id.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct KeepDecl<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// Beside what the blob lies.
    pub kind: BlobKind,
    /// Where, as answered in this `init`.
    pub offset: u32,
    /// What `save` writes is of this version.
    pub version: u32,
    /// What `load` reads was kept under this name, by the module of the same ident.
    pub name: Bytes<'a>,
    /// `None` is refused.
    pub save: Option<SaveFn>,
    /// `None` is refused.
    pub load: Option<LoadFn>,
}
