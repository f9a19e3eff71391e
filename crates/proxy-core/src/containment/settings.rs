//! What `ModuleOnPanic` says: what comes of a module's faults.

use std::time::Duration;

/// When the doors of a module are shut, and for how long at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// After so many faults, at least 1…
    pub faults: u32,
    /// …within this time…
    pub within: Duration,
    /// …no call enters for so long; each time that it comes to this again without a recovery in between, twice as
    /// long.
    pub rest: Duration,
}

impl Quarantine {
    /// 5 faults within a minute shut the doors for half a minute.
    pub const DEFAULT: Self =
        Self { faults: 5, within: Duration::from_secs(60), rest: Duration::from_secs(30) };

    /// Doubled without end, a rest would become a removal.
    const LONGEST: Duration = Duration::from_secs(600);

    /// The rest after one of `rest` that has not helped.
    pub(super) fn after(&self, rest: Duration) -> Duration {
        rest.saturating_mul(2).min(Self::LONGEST.max(self.rest))
    }
}

/// What comes of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnPanic {
    /// Somebody else answers, and the fault is counted.
    Quarantine(Quarantine),
    /// The request that met it fails, and nothing else changes.
    Fail,
    /// The process ends.
    Abort,
}

/// The same for each module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnPanics {
    /// For those that are not named.
    pub default: OnPanic,
    /// By ident.
    pub modules: Vec<(String, OnPanic)>,
}

impl Default for OnPanics {
    fn default() -> Self {
        Self { default: OnPanic::Quarantine(Quarantine::DEFAULT), modules: Vec::new() }
    }
}

impl OnPanics {
    /// What holds for the module `ident`.
    #[must_use]
    pub fn of(&self, ident: &str) -> OnPanic {
        let named = self.modules.iter().find(|(name, _)| name == ident);
        named.map_or(self.default, |(_, on_panic)| *on_panic)
    }

    /// From now on this holds for `ident`, or for all that are not named.
    pub(crate) fn set(&mut self, ident: Option<String>, on_panic: OnPanic) {
        let Some(ident) = ident else {
            self.default = on_panic;
            return;
        };
        self.modules.retain(|(name, _)| *name != ident);
        self.modules.push((ident, on_panic));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rest_is_doubled_up_to_ten_minutes_or_to_what_was_written() {
        let rests = |first: u64| {
            let quarantine = Quarantine { rest: Duration::from_secs(first), ..Quarantine::DEFAULT };
            let next = |rest: &Duration| Some(quarantine.after(*rest));
            std::iter::successors(Some(quarantine.rest), next).map(|rest| rest.as_secs()).take(7).collect()
        };
        let seconds: [Vec<u64>; 3] = [30, 600, 3600].map(rests);
        assert_eq!(seconds[0], [30, 60, 120, 240, 480, 600, 600]);
        assert_eq!(seconds[1], [600; 7]);
        assert_eq!(seconds[2], [3600; 7]);
    }

    #[test]
    fn what_is_said_last_of_a_module_holds_for_it() {
        let mut on_panics = OnPanics::default();
        on_panics.set(Some("a_module".to_owned()), OnPanic::Fail);
        on_panics.set(None, OnPanic::Abort);
        assert_eq!((on_panics.of("a_module"), on_panics.of("b_module")), (OnPanic::Fail, OnPanic::Abort));
        on_panics.set(Some("a_module".to_owned()), OnPanic::Abort);
        assert_eq!((on_panics.of("a_module"), on_panics.modules.len()), (OnPanic::Abort, 1));
    }
}
