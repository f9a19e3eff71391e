//! Providers on both sides: the entry point of a function that a module provides, and the calls of those that it
//! looked up.

use std::ffi::c_void;
use std::marker::PhantomData;
use std::ptr::NonNull;

use crate::abi::{
    Bytes, Call, HookFn, Provided, Provider, ProviderDecl, ProviderIn, ProviderOut, ProviderSpec, Status,
    provider_layout_of, provider_signature_of,
};
use crate::general::{Answer, Cx};
use crate::guard;
use crate::init::Site;
use crate::provider::Provides;
use crate::slot::Instance;

/// Registers the function of the kind `P` that `T` provides as `name`.
pub(crate) fn register<T: Provides<P>, P: ProviderSpec>(
    instance: NonNull<Instance<T>>,
    site: &Site<'_>,
    name: &str,
) -> Status {
    let func: HookFn = run::<T, P>;
    let decl = ProviderDecl {
        size: size_of::<ProviderDecl<'_>>() as u32,
        reserved: 0,
        group: Bytes::of(P::GROUP),
        name: Bytes::of(name),
        sig: provider_signature_of::<P>(),
        func: Some(func),
        user: instance.as_ptr().cast(),
        doc: Bytes::of(P::DOC),
        layout: Bytes::of(provider_layout_of::<P>()),
    };
    // SAFETY: F1 and F6, `run` takes the structs of `P`, and the instance outlives those that may call it.
    unsafe { (site.host.provide)(site.host, Some(site.registrar), Some(&decl)) }
}

unsafe extern "C" fn run<T: Provides<P>, P: ProviderSpec>(
    user: *mut c_void,
    call: &Call<'_>,
    input: *const c_void,
    output: *mut c_void,
) -> Status {
    // SAFETY: F6, the instance outlives the generation in which it is called.
    let Instance { number, value } = unsafe { &*user.cast::<Instance<T>>() };
    // SAFETY: F2, the signature says that the caller hands in this struct.
    let input = unsafe { &*input.cast::<ProviderIn<'_, P>>() };
    // SAFETY: F2, likewise, and nobody else looks at it during the call.
    let output = unsafe { &mut *output.cast::<ProviderOut<'_, P>>() };
    guard::status(call, || value.call(&Cx::new(call, *number), input, output).and_then(Answer::status))
}

/// What was looked up for the kind `P`.
pub(crate) struct LookedUp<P> {
    pointer: *const Provider,
    spec: PhantomData<fn() -> P>,
}

// SAFETY: F4, the row that it is handed to may be called from any thread.
unsafe impl<P> Send for LookedUp<P> {}
// SAFETY: F4, likewise.
unsafe impl<P> Sync for LookedUp<P> {}

/// Looks `name` up among those of the kind `P`.
pub(crate) fn look_up<P: ProviderSpec>(site: &Site<'_>, name: &str) -> (Status, LookedUp<P>) {
    let (group, name, sig) = (Bytes::of(P::GROUP), Bytes::of(name), provider_signature_of::<P>());
    let (host, mut pointer) = (site.host, std::ptr::null());
    // SAFETY: F2, group and signature are of the same spec.
    let answer = unsafe { (host.provider)(host, Some(site.registrar), group, name, sig, Some(&mut pointer)) };
    (answer, LookedUp { pointer, spec: PhantomData })
}

/// A function of the kind `P` that is there.
pub(crate) struct Found<'a, P> {
    pointer: *const Provided,
    looked_up: PhantomData<&'a LookedUp<P>>,
}

/// What was found. `call` is one of the instance that looked it up.
pub(crate) fn found<'a, P>(looked_up: &'a LookedUp<P>, call: &Call<'_>) -> Option<Found<'a, P>> {
    // SAFETY: F1, the pointer lives as long as the generation, whose instance is being called.
    let pointer = unsafe { (call.host.provided)(call.host, looked_up.pointer) };
    (!pointer.is_null()).then_some(Found { pointer, looked_up: PhantomData })
}

/// Calls it. `call` is the one that it was found in.
pub(crate) fn call<P: ProviderSpec>(
    found: &Found<'_, P>,
    call: &Call<'_>,
    input: &ProviderIn<'_, P>,
    output: &mut ProviderOut<'_, P>,
) -> Status {
    let (input, output) = ((&raw const *input).cast(), (&raw mut *output).cast());
    // SAFETY: F1 and F2, these are the structs of `P`, and the call is one of the instance that looked it up.
    unsafe { (call.host.call_provided)(call.host, call, found.pointer, input, output) }
}
