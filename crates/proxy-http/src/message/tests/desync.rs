//! The corpus of ambiguous requests, each fed whole, byte by byte, and cut in two at every place.

use proptest::prelude::*;

use super::super::Body;
use super::super::{
    ChunkedDecoder, Event, Limits, Parsed, RequestHead, chunk_header, last_chunk, write_request,
};
use super::{plain_rewrite, promised, text};

#[derive(Debug, Clone, Copy)]
enum Expected {
    Refused(u16),
    Canonical(&'static [u8]),
    Incomplete,
}

#[derive(Debug, Clone, Copy)]
struct Case {
    id: &'static str,
    bytes: &'static [u8],
    expected: Expected,
}

const fn refused(id: &'static str, status: u16, bytes: &'static [u8]) -> Case {
    Case { id, bytes, expected: Expected::Refused(status) }
}

const fn canonical(id: &'static str, fragment: &'static [u8], bytes: &'static [u8]) -> Case {
    Case { id, bytes, expected: Expected::Canonical(fragment) }
}

const fn incomplete(id: &'static str, bytes: &'static [u8]) -> Case {
    Case { id, bytes, expected: Expected::Incomplete }
}

const CASES: &[Case] = include!("../../../../../tests/data/desync_cases.rs");

/// What became of a byte stream that should be one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    Refused(u16),
    Forwarded { head: Vec<u8>, content: Vec<u8>, trailers: Vec<u8>, used: usize },
    Incomplete,
}

/// Feeds `bytes`, of which ever more are there: up to each of `arrivals`.
pub(super) fn feed(bytes: &[u8], arrivals: impl IntoIterator<Item = usize>) -> Outcome {
    let limits = Limits::default();
    let mut head = RequestHead::default();
    let mut arrivals = arrivals.into_iter();
    let mut there;
    let len = loop {
        let Some(next) = arrivals.next() else { return Outcome::Incomplete };
        there = next;
        match head.parse(&bytes[..there], &limits) {
            Err(reject) => return Outcome::Refused(reject.status),
            Ok(Parsed::Complete(len)) => break len,
            Ok(Parsed::Partial) => {}
        }
    };
    let request = head.view(&bytes[..there]);
    let mut out = Vec::new();
    write_request(&mut out, &request, &plain_rewrite(&request));
    if request.body() != Body::Chunked {
        let end = len.saturating_add(promised(request.body()));
        let Some(content) = bytes.get(len..end) else { return Outcome::Incomplete };
        return Outcome::Forwarded { head: out, content: content.to_vec(), trailers: Vec::new(), used: end };
    }
    let mut decoder = ChunkedDecoder::new(&limits);
    let (mut at, mut content) = (len, Vec::new());
    loop {
        match decoder.decode(&bytes[at..there]) {
            Err(_) => return Outcome::Refused(400),
            Ok(step) => {
                if let Event::Data(range) = step.event.clone() {
                    content.extend_from_slice(&bytes[at..there][range]);
                }
                at += step.consumed;
                match (step.event, arrivals.next()) {
                    (Event::End, _) => {
                        let trailers = decoder.trailers().to_vec();
                        return Outcome::Forwarded { head: out, content, trailers, used: at };
                    }
                    (Event::Data(_), next) => there = next.unwrap_or(there),
                    (Event::More, Some(next)) => there = next,
                    (Event::More, None) => return Outcome::Incomplete,
                }
            }
        }
    }
}

/// The bytes an endpoint gets, chunked content in the chunks it came in.
fn forwarded(bytes: &[u8]) -> Vec<u8> {
    let limits = Limits::default();
    let mut head = RequestHead::default();
    let Ok(Parsed::Complete(len)) = head.parse(bytes, &limits) else {
        panic!("not complete: {}", text(bytes))
    };
    let request = head.view(bytes);
    let mut out = Vec::new();
    write_request(&mut out, &request, &plain_rewrite(&request));
    if request.body() != Body::Chunked {
        out.extend_from_slice(&bytes[len..len + promised(request.body())]);
        return out;
    }
    let mut decoder = ChunkedDecoder::new(&limits);
    let mut rest = &bytes[len..];
    loop {
        let step = decoder.decode(rest).unwrap();
        match step.event {
            Event::Data(range) => {
                out.extend_from_slice(chunk_header(range.len() as u64).as_ref());
                out.extend_from_slice(&rest[range]);
                out.extend_from_slice(b"\r\n");
            }
            Event::End => break last_chunk(&mut out, decoder.trailers()),
            Event::More => panic!("incomplete body: {}", text(bytes)),
        }
        rest = &rest[step.consumed..];
    }
    out
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    whole.windows(part.len()).any(|window| window == part)
}

