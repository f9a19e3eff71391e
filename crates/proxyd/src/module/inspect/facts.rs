//! Facts of an ELF file: what it exports and needs, and the numbers in its records. Read from the bytes alone.

use std::collections::BTreeMap;
use std::path::Path;

use object::elf;
use object::read::elf::{Dyn as _, ElfFile64, FileHeader as _, ProgramHeader as _, Rela as _};
use object::{Endianness, Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _};

/// What a file says of itself.
#[derive(Debug)]
pub(in crate::module) struct Facts {
    /// Bytes of the file.
    pub(in crate::module) size: u64,
    /// Names of the dynamic symbols that it defines, sorted.
    pub(in crate::module) exports: Vec<String>,
    /// Libraries that it needs.
    pub(in crate::module) needed: Vec<String>,
    /// The highest version of glibc that it needs a symbol of.
    pub(in crate::module) glibc: Option<String>,
    /// Its own name as a library.
    pub(in crate::module) soname: Option<String>,
    /// Whether the loader has to write into its code.
    pub(in crate::module) text_relocations: bool,
    /// Whether it wants its stack executable.
    pub(in crate::module) executable_stack: bool,
    records: BTreeMap<String, Record>,
}

/// The numbers of a module's record as they stand in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::module) struct Record {
    /// What it begins with.
    pub(in crate::module) magic: u64,
    /// Its size by its own word.
    pub(in crate::module) size: u32,
    /// ABI major.
    pub(in crate::module) major: u16,
    /// The least minor.
    pub(in crate::module) minor_min: u16,
    /// The minor it was built with.
    pub(in crate::module) minor_built: u16,
    /// Reserved.
    pub(in crate::module) reserved: u16,
    /// Flags.
    pub(in crate::module) flags: u32,
    /// The module's version, where the file tells.
    pub(in crate::module) version: Option<String>,
    /// What built it, where the file tells.
    pub(in crate::module) build: Option<String>,
    /// How many directives it has.
    pub(in crate::module) directives: u32,
}

/// Bytes of `pm_module` and where its parts lie.
const RECORD: u64 = 104;

type File<'b> = ElfFile64<'b, Endianness>;

impl Facts {
    /// Reads the file.
    ///
    /// # Errors
    /// It cannot be read, or is no ELF file of 64 bits.
    pub(in crate::module) fn read(path: &Path) -> Result<Self, String> {
        let failed = |error: String| format!("{}: {error}", path.display());
        let bytes = std::fs::read(path).map_err(|error| failed(error.to_string()))?;
        Self::of(&bytes).map_err(|error| failed(error.to_string()))
    }

    fn of(bytes: &[u8]) -> object::Result<Self> {
        let file = File::parse(bytes)?;
        let mut facts = Self {
            size: bytes.len() as u64,
            exports: Vec::new(),
            needed: Vec::new(),
            glibc: None,
            soname: None,
            text_relocations: false,
            executable_stack: false,
            records: BTreeMap::new(),
        };
        facts.read_dynamic(&file)?;
        facts.glibc = glibc(&file)?;
        facts.read_symbols(&file);
        Ok(facts)
    }

    fn read_dynamic(&mut self, file: &File<'_>) -> object::Result<()> {
        let (endian, data) = (file.endian(), file.data());
        for header in file.elf_program_headers() {
            if header.p_type(endian) == elf::PT_GNU_STACK {
                self.executable_stack = header.p_flags(endian).contains(elf::PF_X);
            }
        }
        let sections = file.elf_section_table();
        let Some((entries, link)) = sections.dynamic(endian, data)? else { return Ok(()) };
        let strings = sections.strings(endian, data, link)?;
        for entry in entries {
            let (tag, value) = (entry.d_tag(endian), entry.d_val(endian));
            let text =
                || strings.get(value as u32).map(|name| String::from_utf8_lossy(name).into_owned()).ok();
            if tag == elf::DT_NEEDED {
                self.needed.extend(text());
            } else if tag == elf::DT_SONAME {
                self.soname = text();
            } else if tag == elf::DT_TEXTREL || tag == elf::DT_FLAGS && value & elf::DF_TEXTREL.0 != 0 {
                self.text_relocations = true;
            }
        }
        Ok(())
    }

