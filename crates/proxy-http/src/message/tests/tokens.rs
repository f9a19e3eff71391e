//! The tokenizer against `httparse`, another reading of the same grammar: what we accept it accepts too, and sees the
//! same parts; where it finds more than we do, the test names the rule of ours that it lacks.

use proptest::prelude::*;

use super::super::{Limits, Parsed, Reject, RequestHead};

/// Heads that are right, or wrong in a few bytes.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    let name = "(Accept|Host|X-Re%|Cookie|x_y|Content-Type|Te|)";
    let value = "[ \\t]{0,2}[a-z,;= \\t/\"]{0,20}";
    let line = (name, value).prop_map(|(name, value)| format!("{name}:{value}\r\n"));
    let head =
        ("(GET|POST|G T|M-SEARCH)", "/[a-z?&=%/.]{0,12}", "HTTP/1.[01]", prop::collection::vec(line, 0..6))
            .prop_map(|(method, target, version, lines)| {
                format!("{method} {target} {version}\r\nHost: a\r\n{}\r\n", lines.concat()).into_bytes()
            });
    let wounds = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3);
    (head, wounds).prop_map(|(mut head, wounds)| {
        for (place, byte) in wounds {
            let place = place.index(head.len());
            head[place] = byte;
        }
        head
    })
}

type Fields = Vec<(Vec<u8>, Vec<u8>)>;

/// Method, target, fields, and the length of the head.
type Seen = (Vec<u8>, Vec<u8>, Fields, usize);

/// A head as the other parser sees it; none if it sees no whole head.
fn theirs(bytes: &[u8]) -> Option<Seen> {
    let mut slots = [httparse::EMPTY_HEADER; 32];
    let mut request = httparse::Request::new(&mut slots);
    let httparse::Status::Complete(len) = request.parse(bytes).ok()? else { return None };
    let fields =
        request.headers.iter().map(|field| (field.name.as_bytes().to_vec(), field.value.to_vec())).collect();
    Some((request.method?.into(), request.path?.into(), fields, len))
}

/// The same, as we see them; any fault, and what is not whole, is an error.
fn ours(head: &mut RequestHead, bytes: &[u8]) -> Result<Seen, Option<Reject>> {
    match head.parse(bytes, &Limits::default()) {
        Ok(Parsed::Complete(len)) => {
            let request = head.view(&bytes[..len]);
            let fields = request.fields().map(|(name, value)| (name.to_vec(), value.to_vec())).collect();
            Ok((request.method_name().to_vec(), request.target().to_vec(), fields, len))
        }
        Ok(Parsed::Partial) => Err(None),
        Err(reject) => Err(Some(reject)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn what_is_accepted_is_read_as_others_read_it(bytes in heads()) {
        if let Ok(ours) = ours(&mut RequestHead::default(), &bytes) {
            // One empty line before the request line is skipped by both.
            prop_assert_eq!(Some(ours), theirs(&bytes));
        }
    }

    #[test]
    fn how_a_head_arrives_makes_no_difference(bytes in heads(), first in any::<prop::sample::Index>()) {
        let whole = ours(&mut RequestHead::default(), &bytes);
        let mut head = RequestHead::default();
        let cut = first.index(bytes.len());
        let early = ours(&mut head, &bytes[..cut]);
        let split = if early == Err(None) { ours(&mut head, &bytes) } else { early };
        prop_assert_eq!(&split, &whole);
        let mut head = RequestHead::default();
        let by_byte = (1..=bytes.len()).map(|len| ours(&mut head, &bytes[..len])).find(|seen| *seen != Err(None));
        prop_assert_eq!(by_byte.unwrap_or(Err(None)), whole);
    }
}
