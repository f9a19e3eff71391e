//! What can be told from the file, and what the loader tells of the record.

use proxy_abi::{MAGIC, NoteDesc};
use proxy_dso::{Cause, Loader};

use super::rig::Subject;
use super::{Finding, Not};
use crate::module::inspect::facts::{Facts, Record};
use crate::module::inspect::ident_of;
use crate::preflight;

fn facts(subject: &Subject) -> Result<Facts, String> {
    Facts::read(&subject.file)
}

fn note(subject: &Subject) -> Result<NoteDesc, String> {
    let notes = proxy_dso::inspect(&subject.file).map_err(|refusal| refusal.to_string())?.modules;
    let note = notes.into_iter().find(|note| ident_of(note) == subject.ident);
    note.ok_or_else(|| format!("no note names {}", subject.ident))
}

fn record(subject: &Subject) -> Result<Record, String> {
    let record = facts(subject)?.record(&subject.ident);
    record.ok_or_else(|| format!("the symbol {} has no bytes in the file", subject.ident))
}

pub(super) fn note_equals_record(subject: &Subject) -> Finding {
    let (note, record) = (note(subject)?, record(subject)?);
    let of_note = (note.major, note.minor_min, note.minor_built, note.flags);
    let of_record = (record.major, record.minor_min, record.minor_built, record.flags);
    let (major, minor, flags) = (record.major, record.minor_built, record.flags);
    let evidence = format!("ABI {major}.{minor}, flags {flags}");
    if of_note == of_record {
        return Ok(evidence);
    }
    Err(Not::Failed(format!(
        "the record says {evidence}, the note ABI {}.{}, flags {}",
        note.major, note.minor_built, note.flags
    )))
}

pub(super) fn exports(subject: &Subject) -> Finding {
    let notes = proxy_dso::inspect(&subject.file).map_err(|refusal| refusal.to_string())?.modules;
    let idents: Vec<String> = notes.iter().map(ident_of).collect();
    // Linkers add these by themselves.
    const LINKER: [&str; 5] = ["_init", "_fini", "__bss_start", "_edata", "_end"];
    let facts = facts(subject)?;
    let more: Vec<&str> = facts
        .exports
        .iter()
        .map(String::as_str)
        .filter(|name| !LINKER.contains(name) && !idents.iter().any(|ident| ident == name))
        .collect();
    match more.first() {
        None => Ok(idents.join(", ")),
        Some(first) => Err(Not::Failed(format!(
            "{} more, {first} among them: link with -fvisibility=hidden, or as a cdylib",
            more.len()
        ))),
    }
}

pub(super) fn libraries(subject: &Subject) -> Finding {
    const KNOWN: [&str; 8] =
        ["libc", "libm", "libgcc_s", "ld-linux", "libpthread", "libdl", "librt", "ld-musl"];
    let facts = facts(subject)?;
    let is_known = |name: &str| KNOWN.iter().any(|known| name.starts_with(known));
    match facts.needed.iter().find(|name| !is_known(name)) {
        None => Ok(format!("needs {}", facts.needed_words())),
        Some(name) => Err(Not::Failed(format!("needs {name}: link it statically"))),
    }
}

pub(super) fn memory(subject: &Subject) -> Finding {
    let facts = facts(subject)?;
    if facts.text_relocations {
        return Err(Not::Failed("it has text relocations: compile with -fPIC".to_owned()));
    }
    if facts.executable_stack {
        return Err(Not::Failed("it wants an executable stack: link with -z noexecstack".to_owned()));
    }
    Ok("neither".to_owned())
}

pub(super) fn soname(subject: &Subject) -> Finding {
    let facts = facts(subject)?;
    let Some(name) = &facts.soname else { return Ok("it has none".to_owned()) };
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    if facts.needed.contains(name) || maps.lines().any(|line| line.ends_with(&format!("/{name}"))) {
        return Err(Not::Failed(format!("it calls itself {name}, which is another library's name")));
    }
    Ok(format!("it calls itself {name}"))
}

/// The loader's word, if it is one of these refusals.
fn refused(subject: &Subject, is_meant: impl Fn(&Cause) -> bool) -> Result<(), Not> {
    match Loader::default().open(&subject.ident, &subject.file) {
        Err(refusal) if is_meant(&refusal.cause) => Err(Not::Failed(refusal.to_string())),
        Err(_) | Ok(_) => Ok(()),
    }
}

pub(super) fn versions(subject: &Subject) -> Finding {
    let record = record(subject)?;
    if record.magic != MAGIC {
        return Err(Not::Failed(format!("begins with {:016x} where {MAGIC:016x} is due", record.magic)));
    }
    refused(subject, |cause| {
        matches!(cause, Cause::RecordTooSmall { .. } | Cause::WrongMajor { .. } | Cause::WrongMinor { .. })
    })?;
    Ok(format!("ABI {}.{}, a record of {} bytes", record.major, record.minor_built, record.size))
}

pub(super) fn symbol(subject: &Subject) -> Finding {
    refused(subject, |cause| matches!(cause, Cause::IdentDiffers { .. } | Cause::NotExported { .. }))?;
    Ok(subject.ident.clone())
}

pub(super) fn trial(subject: &Subject) -> Finding {
    let loaded = preflight::loader().open(&subject.ident, &subject.file);
    loaded.map(|_| "in a process of its own".to_owned()).map_err(|refusal| Not::Failed(refusal.to_string()))
}

pub(super) fn reserved(subject: &Subject) -> Finding {
    let (note, record) = (note(subject)?, record(subject)?);
    if note.reserved == 0 && record.reserved == 0 {
        return Ok("in note and record".to_owned());
    }
    Err(Not::Failed(format!("{} in the note, {} in the record", note.reserved, record.reserved)))
}