#[test]
fn every_case_has_its_outcome() {
    let mut wrong = Vec::new();
    for case in CASES {
        let outcome = feed(case.bytes, [case.bytes.len()]);
        let right = match (&outcome, case.expected) {
            (Outcome::Refused(status), Expected::Refused(expected)) => *status == expected,
            (Outcome::Forwarded { used, .. }, Expected::Canonical(fragment)) => {
                *used == case.bytes.len() && contains(&forwarded(case.bytes), fragment)
            }
            (Outcome::Incomplete, Expected::Incomplete) => true,
            _ => false,
        };
        if !right {
            wrong.push(format!("{}: {:?}\n    got {outcome:?}", case.id, case.expected));
        }
    }
    assert!(CASES.len() >= 200, "the corpus has shrunk to {}", CASES.len());
    assert!(wrong.is_empty(), "{} cases went wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn arrival_makes_no_difference() {
    for case in CASES {
        let len = case.bytes.len();
        let whole = feed(case.bytes, [len]);
        assert_eq!(feed(case.bytes, 1..=len), whole, "{} byte by byte", case.id);
        for cut in 1..len {
            assert_eq!(feed(case.bytes, [cut, len]), whole, "{} cut at {cut}", case.id);
        }
    }
}

#[test]
fn what_is_forwarded_is_a_fixed_point() {
    for case in CASES.iter().filter(|case| matches!(case.expected, Expected::Canonical(_))) {
        // Max-Forwards counts down by design, and a client without a Host has no X-Forwarded-Host at first.
        if !matches!(case.id, "max-forwards" | "host-1.0-none") {
            let once = forwarded(case.bytes);
            assert_eq!(text(&forwarded(&once)), text(&once), "{}", case.id);
        }
    }
}

#[test]
fn ids_are_unique() {
    let mut ids: Vec<_> = CASES.iter().map(|case| case.id).collect();
    ids.sort_unstable();
    assert!(ids.windows(2).all(|pair| pair[0] != pair[1]));
}

fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        any::<prop::sample::Index>(),
        0_u8..4,
        prop::sample::select(b"\r\n \t:;,\0\x0b\x80\xff0a-_\"".to_vec()),
    );
    (0..CASES.len(), prop::collection::vec(edit, 0..4)).prop_map(|(case, edits)| {
        let mut bytes = CASES[case].bytes.to_vec();
        for (place, kind, byte) in edits {
            let at = place.index(bytes.len() + 1);
            match kind {
                0 if at < bytes.len() => drop(bytes.remove(at)),
                1 if at < bytes.len() => bytes[at] = byte,
                _ => bytes.insert(at, byte),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn mutants_end_alike_however_they_arrive(bytes in mutated(), cut in any::<prop::sample::Index>()) {
        let len = bytes.len();
        let whole = feed(&bytes, [len]);
        prop_assert_eq!(&feed(&bytes, [cut.index(len.max(1)), len]), &whole);
        prop_assert_eq!(&feed(&bytes, 1..=len), &whole);
    }

    #[test]
    fn whatever_is_forwarded_is_one_clean_request(bytes in mutated()) {
        if let Outcome::Forwarded { head, content, .. } = feed(&bytes, [bytes.len()]) {
            prop_assert!(!contains(&head[..head.len() - 2], b"\r\n\r\n"));
            let bare = head.iter().enumerate().filter(|(at, byte)| match **byte {
                b'\n' => *at == 0 || head[at - 1] != b'\r',
                b'\r' => head.get(at + 1) != Some(&b'\n'),
                0 => true,
                _ => false,
            });
            prop_assert_eq!(bare.count(), 0, "{}", text(&head));
            let lower = head.to_ascii_lowercase();
            let lines = |name: &[u8]| lower.windows(name.len()).filter(|window| *window == name).count();
            prop_assert!(lines(b"\r\ncontent-length:") + lines(b"\r\ntransfer-encoding:") <= 1);
            prop_assert_eq!(lines(b"\r\nhost:"), 1);
            if lines(b"\r\ntransfer-encoding:") == 0 {
                let again = feed(&[head.as_slice(), &content].concat(), [head.len() + content.len()]);
                let used_whole = matches!(again, Outcome::Forwarded { used, .. } if used == head.len() + content.len());
                prop_assert!(used_whole, "{}", text(&head));
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        feed(&bytes, 1..=bytes.len());
    }
}
