//! `run_hook`: a module runs a hook, and its implementations are called from here.
//!
//! Whatever is called may call on; see `chain`.

use std::ffi::c_void;

use proxy_abi::{Bytes, Call, HookKind, Host, Runner, Status, signature};
use proxy_core::containment::within;
use proxy_core::hooks::{RunMember, RunSlot};
use proxy_core::observe::{self, Called, Field};

use crate::chain::{self, entered, failed};
use crate::fields::Structs;
use crate::host::guard;

/// The row of the host's table.
pub(crate) unsafe extern "C" fn run_hook(
    _host: &Host,
    call: &Call<'_>,
    runner: *const Runner,
    key: Bytes<'_>,
    input: *const c_void,
    output: *mut c_void,
) -> Status {
    // SAFETY: F1, null or what `runner` answered in an `init` of this generation, which keeps the slot.
    let Some(slot) = (unsafe { runner.cast::<RunSlot>().as_ref() }) else { return Status::ABI };
    if slot.members().is_empty() {
        return Status::DECLINED;
    }
    guard(Status::PANICKED, || {
        run(slot, key.as_slice(), |member| {
            if !member.door.admits(|| call.now_ns) {
                return Status::DECLINED;
            }
            call.err.clear();
            let is_watched = observe::is_watched();
            if is_watched {
                observe::enter();
            }
            // SAFETY: F2, the caller hands in the structs of the signature that it asked to run.
            let make =
                || unsafe { member.entry.call(slot.sig(), &call.with_host(member.host), input, output) };
            let status = within(&member.door, make);
            if is_watched {
                observe::leave(|| {
                    // SAFETY: F2, likewise, and the call has returned.
                    let [input, output] = unsafe { told(slot, Structs { input, output }) };
                    called(call, slot, member, status, [input, output])
                });
            }
            if failed(status) {
                blame(call, slot, member, status);
            }
            status
        })
    })
}

/// Tells what crossed, if the declarer's layout text is the one that the signature was made of.
///
/// # Safety
/// The structs are those of the slot's signature.
unsafe fn told(slot: &RunSlot, structs: Structs) -> [Vec<Field>; 2] {
    if signature(slot.layout()) != slot.sig() {
        return [Vec::new(), Vec::new()];
    }
    // SAFETY: F2, a signature is made of the text of the structs.
    unsafe { structs.told(slot.layout()) }
}

/// What those who look on are shown.
fn called<'a>(
    call: &Call<'_>,
    slot: &'a RunSlot,
    member: &'a RunMember,
    status: Status,
    [input, output]: [Vec<Field>; 2],
) -> Called<'a> {
    Called {
        request: call.trace_id,
        hook: slot.name(),
        function: None,
        module: &member.ident,
        status: Some(status),
        said: call.err.to_string(),
        input,
        // Who declines or fails need not have filled it in.
        output: if status == Status::OK { output } else { Vec::new() },
    }
}

/// Walks the members as the hook's kind says.
fn run(slot: &RunSlot, key: &[u8], act: impl Fn(&RunMember) -> Status) -> Status {
    let each = |member: &RunMember| entered(member, || act(member));
    let mut members = slot.members().iter();
    match slot.kind() {
        HookKind::FIRST => first(members, each),
        HookKind::KEYED => {
            let of_key = first(members.clone().filter(|member| member.key.as_bytes() == key), each);
            if of_key != Status::DECLINED || key.is_empty() {
                return of_key;
            }
            first(members.filter(|member| member.key.is_empty()), each)
        }
        HookKind::ALL => {
            let mut answer = Status::DECLINED;
            let objection = members.find_map(|member| match each(member) {
                Status::DECLINED => None,
                Status::OK => {
                    answer = Status::OK;
                    None
                }
                objection => Some(objection),
            });
            objection.unwrap_or(answer)
        }
        HookKind::VOID => {
            for member in members {
                each(member);
            }
            Status::OK
        }
        // Reserved.
        _ => Status::ABI,
    }
}

fn first<'a>(
    mut members: impl Iterator<Item = &'a RunMember>,
    each: impl Fn(&RunMember) -> Status,
) -> Status {
    members
        .find_map(|member| Some(each(member)).filter(|status| *status != Status::DECLINED))
        .unwrap_or(Status::DECLINED)
}

/// Tells of a failure. A VOID hook's are logged at once, as nobody looks at its answers.
#[cold]
fn blame(call: &Call<'_>, slot: &RunSlot, member: &RunMember, status: Status) {
    let (hook, module) = (slot.name(), &*member.ident);
    if slot.kind() == HookKind::VOID && chain::is_orderly(status) {
        tracing::error!(hook, module, ?status, "{}", call.err);
        return;
    }
    chain::blame(call, status, &member.door, format!("{module} answered {status:?} to {hook}"));
}

#[cfg(test)]
mod tests {
    use std::ptr;
    use std::sync::Arc;

    use proxy_abi::{ErrSink, Random, RawEntry};

    use super::*;

