//! What the dynamic loader takes from a file without looking twice: where segments go, and the tables that the
//! dynamic segment points to. A wrong number in any of them makes the loader write or jump to nowhere, so each is
//! held against the others before the loader sees the file.
//!
//! Layouts are those of the ELF gABI, chapter 5; the hash and version tables those of the LSB, chapter 10.

use std::ops::Range;

use super::versions::{self, Kind};
use super::{Demands, PT_LOAD, Segment, hash, u16_at, u32_at, u64_at};
use crate::refusal::Cause;

const PT_TLS: u32 = 7;
const PT_PHDR: u32 = 6;
const PT_RELRO: u32 = 0x6474_e552;
const EXECUTABLE: u32 = 1;
const WRITABLE: u32 = 2;
/// The smallest page of any machine that we know; larger ones are the linker's and the loader's business.
const PAGE: u64 = 4096;
/// Most addresses that a module may ask for.
const MOST_MEMORY: u64 = 1 << 30;

/// Of `DT_FLAGS`: there are relocations in what may not be written.
const WRITES_TEXT: u64 = 4;

const SYMBOL: u64 = 24;
const RELA: u64 = 24;

mod tag {
    //! The kinds of entries that are looked at.
    pub(super) const NULL: u64 = 0;
    pub(super) const NEEDED: u64 = 1;
    pub(super) const PLTRELSZ: u64 = 2;
    pub(super) const HASH: u64 = 4;
    pub(super) const STRTAB: u64 = 5;
    pub(super) const SYMTAB: u64 = 6;
    pub(super) const RELA: u64 = 7;
    pub(super) const RELASZ: u64 = 8;
    pub(super) const RELAENT: u64 = 9;
    pub(super) const STRSZ: u64 = 10;
    pub(super) const SYMENT: u64 = 11;
    pub(super) const INIT: u64 = 12;
    pub(super) const FINI: u64 = 13;
    pub(super) const SONAME: u64 = 14;
    pub(super) const RPATH: u64 = 15;
    pub(super) const REL: u64 = 17;
    pub(super) const TEXTREL: u64 = 22;
    pub(super) const PLTREL: u64 = 20;
    pub(super) const JMPREL: u64 = 23;
    pub(super) const INIT_ARRAY: u64 = 25;
    pub(super) const FINI_ARRAY: u64 = 26;
    pub(super) const INIT_ARRAYSZ: u64 = 27;
    pub(super) const FINI_ARRAYSZ: u64 = 28;
    pub(super) const RUNPATH: u64 = 29;
    pub(super) const FLAGS: u64 = 30;
    pub(super) const RELRSZ: u64 = 35;
    pub(super) const RELR: u64 = 36;
    pub(super) const RELRENT: u64 = 37;
    pub(super) const GNU_HASH: u64 = 0x6fff_fef5;
    pub(super) const RELACOUNT: u64 = 0x6fff_fff9;
    pub(super) const VERSYM: u64 = 0x6fff_fff0;
    pub(super) const VERDEF: u64 = 0x6fff_fffc;
    pub(super) const VERDEFNUM: u64 = 0x6fff_fffd;
    pub(super) const VERNEED: u64 = 0x6fff_fffe;
    pub(super) const VERNEEDNUM: u64 = 0x6fff_ffff;
}

