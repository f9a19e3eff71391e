//! The chunked coding: limits, ends and arrivals that the corpus of requests does not show.

use proptest::prelude::*;

use super::super::{ChunkError, ChunkedDecoder, Event, Limits, chunk_header, last_chunk};

/// Content, trailers and bytes used; `None` while the end is missing.
type Decoded = Result<Option<(Vec<u8>, Vec<u8>, usize)>, ChunkError>;

fn decode(pieces: &[&[u8]]) -> Decoded {
    decode_by(&mut ChunkedDecoder::new(&Limits::default()), pieces)
}

fn decode_by(decoder: &mut ChunkedDecoder, pieces: &[&[u8]]) -> Decoded {
    let (mut content, mut used) = (Vec::new(), 0);
    for piece in pieces {
        let mut rest = *piece;
        loop {
            let step = decoder.decode(rest)?;
            used += step.consumed;
            match step.event {
                Event::Data(range) => {
                    assert!(!range.is_empty() && range.end == step.consumed);
                    content.extend_from_slice(&rest[range]);
                }
                Event::More => {
                    assert_eq!(step.consumed, rest.len());
                    break;
                }
                Event::End => return Ok(Some((content, decoder.trailers().to_vec(), used))),
            }
            rest = &rest[step.consumed..];
        }
    }
    Ok(None)
}

#[test]
fn every_cut_gives_the_same() {
    let body = b"5;a=\"b\"\r\nhello\r\n1\r\n!\r\n0\r\nX-A: 1\r\nY:2\r\n\r\nGET";
    let whole = decode(&[body]);
    assert_eq!(whole, Ok(Some((b"hello!".to_vec(), b"X-A: 1\r\nY: 2\r\n".to_vec(), body.len() - 3))));
    for first in 0..=body.len() {
        for second in first..=body.len() {
            let pieces = [&body[..first], &body[first..second], &body[second..]];
            assert_eq!(decode(&pieces), whole, "{first} {second}");
        }
    }
}

#[test]
fn extensions_are_counted_over_the_whole_body() {
    let with = |bytes: usize| {
        let chunk = format!("1;{}\r\nx\r\n", "a".repeat(bytes / 4 - 1)).repeat(4);
        decode(&[format!("{chunk}0\r\n\r\n").as_bytes()])
    };
    assert!(with(4096).is_ok());
    assert!(with(4100).is_err());
}

#[test]
fn trailers_are_limited() {
    let with = |line: String| decode(&[format!("0\r\n{line}\r\n").as_bytes()]);
    assert!(with(format!("A: {}\r\n", "x".repeat(8189))).is_ok());
    assert!(with(format!("A: {}\r\n", "x".repeat(8190))).is_err());
    assert!(with("A: b\r\n".repeat(100)).is_ok());
    assert!(with("A: b\r\n".repeat(101)).is_err());
}

#[test]
fn a_decoder_is_used_again() {
    let mut decoder = ChunkedDecoder::new(&Limits::default());
    assert!(decode_by(&mut decoder, &[b"1\r\nx\r\n0\r\nA: b\r\n\r\n"]).is_ok_and(|end| end.is_some()));
    assert!(decoder.is_done());
    decoder.reset(&Limits::default());
    assert!(!decoder.is_done());
    assert_eq!(decode_by(&mut decoder, &[b"0\r\n\r\n"]), Ok(Some((vec![], vec![], 5))));
}

#[test]
fn headers_are_plain_hexadecimal() {
    for (len, expected) in
        [(1, "1\r\n"), (16, "10\r\n"), (0xabc, "abc\r\n"), (u64::MAX, "ffffffffffffffff\r\n")]
    {
        assert_eq!(chunk_header(len).as_ref(), expected.as_bytes());
    }
}

proptest! {
    #[test]
    fn framing_and_its_removal_are_inverse(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut body = Vec::new();
        for chunk in &chunks {
            body.extend_from_slice(chunk_header(chunk.len() as u64).as_ref());
            body.extend_from_slice(chunk);
            body.extend_from_slice(b"\r\n");
        }
        last_chunk(&mut body, b"X: y\r\n");
        let (first, second) = body.split_at(cut.index(body.len()));
        prop_assert_eq!(decode(&[first, second]), Ok(Some((chunks.concat(), b"X: y\r\n".to_vec(), body.len()))));
    }

    #[test]
    fn no_bytes_panic(body in "[0-9a-f;=\"\r\n\\\\x: ]{0,60}") {
        let pieces: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
        prop_assert_eq!(decode(&pieces), decode(&[body.as_bytes()]));
    }
}
