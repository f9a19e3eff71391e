//! libFuzzer around `oracles::targets::field_value`, where it says what is looked for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::targets::field_value(bytes));
