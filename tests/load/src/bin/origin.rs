//! `origin COUNT`: listens at COUNT ports of the system's choice, prints them on one line, and answers `/N` with a
//! body of N bytes until it is killed.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bench_load::{end_with, origin};

fn main() -> ExitCode {
    let count = std::env::args().nth(1).map_or(Ok(1), |word| word.parse());
    let outcome = count.map_err(|_| "usage: origin COUNT".to_owned()).and_then(origin::serve);
    end_with("origin", outcome)
}
