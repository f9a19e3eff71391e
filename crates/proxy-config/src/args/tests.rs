//! Tables: every kind against every count, every suffix, every fault.

use std::time::Duration;

use super::*;
use crate::span::{FileId, Span};

fn word(text: &str) -> Word {
    Word { text: text.into(), span: Span { file: FileId(0), line: 1, end_line: 1, column: 1, len: 1 } }
}

fn node(args: &[&str]) -> Node {
    Node {
        name: word("X"),
        args: args.iter().map(|text| word(text)).collect(),
        raw: args.join(" "),
        body: None,
    }
}

#[test]
fn each_kind_takes_its_counts() {
    for (kind, counts, message) in [
        (Args::None, &[0][..], "X takes no arguments"),
        (Args::Take1, &[1], "X takes one argument"),
        (Args::Take2, &[2], "X takes two arguments"),
        (Args::Take3, &[3], "X takes three arguments"),
        (Args::Take12, &[1, 2], "X takes one or two arguments"),
        (Args::Take13, &[1, 3], "X takes one or three arguments"),
        (Args::Take23, &[2, 3], "X takes two or three arguments"),
        (Args::Take123, &[1, 2, 3], "X takes one, two or three arguments"),
        (Args::Iterate, &[1, 2, 3, 4], "X requires at least one argument"),
        (Args::Iterate2, &[2, 3, 4], "X requires at least two arguments"),
        (Args::Flag, &[], "X must be On or Off"),
        (Args::Raw, &[0, 1, 2, 3, 4], ""),
        (Args::TakeArgv, &[0, 1, 2, 3, 4], ""),
        (Args::Keyed, &[2, 3, 4], "X takes a name and at least one value"),
        (Args::Route, &[1, 2, 3, 4], "X takes a path prefix and a target"),
    ] {
        for count in 0..=4 {
            let expected = if counts.contains(&count) { Ok(()) } else { Err(message.to_owned()) };
            assert_eq!(kind.check(&node(&vec!["a"; count])), expected, "{kind:?} {count}");
        }
    }
    assert_eq!(Args::Flag.check(&node(&["oN"])), Ok(()));
    let many = Args::TakeArgv.check(&node(&["a"; 65]));
    assert_eq!(many, Err("X takes at most 64 arguments".into()));
}

#[test]
fn flags_are_on_or_off() {
    for (text, value) in [("On", Some(true)), ("OFF", Some(false)), ("yes", None), ("", None)] {
        assert_eq!(parse_flag(&word(text)).ok(), value, "{text}");
    }
    let error = parse_flag(&word("maybe")).unwrap_err();
    assert_eq!(error.message, "`maybe` is neither On nor Off");
}

#[test]
fn durations_have_httpds_suffixes() {
    for (text, micros) in [
        ("5", Some(5_000_000)),
        ("5us", Some(5)),
        ("5ms", Some(5_000)),
        ("5S", Some(5_000_000)),
        ("5mi", Some(300_000_000)),
        ("5min", Some(300_000_000)),
        ("2h", Some(7_200_000_000)),
        ("2hr", Some(7_200_000_000)),
        ("0", Some(0)),
        ("", None),
        ("s", None),
        ("-1", None),
        ("1.5s", None),
        ("5 s", None),
        ("5d", None),
        ("99999999999999999999", None),
        ("9999999999999999999h", None),
    ] {
        let found = parse_duration(&word(text), Unit::Seconds).ok();
        assert_eq!(found, micros.map(Duration::from_micros), "{text}");
    }
    assert_eq!(parse_duration(&word("7"), Unit::Millis), Ok(Duration::from_millis(7)));
    let error = parse_duration(&word("5x"), Unit::Seconds).unwrap_err();
    assert_eq!(error.message, "`5x` is not a duration");
}
