//! Reads an ELF64 file far enough to tell that it is whole and that the numbers the loader acts on agree with each
//! other, and to find its notes, before any of it is mapped: the loader itself trusts a file, and dies with the
//! server of one that is cut short or damaged.
//!
//! What remains: a file that passes is whole, and the loader finds its way in it. Its code and data are bytes like any
//! others: damage there, or in a number that is wrong but possible, is not seen here. What of it shows when the module
//! is loaded, begun and ended, the server finds by doing that in another process first (see `trial.rs`).
//!
//! Layouts are those of the ELF gABI, chapters 4 and 5. Nothing here panics, whatever the bytes are.

mod demands;
mod hash;
mod loading;
mod versions;

use std::ops::Range;

use crate::refusal::Cause;
use demands::Demands;

const HEADER: u64 = 64;
const SEGMENT: u64 = 56;
const SECTION: u64 = 64;

const PT_LOAD: u32 = 1;
const PT_DYNAMIC: u32 = 2;
const PT_NOTE: u32 = 4;
const SHT_NOBITS: u32 = 8;
const ET_DYN: u16 = 3;

/// `e_machine` of the machine that this server runs on.
pub(crate) const THIS_MACHINE: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };

/// A shared object whose parts all lie inside the file.
#[derive(Debug)]
pub(crate) struct Elf<'b> {
    bytes: &'b [u8],
    segments: Vec<Segment>,
    sections: Vec<Section>,
    names: Range<usize>,
    demands: Demands,
}

#[derive(Debug)]
struct Segment {
    kind: u32,
    flags: u32,
    align: u64,
    /// Where it goes, relative to where the image begins.
    address: u64,
    /// How many bytes it has there; those that the file lacks are zeros.
    memory: u64,
    place: Range<usize>,
}

#[derive(Debug)]
struct Section {
    name: usize,
    align: u64,
    place: Range<usize>,
}

/// One note: who wrote it, what kind, and its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RawNote<'b> {
    /// The owner with its final zero.
    pub(crate) owner: &'b [u8],
    /// The kind, whose meaning is the owner's.
    pub(crate) kind: u32,
    /// The content.
    pub(crate) desc: &'b [u8],
}

impl<'b> Elf<'b> {
    /// Reads the tables and checks that everything they name lies inside the file.
    ///
    /// # Errors
    /// What is wrong with the file, with offsets and sizes.
    pub(crate) fn read(bytes: &'b [u8]) -> Result<Self, Cause> {
        let header = Header::read(bytes)?;
        let (segments, demands) = read_segments(bytes, &header)?;
        let sections = read_sections(bytes, &header)?;
        let names = sections.get(usize::from(header.names)).map_or(0..0, |section| section.place.clone());
        Ok(Self { bytes, segments, sections, names, demands })
    }

    /// The notes of all note segments, which is where a loader looks.
    pub(crate) fn notes(&self) -> impl Iterator<Item = RawNote<'b>> {
        let segments = self.segments.iter().filter(|segment| segment.kind == PT_NOTE);
        segments.flat_map(|segment| notes_of(&self.bytes[segment.place.clone()], segment.align))
    }

    /// The notes of the sections called `name`.
    pub(crate) fn notes_in_section(&self, name: &str) -> impl Iterator<Item = RawNote<'b>> {
        let sections = self.sections.iter().filter(move |section| self.name_of(section) == name.as_bytes());
        sections.flat_map(|section| notes_of(&self.bytes[section.place.clone()], section.align))
    }

    /// What it asks of the process that loads it and a module may not ask for, all of it.
    pub(crate) fn too_much(&self) -> impl Iterator<Item = Cause> {
        self.demands.too_much(&self.segments)
    }

    /// What the operator should know all the same.
    pub(crate) fn warning(&self) -> Option<String> {
        self.demands.warning()
    }

    fn name_of(&self, section: &Section) -> &'b [u8] {
        let names = &self.bytes[self.names.clone()];
        let tail = names.get(section.name..).unwrap_or_default();
        tail.split(|byte| *byte == 0).next().unwrap_or_default()
    }
}

/// The facts of the file's header that the rest is found by.
struct Header {
    segments: u64,
    segment_count: u64,
    sections: u64,
    section_count: u64,
    names: u16,
}

impl Header {
    fn read(bytes: &[u8]) -> Result<Self, Cause> {
        check_start(bytes)?;
        inside(bytes, || "ELF header".to_owned(), 0, HEADER)?;
        check_kind(u16_at(bytes, 16), u16_at(bytes, 18))?;
        let (segment_size, section_size) = (u16_at(bytes, 54), u16_at(bytes, 58));
        let header = Self {
            segments: u64_at(bytes, 32),
            segment_count: u64::from(u16_at(bytes, 56)),
            sections: u64_at(bytes, 40),
            section_count: u64::from(u16_at(bytes, 60)),
            names: u16_at(bytes, 62),
        };
        if header.segment_count == 0 || u64::from(segment_size) != SEGMENT {
            return Err(Cause::BrokenElf { what: "no program headers of 56 bytes each".to_owned() });
        }
        if header.section_count != 0 && u64::from(section_size) != SECTION {
            return Err(Cause::BrokenElf { what: "section headers of other than 64 bytes".to_owned() });
        }
        Ok(header)
    }
}

