//! A module's record: checked before anything of it is used, and copied into the core's own types.

use std::collections::HashSet;
use std::ffi::c_void;

use proxy_abi::{ArgKind, Bytes, Directive, FiniFn, InitFn, MAGIC, Module, NoteDesc, scopes};
use proxy_core::module::{Carrier, ModuleDirective, ModuleInfo};

use crate::image::Image;
use crate::note::{check_guard, check_version, ident_of};
use crate::refusal::Cause;

/// A record that was found in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Record {
    pub(crate) module: &'static Module,
    pub(crate) init: InitFn,
    pub(crate) fini: FiniFn,
}

const MOST_DIRECTIVES: u32 = 1024;
const ALL_SCOPES: u32 = scopes::SERVER | scopes::VHOST | scopes::LOCATION | scopes::CLUSTER;

/// The record of the module `ident` in `image`, checked by itself and against the note on which the file was let
/// in.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check_image(note: &NoteDesc, ident: &str, image: &'static Image) -> Result<Record, Cause> {
    let module = at_symbol(ident, image.symbol(ident)?)?;
    let record = check(ident, module)?;
    check_against(note, module)?;
    Ok(record)
}

/// The record at `address`, the symbol `ident` of a mapped image.
///
/// # Errors
/// If there is something else, or too little of it.
fn at_symbol(ident: &str, address: *const c_void) -> Result<&'static Module, Cause> {
    let record = address.cast::<Module>();
    // SAFETY: F7, the image is mapped; a symbol of a module file is data, and its first words say what it is.
    let magic = unsafe { record.cast::<u64>().read_unaligned() };
    if magic != MAGIC || !record.is_aligned() {
        let [found, expected] = [magic, MAGIC].map(u64::swap_bytes);
        return Err(Cause::WrongMagic { ident: ident.to_owned(), found, expected });
    }
    // SAFETY: F2, behind its magic number a record begins with its size.
    let found = unsafe { (&raw const (*record).size).read() };
    check_size(ident, found)?;
    // SAFETY: F2 and F7, the record has all the bytes of this type and is never changed or unmapped.
    Ok(unsafe { &*record })
}

/// Checks all that a record says of itself.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn check(ident: &str, module: &'static Module) -> Result<Record, Cause> {
    if module.magic != MAGIC {
        let [found, expected] = [module.magic, MAGIC].map(u64::swap_bytes);
        return Err(Cause::WrongMagic { ident: ident.to_owned(), found, expected });
    }
    check_size(ident, module.size)?;
    if module.ident.as_slice() != ident.as_bytes() {
        return Err(Cause::IdentDiffers { ident: ident.to_owned(), found: module.ident.as_slice().to_vec() });
    }
    check_version(ident, module.major, module.minor_min, module.minor_built)?;
    check_guard(ident, module.flags)?;
    let missing = |function| Cause::MissingFunction { ident: ident.to_owned(), function };
    let init = module.init.ok_or_else(|| missing("init"))?;
    let fini = module.fini.ok_or_else(|| missing("fini"))?;
    Ok(Record { module, init, fini })
}

/// Checks that a record says what the note said, on which the file was let in.
///
/// # Errors
/// The first fact that differs.
fn check_against(note: &NoteDesc, module: &Module) -> Result<(), Cause> {
    let ident = String::from_utf8_lossy(ident_of(note));
    let facts = [
        ("major", u32::from(module.major), u32::from(note.major)),
        ("minor_min", u32::from(module.minor_min), u32::from(note.minor_min)),
        ("minor_built", u32::from(module.minor_built), u32::from(note.minor_built)),
        ("flags", module.flags, note.flags),
    ];
    match facts.into_iter().find(|(_, record, note)| record != note) {
        Some((field, record, note)) => {
            Err(Cause::DiffersFromNote { ident: ident.into_owned(), field, record, note })
        }
        None => Ok(()),
    }
}

/// The record's facts, copied.
///
/// # Errors
/// If its directive table is wrong.
pub(crate) fn facts(ident: &str, module: &'static Module, carrier: Carrier) -> Result<ModuleInfo, Cause> {
    let directives =
        directives(module).map_err(|what| Cause::BadDirectives { ident: ident.to_owned(), what })?;
    Ok(ModuleInfo {
        ident: ident.to_owned(),
        version: lossy(module.version),
        build: lossy(module.build),
        carrier,
        directives,
    })
}

/// Bytes of a module as text; what is not UTF-8 is replaced.
pub(crate) fn lossy(bytes: Bytes<'_>) -> String {
    String::from_utf8_lossy(bytes.as_slice()).into_owned()
}

fn check_size(ident: &str, found: u32) -> Result<(), Cause> {
    let needed = size_of::<Module>() as u32;
    if found < needed {
        return Err(Cause::RecordTooSmall { ident: ident.to_owned(), found, needed });
    }
    Ok(())
}

fn directives(module: &'static Module) -> Result<Vec<ModuleDirective>, String> {
    let (count, stride) = (module.ndirectives, module.directive_stride as usize);
    if count == 0 {
        return Ok(Vec::new());
    }
    if module.directives.is_null() {
        return Err(format!("it is null but has {count} entries"));
    }
    if count > MOST_DIRECTIVES {
        return Err(format!("it has {count} entries, at most {MOST_DIRECTIVES} may be"));
    }
    if stride < size_of::<Directive>() || !stride.is_multiple_of(align_of::<Directive>()) {
        return Err(format!("its entries are {stride} bytes apart, each has {}", size_of::<Directive>()));
    }
    let mut seen = HashSet::new();
    (0..count as usize)
        .map(|index| {
            let directive = directive(module, index * stride)?;
            if seen.insert(directive.name.to_ascii_lowercase()) {
                Ok(directive)
            } else {
                Err(format!("{} stands in it twice", directive.name))
            }
        })
        .collect()
}

fn directive(module: &'static Module, offset: usize) -> Result<ModuleDirective, String> {
    // SAFETY: F2 and F7, the table has `ndirectives` entries `directive_stride` bytes apart, and stays mapped.
    let entry = unsafe { module.directives.byte_add(offset).read() };
    let name = entry.name.to_str().unwrap_or_default();
    if !name.starts_with(|c: char| c.is_ascii_alphabetic())
        || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    {
        let found = entry.name.as_slice().escape_ascii();
        return Err(format!("\"{found}\" cannot name a directive"));
    }
    if entry.args.0 > ArgKind::ROUTE.0 {
        return Err(format!("{name} takes arguments of the unknown kind {}", entry.args.0));
    }
    if entry.scopes == 0 || entry.scopes & !ALL_SCOPES != 0 {
        return Err(format!("{name} stands in the unknown scopes {:#x}", entry.scopes));
    }
    Ok(ModuleDirective {
        name: name.to_owned(),
        args: entry.args,
        scopes: entry.scopes,
        doc: lossy(entry.doc),
    })
}
