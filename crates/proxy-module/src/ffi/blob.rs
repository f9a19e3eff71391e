//! Module state in memory that the server lends beside clusters and endpoints.

use std::ffi::c_void;
use std::mem::MaybeUninit;

use crate::abi::{BlobFn, Bytes, LoadFn, SaveFn, Status};
use crate::kept::Kept;
use crate::slot::{InitNumber, Slot};
use crate::{guard, inject};

/// What stands in the lent memory, which begins as zeros: a constructor that panics leaves it not ready.
#[repr(C)]
pub(crate) struct Held<T> {
    ready: u8,
    value: MaybeUninit<T>,
}

/// The functions that make and destroy one.
pub(crate) fn lifecycle<T: Default + Send + Sync + 'static>() -> (BlobFn, Option<BlobFn>) {
    let destroy: BlobFn = destroy::<T>;
    (make::<T>, std::mem::needs_drop::<T>().then_some(destroy))
}

/// The state of `slot` in the memory of an object that the instance number `owner` was shown. The slot's spare state
/// if the object has no memory, if the state could not be made, or if the slot is another instance's.
#[inline]
pub(crate) fn state<T: Default + Send + Sync + 'static>(
    blob: *mut c_void,
    owner: InitNumber,
    slot: &Slot<T>,
) -> &T {
    inject::point();
    if blob.is_null() || owner != slot.owner {
        return &slot.spare;
    }
    // SAFETY: F5, the object is of the generation whose `init` the slot is from, in which `blob` answered its offset
    // for this type: so a `Held<T>` lies there, made by `make` before the object was first seen.
    let held = unsafe { &*blob.byte_add(slot.offset as usize).cast::<Held<T>>() };
    if held.ready != 1 {
        return &slot.spare;
    }
    // SAFETY: F5, `make` sets `ready` after it wrote the value.
    unsafe { held.value.assume_init_ref() }
}

/// The functions that write and read one.
pub(crate) fn keeping<T: Kept>() -> (SaveFn, LoadFn) {
    (save::<T>, load::<T>)
}

unsafe extern "C" fn save<T: Kept>(blob: *const c_void, out: *mut u8, room: usize) -> usize {
    // SAFETY: F5, the host calls this for the blob that `make` was called for.
    let held = unsafe { &*blob.cast::<Held<T>>() };
    if held.ready != 1 {
        return 0;
    }
    // SAFETY: F5, `ready` says that the value is there.
    let value = unsafe { held.value.assume_init_ref() };
    let kept = guard::quiet(|| {
        inject::point();
        let mut kept = Vec::new();
        value.keep(&mut kept);
        kept
    });
    let kept = kept.unwrap_or_default();
    if kept.len() <= room {
        // SAFETY: F1, there is so much room.
        unsafe { out.copy_from_nonoverlapping(kept.as_ptr(), kept.len()) };
    }
    kept.len()
}

unsafe extern "C" fn load<T: Kept>(blob: *mut c_void, version: u32, kept: Bytes<'_>) -> Status {
    // SAFETY: F5, the host calls this after `make` and before anyone else looks.
    let held = unsafe { &mut *blob.cast::<Held<T>>() };
    if held.ready != 1 {
        return Status::DECLINED;
    }
    // SAFETY: F5, `ready` says that the value is there.
    let value = unsafe { held.value.assume_init_mut() };
    let is_taken = guard::quiet(|| {
        inject::point();
        value.resume(version, kept.as_slice())
    });
    match is_taken {
        Some(true) => Status::OK,
        Some(false) => Status::DECLINED,
        None => Status::PANICKED,
    }
}

unsafe extern "C" fn make<T: Default>(blob: *mut c_void) {
    let Some(value) = guard::quiet(T::default) else { return };
    // SAFETY: F5, the host calls this once for the size and alignment asked for, before anyone else looks.
    unsafe { blob.cast::<Held<T>>().write(Held { ready: 1, value: MaybeUninit::new(value) }) };
}

unsafe extern "C" fn destroy<T>(blob: *mut c_void) {
    // SAFETY: F5, the host calls this once, after everyone else has looked, where `make` was called.
    let held = unsafe { &mut *blob.cast::<Held<T>>() };
    if held.ready == 1 {
        held.ready = 0;
        // SAFETY: F5, `ready` says that the value is there, and it is not looked at again.
        guard::quiet(|| unsafe { held.value.assume_init_drop() });
    }
}
