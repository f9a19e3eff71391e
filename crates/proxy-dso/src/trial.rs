//! A module is tried before the server maps it: loaded, begun without any directive, and ended, in a process that may
//! die of it. Who starts that process and bounds it is the server's business ([`Preflight`]); what happens in it is
//! [`run`].
//!
//! This finds what always goes wrong: damage that no check of the file can see, constructors that end the process or
//! never end themselves, an `init` that does what a module may not do. It does not find out what a module is up to.

mod inherited;
mod stage;
mod trap;

use std::fmt;
use std::fs::File;
use std::path::Path;

use proxy_core::caller::Caller;
use proxy_core::module::{Carrier, ModuleCode};
use proxy_core::registration::Registration;
use proxy_core::value::{Value, ValueKind};

use crate::elf::Elf;
use crate::image::Image;
use crate::module_code::DsoModule;
use crate::refusal::{Cause, Refusal};
use crate::{file, host, note, record};

pub use inherited::close_inherited;
pub use stage::Stage;
pub use trap::{Trapped, trap};

/// A module's bytes, checked, in the private copy that the server would map.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'c> {
    /// The module that is wanted.
    pub ident: &'c str,
    /// How the file is named in messages.
    pub path: &'c Path,
    /// The copy, open for reading.
    pub copy: &'c File,
    /// Whether the module says of itself that it starts threads.
    pub threads: bool,
}

/// How a server tries a module in a process of its own.
pub trait Preflight: fmt::Debug + Sync {
    /// Tries it, which takes as long as the module does, within bounds.
    ///
    /// # Errors
    /// What the module did that would harm the server, or what kept it from being tried.
    fn try_out(&self, candidate: &Candidate<'_>) -> Result<(), Cause>;
}

/// The trial itself, for a process that has nothing to lose. `at` hears of each stage before it begins. An `init` that
/// fails in order passes, as it was given no directive; so does one that registers what it may not.
///
/// # Errors
/// Why the server would refuse the module.
pub fn run(ident: &str, path: &Path, copy: File, at: impl Fn(Stage)) -> Result<(), Refusal> {
    tried(ident, path, copy, at).map_err(|cause| crate::refusal(path, cause))
}

fn tried(ident: &str, path: &Path, copy: File, at: impl Fn(Stage)) -> Result<(), Cause> {
    let bytes = file::read_whole(&copy)?;
    let note = note::choose(&note::read_notes(&Elf::read(&bytes)?)?, ident)?;
    at(Stage::Load);
    let record = record::check_image(&note, ident, Image::of_copy(copy, path)?)?;
    let info = record::facts(ident, record.module, Carrier::Shared(path.to_owned()))?;
    let module = DsoModule { record, info, host: &host::SHARED };
    at(Stage::Init);
    let mut registration = Registration::default();
    let nothing = Value { span: None, kind: ValueKind::Map(Vec::new()) };
    let instance = module.init(&Caller::new(u32::MAX), &nothing, &mut registration);
    at(Stage::Fini);
    drop(instance);
    at(Stage::End);
    Ok(())
}
