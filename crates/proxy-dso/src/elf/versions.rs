//! Tables of symbol versions: chains of entries, each with a chain of its own.

use super::{u16_at, u32_at};

/// The two kinds of tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Versions that other libraries must define.
    Need,
    /// Versions that this file defines.
    Define,
}

/// Walks the `count` entries of `table` and adds the numbers of their versions to `known`. `None` if a chain leaves
/// the table, is longer or shorter than it says, or names what `is_string` does not know.
pub(super) fn read(
    table: &[u8],
    count: u64,
    kind: Kind,
    is_string: impl Fn(u32) -> bool,
    known: &mut Vec<u16>,
) -> Option<()> {
    let mut at = 0_usize;
    for left in (0..count).rev() {
        let entry = Entry::read(table, at, kind)?;
        if entry.format != 1 || entry.parts == 0 || (entry.next == 0) != (left == 0) {
            return None;
        }
        known.extend(entry.defines);
        if entry.file.is_some_and(|file| !is_string(file)) {
            return None;
        }
        let mut inner = at.checked_add(entry.first)?;
        for left in (0..entry.parts).rev() {
            let (name, number, next) = part(table, inner, kind)?;
            if !is_string(name) || (next == 0) != (left == 0) {
                return None;
            }
            known.extend(number);
            inner = inner.checked_add(next)?;
        }
        at = at.checked_add(entry.next)?;
    }
    Some(())
}

struct Entry {
    format: u16,
    parts: u16,
    /// The number of the version that it defines.
    defines: Option<u16>,
    /// The name of the library that must define its parts.
    file: Option<u32>,
    first: usize,
    next: usize,
}

impl Entry {
    fn read(table: &[u8], at: usize, kind: Kind) -> Option<Self> {
        let size = if kind == Kind::Need { 16 } else { 20 };
        let bytes = table.get(at..at.checked_add(size)?)?;
        let format = u16_at(bytes, 0);
        Some(match kind {
            Kind::Need => Self {
                format,
                parts: u16_at(bytes, 2),
                defines: None,
                file: Some(u32_at(bytes, 4)),
                first: u32_at(bytes, 8) as usize,
                next: u32_at(bytes, 12) as usize,
            },
            Kind::Define => Self {
                format,
                parts: u16_at(bytes, 6),
                defines: Some(u16_at(bytes, 4)),
                file: None,
                first: u32_at(bytes, 12) as usize,
                next: u32_at(bytes, 16) as usize,
            },
        })
    }
}

/// The name of a part, the number that it gives to a version, and where the next one is.
fn part(table: &[u8], at: usize, kind: Kind) -> Option<(u32, Option<u16>, usize)> {
    let size = if kind == Kind::Need { 16 } else { 8 };
    let bytes = table.get(at..at.checked_add(size)?)?;
    Some(match kind {
        Kind::Need => (u32_at(bytes, 8), Some(u16_at(bytes, 6) & 0x7fff), u32_at(bytes, 12) as usize),
        Kind::Define => (u32_at(bytes, 0), None, u32_at(bytes, 4) as usize),
    })
}