/// Checks where the segments go: ascending, apart from each other, each at an address that its place in the file can
/// be mapped to.
///
/// # Errors
/// The first contradiction.
pub(super) fn check_segments(segments: &[Segment], table: &Range<usize>) -> Result<(), Cause> {
    let (mut end, mut file_end) = (0, 0);
    for segment in segments.iter().filter(|segment| segment.kind == PT_LOAD) {
        let (address, align) = (segment.address, segment.align);
        let offset = segment.place.start as u64;
        let last = address.checked_add(segment.memory).filter(|last| *last <= MOST_MEMORY);
        let mappable = align.is_power_of_two()
            && align >= PAGE
            && address % align == offset % align
            && address / PAGE * PAGE >= end
            && segment.place.start >= file_end;
        file_end = segment.place.end;
        match last.filter(|_| mappable) {
            Some(last) => end = last,
            None => return broken("a segment that cannot be mapped where it wants to be"),
        }
    }
    let loads = Loads { segments };
    for segment in segments.iter().filter(|segment| matches!(segment.kind, PT_TLS | PT_RELRO | PT_PHDR)) {
        let (address, size) = (segment.address, segment.place.len() as u64);
        let named = if segment.kind == PT_RELRO { segment.memory } else { size };
        if size > segment.memory || loads.memory(address, named, 0).is_none() {
            return broken("a segment outside of those that are loaded");
        }
        if segment.kind == PT_PHDR
            && (segment.place != *table || loads.file(address, size) != Some(table.clone()))
        {
            return broken("program headers that are loaded from somewhere else");
        }
    }
    Ok(())
}

/// Checks all that the dynamic segment at `dynamic` says, and answers what it asks for besides.
///
/// # Errors
/// The first contradiction.
pub(super) fn check_dynamic(bytes: &[u8], segments: &[Segment], dynamic: &Segment) -> Result<Demands, Cause> {
    let loads = Loads { segments };
    let place = loads.file(dynamic.address, dynamic.place.len() as u64);
    if place.as_ref() != Some(&dynamic.place) || !dynamic.address.is_multiple_of(8) {
        return broken("a dynamic segment that is loaded from somewhere else");
    }
    let entries = read_entries(&bytes[dynamic.place.clone()])?;
    let tables = Tables { bytes, loads, entries };
    tables.check_strings()?;
    let symbols = tables.check_symbols()?;
    tables.check_versions(symbols)?;
    tables.check_functions()?;
    tables.check_relocations(symbols)?;
    tables.demands()
}

fn broken<T>(what: &str) -> Result<T, Cause> {
    Err(Cause::BrokenElf { what: what.to_owned() })
}

/// Tag and value of each entry before the one that ends them.
fn read_entries(bytes: &[u8]) -> Result<Vec<(u64, u64)>, Cause> {
    let pairs = bytes.chunks_exact(16).map(|entry| (u64_at(entry, 0), u64_at(entry, 8)));
    let entries: Vec<_> = pairs.take_while(|(tag, _)| *tag != tag::NULL).collect();
    if entries.len() == bytes.len() / 16 {
        return broken("a dynamic segment without an end");
    }
    let mut tags: Vec<u64> = entries.iter().map(|(tag, _)| *tag).filter(|tag| *tag != tag::NEEDED).collect();
    tags.sort_unstable();
    if tags.windows(2).any(|pair| pair[0] == pair[1]) {
        return broken("the same entry twice in its dynamic segment");
    }
    // Names of libraries and of people's own making aside, a kind that does not exist is one that was damaged.
    let known = |tag: u64| tag <= 38 || (0x6000_000d..0x8000_0000).contains(&tag);
    if tags.iter().any(|tag| !known(*tag) || *tag == tag::REL) {
        return broken("an entry of no known kind in its dynamic segment");
    }
    Ok(entries)
}

/// The segments that are loaded.
#[derive(Clone, Copy)]
struct Loads<'s> {
    segments: &'s [Segment],
}

impl<'s> Loads<'s> {
    /// Where in the file the bytes come from that are loaded to `address`.
    fn file(self, address: u64, size: u64) -> Option<Range<usize>> {
        let segment = self.of(address, size, 0)?;
        let skip = address - segment.address;
        let end = skip.checked_add(size).filter(|end| *end <= segment.place.len() as u64)?;
        Some(segment.place.start + skip as usize..segment.place.start + end as usize)
    }

