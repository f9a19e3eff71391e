//! What the log is told of a gate.

use std::fmt;
use std::sync::atomic::Ordering::Relaxed;

use tracing::{error, info, warn};

use super::{CLEAN, Counts, FaultKind, Gate, Opened, Site};

impl Gate {
    pub(super) fn tell_fault(
        &self,
        kind: FaultKind,
        hook: &str,
        site: Site<'_>,
        what: &dyn fmt::Display,
        untold: u64,
    ) {
        let (module, generation) = (&*self.ident, self.generation());
        let event = if kind == FaultKind::Panic { "module_panic" } else { "bad_return" };
        let Site { function, key, trace_id } = site;
        let untold = (untold > 0).then_some(untold);
        error!(event, module, generation, hook, function, key, trace_id, untold, "{what}");
    }

    pub(super) fn tell_slow(&self, hook: &str, executor: u32, untold: u64) {
        let (module, generation) = (&*self.ident, self.generation());
        let untold = (untold > 0).then_some(untold);
        let event = "module_slow";
        warn!(event, module, generation, hook, executor, untold, "a call of {module} takes more than 1 ms");
    }

    pub(super) fn tell_quarantined(&self, opened: &Opened) {
        let (faults, seconds) = (opened.faults, opened.rest.as_secs_f64());
        error!(
            event = "module_quarantined",
            module = &*self.ident,
            generation = self.generation(),
            faults,
            seconds,
            "no call enters {} for {seconds} s: the built-in round robin answers in its place, and its hooks decline",
            self.ident
        );
    }

    pub(super) fn tell_recovered(&self, counts: &Counts) {
        let (faults, refused) = (counts.faults(), self.refused.load(Relaxed));
        info!(
            event = "module_recovered",
            module = &*self.ident,
            generation = self.generation(),
            faults,
            refused,
            "calls enter {} again: {CLEAN} were tried without a fault",
            self.ident
        );
    }

    /// Tells of faults that are untold and that no other one follows. To be called now and then.
    pub fn tell_rest(&self, now_ns: u64) {
        let untold = self.inside().telling.rest(now_ns);
        if untold > 0 {
            let (module, generation) = (&*self.ident, self.generation());
            error!(event = "module_panic", module, generation, untold, "{untold} more faults of {module}");
        }
    }
}
