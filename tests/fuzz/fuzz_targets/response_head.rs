//! libFuzzer around `oracles::targets::response_head`, where it says what is looked for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::targets::response_head(bytes));
