//! libFuzzer around `oracles::targets::target_form`, where it says what is looked for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::targets::target_form(bytes));
