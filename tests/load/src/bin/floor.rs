//! `floor ADDR ORIGIN`: listens at ADDR and passes bytes on between clients and ORIGIN until it is killed.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use bench_load::end_with;
use bench_load::floor::Floor;

fn main() -> ExitCode {
    end_with("floor", run())
}

fn run() -> Result<(), String> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [own, origin] = words.as_slice() else { return Err("usage: floor ADDR ORIGIN".to_owned()) };
    let addr = |word: &String| word.parse().map_err(|_| format!("{word} is not ADDR:PORT"));
    let mut floor = Floor::open(addr(own)?, addr(origin)?).map_err(|error| error.to_string())?;
    floor.run().map_err(|error| error.to_string())
}
