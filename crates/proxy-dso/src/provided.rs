//! `provided` and `call_provided`: a module asks for the function that it looked up, and calls it.
//!
//! The call goes through here, and not from module to module, so that the callee gets services of its own, a failure
//! is blamed on it, and nothing calls itself without end.

use std::ffi::c_void;
use std::ptr;

use proxy_abi::{Call, Host, Provided, Provider, Status};
use proxy_core::containment::within;
use proxy_core::providers::{FoundProvider, ProviderSlot};

use crate::chain::{self, entered, failed};
use crate::host::guard;

/// The row of the host's table. Both pointers are the slot's: the second says that it is filled.
pub(crate) unsafe extern "C" fn provided(_host: &Host, provider: *const Provider) -> *const Provided {
    // SAFETY: F1, null or what `provider` answered in an `init` of this generation, which keeps the slot.
    let slot = unsafe { provider.cast::<ProviderSlot>().as_ref() };
    slot.filter(|slot| slot.found().is_some()).map_or(ptr::null(), |slot| ptr::from_ref(slot).cast())
}

/// The row of the host's table.
pub(crate) unsafe extern "C" fn call_provided(
    _host: &Host,
    call: &Call<'_>,
    provided: *const Provided,
    input: *const c_void,
    output: *mut c_void,
) -> Status {
    // SAFETY: F1, null or what `provided` answered, in this generation.
    let Some(slot) = (unsafe { provided.cast::<ProviderSlot>().as_ref() }) else { return Status::ABI };
    let Some(found) = slot.found() else { return Status::ABI };
    if !found.door.admits(|| call.now_ns) {
        return Status::DECLINED;
    }
    guard(Status::PANICKED, || {
        entered(found, || {
            call.err.clear();
            // SAFETY: F2, the caller hands in the structs of the signature that it looked up.
            let make = || unsafe { found.entry.call(slot.sig(), &call.with_host(found.host), input, output) };
            let status = within(&found.door, make);
            if failed(status) {
                blame(call, slot, found, status);
            }
            status
        })
    })
}

#[cold]
fn blame(call: &Call<'_>, slot: &ProviderSlot, found: &FoundProvider, status: Status) {
    let (module, group, name) = (&*found.ident, slot.group(), slot.name());
    chain::blame(call, status, &found.door, format!("{module} answered {status:?} as {group} '{name}'"));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proxy_abi::{ErrSink, HookFn, Random, RawEntry};

    use super::*;
    use crate::host::{SHARED, STATIC};

    /// Says whose services it was given, and answers what `user` says.
    unsafe extern "C" fn answer(
        user: *mut c_void,
        call: &Call<'_>,
        _: *const c_void,
        _: *mut c_void,
    ) -> Status {
        assert!(ptr::eq(call.host, &SHARED), "services of its own");
        call.err.set(4, b"the atlas is torn", 0);
        Status(user.addr() as i32)
    }

    /// Calls its input, a provider, again and answers what comes of it.
    unsafe extern "C" fn again(
        _: *mut c_void,
        call: &Call<'_>,
        input: *const c_void,
        out: *mut c_void,
    ) -> Status {
        // SAFETY: F1, the test's own slot.
        unsafe { call_provided(call.host, call, input.cast(), input, out) }
    }

    fn slot(func: HookFn, sig: u64, status: Status) -> ProviderSlot {
        let slot = ProviderSlot::new("com.example.x".to_owned(), "a".to_owned(), 7);
        let user = ptr::without_provenance_mut(status.0 as u32 as usize);
        // SAFETY: F2, functions of this test, which read no struct.
        let entry = unsafe { RawEntry::new(sig, func, user) };
        slot.fill(FoundProvider {
            ident: Arc::from("x_module"),
            door: chain::door("x_module"),
            host: &SHARED,
            entry,
        });
        slot
    }

    fn called(slot: *const ProviderSlot) -> (Status, String) {
        let (err, random) = (ErrSink::new(), Random::new(1));
        let call = Call::new(&STATIC, &err, &random, 1);
        // SAFETY: F1, null or a slot that lives.
        let status = unsafe { call_provided(call.host, &call, slot.cast(), slot.cast(), ptr::null_mut()) };
        (status, err.to_string())
    }

    #[test]
    fn only_a_filled_one_is_there_and_a_null_is_a_breach() {
        let empty = ProviderSlot::new("com.example.x".to_owned(), "a".to_owned(), 7);
        let filled = slot(answer, 7, Status::OK);
        // SAFETY: F1, null or a slot that lives.
        let there = |slot: *const ProviderSlot| unsafe { !provided(&STATIC, slot.cast()).is_null() };
        assert_eq!([ptr::null(), &raw const empty, &raw const filled].map(there), [false, false, true]);
        assert_eq!(called(ptr::null()).0, Status::ABI);
        assert_eq!(called(&raw const empty).0, Status::ABI);
        assert_eq!(called(&raw const filled).0, Status::OK);
    }

    #[test]
    fn a_failure_is_blamed_on_its_module_and_a_stranger_is_not_called() {
        let torn = "x_module answered ERROR as com.example.x 'a': the atlas is torn";
        assert_eq!(called(&slot(answer, 7, Status::ERROR)), (Status::ERROR, torn.to_owned()));
        let fault = "x_module answered PANICKED as com.example.x 'a'";
        assert_eq!(called(&slot(answer, 7, Status::PANICKED)), (Status::PANICKED, fault.to_owned()));
        assert_eq!(called(&slot(answer, 7, Status::DECLINED)).0, Status::DECLINED);
        assert_eq!(called(&slot(answer, 8, Status::OK)).0, Status::ABI);
    }

    #[test]
    fn one_that_calls_itself_is_refused() {
        let recursive = slot(again, 7, Status::OK);
        assert_eq!(called(&recursive).0, Status::LIMIT);
        assert_eq!(called(&recursive).0, Status::LIMIT, "the chain was left again");
    }
}
