//! Modules that call each other: implementations of a hook that a module runs, and functions that one looked up.
//!
//! Calls are synchronous, so that what runs in a thread is a chain of calls: who is on it already is refused, and so
//! is a chain too long. Whose failure it was is said before the caller passes it on.

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr;

use proxy_abi::{Call, Status};
use proxy_core::containment::{Door, FaultKind, Site};

/// How many calls may be within each other.
const DEEPEST: usize = 8;

/// The members and providers that run in this thread, outermost first. Without a destructor: a thread of a module may
/// end late.
#[derive(Clone, Copy)]
struct Running {
    depth: usize,
    callees: [*const c_void; DEEPEST],
}

thread_local! {
    static RUNNING: Cell<Running> = const { Cell::new(Running { depth: 0, callees: [ptr::null(); DEEPEST] }) };
}

/// Leaves the chain of calls, however the call ends.
struct Leaving(Running);

impl Drop for Leaving {
    fn drop(&mut self) {
        RUNNING.set(self.0);
    }
}

/// Calls a member or a provider, unless it runs already or too much does.
pub(crate) fn entered<C>(callee: &C, call: impl FnOnce() -> Status) -> Status {
    let callee = ptr::from_ref(callee).cast::<c_void>();
    let outer = RUNNING.get();
    let mut inner = outer;
    if outer.depth == DEEPEST || outer.callees[..outer.depth].contains(&callee) {
        return Status::LIMIT;
    }
    inner.callees[outer.depth] = callee;
    inner.depth += 1;
    RUNNING.set(inner);
    let _leaving = Leaving(outer);
    call()
}

/// Whether somebody should be told.
pub(crate) fn failed(status: Status) -> bool {
    status != Status::OK && status != Status::DECLINED && status.as_http().is_none()
}

/// Whether an answer that failed is no fault of whoever gave it: LIMIT, for one, is the loader's word.
pub(crate) fn is_orderly(status: Status) -> bool {
    status == Status::ERROR || status == Status::LIMIT
}

/// Puts `whose`, which names the callee and its answer, in front of its words, since its caller is who passes them on,
/// or does without. A fault is told at once and counted: no caller is to hide that another module is broken.
pub(crate) fn blame(call: &Call<'_>, status: Status, door: &Door, whose: String) {
    let text = format!("{whose}: {}", call.err);
    let passed_on = if is_orderly(status) {
        text
    } else {
        let site = Site { trace_id: call.trace_id, ..Site::default() };
        door.blame(FaultKind::of(status), call.now_ns, site, &text);
        whose
    };
    call.err.set(call.err.code(), passed_on.as_bytes(), 0);
}

/// The door of a test's function.
#[cfg(test)]
pub(crate) fn door(module: &str) -> std::sync::Arc<Door> {
    proxy_core::containment::Gate::new(module, proxy_core::containment::OnPanic::Fail).door("com.example.x")
}
