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
