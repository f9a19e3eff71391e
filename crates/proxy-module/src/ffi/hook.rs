//! The entry point of a hook that a module implements.

use std::ffi::c_void;
use std::ptr::NonNull;

use crate::abi::{Bytes, Call, HookFn, HookImpl, HookSpec, In, Out, Status, signature_of};
use crate::ffi::host;
use crate::general::{Answer, Cx, Implements};
use crate::guard;
use crate::init::Site;
use crate::slot::Instance;

/// Registers `T`'s implementation of `H`.
pub(crate) fn register<T: Implements<H>, H: HookSpec>(
    instance: NonNull<Instance<T>>,
    site: &Site<'_>,
    before: &[Bytes<'_>],
    after: &[Bytes<'_>],
) -> Status {
    // SAFETY: F6, `run` takes the structs of `H`, and the instance outlives the generation.
    unsafe { host::implement(site, &implementation::<T, H>(instance, before, after)) }
}

fn implementation<'n, T: Implements<H>, H: HookSpec>(
    instance: NonNull<Instance<T>>,
    before: &'n [Bytes<'n>],
    after: &'n [Bytes<'n>],
) -> HookImpl<'n> {
    let func: HookFn = run::<T, H>;
    HookImpl {
        size: size_of::<HookImpl<'_>>() as u32,
        order: T::ORDER,
        name: Bytes::of(H::NAME),
        sig: signature_of::<H>(),
        key: Bytes::EMPTY,
        func: Some(func),
        user: instance.as_ptr().cast(),
        before: before.as_ptr(),
        after: after.as_ptr(),
        nbefore: before.len() as u32,
        nafter: after.len() as u32,
        scratch_size: 0,
        scratch_align: 1,
    }
}

unsafe extern "C" fn run<T: Implements<H>, H: HookSpec>(
    user: *mut c_void,
    call: &Call<'_>,
    input: *const c_void,
    output: *mut c_void,
) -> Status {
    // SAFETY: F6, the instance outlives the generation that calls its hooks.
    let Instance { number, value } = unsafe { &*user.cast::<Instance<T>>() };
    // SAFETY: F2, the signature says that the caller hands in this struct.
    let input = unsafe { &*input.cast::<In<'_, H>>() };
    // SAFETY: F2, likewise, and nobody else looks at it during the call.
    let output = unsafe { &mut *output.cast::<Out<'_, H>>() };
    guard::status(call, || value.call(&Cx::new(call, *number), input, output).and_then(Answer::status))
}