    unsafe extern "C" fn answer(user: *mut c_void, _: &Call<'_>, _: *const c_void, _: *mut c_void) -> Status {
        Status(user.addr() as i32)
    }

    /// Runs its input, a runner, again and answers what comes of it.
    unsafe extern "C" fn again(
        _: *mut c_void,
        call: &Call<'_>,
        input: *const c_void,
        output: *mut c_void,
    ) -> Status {
        // SAFETY: F1, the test's own slot.
        unsafe { run_hook(call.host, call, input.cast(), Bytes::EMPTY, input, output) }
    }

    fn slot(kind: HookKind, sig: u64, members: &[(&str, proxy_abi::HookFn, i32)]) -> RunSlot {
        let slot = RunSlot::new("com.example.x".to_owned(), 7);
        let members = members.iter().map(|(key, func, status)| RunMember {
            ident: Arc::from("x_module"),
            door: chain::door("x_module"),
            host: &crate::host::STATIC,
            // SAFETY: F2, functions of this test, which read no struct.
            entry: unsafe { RawEntry::new(sig, *func, ptr::without_provenance_mut(*status as u32 as usize)) },
            key: (*key).to_owned(),
        });
        slot.fill(kind, "", members.collect());
        slot
    }

    fn answered(slot: &RunSlot, key: &str) -> (Status, String) {
        let (err, random) = (ErrSink::new(), Random::new(1));
        let call = Call::new(&crate::host::STATIC, &err, &random, 1);
        let runner = ptr::from_ref(slot).cast::<Runner>();
        // SAFETY: F1, the slot lives.
        let status =
            unsafe { run_hook(call.host, &call, runner, Bytes::of(key), runner.cast(), ptr::null_mut()) };
        (status, err.to_string())
    }

    #[test]
    fn each_kind_has_its_walk() {
        let members: &[(&str, proxy_abi::HookFn, i32)] =
            &[("", answer, 1), ("b", answer, 204), ("a", answer, 203), ("", answer, 0)];
        let kinds = [
            (HookKind::FIRST, "", Status(204)),
            (HookKind::ALL, "", Status(204)),
            (HookKind::VOID, "", Status::OK),
            (HookKind::KEYED, "a", Status(203)),
            (HookKind::KEYED, "c", Status::OK),
            (HookKind::FOLD, "", Status::ABI),
        ];
        for (kind, key, status) in kinds {
            assert_eq!(answered(&slot(kind, 7, members), key).0, status, "{kind:?} {key}");
        }
        assert_eq!(answered(&slot(HookKind::ALL, 7, &members[..1]), "").0, Status::DECLINED);
        assert_eq!(answered(&slot(HookKind::ALL, 7, &[("", answer, 0), ("", answer, 1)]), "").0, Status::OK);
    }

    #[test]
    fn nobody_declines_and_a_null_is_a_breach() {
        assert_eq!(answered(&RunSlot::new("com.example.x".to_owned(), 7), "").0, Status::DECLINED);
        let (err, random) = (ErrSink::new(), Random::new(1));
        let call = Call::new(&crate::host::STATIC, &err, &random, 1);
        // SAFETY: F1, null is allowed.
        let status =
            unsafe { run_hook(call.host, &call, ptr::null(), Bytes::EMPTY, ptr::null(), ptr::null_mut()) };
        assert_eq!(status, Status::ABI);
    }

    #[test]
    fn a_failure_is_blamed_on_its_module_and_a_stranger_is_not_called() {
        let (status, text) = answered(&slot(HookKind::FIRST, 7, &[("", answer, -2)]), "");
        assert_eq!((status, &*text), (Status::PANICKED, "x_module answered PANICKED to com.example.x"));
        let (status, text) = answered(&slot(HookKind::FIRST, 7, &[("", answer, -1)]), "");
        assert_eq!((status, &*text), (Status::ERROR, "x_module answered ERROR to com.example.x: "));
        assert_eq!(answered(&slot(HookKind::FIRST, 8, &[("", answer, 0)]), "").0, Status::ABI);
    }

    #[test]
    fn what_runs_already_is_refused_and_so_is_a_chain_too_long() {
        let recursive = slot(HookKind::FIRST, 7, &[("", again, 0)]);
        assert_eq!(answered(&recursive, "").0, Status::LIMIT);
        assert_eq!(answered(&recursive, "").0, Status::LIMIT, "the chain was left again");
        let two = slot(HookKind::FIRST, 7, &[("", answer, 1), ("", answer, 0)]);
        let members = two.members();
        fn nested(members: &[RunMember], depth: usize) -> Status {
            let fresh = &members[depth % members.len()];
            entered(fresh, || if depth == 0 { Status::OK } else { nested(members, depth - 1) })
        }
        assert_eq!(nested(members, 1), Status::OK);
        assert_eq!(nested(members, 2), Status::LIMIT, "the same one twice");
        let many = slot(HookKind::FIRST, 7, &[("", answer as proxy_abi::HookFn, 0); 9]);
        assert_eq!(nested(many.members(), 7), Status::OK);
        assert_eq!(nested(many.members(), 8), Status::LIMIT);
    }
}
