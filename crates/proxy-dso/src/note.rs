//! The notes of a module file: which modules it holds and which module ABI they need, known before any of its
//! code runs.

use proxy_abi::{MAJOR, MINOR, NOTE_OWNER, NOTE_SECTION, NOTE_TYPE_MODULE, NoteDesc, flags, ident_is_valid};

use crate::elf::{Elf, RawNote};
use crate::refusal::Cause;

/// All modules that the file says it holds, in the file's order.
///
/// # Errors
/// If it holds none, or a note that is not as it should be.
pub(crate) fn read_notes(elf: &Elf<'_>) -> Result<Vec<NoteDesc>, Cause> {
    let mut modules = Vec::new();
    for note in elf.notes().filter(|note| note.owner == NOTE_OWNER) {
        read_note(&note, &mut modules)?;
    }
    if modules.is_empty() {
        // Some linkers leave the note out of all segments; its section is then the only way to it.
        for note in elf.notes_in_section(NOTE_SECTION) {
            if note.owner != NOTE_OWNER {
                let found = note.owner.strip_suffix(&[0]).unwrap_or(note.owner).to_vec();
                return Err(Cause::NoteOwner { found });
            }
            read_note(&note, &mut modules)?;
        }
    }
    if modules.is_empty() { Err(Cause::NoNote) } else { Ok(modules) }
}

/// The note of the module `ident`, if this server can run that module.
///
/// # Errors
/// If the file does not hold it, or it was built for another server.
pub(crate) fn choose(modules: &[NoteDesc], ident: &str) -> Result<NoteDesc, Cause> {
    let Some(note) = modules.iter().find(|note| ident_of(note) == ident.as_bytes()) else {
        let mut idents: Vec<_> =
            modules.iter().map(|note| String::from_utf8_lossy(ident_of(note)).into_owned()).collect();
        idents.sort_unstable();
        return Err(Cause::SymbolMissing { ident: ident.to_owned(), idents });
    };
    check_version(ident, note.major, note.minor_min, note.minor_built)?;
    check_guard(ident, note.flags)?;
    Ok(*note)
}

/// The note's ident without the zeros that end it.
pub(crate) fn ident_of(note: &NoteDesc) -> &[u8] {
    note.ident.split(|byte| *byte == 0).next().unwrap_or_default()
}

/// Whether a module built for `major` can run here. While the major is 0 each minor is a version of its own.
///
/// # Errors
/// Both versions and the remedy.
pub(crate) fn check_version(ident: &str, major: u16, minor_min: u16, minor_built: u16) -> Result<(), Cause> {
    let ident = ident.to_owned();
    if major != MAJOR {
        return Err(Cause::WrongMajor { ident, major, minor: minor_built });
    }
    let fits = if MAJOR == 0 { minor_built == MINOR } else { minor_min <= MINOR };
    if fits { Ok(()) } else { Err(Cause::WrongMinor { ident, major, minor: minor_built }) }
}

/// A panic that leaves a module ends the server, and the server cannot catch it: only the module itself can.
///
/// # Errors
/// If the module is written in Rust and does not.
pub(crate) fn check_guard(ident: &str, module_flags: u32) -> Result<(), Cause> {
    if module_flags & flags::RUST != 0 && module_flags & flags::GUARDED == 0 {
        return Err(Cause::NoGuard { ident: ident.to_owned() });
    }
    Ok(())
}

fn read_note(note: &RawNote<'_>, modules: &mut Vec<NoteDesc>) -> Result<(), Cause> {
    // Other kinds are descriptions for people, or from a later server.
    if note.kind != NOTE_TYPE_MODULE {
        return Ok(());
    }
    let desc = read_desc(note.desc).ok_or(Cause::NoteSize { found: note.desc.len() })?;
    if !ident_is_valid(ident_of(&desc)) {
        return Err(Cause::NoteIdent { found: ident_of(&desc).to_vec() });
    }
    modules.push(desc);
    Ok(())
}

/// Reads the part that this server knows; a later one may be longer.
fn read_desc(bytes: &[u8]) -> Option<NoteDesc> {
    let (words, rest) = bytes.split_first_chunk::<12>()?;
    let word = |at: usize| u16::from_le_bytes([words[at], words[at + 1]]);
    Some(NoteDesc {
        major: word(0),
        minor_min: word(2),
        minor_built: word(4),
        reserved: word(6),
        flags: u32::from_le_bytes([words[8], words[9], words[10], words[11]]),
        ident: *rest.first_chunk::<64>()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn while_the_major_is_zero_the_minor_must_be_equal() {
        assert_eq!(check_version("x_module", 0, 1, 1), Ok(()));
        let older = check_version("x_module", 0, 0, 0).map_err(|cause| cause.to_string());
        assert_eq!(
            older,
            Err("x_module needs module ABI 0.0, this server speaks 0.1: rebuild it with proxy-module 0.1"
                .to_owned())
        );
        assert!(check_version("x_module", 0, 1, 2).is_err(), "a later minor");
        assert!(check_version("x_module", 1, 0, 1).is_err(), "another major");
    }

    #[test]
    fn only_rust_needs_the_guard() {
        assert_eq!(check_guard("x_module", 0), Ok(()));
        assert_eq!(check_guard("x_module", flags::RUST | flags::GUARDED), Ok(()));
        assert!(check_guard("x_module", flags::RUST).is_err());
    }

    #[test]
    fn a_longer_note_is_read_and_a_shorter_one_is_not() {
        let mut bytes = vec![0, 0, 1, 0, 1, 0, 0, 0, 3, 0, 0, 0];
        bytes.extend_from_slice(b"x_module");
        bytes.resize(76, 0);
        let desc = read_desc(&bytes).unwrap();
        assert_eq!(
            (desc.minor_min, desc.minor_built, desc.flags, ident_of(&desc)),
            (1, 1, 3, &b"x_module"[..])
        );
        bytes.push(9);
        assert_eq!(read_desc(&bytes), Some(desc));
        assert_eq!(read_desc(&bytes[..75]), None);
    }
}
