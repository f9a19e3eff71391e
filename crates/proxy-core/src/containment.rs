//! Containment: what a module gets wrong is kept from the requests that follow.
//!
//! Each module of a generation has a [`Gate`], and each of its functions that the server calls a [`Door`] in it. A
//! fault (a panic, a breach of the contract) is counted there; too many of them shut all doors, and one call that does
//! not come back does so at once. Then no new call enters: the built-in round robin answers in a balancer's place, and
//! any other implementation counts as declining. After a rest one call in a hundred is let in; if a hundred of these
//! bring no fault, the doors are open again.
//!
//! A call that does not come back cannot be counted by who made it. So each executor keeps a [`Mark`] of the call that it
//! is in, for a thread that looks on and fences the module.

mod door;
mod gate;
mod mark;
mod settings;
mod telling;

pub use door::{Door, Site};
pub use gate::{Counts, FaultKind, Gate, State, set_last_resort};
pub use mark::{Look, Mark, Marks, gates, within};
pub use settings::{OnPanic, OnPanics, Quarantine};

use gate::Consequence;

/// What becomes of a request that met a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    /// It fails, as `ModuleOnPanic fail` says; otherwise somebody else answers.
    pub(crate) is_fatal: bool,
}

impl Fault {
    /// No fault of this request's: the module's doors were shut meanwhile.
    pub(crate) const SHUT: Self = Self { is_fatal: false };
}

impl From<Consequence> for Fault {
    fn from(consequence: Consequence) -> Self {
        Self { is_fatal: consequence == Consequence::Fails }
    }
}
