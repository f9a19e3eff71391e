//! The reader against whole files, damaged files and noise.

use proptest::prelude::*;

use super::*;

/// A shared object that a toolchain made: a library that this test runs with.
fn a_real_file() -> Vec<u8> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut files = maps.lines().filter_map(|line| line.split_whitespace().last());
    std::fs::read(files.find(|file| file.contains("libgcc_s")).unwrap()).unwrap()
}

fn walk(bytes: &[u8]) -> Result<usize, Cause> {
    let elf = Elf::read(bytes)?;
    Ok(elf.notes().count() + elf.notes_in_section(".note.gnu.build-id").count())
}

#[test]
fn a_whole_file_is_read_and_its_notes_are_found() {
    let bytes = a_real_file();
    let elf = Elf::read(&bytes).unwrap();
    let build_id = elf.notes().find(|note| note.owner == b"GNU\0" && note.kind == 3).unwrap();
    assert_eq!(build_id.desc.len(), 20);
    assert_eq!(elf.notes_in_section(".note.gnu.build-id").next(), Some(build_id));
    assert_eq!(elf.notes_in_section(".note.other").next(), None);
}

#[test]
fn no_beginning_of_a_file_passes_for_it() {
    let bytes = a_real_file();
    for len in (1..bytes.len()).step_by(97) {
        assert!(matches!(Elf::read(&bytes[..len]), Err(Cause::CutShort { .. })), "{len} bytes");
    }
}

#[test]
fn the_part_that_is_missing_is_named() {
    let bytes = a_real_file();
    let text = |len: usize| Elf::read(&bytes[..len]).unwrap_err().to_string();
    assert_eq!(text(9), "is cut short, its ELF header is at bytes 0 to 64 but the file has 9: copy it again");
    let end = 64 + 56 * u64::from(bytes[56]);
    assert_eq!(
        text(64),
        format!(
            "is cut short, its program header table is at bytes 64 to {end} but the file has 64: copy it again"
        )
    );
}

proptest! {
    #[test]
    fn noise_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..4096)) {
        let _ = walk(&bytes);
    }

    #[test]
    fn noise_behind_a_good_start_does_no_harm(mut bytes in proptest::collection::vec(any::<u8>(), 64..4096)) {
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[16..18].copy_from_slice(&ET_DYN.to_le_bytes());
        bytes[18..20].copy_from_slice(&THIS_MACHINE.to_le_bytes());
        bytes[54..56].copy_from_slice(&56u16.to_le_bytes());
        bytes[58..60].copy_from_slice(&64u16.to_le_bytes());
        let _ = walk(&bytes);
    }

    /// Damage where the tables are: in the headers at the front and in the section table at the end.
    #[test]
    fn damage_does_no_harm(hits in proptest::collection::vec((any::<bool>(), 0usize..2048, any::<u8>()), 1..24)) {
        let mut bytes = a_real_file();
        for (from_end, place, value) in hits {
            let place = if from_end { bytes.len() - 1 - place } else { place };
            bytes[place] = value;
        }
        let _ = walk(&bytes);
    }

    #[test]
    fn notes_of_any_bytes_end(bytes in proptest::collection::vec(0u8..8, 0..512), align in 0u64..16) {
        prop_assert!(notes_of(&bytes, align).count() <= bytes.len());
    }
}

/// Where the loader's own tables are in the real file: program headers, then everything the dynamic segment names.
fn at_virtual(bytes: &[u8], wanted: u64) -> (usize, u64) {
    let headers = bytes[64..].chunks(56).take(usize::from(bytes[56]));
    let dynamic = headers.clone().find(|header| u32_at(header, 0) == PT_DYNAMIC).unwrap();
    let place = u64_at(dynamic, 8) as usize;
    let index = bytes[place..].chunks(16).position(|entry| u64_at(entry, 0) == wanted).unwrap();
    (place + index * 16, u64_at(&bytes[place + index * 16..], 8))
}

#[test]
fn numbers_that_would_lead_the_loader_astray_are_refused() {
    let bytes = a_real_file();
    assert!(Elf::read(&bytes).is_ok());
    let refused = |place: usize, value: u64| {
        let mut bytes = bytes.clone();
        bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
        match Elf::read(&bytes) {
            Err(Cause::BrokenElf { what }) => what,
            other => panic!("{:?}", other.err()),
        }
    };
    // STRTAB, SYMTAB, RELA, and the sizes of the last and of the strings.
    for tag in [5, 6, 7] {
        let (entry, value) = at_virtual(&bytes, tag);
        assert_ne!(refused(entry + 8, value + (1 << 40)), "", "address of {tag}");
        assert_ne!(refused(entry, 0x5000_0000), "", "kind of {tag}");
    }
    for tag in [8, 10] {
        let (entry, value) = at_virtual(&bytes, tag);
        assert_ne!(refused(entry + 8, value + (1 << 30)), "", "size of {tag}");
    }
    let rela = at_virtual(&bytes, 7).1 as usize;
    assert_eq!(refused(rela, 1 << 40), "a relocation outside of what is loaded");
    // The address of the second segment that is loaded.
    let load =
        (0..usize::from(bytes[56])).map(|index| 64 + index * 56).filter(|at| u32_at(&bytes, *at) == PT_LOAD);
    let second = load.clone().nth(1).unwrap();
    for address in [u64_at(&bytes, second + 16) + 8, 0, 1 << 40] {
        assert_eq!(refused(second + 16, address), "a segment that cannot be mapped where it wants to be");
    }
}

#[test]
fn what_a_file_asks_for_is_told() {
    let bytes = a_real_file();
    let elf = Elf::read(&bytes).unwrap();
    assert_eq!(elf.too_much().collect::<Vec<_>>(), []);
    assert!(elf.demands.needed.iter().any(|name| name == "libc.so.6"), "{:?}", elf.demands);
    assert_eq!(elf.warning(), None);
    let asks = |place: usize, value: u64| {
        let mut bytes = bytes.clone();
        bytes[place..place + 8].copy_from_slice(&value.to_le_bytes());
        Elf::read(&bytes).unwrap().too_much().collect::<Vec<_>>()
    };
    // In place of an entry that no loader needs.
    let (count, _) = at_virtual(&bytes, 0x6fff_fff9);
    assert_eq!(asks(count, 22), [Cause::TextRelocations]);
    let mut flags = bytes.clone();
    flags[count..count + 8].copy_from_slice(&30_u64.to_le_bytes());
    flags[count + 8..count + 16].copy_from_slice(&4_u64.to_le_bytes());
    assert_eq!(Elf::read(&flags).map(|elf| elf.too_much().next()), Ok(Some(Cause::TextRelocations)));
    let mut headers = (0..usize::from(bytes[56])).map(|index| 64 + index * 56);
    let stack = headers.find(|at| u32_at(&bytes, *at) == 0x6474_e551).unwrap();
    let mut none = bytes.clone();
    none[stack..stack + 4].copy_from_slice(&0x6474_e5ff_u32.to_le_bytes());
    assert_eq!(Elf::read(&none).map(|elf| elf.too_much().next()), Ok(Some(Cause::ExecutableStack)));
}
