//! libFuzzer around `oracles::targets::elf_note`, where it says what is looked for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::targets::elf_note(bytes));
