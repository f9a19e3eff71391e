//! Generated messages: each that we accept is accepted by the others, who see the same first line, fields, body and
//! next message; and so is what we send on of it. What they are known to see otherwise, or refuse, stands in
//! `known_differences.toml` with the reason.
//!
//! A failure prints the seed of its message; `ORACLE_SEED=N` begins there.
#![allow(clippy::print_stdout, reason = "a test says what it counted or skipped")]

mod cases;
mod tally;

use std::ops::Range;

use cases::{Case, MARKER};
use oracles::hyper::Hyper;
use oracles::llhttp::{Kind, Llhttp};
use oracles::seen::{self, Seen};
use oracles::{message, naive};
use tally::{Tally, read_all};

fn httparse(seeds: Range<u64>) -> Tally {
    let mut tally = Tally::default();
    for seed in seeds {
        tally.made(3);
        for case in cases::of(seed) {
            let theirs = match case.kind {
                Kind::Request => naive::request(&case.bytes),
                Kind::Response => naive::response(&case.bytes),
            };
            assert_eq!(theirs.as_ref(), Some(&case.ours), "{}", case.shown());
            tally.alike();
        }
        let body = message::chunked(seed);
        if let Some(ours) = seen::chunked(&body) {
            assert_eq!(naive::chunked(&body), Some(ours), "seed {seed}: {}", body.escape_ascii());
            tally.alike();
        }
    }
    tally
}

fn hyper(seeds: Range<u64>) -> Tally {
    let (hyper, mut tally) = (Hyper::new().unwrap(), Tally::default());
    for seed in seeds {
        tally.made(2);
        for case in cases::of(seed) {
            let (theirs, ours) = match case.kind {
                Kind::Request => match expected_of_hyper(&case.ours) {
                    Ok(expected) => {
                        (hyper.requests(&case.bytes), with_marker(expected, case.ours.keep_alive))
                    }
                    Err(known) => {
                        tally.differs(known);
                        continue;
                    }
                },
                Kind::Response => {
                    let ours = Seen { keep_alive: true, ..case.ours.clone().without_len() };
                    (hyper.response(&case.bytes).into_iter().collect(), vec![ours])
                }
            };
            assert_eq!(theirs, ours, "{}", case.shown());
            tally.alike();
        }
    }
    tally
}

/// What hyper must see in a request that we accept, or the name of a known difference.
fn expected_of_hyper(ours: &Seen) -> Result<Seen, &'static str> {
    let target = String::from_utf8_lossy(&ours.target).into_owned();
    let Ok(uri) = target.parse::<hyper::Uri>() else { return Err("hyper-uri") };
    // A URI without a path is printed with one.
    Ok(Seen { target: uri.to_string().into_bytes(), keep_alive: true, ..ours.clone().without_len() })
}

/// The request that is behind each, if it is read.
fn with_marker(first: Seen, is_read: bool) -> Vec<Seen> {
    let marker = is_read.then(|| seen::request(MARKER).unwrap().without_len());
    [Some(first), marker].into_iter().flatten().collect()
}

fn llhttp(seeds: Range<u64>) -> Tally {
    let mut llhttp = Llhttp::start().unwrap().expect("it was there a moment ago");
    let mut tally = Tally::default();
    let seeds: Vec<u64> = seeds.collect();
    for seeds in seeds.chunks(1000) {
        tally.made(2 * seeds.len() as u64);
        for kind in [Kind::Request, Kind::Response] {
            let all: Vec<Case> =
                seeds.iter().flat_map(|seed| cases::of(*seed)).filter(|case| case.kind == kind).collect();
            let streams = all.iter().map(|case| case.bytes.as_slice());
            for (case, theirs) in all.iter().zip(llhttp.read(kind, streams).unwrap()) {
                match compare_with_llhttp(case, theirs) {
                    Ok(()) => tally.alike(),
                    Err(known) => tally.differs(known),
                }
            }
        }
    }
    tally
}

