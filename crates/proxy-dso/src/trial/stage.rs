//! The stages of a trial.

use std::fmt;

/// What the process that tries a module is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing of the module has run.
    Start,
    /// The loader maps it and runs its constructors.
    Load,
    /// `init`, without directives.
    Init,
    /// `fini`.
    Fini,
    /// The process ends, and with it whatever the module has left to be run then.
    End,
}

impl Stage {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [Self::Start, Self::Load, Self::Init, Self::Fini, Self::End];

    /// The word that stands for it between processes.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Load => "load",
            Self::Init => "init",
            Self::Fini => "fini",
            Self::End => "end",
        }
    }

    /// What its author can do.
    pub(crate) const fn remedy(self) -> &'static str {
        match self {
            Self::Start => "try again",
            Self::Load => "copy it again, or mend its constructors",
            Self::Init => "mend its init, which has to do without any directive too",
            Self::Fini => "mend its fini",
            Self::End => "mend its destructors and what it gives to atexit",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "the server's own start",
            Self::Load => "loading it",
            Self::Init => "its init",
            Self::Fini => "its fini",
            Self::End => "its destructor",
        })
    }
}
