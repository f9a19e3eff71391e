//! The host functions by which a module registers: they copy what the module hands in, and pass it on to the
//! core. Their texts are kept at the [desk], since the calls themselves answer a number alone.

use std::ffi::c_void;
use std::sync::Arc;

use proxy_abi::{
    BlobFn, BlobKind, Bytes, ClusterDecl, EndpointDecl, HookDecl, HookImpl, Host, KeepDecl, LoadFn, Provider,
    ProviderDecl, RawEntry, Registrar, Runner, SaveFn, Status,
};
use proxy_core::blob::{BlobMemory, BlobType, KeptBlob, KeptType, Loaded};
use proxy_core::providers::ProvidedFunction;
use proxy_core::registration::{DeclaredHook, ImplementedHook, Registration};
use proxy_core::value::Spans;

use crate::desk::{self, Fault};
use crate::host::guard;
use crate::record::lossy;

pub(crate) extern "C" fn declare_hook(
    _host: &Host,
    registrar: Option<&Registrar>,
    decl: Option<&HookDecl<'_>>,
) -> Status {
    answer(registrar, None, |registration, _| {
        let decl = given(decl, "HookDecl")?;
        whole(decl.size, size_of_val(decl), "HookDecl")?;
        let hook = DeclaredHook {
            name: text(decl.name, "a hook's name")?,
            kind: decl.kind,
            sig: decl.sig,
            doc: lossy(decl.doc),
            layout: lossy(decl.layout),
        };
        registration.declare_hook(hook).map_err(refused)
    })
}

pub(crate) extern "C" fn hook(
    _host: &Host,
    registrar: Option<&Registrar>,
    hook: Option<&HookImpl<'_>>,
) -> Status {
    answer(registrar, None, |registration, _| {
        let hook = given(hook, "HookImpl")?;
        whole(hook.size, size_of_val(hook), "HookImpl")?;
        let name = text(hook.name, "a hook's name")?;
        let Some(func) = hook.func else {
            return Err(Fault::breach(&format!("{name} is implemented by a null function")));
        };
        // SAFETY: F2, the module says by the signature what its function takes; F7, it stays mapped; F6, the
        // instance that `user` belongs to outlives the generation that holds this entry.
        let entry = unsafe { RawEntry::new(hook.sig, func, hook.user) };
        let implemented = ImplementedHook {
            order: hook.order,
            key: text(hook.key, "a hook's key")?,
            before: idents(hook.before, hook.nbefore)?,
            after: idents(hook.after, hook.nafter)?,
            sig: hook.sig,
            entry,
            scratch_size: scratch_size(hook)?,
            name,
        };
        registration.implement_hook(implemented).map_err(refused)
    })
}

pub(crate) extern "C" fn runner(
    _host: &Host,
    registrar: Option<&Registrar>,
    name: Bytes<'_>,
    sig: u64,
    runner: Option<&mut *const Runner>,
) -> Status {
    answer(registrar, runner, |registration, _| {
        let name = text(name, "a hook's name")?;
        let slot = registration.run_hook(name, sig).map_err(refused)?;
        Ok(Arc::as_ptr(slot).cast::<Runner>())
    })
}

pub(crate) extern "C" fn provide(
    _host: &Host,
    registrar: Option<&Registrar>,
    decl: Option<&ProviderDecl<'_>>,
) -> Status {
    answer(registrar, None, |registration, _| {
        let decl = given(decl, "ProviderDecl")?;
        whole(decl.size, size_of_val(decl), "ProviderDecl")?;
        let (group, name) = (text(decl.group, "a provider's group")?, text(decl.name, "a provider's name")?);
        let Some(func) = decl.func else {
            return Err(Fault::breach(&format!("{group} '{name}' is provided by a null function")));
        };
        // SAFETY: F2, F6 and F7, as for the implementation of a hook; those that may call it end before the instance
        // that `user` belongs to.
        let entry = unsafe { RawEntry::new(decl.sig, func, decl.user) };
        let (doc, layout) = (lossy(decl.doc), lossy(decl.layout));
        let function = ProvidedFunction { group, name, sig: decl.sig, doc, layout, entry };
        registration.provide(function).map_err(refused)
    })
}

