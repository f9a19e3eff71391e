//! A door: what each call of one function of a module goes through.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

use super::Fault;
use super::gate::{FaultKind, Gate, State};
use crate::sync::AtomicBool;

/// One function of a module: an implementation of a hook, or one that it provides.
#[derive(Debug)]
pub struct Door {
    /// Whether the gate is to be asked. All that a call reads as long as nothing is wrong.
    is_shut: AtomicBool,
    gate: Arc<Gate>,
    name: Box<str>,
}

/// Where in a door's function a fault was met.
#[derive(Clone, Copy, Debug, Default)]
pub struct Site<'a> {
    /// The function of a trylist, if it was one.
    pub function: Option<&'a str>,
    /// The load_balancer_module_id, if there was one.
    pub key: Option<&'a str>,
    /// The request's number.
    pub trace_id: u64,
}

impl Door {
    pub(super) fn new(gate: &Arc<Gate>, name: &str, is_shut: bool) -> Self {
        Self { is_shut: AtomicBool::new(is_shut), gate: Arc::clone(gate), name: name.into() }
    }

    /// The hook's name, or the provider's.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The module's gate.
    #[must_use]
    pub const fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Whether a new call may enter: one relaxed load as long as nothing is wrong. `now_ns` is asked only otherwise.
    #[inline]
    pub fn admits(&self, now_ns: impl FnOnce() -> u64) -> bool {
        !self.is_shut.load(Relaxed) || self.asks(now_ns())
    }

    #[cold]
    #[inline(never)]
    fn asks(&self, now_ns: u64) -> bool {
        self.gate.tries(now_ns)
    }

    /// Whether what has entered already may go on: a trylist with its next call.
    #[inline]
    pub(crate) fn lets_go_on(&self) -> bool {
        !self.is_shut.load(Relaxed) || self.is_passable()
    }

    #[cold]
    #[inline(never)]
    fn is_passable(&self) -> bool {
        self.gate.state() != State::Open
    }

    pub(super) fn set_shut(&self, is_shut: bool) {
        self.is_shut.store(is_shut, Relaxed);
    }

    /// A call has brought a fault: it is told and counted, and what becomes of the request is answered.
    #[cold]
    pub(crate) fn fault(
        &self,
        kind: FaultKind,
        now_ns: u64,
        site: Site<'_>,
        what: &dyn fmt::Display,
    ) -> Fault {
        self.gate.fault(kind, now_ns, &self.name, site, what).into()
    }

    /// The same where it is for the caller, a module, to say what becomes of the request.
    #[cold]
    pub fn blame(&self, kind: FaultKind, now_ns: u64, site: Site<'_>, what: &dyn fmt::Display) {
        let _ = self.gate.fault(kind, now_ns, &self.name, site, what);
    }
}