    fn read_symbols(&mut self, file: &File<'_>) {
        let relocations = relative_relocations(file);
        for symbol in file.dynamic_symbols().filter(|symbol| symbol.is_definition() && symbol.is_global()) {
            let Ok(name) = symbol.name() else { continue };
            if name.ends_with("_module")
                && let Some(record) = read_record(file, symbol.address(), &relocations)
            {
                self.records.insert(name.to_owned(), record);
            }
            self.exports.push(name.to_owned());
        }
        self.exports.sort_unstable();
    }

    /// The record under the symbol `ident`, if the file has its bytes.
    pub(in crate::module) fn record(&self, ident: &str) -> Option<Record> {
        self.records.get(ident).cloned()
    }

    /// The needed libraries in words.
    pub(in crate::module) fn needed_words(&self) -> String {
        if self.needed.is_empty() { "nothing".to_owned() } else { self.needed.join(", ") }
    }
}

/// The highest `GLIBC_x.y` among the versions needed.
fn glibc(file: &File<'_>) -> object::Result<Option<String>> {
    let (endian, data, sections) = (file.endian(), file.data(), file.elf_section_table());
    let Some((mut needs, link)) = sections.gnu_verneed(endian, data)? else { return Ok(None) };
    let strings = sections.strings(endian, data, link)?;
    let mut highest: Option<Vec<u32>> = None;
    while let Some((_, mut versions)) = needs.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, strings)?;
            let number = std::str::from_utf8(name).ok().and_then(|name| name.strip_prefix("GLIBC_"));
            let parts = number.and_then(|number| number.split('.').map(|part| part.parse().ok()).collect());
            highest = highest.max(parts);
        }
    }
    let dotted = |parts: Vec<u32>| parts.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    Ok(highest.map(dotted))
}

/// Where the loader would write the image's own addresses, and which.
fn relative_relocations(file: &File<'_>) -> BTreeMap<u64, u64> {
    let endian = file.endian();
    let relative = if file.elf_header().e_machine(endian) == elf::EM_AARCH64 {
        elf::R_AARCH64_RELATIVE
    } else {
        elf::R_X86_64_RELATIVE
    };
    let mut found = BTreeMap::new();
    for section in file.sections().filter(|section| section.name() == Ok(".rela.dyn")) {
        let Ok(bytes) = section.data() else { continue };
        let (entries, _) = object::pod::slice_from_all_bytes::<elf::Rela64<Endianness>>(bytes)
            .map_or((&[][..], ()), |entries| (entries, ()));
        for entry in entries {
            if entry.r_type(endian, false) == relative {
                found.insert(entry.r_offset(endian), entry.r_addend(endian) as u64);
            }
        }
    }
    found
}

/// `len` bytes of the image at `address`.
fn bytes_at<'b>(file: &File<'b>, address: u64, len: u64) -> Option<&'b [u8]> {
    file.segments().find_map(|segment| segment.data_range(address, len).ok().flatten())
}

fn read_record(file: &File<'_>, address: u64, relocations: &BTreeMap<u64, u64>) -> Option<Record> {
    let bytes = bytes_at(file, address, RECORD)?;
    let u16_at = |at: usize| Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let u32_at = |at: usize| Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let u64_at = |at: usize| Some(u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?));
    let text_at = |at: usize| -> Option<String> {
        let target = relocations.get(&(address + at as u64)).copied().or_else(|| u64_at(at))?;
        let len = u64_at(at + 8)?.min(256);
        Some(String::from_utf8_lossy(bytes_at(file, target, len)?).escape_debug().to_string())
    };
    Some(Record {
        magic: u64_at(0)?,
        size: u32_at(8)?,
        major: u16_at(12)?,
        minor_min: u16_at(14)?,
        minor_built: u16_at(16)?,
        reserved: u16_at(18)?,
        flags: u32_at(20)?,
        version: text_at(40),
        build: text_at(56),
        directives: u32_at(80)?,
    })
}