    /// Whether `size` bytes at `address` are loaded with those rights, from the file or as zeros.
    fn memory(self, address: u64, size: u64, rights: u32) -> Option<()> {
        self.of(address, size, rights).map(drop)
    }

    fn of(self, address: u64, size: u64, rights: u32) -> Option<&'s Segment> {
        let end = address.checked_add(size)?;
        self.segments.iter().find(|segment| {
            segment.kind == PT_LOAD
                && segment.flags & rights == rights
                && address >= segment.address
                // The protected part is rounded up to its page.
                && end <= (segment.address + segment.memory).next_multiple_of(PAGE)
        })
    }
}

/// The tables that the dynamic segment names.
struct Tables<'b> {
    bytes: &'b [u8],
    loads: Loads<'b>,
    entries: Vec<(u64, u64)>,
}

impl<'b> Tables<'b> {
    fn value(&self, tag: u64) -> Option<u64> {
        self.entries.iter().find(|(found, _)| *found == tag).map(|(_, value)| *value)
    }

    /// The table at the address in `tag` with the size in `size_tag`, a whole number of `unit`s; empty if there is
    /// neither.
    fn table(&self, tag: u64, size_tag: u64, unit: u64) -> Result<&'b [u8], Cause> {
        match (self.value(tag), self.value(size_tag)) {
            (None, None) => Ok(&[]),
            (Some(address), Some(size))
                if size.is_multiple_of(unit) && address.is_multiple_of(unit.min(8)) =>
            {
                self.at(address, size)
            }
            _ => broken("a table of the wrong size in its dynamic segment"),
        }
    }

    fn at(&self, address: u64, size: u64) -> Result<&'b [u8], Cause> {
        match self.loads.file(address, size) {
            Some(place) => Ok(&self.bytes[place]),
            None => broken("a table outside of what is loaded"),
        }
    }

    /// All that is loaded from the file at `address` and behind it.
    fn from(&self, address: u64) -> Result<&'b [u8], Cause> {
        let segment = self.loads.of(address, 0, 0);
        let skip = segment.map(|segment| (segment, address - segment.address));
        let rest = skip.and_then(|(segment, skip)| self.bytes[segment.place.clone()].get(skip as usize..));
        rest.map_or_else(|| broken("a table outside of what is loaded"), Ok)
    }

    fn string_is_inside(&self, offset: u64) -> bool {
        self.value(tag::STRSZ).is_some_and(|size| offset < size)
    }

    fn check_strings(&self) -> Result<(), Cause> {
        let strings = self.table(tag::STRTAB, tag::STRSZ, 1)?;
        if strings.last() != Some(&0) {
            return broken("a string table without an end");
        }
        let names = [tag::NEEDED, tag::SONAME, tag::RPATH, tag::RUNPATH];
        let mut entries = self.entries.iter().filter(|(tag, _)| names.contains(tag));
        if entries.any(|(_, offset)| !self.string_is_inside(*offset)) {
            return broken("a name outside of its string table");
        }
        Ok(())
    }

    fn demands(&self) -> Result<Demands, Cause> {
        let strings = self.table(tag::STRTAB, tag::STRSZ, 1)?;
        let text = |offset: u64| {
            let rest =
                usize::try_from(offset).ok().and_then(|offset| strings.get(offset..)).unwrap_or_default();
            let name = rest.split(|byte| *byte == 0).next().unwrap_or_default();
            name.escape_ascii().to_string()
        };
        let needed = self.entries.iter().filter(|(tag, _)| *tag == tag::NEEDED);
        let search = [(tag::RPATH, "RPATH"), (tag::RUNPATH, "RUNPATH")];
        let search = search.into_iter().find_map(|(tag, kind)| Some((kind, text(self.value(tag)?))));
        let flags = self.value(tag::FLAGS).unwrap_or(0);
        Ok(Demands {
            needed: needed.map(|(_, offset)| text(*offset)).collect(),
            search,
            text_relocations: self.value(tag::TEXTREL).is_some() || flags & WRITES_TEXT != 0,
            constructors: self.value(tag::INIT_ARRAYSZ).unwrap_or(0) / 8,
        })
    }

    /// Checks hash and symbol tables and answers how many symbols there are.
    fn check_symbols(&self) -> Result<u64, Cause> {
        let (Some(address), Some(SYMBOL)) = (self.value(tag::SYMTAB), self.value(tag::SYMENT)) else {
            return broken("no symbol table of 24 bytes a symbol");
        };
        let count = match (self.value(tag::GNU_HASH), self.value(tag::HASH)) {
            (Some(table), _) => hash::count_of_gnu_hash(self.from(table)?),
            (None, Some(table)) => hash::count_of_hash(self.from(table)?),
            (None, None) => None,
        };
        let Some(hashed) = count else { return broken("a hash table that contradicts itself") };
        // Symbols that are only looked for elsewhere are not in the hash table: relocations name them.
        let count = self.named_by_relocations()?.max(hashed);
        let symbols = self.at(address, count.saturating_mul(SYMBOL))?;
        for symbol in symbols.chunks_exact(SYMBOL as usize) {
            let (section, value) = (u16_at(symbol, 6), u64_at(symbol, 8));
            let kind = symbol[4] & 15;
            // Undefined, absolute and thread-local ones have no address in the image.
            let placed = section != 0 && section < 0xff00 && kind != 6;
            let there = !placed || self.loads.memory(value, 0, 0).is_some();
            if !self.string_is_inside(u32_at(symbol, 0).into()) || !there {
                return broken("a symbol that lies or is named outside of what is loaded");
            }
        }
        Ok(count)
    }

    /// One more than the highest number of a symbol in any relocation.
    fn named_by_relocations(&self) -> Result<u64, Cause> {
        let entries = self.relocations()?;
        Ok(entries.map(|entry| u64::from(u32_at(entry, 12)) + 1).max().unwrap_or(0))
    }

    fn relocations(&self) -> Result<impl Iterator<Item = &'b [u8]>, Cause> {
        let data = self.table(tag::RELA, tag::RELASZ, RELA)?;
        let calls = self.table(tag::JMPREL, tag::PLTRELSZ, RELA)?;
        let sizes = [
            (tag::RELA, tag::RELAENT, RELA),
            (tag::JMPREL, tag::PLTREL, tag::RELA),
            (tag::RELR, tag::RELRENT, 8),
        ];
        if sizes.iter().any(|(tag, of, size)| self.value(*tag).is_some() && self.value(*of) != Some(*size)) {
            return broken("relocations of an unknown size");
        }
        Ok(data.chunks_exact(RELA as usize).chain(calls.chunks_exact(RELA as usize)))
    }

    fn check_relocations(&self, symbols: u64) -> Result<(), Cause> {
        let relative = self.table(tag::RELA, tag::RELASZ, RELA)?.chunks_exact(RELA as usize);
        let relative = relative.take_while(|entry| u32_at(entry, 8) == RELATIVE[0]).count() as u64;
        if self.value(tag::RELACOUNT).is_some_and(|count| count > relative) {
            return broken("more relative relocations announced than there are");
        }
        for entry in self.relocations()? {
            let (address, kind) = (u64_at(entry, 0), u32_at(entry, 8));
            let (symbol, addend) = (u64::from(u32_at(entry, 12)), u64_at(entry, 16));
            let inside = !RELATIVE.contains(&kind) || self.loads.memory(addend, 0, 0).is_some();
            let written = kind == 0 || self.loads.memory(address, 8, WRITABLE).is_some();
            if !written || !inside || symbol >= symbols.max(1) || !KINDS.contains(&kind) {
                return broken("a relocation outside of what is loaded");
            }
        }
        let mut next = None;
        for word in self.table(tag::RELR, tag::RELRSZ, 8)?.chunks_exact(8).map(|word| u64_at(word, 0)) {
            let (from, size) = if word & 1 == 0 { (Some(word), 8) } else { (next, 63 * 8) };
            let end = from.and_then(|from| from.checked_add(size));
            let there = match from {
                Some(from) if word & 1 == 0 => self.loads.memory(from, 8, WRITABLE),
                // The last bits of a bitmap may stand for nothing.
                Some(from) => {
                    let used = 63 - u64::from((word | 1).leading_zeros());
                    self.loads.memory(from, used * 8, WRITABLE)
                }
                None => None,
            };
            if there.is_none() {
                return broken("a relocation outside of what is loaded");
            }
            next = end;
        }
        Ok(())
    }

    /// What the loader will call lies where code may run.
    fn check_functions(&self) -> Result<(), Cause> {
        let single = [tag::INIT, tag::FINI].into_iter().filter_map(|tag| self.value(tag));
        if single.into_iter().any(|address| self.loads.memory(address, 1, EXECUTABLE).is_none()) {
            return broken("a first or last function outside of its code");
        }
        self.table(tag::INIT_ARRAY, tag::INIT_ARRAYSZ, 8)?;
        self.table(tag::FINI_ARRAY, tag::FINI_ARRAYSZ, 8)?;
        let own = self.own_arrays();
        for entry in self.relocations()? {
            let (address, kind, addend) = (u64_at(entry, 0), u32_at(entry, 8), u64_at(entry, 16));
            let called = own.iter().any(|array| array.contains(&address));
            if called && RELATIVE.contains(&kind) && self.loads.memory(addend, 1, EXECUTABLE).is_none() {
                return broken("a first or last function outside of its code");
            }
        }
        Ok(())
    }

    fn own_arrays(&self) -> Vec<Range<u64>> {
        let pairs = [(tag::INIT_ARRAY, tag::INIT_ARRAYSZ), (tag::FINI_ARRAY, tag::FINI_ARRAYSZ)];
        let range = |(array, size)| {
            let start = self.value(array)?;
            Some(start..start.saturating_add(self.value(size)?))
        };
        pairs.into_iter().filter_map(range).collect()
    }

    /// Versions of symbols: one number for each symbol, each of them needed from a library or defined here.
    fn check_versions(&self, symbols: u64) -> Result<(), Cause> {
        let mut known = vec![0, 1];
        for (table, count, kind) in
            [(tag::VERNEED, tag::VERNEEDNUM, Kind::Need), (tag::VERDEF, tag::VERDEFNUM, Kind::Define)]
        {
            match (self.value(table), self.value(count)) {
                (None, None) => {}
                (Some(address), Some(count)) => {
                    let is_string = |offset: u32| self.string_is_inside(offset.into());
                    let read = versions::read(self.from(address)?, count, kind, is_string, &mut known);
                    if read.is_none() {
                        return broken("a version table that contradicts itself");
                    }
                }
                _ => return broken("a version table of unknown size"),
            }
        }
        let Some(address) = self.value(tag::VERSYM) else {
            return if known.len() > 2 { broken("versions but no symbols that have them") } else { Ok(()) };
        };
        let numbers = self.at(address, symbols.saturating_mul(2))?;
        let mut numbers = numbers.chunks_exact(2).map(|number| u16_at(number, 0) & 0x7fff);
        if numbers.any(|number| !known.contains(&number)) {
            return broken("a symbol of a version that does not exist");
        }
        Ok(())
    }
}

/// The relocations that a loader knows, and those of them that are an address within the image.
const KINDS: &[u32] = if cfg!(target_arch = "aarch64") {
    &[0, 257, 1024, 1025, 1026, 1027, 1028, 1029, 1030, 1031, 1032]
} else {
    &[0, 1, 5, 6, 7, 8, 16, 17, 18, 36, 37]
};
const RELATIVE: &[u32] = if cfg!(target_arch = "aarch64") { &[1027, 1032] } else { &[8, 37] };