pub(crate) extern "C" fn provider(
    _host: &Host,
    registrar: Option<&Registrar>,
    group: Bytes<'_>,
    name: Bytes<'_>,
    sig: u64,
    provider: Option<&mut *const Provider>,
) -> Status {
    answer(registrar, provider, |registration, _| {
        let (group, name) = (text(group, "a provider's group")?, text(name, "a provider's name")?);
        let slot = registration.look_up(group, name, sig).map_err(refused)?;
        Ok(Arc::as_ptr(slot).cast::<Provider>())
    })
}

pub(crate) extern "C" fn cluster(
    _host: &Host,
    registrar: Option<&Registrar>,
    decl: Option<&ClusterDecl<'_>>,
    cluster: Option<&mut u32>,
) -> Status {
    answer(registrar, cluster, |registration, spans| {
        let decl = given(decl, "ClusterDecl")?;
        whole(decl.size, size_of_val(decl), "ClusterDecl")?;
        let at = decl.at.addr();
        let name = text(decl.name, "a cluster's name")?;
        registration.cluster(&name, spans.at(at)).map_err(|message| Fault::refused(message, at))
    })
}

pub(crate) extern "C" fn endpoint(
    _host: &Host,
    registrar: Option<&Registrar>,
    cluster: u32,
    decl: Option<&EndpointDecl<'_>>,
    id: Option<&mut u64>,
) -> Status {
    answer(registrar, id, |registration, spans| {
        let decl = given(decl, "EndpointDecl")?;
        whole(decl.size, size_of_val(decl), "EndpointDecl")?;
        let at = decl.at.addr();
        let url = text(decl.url, "an endpoint's URL")?;
        let added = registration.endpoint(cluster, &url, decl.weight, spans.at(at));
        added.map_err(|message| Fault::refused(message, at))
    })
}

#[allow(clippy::too_many_arguments, reason = "a row of the table of functions")]
pub(crate) extern "C" fn blob(
    _host: &Host,
    registrar: Option<&Registrar>,
    kind: BlobKind,
    size: u32,
    align: u32,
    ctor: Option<BlobFn>,
    dtor: Option<BlobFn>,
    offset: Option<&mut u32>,
) -> Status {
    answer(registrar, offset, |registration, _| {
        let make = (ctor.is_some() || dtor.is_some())
            .then(|| Arc::new(ModuleBlob { ctor, dtor }) as Arc<dyn BlobType>);
        registration.blob(kind, size, align, make).map_err(|error| refused(error.to_string()))
    })
}

pub(crate) extern "C" fn keep(
    _host: &Host,
    registrar: Option<&Registrar>,
    decl: Option<&KeepDecl<'_>>,
) -> Status {
    answer(registrar, None, |registration, _| {
        let decl = given(decl, "KeepDecl")?;
        whole(decl.size, size_of_val(decl), "KeepDecl")?;
        let name = text(decl.name, "the name of what is kept")?;
        let (Some(save), Some(load)) = (decl.save, decl.load) else {
            return Err(Fault::breach(&format!("'{name}' is kept by a null function")));
        };
        let functions = Arc::new(ModuleKept { save, load });
        let KeepDecl { kind, version, offset, .. } = *decl;
        registration.keep(KeptBlob { kind, name, version, offset, functions }).map_err(refused)
    })
}

/// A blob written and read by functions of a module.
#[derive(Debug)]
struct ModuleKept {
    save: SaveFn,
    load: LoadFn,
}

impl KeptType for ModuleKept {
    fn save(&self, memory: &BlobMemory, offset: usize, out: &mut [u8]) -> usize {
        let address = memory.address().wrapping_byte_add(offset);
        // SAFETY: F5, the module's own blob, which the core keeps at `offset`; it writes as many bytes as there is room
        // for; F3 and F7.
        unsafe { (self.save)(address, out.as_mut_ptr(), out.len()) }
    }

    fn load(&self, memory: &BlobMemory, offset: usize, version: u32, kept: &[u8]) -> Loaded {
        let address = memory.address().wrapping_byte_add(offset);
        // SAFETY: F5, likewise, and no request has seen it yet; F3 and F7.
        match unsafe { (self.load)(address, version, Bytes::new(kept)) } {
            Status::OK => Loaded::Taken,
            Status::DECLINED => Loaded::Declined,
            _ => Loaded::Fault,
        }
    }
}

