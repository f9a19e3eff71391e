//! libFuzzer around `oracles::targets::request_head`, where it says what is looked for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::targets::request_head(bytes));
