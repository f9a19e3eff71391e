//! What is refused, and what edits and notes come to.

use super::*;

fn said(edits: &[(EditOp, &str, &str)]) -> Vec<Edit> {
    let caller = Caller::new(0);
    let all = Edits::new(&caller);
    let view = abi::Edits::new(&all);
    for (op, name, value) in edits {
        let (name, value) = (name.as_bytes(), value.as_bytes());
        let status = match *op {
            EditOp::SET => view.set(name, value),
            EditOp::ADD => view.add(name, value),
            _ => view.unset(name),
        };
        assert_eq!(status, Status::OK);
    }
    all.list().to_vec()
}

fn added(edits: &[Edit]) -> Vec<(&str, &str)> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    additions(edits).map(|(name, value)| (text(name), text(value))).collect()
}

#[test]
fn set_replaces_add_appends_unset_removes() {
    let edits = said(&[
        (EditOp::ADD, "A", "1"),
        (EditOp::SET, "B", "2"),
        (EditOp::ADD, "b", "3"),
        (EditOp::SET, "C", "4"),
        (EditOp::UNSET, "c", ""),
        (EditOp::SET, "D", "5"),
        (EditOp::SET, "d", "6"),
    ]);
    assert_eq!(added(&edits), [("A", "1"), ("B", "2"), ("b", "3"), ("d", "6")]);
    assert_eq!(
        [b"a", b"b", b"c", b"d", b"e"].map(|name| removes(&edits, name)),
        [false, true, true, true, false]
    );
    assert_eq!([b"a", b"e"].map(|name| mentions(&edits, name)), [true, false]);
}

fn refusal(name: &[u8], value: &[u8]) -> Option<String> {
    let caller = Caller::new(0);
    let edits = Edits::new(&caller);
    let status = edits.edit(EditOp::SET, name, value);
    let taken = !edits.list().is_empty();
    assert_eq!(status == Status::OK, taken);
    assert_eq!(edits.edit(EditOp::ADD, name, value), status);
    (!taken).then(|| caller.said())
}

#[test]
fn protected_names_are_refused_in_any_spelling() {
    for name in [
        "Host",
        "content-length",
        "Transfer-Encoding",
        "CONNECTION",
        "Upgrade",
        "TE",
        "Trailer",
        "Keep-Alive",
        "Proxy-Connection",
        "Expect",
        "Via",
        "X-Forwarded-For",
        "x-forwarded-anything",
        "Content_Length",
        "X_Forwarded_For",
        "Max-Forwards",
        "Transfer.Encoding",
    ] {
        let why = refusal(name.as_bytes(), b"1").unwrap_or_else(|| panic!("{name} was taken"));
        assert!(why.contains(name) && why.contains("the server alone writes it"), "{why}");
    }
    for name in ["Hostess", "X-Host", "Via-X", "Accept", "X-Real-IP", "Date", "Location", "Tea"] {
        assert_eq!(refusal(name.as_bytes(), b"1"), None, "{name}");
    }
}

#[test]
fn unsetting_a_protected_name_is_refused_too() {
    let caller = Caller::new(0);
    assert_eq!(Edits::new(&caller).edit(EditOp::UNSET, b"Transfer-Encoding", b""), Status::ERROR);
    assert_eq!(Edits::new(&caller).edit(EditOp(9), b"A", b""), Status::ERROR);
}

#[test]
fn nothing_that_could_end_a_line_is_taken() {
    for value in [&b"a\r\nB: c"[..], b"a\nb", b"a\rb", b"a\0b", b"\x7f", b"\x1b[0m"] {
        assert!(refusal(b"A", value).is_some_and(|why| why.contains("control character")), "{value:?}");
    }
    for name in [&b""[..], b"A:", b"A B", b"A\r\n", b"A\0", b"\xc3\xa4", b"%48ost", b"(A)"] {
        assert!(refusal(name, b"1").is_some_and(|why| why.contains("made of letters")), "{name:?}");
    }
    assert_eq!(refusal(b"A", b"tab\tand \xc3\xa4 \"quoted\""), None);
}

#[test]
fn edits_and_notes_are_limited() {
    assert!(refusal(b"A", &[b'a'; 8000]).is_some_and(|why| why.contains("8000")));
    let caller = Caller::new(0);
    let edits = Edits::new(&caller);
    let taken = (0..200).filter(|_| edits.edit(EditOp::ADD, b"A", b"1") == Status::OK).count();
    assert_eq!(taken, MOST_EDITS);
    let notes = Notes::default();
    let kept = (0..200).filter(|_| notes.set_note(b"k", b"v") == Status::OK).count();
    assert_eq!(kept, MOST_NOTES);
    assert_eq!(Notes::default().set_note(b"k", &[0; MOST_NOTE_BYTES]), Status::ERROR);
}

#[test]
fn the_last_note_of_a_key_wins_and_what_was_read_stays() {
    let notes = Notes::default();
    let view = abi::Notes::new(&notes);
    assert_eq!(view.note(b"a"), None);
    assert_eq!(view.set_note(b"a", b"1"), Status::OK);
    let first = view.note(b"a");
    assert_eq!(view.set_note(b"b", b"2"), Status::OK);
    assert_eq!(view.set_note(b"a", b"3"), Status::OK);
    assert_eq!(
        (first, view.note(b"a"), view.note(b"b")),
        (Some(&b"1"[..]), Some(&b"3"[..]), Some(&b"2"[..]))
    );
    assert_eq!((view.note(b"A"), abi::Notes::none().set_note(b"a", b"1")), (None, Status::ERROR));
}
