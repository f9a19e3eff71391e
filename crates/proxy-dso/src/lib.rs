//! Turns a module file, or a record that is compiled in, into a module of the core.
//!
//! A file is read once; its owner, its ELF structure and its note are checked before any of its code runs; then
//! it is loaded from a private copy of the very bytes that were checked. Nothing is ever unloaded. Nearly all
//! `unsafe` code of the server is here, and each block names a fact of `SAFETY.md` beside `proxy-abi`.

mod chain;
mod copy;
mod desk;
mod elf;
mod fields;
mod file;
mod host;
mod image;
mod module_code;
mod note;
mod owner;
mod provided;
mod record;
mod refusal;
mod register;
mod run;

use std::io;
use std::path::Path;
use std::sync::Arc;

use proxy_abi::{NoteDesc, StaticRecord, ident_is_valid};
use proxy_core::module::{Carrier, LoadModules, ModuleCode};

use crate::elf::Elf;
use crate::image::Image;
use crate::module_code::DsoModule;

pub use crate::copy::PrivateCopy;
pub use crate::host::{LOG_TARGET, set_max_level};
pub use crate::refusal::{Cause, Refusal};

/// Loads module files. Any thread may.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loader {
    /// Where the private copies are made that modules are loaded from.
    pub copy: PrivateCopy,
}

impl Loader {
    /// Loads the module `ident` from `path`, an absolute path. A file whose bytes were loaded before is not
    /// loaded again: the new module has the same code.
    ///
    /// # Errors
    /// Why the file is refused; up to and including its note, none of its code has run then.
    pub fn open(&self, ident: &str, path: &Path) -> Result<Arc<dyn ModuleCode>, Refusal> {
        self.try_open(ident, path).map_err(|cause| refusal(path, cause))
    }

    fn try_open(&self, ident: &str, path: &Path) -> Result<Arc<dyn ModuleCode>, Cause> {
        let bytes = file::read(path)?;
        let note = note::choose(&note::read_notes(&Elf::read(&bytes)?)?, ident)?;
        let image = Image::of(&bytes, ident, path, self.copy)?;
        let record = record::check_image(&note, ident, image)?;
        let info = record::facts(ident, record.module, Carrier::Shared(path.to_owned()))?;
        Ok(Arc::new(DsoModule { record, info, host: &host::SHARED }))
    }
}

impl LoadModules for Loader {
    fn load(&self, ident: &str, path: &Path) -> Result<Arc<dyn ModuleCode>, String> {
        self.open(ident, path).map_err(|refusal| refusal.to_string())
    }
}

/// Takes in a module that is compiled into the server.
///
/// # Errors
/// What is wrong with its record.
pub fn static_module(record: &StaticRecord) -> Result<Arc<dyn ModuleCode>, Refusal> {
    let module = record.module();
    let ident = record::lossy(module.ident);
    let refused = |cause| Refusal { subject: format!("built-in {ident}"), cause };
    if !ident_is_valid(module.ident.as_slice()) {
        return Err(refused(Cause::NoteIdent { found: module.ident.as_slice().to_vec() }));
    }
    let record = record::check(&ident, module).map_err(refused)?;
    let info = record::facts(&ident, module, Carrier::Static).map_err(refused)?;
    Ok(Arc::new(DsoModule { record, info, host: &host::STATIC }))
}

/// The modules that the file at `path` says it holds. Nothing of it is loaded, and their versions are not judged.
///
/// # Errors
/// If the file cannot be read, is not a whole shared object for this machine, or holds no module.
pub fn inspect(path: &Path) -> Result<Vec<NoteDesc>, Refusal> {
    file::read(path).and_then(|bytes| inspect_bytes(&bytes)).map_err(|cause| refusal(path, cause))
}

/// The same for a file that was read; `bytes` may be anything.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_bytes(bytes: &[u8]) -> Result<Vec<NoteDesc>, Cause> {
    note::read_notes(&Elf::read(bytes)?)
}

/// How many module files are mapped: those in use and those of earlier configurations.
#[must_use]
pub fn images() -> usize {
    Image::count()
}

fn refusal(path: &Path, cause: Cause) -> Refusal {
    Refusal { subject: path.display().to_string(), cause }
}

/// What the system said, without its number: `permission denied`.
fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error ").next().unwrap_or_default();
    text.to_ascii_lowercase()
}