/// A blob made and destroyed by functions of a module.
#[derive(Debug)]
struct ModuleBlob {
    ctor: Option<BlobFn>,
    dtor: Option<BlobFn>,
}

impl BlobType for ModuleBlob {
    fn construct(&self, memory: &BlobMemory, offset: usize) {
        call(self.ctor, memory, offset);
    }

    fn destroy(&self, memory: &BlobMemory, offset: usize) {
        call(self.dtor, memory, offset);
    }
}

fn call(function: Option<BlobFn>, memory: &BlobMemory, offset: usize) {
    let address: *mut c_void = memory.address().wrapping_byte_add(offset);
    if let Some(function) = function {
        // SAFETY: F5, the core keeps the blob's bytes at `offset`, for this module alone; F3 and F7.
        unsafe { function(address) }
    }
}

/// Registers, and hands what comes of it to the module.
fn answer<R>(
    registrar: Option<&Registrar>,
    out: Option<&mut R>,
    act: impl FnOnce(&mut Registration, &Spans<'_>) -> Result<R, Fault>,
) -> Status {
    guard(Status::PANICKED, || {
        match registrar.map_or(Err(Status::ABI), |registrar| desk::register(registrar, act)) {
            Ok(made) => {
                if let Some(out) = out {
                    *out = made;
                }
                Status::OK
            }
            Err(status) => status,
        }
    })
}

/// Scratch is always aligned to 64.
fn scratch_size(hook: &HookImpl<'_>) -> Result<u32, Fault> {
    let (size, align) = (hook.scratch_size, hook.scratch_align);
    if size != 0 && (!align.is_power_of_two() || align > 64) {
        return Err(refused(format!("an alignment of scratch of {align} is not a power of two up to 64")));
    }
    Ok(size)
}

const fn refused(message: String) -> Fault {
    Fault::refused(message, 0)
}

fn given<'a, T>(decl: Option<&'a T>, what: &str) -> Result<&'a T, Fault> {
    decl.ok_or_else(|| Fault::breach(&format!("null was handed in for a {what}")))
}

/// The module's struct must have all the fields of this server's.
fn whole(size: u32, needed: usize, what: &str) -> Result<(), Fault> {
    if (size as usize) < needed {
        return Err(Fault::breach(&format!("a {what} of {size} bytes was handed in, it has {needed}")));
    }
    Ok(())
}

fn text(bytes: Bytes<'_>, what: &str) -> Result<String, Fault> {
    let text = bytes.to_str().map_err(|_| refused(format!("{what} is not UTF-8: {bytes:?}")))?;
    Ok(text.to_owned())
}

fn idents(names: *const Bytes<'_>, count: u32) -> Result<Vec<String>, Fault> {
    const MOST: u32 = 1024;
    if count == 0 {
        return Ok(Vec::new());
    }
    if names.is_null() || count > MOST {
        return Err(Fault::breach(&format!("a list of {count} module names is null or longer than {MOST}")));
    }
    // SAFETY: F1, the module keeps `count` names there until the call returns.
    let names = unsafe { std::slice::from_raw_parts(names, count as usize) };
    names.iter().map(|name| text(*name, "a module's name")).collect()
}

#[cfg(test)]
mod tests {
    use proxy_core::blob::BlobLayout;

    use super::*;

    unsafe extern "C" fn make(blob: *mut c_void) {
        // SAFETY: F5, called with eight zeroed bytes for this module alone.
        unsafe { *blob.cast::<u64>() += 7 };
    }

    #[test]
    fn a_blobs_functions_are_called_where_it_lies() {
        let mut layout = BlobLayout::default();
        layout.add(4, 4, None).unwrap();
        let kind = Arc::new(ModuleBlob { ctor: Some(make), dtor: Some(make) });
        let offset = layout.add(8, 8, Some(kind.clone())).unwrap();
        let memory = layout.allocate();
        let read = || {
            // SAFETY: F5, the test reads what its own functions wrote.
            unsafe { *memory.address().byte_add(offset as usize).cast::<u64>() }
        };
        assert_eq!((offset, read()), (8, 7));
        kind.destroy(&memory, offset as usize);
        assert_eq!(read(), 14);
    }
}
