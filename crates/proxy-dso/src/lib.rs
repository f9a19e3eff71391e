//! Turns a module file, or a record that is compiled in, into a module of the core.
//!
//! A file is read once; its owner, its sum, its ELF structure and its note are checked before any of its code runs; a
//! private copy of the very bytes that were checked is tried in another process, if the server says how, and then
//! mapped. Nothing is ever unloaded. Nearly all `unsafe` code of the server is here, and each block names a fact of
//! `SAFETY.md` beside `proxy-abi`.

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
mod sum;
pub mod trial;

use std::io;
use std::path::Path;
use std::sync::Arc;

use proxy_abi::{NoteDesc, StaticRecord, flags, ident_is_valid};
use proxy_core::module::{Carrier, LoadModules, LoadedCode, ModuleCode, ModuleFile, NotLoaded};

use crate::elf::Elf;
use crate::file::Contents;
use crate::image::{Image, Loading};
use crate::module_code::DsoModule;
use crate::trial::Preflight;

pub use crate::copy::PrivateCopy;
pub use crate::host::{LOG_TARGET, set_max_level};
pub use crate::refusal::{Cause, Refusal, Sum};
pub use crate::trial::Stage;

/// Loads module files. Any thread may.
#[derive(Clone, Copy, Debug, Default)]
pub struct Loader {
    /// Where the private copies are made that modules are loaded from.
    pub copy: PrivateCopy,
    /// How a file is tried before it is mapped; without it, it is not.
    pub preflight: Option<&'static dyn Preflight>,
}

impl Loader {
    /// Loads the module `ident` from `path`, an absolute path. A file whose bytes were loaded before is neither tried
    /// nor loaded again: the new module has the same code.
    ///
    /// # Errors
    /// Why the file is refused; up to and including its note, none of its code has run then.
    pub fn open(&self, ident: &str, path: &Path) -> Result<Arc<dyn ModuleCode>, Refusal> {
        let file = ModuleFile { ident: ident.to_owned(), path: path.to_owned(), below: None, sha256: None };
        self.open_file(&file).map(|loaded| loaded.code)
    }

    /// The same, of a file that the operator has said more about.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_file(&self, file: &ModuleFile) -> Result<LoadedCode, Refusal> {
        self.try_open(file).map_err(|cause| refusal(&file.path, cause))
    }

    fn try_open(&self, file: &ModuleFile) -> Result<LoadedCode, Cause> {
        let (ident, path) = (file.ident.as_str(), file.path.as_path());
        let Contents { bytes, complaint } = file::read(path, file.below.as_deref())?;
        if let Some(complaint) = &complaint {
            owner::enforce(complaint)?;
        }
        sum::check(&bytes, file.sha256)?;
        let elf = Elf::read(&bytes)?;
        let notes = note::read_notes(&elf)?;
        elf.too_much().next().map_or(Ok(()), Err)?;
        let note = note::choose(&notes, ident)?;
        let threads = note.flags & flags::THREADS != 0;
        let loading = Loading { ident, path, copy: self.copy, threads, preflight: self.preflight };
        let record = record::check_image(&note, ident, Image::of(&bytes, &loading)?)?;
        let info = record::facts(ident, record.module, Carrier::Shared(path.to_owned()))?;
        let warnings = complaint.map(|complaint| complaint.to_string()).into_iter().chain(elf.warning());
        Ok(LoadedCode {
            code: Arc::new(DsoModule { record, info, host: &host::SHARED }),
            warnings: warnings.map(|text| format!("{}: {text}", path.display())).collect(),
        })
    }
}

impl LoadModules for Loader {
    fn load(&self, file: &ModuleFile) -> Result<LoadedCode, NotLoaded> {
        self.open_file(file).map_err(|refusal| match refusal.cause {
            Cause::WrongSum { .. } => NotLoaded::Sum(refusal.to_string()),
            _ => NotLoaded::File(refusal.to_string()),
        })
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

/// What a module file says of itself, and what the server says to that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// The modules that it says it holds, in its order. Their versions are not judged.
    pub modules: Vec<NoteDesc>,
    /// Its sum.
    pub sum: Sum,
    /// Why the server would refuse it, whatever module is wanted of it; the first is what it would say.
    pub refused: Vec<Cause>,
    /// What the server would warn of.
    pub warnings: Vec<String>,
}

/// Looks at the file at `path`, an absolute path. Nothing of it is loaded.
///
/// # Errors
/// If the file cannot be read, is not a whole shared object for this machine, or holds no module.
pub fn inspect(path: &Path) -> Result<Inspection, Refusal> {
    try_inspect(path).map_err(|cause| refusal(path, cause))
}

fn try_inspect(path: &Path) -> Result<Inspection, Cause> {
    let Contents { bytes, complaint } = file::read(path, None)?;
    let elf = Elf::read(&bytes)?;
    let modules = note::read_notes(&elf)?;
    let enforced = complaint.as_ref().and_then(|complaint| owner::enforce(complaint).err());
    let said = complaint.filter(|_| enforced.is_none()).map(|complaint| complaint.to_string());
    Ok(Inspection {
        modules,
        sum: sum::of(&bytes),
        refused: enforced.into_iter().chain(elf.too_much()).collect(),
        warnings: said.into_iter().chain(elf.warning()).collect(),
    })
}

/// The modules that `bytes`, which may be anything, says it holds.
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
