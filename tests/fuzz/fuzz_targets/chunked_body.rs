//! libFuzzer around `oracles::targets::chunked_body`, where it says what is looked for.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| oracles::targets::chunked_body(bytes));