/// Fails unless llhttp sees the same, or has a known difference of that name.
fn compare_with_llhttp(case: &Case, theirs: Vec<oracles::llhttp::Read>) -> Result<(), &'static str> {
    if let Some(known) = known_to_llhttp(&case.ours, &case.bytes) {
        return Err(known);
    }
    let upgraded = theirs.first().is_some_and(|(_, upgraded)| *upgraded);
    let is_followed = case.kind == Kind::Request && case.ours.keep_alive && !upgraded;
    let ours = with_marker(case.ours.clone().without_len(), is_followed);
    let theirs: Vec<_> = theirs.into_iter().map(|(seen, _)| seen).collect();
    if theirs != ours && only_closes_later(&case.ours, theirs.first()) {
        return Err("llhttp-close");
    }
    assert_eq!(theirs, ours, "{}", case.shown());
    Ok(())
}

/// Why llhttp is known to see something else in it, if it is.
fn known_to_llhttp(ours: &Seen, stream: &[u8]) -> Option<&'static str> {
    const METHODS: &[&[u8]] =
        &[b"GET", b"POST", b"PUT", b"HEAD", b"DELETE", b"OPTIONS", b"PATCH", b"M-SEARCH"];
    let is_request = !ours.target.is_empty();
    if is_request && !METHODS.contains(&ours.first.as_slice()) {
        return Some("llhttp-methods");
    }
    let head = stream.trim_ascii_start();
    let mut lines = head.split(|byte| *byte == b'\n').take_while(|line| *line != b"\r");
    lines.any(has_tab_behind_framing).then_some("llhttp-tab")
}

/// Whether a line frames the body and has a tab among the blanks at its end.
fn has_tab_behind_framing(line: &[u8]) -> bool {
    let lower = line.to_ascii_lowercase();
    let names: [&[u8]; 3] = [b"content-length:", b"transfer-encoding:", b"connection:"];
    let is_framing = names.iter().any(|name| lower.starts_with(name));
    is_framing && line[line.trim_ascii_end().len()..].contains(&b'\t')
}

/// Whether the only difference is that we end the connection, as a Connection field says, and they do not.
fn only_closes_later(ours: &Seen, theirs: Option<&Seen>) -> bool {
    let kept = Seen { keep_alive: true, ..ours.clone().without_len() };
    let is_asked = ours.fields.iter().any(|(name, _)| name == b"connection");
    !ours.keep_alive && is_asked && theirs == Some(&kept)
}

/// Reads with llhttp, where there is one.
fn read_all_by_llhttp(count: u64) {
    if Llhttp::start().unwrap().is_some() {
        read_all("llhttp", count, llhttp);
    } else {
        println!("skipped: no node with llhttp 9 or later");
    }
}

mod short {
    use super::{httparse, hyper, read_all, read_all_by_llhttp};

    #[test]
    fn httparse_reads_what_we_accept_alike() {
        read_all("httparse", 40_000, httparse);
    }

    #[test]
    fn hyper_reads_what_we_accept_alike() {
        read_all("hyper", 10_000, hyper);
    }

    #[test]
    fn llhttp_reads_what_we_accept_alike() {
        read_all_by_llhttp(20_000);
    }
}

/// Ten million messages each, two or three of a seed.
mod long {
    use super::{httparse, hyper, read_all, read_all_by_llhttp};

    #[test]
    #[ignore = "takes minutes; run by cargo xtask prove oracles --long"]
    fn httparse_reads_what_we_accept_alike() {
        if is_alone() {
            read_all("httparse", 3_400_000, httparse);
        }
    }

    #[test]
    #[ignore = "takes minutes; run by cargo xtask prove oracles --long"]
    fn hyper_reads_what_we_accept_alike() {
        if is_alone() {
            read_all("hyper", 5_000_000, hyper);
        }
    }

    #[test]
    #[ignore = "takes minutes; run by cargo xtask prove oracles --long"]
    fn llhttp_reads_what_we_accept_alike() {
        if is_alone() {
            read_all_by_llhttp(5_000_000);
        }
    }

    /// Built without optimizations it would take an hour.
    fn is_alone() -> bool {
        let is_alone = std::env::var_os("PROXYD_TESTS_ALONE").is_some();
        if !is_alone {
            println!("skipped: it runs alone, by cargo xtask prove oracles --long");
        }
        is_alone
    }
}
