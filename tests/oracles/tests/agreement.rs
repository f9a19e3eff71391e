//! Generated messages: each that we accept is accepted by the others, who see the same first line, fields, body and
//! next message. What they are known to see otherwise, or refuse, stands in `known_differences.toml` with the reason.
//!
//! A failure prints the seed of its message; `ORACLE_SEED=N` begins there.
#![allow(clippy::print_stdout, reason = "a test says what it counted or skipped")]

use std::collections::BTreeMap;

use oracles::hyper::Hyper;
use oracles::llhttp::{Kind, Llhttp};
use oracles::{message, naive, seen};
use seen::Seen;

/// A request behind the first: a reader that ends the first elsewhere sees something else.
const MARKER: &[u8] = b"GET /marker HTTP/1.1\r\nHost: m\r\n\r\n";

fn first_seed() -> u64 {
    std::env::var("ORACLE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}

fn seeds(count: u64) -> impl Iterator<Item = u64> {
    first_seed()..first_seed() + count
}

fn shown(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

/// Fails unless a part of the messages that was worth its making was accepted.
fn enough(accepted: u64, count: u64) {
    println!("{accepted} of {count} accepted by us and read alike");
    assert!(
        count < 1000 || accepted * 20 > count,
        "{accepted} of {count} accepted: the generator finds nothing"
    );
}

fn httparse(count: u64) {
    let mut accepted = 0;
    for seed in seeds(count) {
        let request = message::request(seed);
        let response = message::response(seed);
        let body = message::chunked(seed);
        if let Some(ours) = seen::request(&request) {
            accepted += 1;
            assert_eq!(naive::request(&request), Some(ours), "seed {seed}: {}", shown(&request));
        }
        if let Some(ours) = seen::response(&response) {
            accepted += 1;
            assert_eq!(naive::response(&response), Some(ours), "seed {seed}: {}", shown(&response));
        }
        if let Some(ours) = seen::chunked(&body) {
            accepted += 1;
            assert_eq!(naive::chunked(&body), Some(ours), "seed {seed}: {}", shown(&body));
        }
    }
    enough(accepted, 3 * count);
}

/// Differences that were met, by their names in the file.
type Met = BTreeMap<&'static str, u64>;

/// What hyper must see in a request that we accept, or the name of a known difference.
fn expected_of_hyper(ours: &Seen) -> Result<Seen, &'static str> {
    let target = String::from_utf8_lossy(&ours.target).into_owned();
    let Ok(uri) = target.parse::<hyper::Uri>() else { return Err("hyper-uri") };
    // A URI without a path is printed with one.
    Ok(Seen { target: uri.to_string().into_bytes(), keep_alive: true, ..ours.clone().without_len() })
}

fn hyper(count: u64) {
    let hyper = Hyper::new().unwrap();
    let (mut accepted, mut met) = (0, Met::new());
    for seed in seeds(count) {
        let request = message::request(seed);
        if let Some(ours) = seen::request(&request) {
            let stream = [&request[..ours.len.unwrap()], MARKER].concat();
            let theirs = hyper.requests(&stream);
            match expected_of_hyper(&ours) {
                Err(known) => *met.entry(known).or_default() += 1,
                Ok(expected) => {
                    let marker = seen::request(MARKER).unwrap().without_len();
                    let mut all = vec![expected];
                    all.extend(ours.keep_alive.then_some(marker));
                    assert_eq!(theirs, all, "seed {seed}: {}", shown(&stream));
                    accepted += 1;
                }
            }
        }
        let response = message::response(seed);
        if let Some(ours) = seen::response(&response) {
            let stream = &response[..ours.len.unwrap_or(response.len())];
            let expected = Seen { keep_alive: true, ..ours.without_len() };
            assert_eq!(hyper.response(stream), Some(expected), "seed {seed}: {}", shown(stream));
            accepted += 1;
        }
    }
    enough(accepted, 2 * count);
    known(&met);
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

fn llhttp(count: u64) {
    let Some(mut llhttp) = Llhttp::start().unwrap() else {
        println!("skipped: no node with llhttp 9 or later");
        return;
    };
    let (mut accepted, mut met) = (0, Met::new());
    let seeds: Vec<u64> = seeds(count).collect();
    for seeds in seeds.chunks(1000) {
        for kind in [Kind::Request, Kind::Response] {
            let ours: Vec<_> = seeds.iter().filter_map(|seed| accepted_stream(kind, *seed)).collect();
            let streams: Vec<_> = ours.iter().map(|(_, _, stream)| stream.clone()).collect();
            for ((seed, ours, stream), theirs) in ours.into_iter().zip(llhttp.read(kind, &streams).unwrap()) {
                if let Some(known) = known_to_llhttp(&ours, &stream) {
                    *met.entry(known).or_default() += 1;
                    continue;
                }
                let upgraded = theirs.first().is_some_and(|(_, upgraded)| *upgraded);
                let mut all = vec![ours.clone().without_len()];
                if kind == Kind::Request && ours.keep_alive && !upgraded {
                    all.push(seen::request(MARKER).unwrap().without_len());
                }
                let theirs: Vec<_> = theirs.into_iter().map(|(seen, _)| seen).collect();
                if theirs != all && only_closes_later(&ours, theirs.first()) {
                    *met.entry("llhttp-close").or_default() += 1;
                    continue;
                }
                assert_eq!(theirs, all, "seed {seed}: {}", shown(&stream));
                accepted += 1;
            }
        }
    }
    enough(accepted, 2 * count);
    known(&met);
}

/// A message that we accept, with what we see, followed by another if it is a request.
fn accepted_stream(kind: Kind, seed: u64) -> Option<(u64, Seen, Vec<u8>)> {
    let (bytes, ours) = match kind {
        Kind::Request => (message::request(seed), seen::request as fn(&[u8]) -> Option<Seen>),
        Kind::Response => (message::response(seed), seen::response as fn(&[u8]) -> Option<Seen>),
    };
    let ours = ours(&bytes)?;
    let mut stream = bytes[..ours.len.unwrap_or(bytes.len())].to_vec();
    if kind == Kind::Request {
        stream.extend_from_slice(MARKER);
    }
    Some((seed, ours, stream))
}

/// Fails if one that was met has no reason in the file.
fn known(met: &Met) {
    let file: toml::Table = include_str!("../known_differences.toml").parse().unwrap();
    for (name, count) in met {
        println!("{count} differ as is known: {name}");
        let reason = file.get(*name).and_then(|entry| entry["reason"].as_str());
        assert!(
            reason.is_some_and(|reason| !reason.is_empty()),
            "{name} has no reason in known_differences.toml"
        );
    }
}

#[test]
fn httparse_reads_what_we_accept_alike() {
    httparse(40_000);
}

#[test]
fn hyper_reads_what_we_accept_alike() {
    hyper(10_000);
}

#[test]
fn llhttp_reads_what_we_accept_alike() {
    llhttp(20_000);
}

#[test]
#[ignore = "takes minutes: cargo xtask test --long"]
fn httparse_reads_ten_million_messages_alike() {
    httparse(3_400_000);
}

#[test]
#[ignore = "takes minutes: cargo xtask test --long"]
fn hyper_reads_a_million_messages_alike() {
    hyper(500_000);
}

#[test]
#[ignore = "takes minutes: cargo xtask test --long"]
fn llhttp_reads_a_million_messages_alike() {
    llhttp(500_000);
}
