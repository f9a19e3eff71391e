//! The committed corpora through the functions that fuzzers call: whatever a fuzzer once found stays found.
#![allow(clippy::print_stdout, reason = "a test says what it counted or skipped")]

use std::fs;
use std::path::Path;

use oracles::targets::ALL;

#[test]
fn every_target_has_a_corpus_that_it_bears() {
    let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
    for (name, target) in ALL {
        let files: Vec<_> =
            fs::read_dir(corpora.join(name)).unwrap().map(|file| file.unwrap().path()).collect();
        assert!(files.len() >= 5, "the corpus of {name} has {} files", files.len());
        for file in files {
            println!("{name}: {}", file.display());
            target(&fs::read(&file).unwrap());
        }
    }
}

#[test]
fn every_target_is_one_of_cargo_fuzz_too() {
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/fuzz_targets");
    let mut found: Vec<_> = fs::read_dir(programs)
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut wanted: Vec<_> = ALL.iter().map(|(name, _)| format!("{name}.rs")).collect();
    found.sort();
    wanted.sort();
    assert_eq!(found, wanted);
}
