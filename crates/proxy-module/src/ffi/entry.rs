//! `init` and `fini` of every module.

use std::ffi::c_void;
use std::ptr::NonNull;

use crate::abi::{Call, Host, LoadBalance, Module as Record, Registrar, Status, Value};
use crate::ffi::host;
use crate::ffi::tree::Tree;
use crate::ffi::trylist;
use crate::init::{Site, accepted, implementation_of};
use crate::slot::{InitNumber, Instance};
use crate::{Balancer, Directives, Error, Hooks, Init, Module, Result, Values, bridge, guard};

/// `init` of a [`Balancer`].
///
/// # Safety
/// Called by the host only, as its place in the record says.
pub unsafe extern "C" fn init_balancer<T: Balancer>(
    host: &Host,
    module: &Record,
    config: &Value,
    call: &Call<'_>,
    registrar: &Registrar,
    state: &mut *mut c_void,
) -> Status {
    let site = Site { host, module, registrar, config: Tree::new(host, config), number: InitNumber::next() };
    guarded_start(call, site, state, T::new, |instance, site| {
        accepted(trylist::register::<T>(instance, &site), implementation_of::<LoadBalance>)?;
        T::hooks(&mut Hooks::new(instance, site))
    })
}

/// `init` of any other [`Module`].
///
/// # Safety
/// Called by the host only, as its place in the record says.
pub unsafe extern "C" fn init_module<T: Module>(
    host: &Host,
    module: &Record,
    config: &Value,
    call: &Call<'_>,
    registrar: &Registrar,
    state: &mut *mut c_void,
) -> Status {
    let site = Site { host, module, registrar, config: Tree::new(host, config), number: InitNumber::next() };
    guarded_start(call, site, state, T::new, |instance, site| T::hooks(&mut Hooks::new(instance, site)))
}

/// `fini` of either.
///
/// # Safety
/// Called by the host only, once, with what `init` answered.
pub unsafe extern "C" fn fini<T>(state: *mut c_void) {
    if let Some(instance) = NonNull::new(state.cast::<Instance<T>>()) {
        guard::quiet(|| discard(instance));
    }
}

fn guarded_start<T, C: Directives>(
    call: &Call<'_>,
    site: Site<'_>,
    state: &mut *mut c_void,
    new: fn(C, &mut Init<'_>) -> Result<T>,
    register: fn(NonNull<Instance<T>>, Site<'_>) -> Result<()>,
) -> Status {
    guard::status(call, || {
        bridge::install(host::forever(site.host), host::forever_module(site.module));
        let config = C::read(&Values::new(site.config))?;
        let value = new(config, &mut Init::new(site))?;
        let instance = NonNull::from(Box::leak(Box::new(Instance { number: site.number, value })));
        let unclaimed = Unclaimed(instance);
        register(instance, site)?;
        std::mem::forget(unclaimed);
        *state = instance.as_ptr().cast();
        Ok::<_, Error>(Status::OK)
    })
}

/// An instance that the host does not know of yet: freed if a hook is refused, or the registering panics. Its own
/// panic is caught here, since a second one during unwinding would end the process.
struct Unclaimed<T>(NonNull<Instance<T>>);

impl<T> Drop for Unclaimed<T> {
    fn drop(&mut self) {
        guard::quiet(|| discard(self.0));
    }
}

fn discard<T>(instance: NonNull<Instance<T>>) {
    // SAFETY: F6, made by `Box::leak` in `guarded_start` and given up once: by `fini`, or before the host knew.
    drop(unsafe { Box::from_raw(instance.as_ptr()) });
}