fn check_start(bytes: &[u8]) -> Result<(), Cause> {
    const MAGIC: &[u8] = b"\x7fELF";
    if bytes.is_empty() {
        return Err(Cause::Empty);
    }
    let start = &bytes[..bytes.len().min(MAGIC.len())];
    if start != &MAGIC[..start.len()] {
        return Err(Cause::NotElf { start: start.to_vec() });
    }
    let [_, _, _, _, class, data, ..] = bytes else {
        return inside(bytes, || "ELF header".to_owned(), 0, HEADER).map(drop);
    };
    match (class, data) {
        (2, 1) => Ok(()),
        (1, _) => Err(Cause::WrongClass { found: "32-bit" }),
        (2, 2) => Err(Cause::WrongClass { found: "64-bit big-endian" }),
        _ => Err(Cause::WrongClass { found: "of an unknown class" }),
    }
}

fn check_kind(kind: u16, machine: u16) -> Result<(), Cause> {
    if machine != THIS_MACHINE {
        return Err(Cause::WrongMachine { found: machine, here: THIS_MACHINE });
    }
    if kind != ET_DYN {
        return Err(Cause::NotShared { kind });
    }
    Ok(())
}

fn read_segments(bytes: &[u8], header: &Header) -> Result<(Vec<Segment>, Demands), Cause> {
    let table =
        inside(bytes, || "program header table".to_owned(), header.segments, header.segment_count * SEGMENT)?;
    let mut segments = Vec::new();
    for (index, entry) in bytes[table.clone()].chunks_exact(SEGMENT as usize).enumerate() {
        let kind = u32_at(entry, 0);
        let (size, memory) = (u64_at(entry, 32), u64_at(entry, 40));
        if kind == PT_LOAD && size > memory {
            let what = format!("segment {index} has {size} bytes in the file but {memory} in memory");
            return Err(Cause::BrokenElf { what });
        }
        let place = inside(bytes, || format!("segment {index}"), u64_at(entry, 8), size)?;
        segments.push(Segment {
            kind,
            flags: u32_at(entry, 4),
            align: u64_at(entry, 48),
            address: u64_at(entry, 16),
            memory,
            place,
        });
    }
    if !segments.iter().any(|segment| segment.kind == PT_LOAD) {
        return Err(Cause::BrokenElf { what: "no segment to load".to_owned() });
    }
    let mut dynamic = segments.iter().filter(|segment| segment.kind == PT_DYNAMIC);
    let (Some(dynamic), None) = (dynamic.next(), dynamic.next()) else {
        return Err(Cause::BrokenElf { what: "no dynamic segment, or two of them".to_owned() });
    };
    loading::check_segments(&segments, &table)?;
    let demands = loading::check_dynamic(bytes, &segments, dynamic)?;
    Ok((segments, demands))
}

fn read_sections(bytes: &[u8], header: &Header) -> Result<Vec<Section>, Cause> {
    if header.section_count == 0 {
        return Ok(Vec::new());
    }
    let size = header.section_count * SECTION;
    let table = inside(bytes, || "section header table".to_owned(), header.sections, size)?;
    let mut sections = Vec::new();
    for (index, entry) in bytes[table].chunks_exact(SECTION as usize).enumerate() {
        // A section without bytes in the file, such as .bss, may name any place.
        let size = if matches!(u32_at(entry, 4), 0 | SHT_NOBITS) { 0 } else { u64_at(entry, 32) };
        let offset = if size == 0 { 0 } else { u64_at(entry, 24) };
        let place = inside(bytes, || format!("section {index}"), offset, size)?;
        sections.push(Section { name: u32_at(entry, 0) as usize, align: u64_at(entry, 48), place });
    }
    Ok(sections)
}

/// The range of `size` bytes at `offset`, if the file has them.
fn inside(
    bytes: &[u8],
    what: impl FnOnce() -> String,
    offset: u64,
    size: u64,
) -> Result<Range<usize>, Cause> {
    let len = bytes.len() as u64;
    match offset.checked_add(size) {
        Some(end) if end <= len => Ok(offset as usize..end as usize),
        end => Err(Cause::CutShort { what: what(), offset, end: end.unwrap_or(u64::MAX), len }),
    }
}

/// Walks notes: three words, the owner and the content, both padded to the alignment of the place they stand in.
fn notes_of(mut bytes: &[u8], align: u64) -> impl Iterator<Item = RawNote<'_>> {
    let align = if align == 8 { 8 } else { 4 };
    std::iter::from_fn(move || {
        let owner_size = u32_of(bytes.get(..4)?) as usize;
        let desc_size = u32_of(bytes.get(4..8)?) as usize;
        let kind = u32_of(bytes.get(8..12)?);
        let desc_at = 12usize.checked_add(owner_size)?.checked_next_multiple_of(align)?;
        let end = desc_at.checked_add(desc_size)?;
        let note = RawNote { owner: bytes.get(12..12 + owner_size)?, kind, desc: bytes.get(desc_at..end)? };
        bytes = bytes.get(end.checked_next_multiple_of(align)?..).unwrap_or_default();
        Some(note)
    })
}

// These read 0 beyond the end; callers have checked that the record is whole.

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..at + 2).and_then(|word| word.try_into().ok()).map_or(0, u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..at + 4).map_or(0, u32_of)
}

fn u32_of(word: &[u8]) -> u32 {
    word.try_into().map_or(0, u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests;
