//! Calls of the host's table whose rows keep or follow raw pointers, and what lives as long as the process.

use std::marker::PhantomData;
use std::sync::atomic::Ordering::Relaxed;

use crate::abi::{
    BlobFn, BlobKind, Bytes, Call, HookDecl, HookImpl, HookSpec, Host, In, KeepDecl, Level, LogField, Module,
    Out, Runner, Status, signature_of,
};
use crate::ffi::blob::{self, Held};
use crate::init::Site;
use crate::kept::Kept;
use crate::slot::Slot;

/// Writes a line to the log. `target`, `file` and `message` are its texts.
pub(crate) fn log(
    host: &Host,
    module: &Module,
    level: Level,
    [target, file, message]: [Bytes<'_>; 3],
    line: u32,
    fields: &[LogField<'_>],
) {
    let count = fields.len() as u32;
    // SAFETY: F1, `count` fields stand there until the call returns.
    unsafe { (host.log)(host, Some(module), level, target, file, line, message, fields.as_ptr(), count) }
}

/// Declares `H`.
pub(crate) fn declare<H: HookSpec>(site: &Site<'_>) -> Status {
    // SAFETY: F2, the declaration is made of the spec itself.
    unsafe { (site.host.declare_hook)(site.host, Some(site.registrar), Some(&HookDecl::of::<H>())) }
}

/// Implements a hook.
///
/// # Safety
/// The function obeys the contract of the hook's signature and stays callable with `user` as long as the generation.
pub(crate) unsafe fn implement(site: &Site<'_>, hook: &HookImpl<'_>) -> Status {
    // SAFETY: F1 and F6, the caller's promise; the names stay until the call returns.
    unsafe { (site.host.hook)(site.host, Some(site.registrar), Some(hook)) }
}

/// Asks to run `H`; the pointer lives as long as the generation, or is null.
pub(crate) fn runner<H: HookSpec>(site: &Site<'_>) -> (Status, *const Runner) {
    let mut runner = std::ptr::null();
    let (name, sig) = (Bytes::of(H::NAME), signature_of::<H>());
    // SAFETY: F2, name and signature are of the same spec.
    let answer = unsafe { (site.host.runner)(site.host, Some(site.registrar), name, sig, Some(&mut runner)) };
    (answer, runner)
}

/// Runs `H`, which `runner` was asked for.
pub(crate) fn run<H: HookSpec>(
    runner: &Runs<H>,
    call: &Call<'_>,
    key: Bytes<'_>,
    input: &In<'_, H>,
    output: &mut Out<'_, H>,
) -> Status {
    let (input, output) = ((&raw const *input).cast(), (&raw mut *output).cast());
    // SAFETY: F1 and F2, these are the structs of `H`, and the call is the instance's own, which the runner lives as long as.
    unsafe { (call.host.run_hook)(call.host, call, runner.pointer, key, input, output) }
}

/// What a module runs `H` by.
pub(crate) struct Runs<H> {
    pointer: *const Runner,
    spec: PhantomData<fn() -> H>,
}

impl<H: HookSpec> Runs<H> {
    pub(crate) const fn new(pointer: *const Runner) -> Self {
        Self { pointer, spec: PhantomData }
    }
}

// SAFETY: F4, the row that it is handed to may be called from any thread.
unsafe impl<H> Send for Runs<H> {}
// SAFETY: F4, likewise.
unsafe impl<H> Sync for Runs<H> {}

/// Asks for a [`Held<T>`] beside each object of a kind; answers where it lies.
pub(crate) fn held<T: Default + Send + Sync + 'static>(site: &Site<'_>, kind: BlobKind) -> (Status, u32) {
    let (size, align) = (size_of::<Held<T>>() as u32, align_of::<Held<T>>() as u32);
    let (ctor, dtor): (BlobFn, Option<BlobFn>) = blob::lifecycle::<T>();
    let (host, mut offset) = (site.host, 0);
    // SAFETY: F5, the functions make and destroy a `Held<T>`, whose size and alignment these are.
    let answer = unsafe {
        (host.blob)(host, Some(site.registrar), kind, size, align, Some(ctor), dtor, Some(&mut offset))
    };
    (answer, offset)
}

/// Keeps the state of `slot` over reloads.
pub(crate) fn keep<T: Kept>(site: &Site<'_>, kind: BlobKind, name: &str, slot: &Slot<T>) -> Status {
    let (save, load) = blob::keeping::<T>();
    let decl = KeepDecl {
        size: size_of::<KeepDecl<'_>>() as u32,
        kind,
        offset: slot.offset,
        version: T::VERSION,
        name: Bytes::of(name),
        save: Some(save),
        load: Some(load),
    };
    // SAFETY: F5, the functions write and read a `Held<T>`, which is what lies at the slot's offset.
    unsafe { (site.host.keep)(site.host, Some(site.registrar), Some(&decl)) }
}

/// The loudest level that is written.
#[inline]
pub(crate) fn max_level(host: &Host) -> Level {
    // SAFETY: F7, null or an atomic that lives as long as the process.
    let level = unsafe { host.max_level.as_ref() };
    level.map_or(Level::INFO, |level| Level(u32::from(level.load(Relaxed))))
}

/// The server's table, which lives longer than the call it came with.
pub(crate) fn forever(host: &Host) -> &'static Host {
    let host: *const Host = host;
    // SAFETY: F7, the table lives as long as the process.
    unsafe { &*host }
}

/// The module's own record, likewise.
pub(crate) fn forever_module(module: &Module) -> &'static Module {
    let module: *const Module = module;
    // SAFETY: F7, records stay mapped.
    unsafe { &*module }
}
