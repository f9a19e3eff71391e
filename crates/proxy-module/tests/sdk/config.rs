//! Directives: what each shape becomes, and what is said about one that does not fit.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Mutex;

use proxy_module::prelude::*;
use proxy_module::serde::Deserialize;

use crate::fake_host::{Desk, Node, Refused, Running, STATIC, list};

#[derive(Debug, Directives, PartialEq)]
struct Config {
    /// Many NUMBER: required.
    #[directive(name = "Many", take1)]
    many: NonZeroUsize,
    /// Maybe NUMBER
    #[directive(name = "Maybe", take1)]
    maybe: Option<i16>,
    /// Switch On|Off
    #[directive(name = "Switch", flag, default)]
    switch: bool,
    /// Bare
    #[directive(name = "Bare", no_args)]
    bare: bool,
    /// Colour NAME
    #[directive(name = "Colour", take1, default = Colour::DarkRed)]
    colour: Colour,
    /// Pair WORD [NUMBER]
    #[directive(name = "Pair", take12, default = ("none".to_owned(), None))]
    pair: (String, Option<u8>),
    /// Words WORD...
    #[directive(name = "Words", iterate)]
    words: Vec<String>,
    /// Keyed NUMBER WORD...
    #[directive(name = "Keyed", keyed)]
    keyed: BTreeMap<u16, Vec<f64>>,
    /// Named
    ///
    /// More about it.
    #[directive(name = "Named", raw)]
    named: Option<Name>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(crate = "proxy_module::serde", rename_all = "kebab-case")]
enum Colour {
    DarkRed,
    LightBlue,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(crate = "proxy_module::serde")]
struct Name(String);

static SEEN: Mutex<Option<Config>> = Mutex::new(None);

struct Reader;

impl Module for Reader {
    type Config = Config;

    fn new(config: Config, _init: &mut Init<'_>) -> Result<Self> {
        *SEEN.lock().unwrap() = Some(config);
        Ok(Self)
    }

    fn hooks(_hooks: &mut Hooks<'_, Self>) -> Result<()> {
        Ok(())
    }
}

proxy_module::module!(reader_module: init Reader);

fn refused(config: &Node) -> Refused {
    Running::begin_with(&reader_module, config, &STATIC, Desk::default()).unwrap_err()
}

/// Refuses `Many 1` and then `name node`, and answers the text and whether it is about the node at `path`.
fn complaint(name: &'static str, node: Node, path: &[usize]) -> String {
    let config = Node::Map(vec![("Many", Node::Text("1")), (name, node)]);
    let refused = refused(&config);
    let meant = path.iter().fold(config.child(1), |node, index| node.child(*index));
    assert_eq!(refused.at, meant.address(), "{}", refused.message);
    refused.message
}

#[test]
fn every_shape_is_read() {
    let config = Node::Map(vec![
        ("many", Node::Text("3")),
        ("Maybe", Node::Text("-4")),
        ("Switch", Node::Text("on")),
        ("Bare", Node::Null),
        ("Colour", Node::Text("light-blue")),
        ("Pair", list(&["x", "7"])),
        ("Words", list(&["a", "b"])),
        ("Keyed", Node::Map(vec![("80", list(&["1", "2.5"]))])),
        ("Named", Node::Text("a b")),
    ]);
    Running::begin(&reader_module, &config).unwrap();
    let short = Node::Map(vec![("Many", Node::Text("1")), ("Pair", list(&["x"]))]);
    let full = SEEN.lock().unwrap().take().unwrap();
    Running::begin(&reader_module, &short).unwrap();
    let empty = SEEN.lock().unwrap().take().unwrap();
    assert_eq!(
        full,
        Config {
            many: NonZeroUsize::new(3).unwrap(),
            maybe: Some(-4),
            switch: true,
            bare: true,
            colour: Colour::LightBlue,
            pair: ("x".to_owned(), Some(7)),
            words: vec!["a".to_owned(), "b".to_owned()],
            keyed: BTreeMap::from([(80, vec![1.0, 2.5])]),
            named: Some(Name("a b".to_owned())),
        }
    );
    assert_eq!(
        empty,
        Config {
            many: NonZeroUsize::MIN,
            maybe: None,
            switch: false,
            bare: false,
            colour: Colour::DarkRed,
            pair: ("x".to_owned(), None),
            words: Vec::new(),
            keyed: BTreeMap::new(),
            named: None,
        }
    );
}

#[test]
fn complaints_name_directive_and_place() {
    let cases = [
        (complaint("Maybe", Node::Text("yes"), &[]), "Maybe: invalid type: string \"yes\", expected i16"),
        (complaint("Maybe", Node::Text("70000"), &[]), "Maybe: invalid value: integer `70000`, expected i16"),
        (
            complaint("Switch", Node::Text("perhaps"), &[]),
            "Switch: invalid value: string \"perhaps\", expected On or Off",
        ),
        (
            complaint("Colour", Node::Text("green"), &[]),
            "Colour: unknown variant `green`, expected `dark-red` or `light-blue`",
        ),
        (complaint("Pair", list(&["x", "300"]), &[1]), "Pair: invalid value: integer `300`, expected u8"),
        (complaint("Pair", list(&["x", "3", "4"]), &[]), "Pair: 3 words where 2 are the most"),
        (complaint("Words", Node::Text("a"), &[]), "Words: invalid type: string \"a\", expected a sequence"),
        (
            complaint("Keyed", Node::Map(vec![("80", list(&["1", "x"]))]), &[0, 1]),
            "Keyed: invalid type: string \"x\", expected f64",
        ),
        (
            complaint("Keyed", Node::Map(vec![("eighty", list(&["1"]))]), &[0]),
            "Keyed: invalid type: string \"eighty\", expected u16",
        ),
    ];
    for (said, expected) in cases {
        assert_eq!(said, expected);
    }
}

#[test]
fn required_directive_is_named() {
    let refused = refused(&Node::Map(Vec::new()));
    assert_eq!(refused.message, "Many: required, but not given");
    let config = Node::Map(vec![("Many", Node::Text("yes"))]);
    let refused = self::refused(&config);
    assert_eq!(refused.message, "Many: invalid type: string \"yes\", expected a nonzero usize");
    assert_eq!(refused.at, config.child(0).address());
}

#[test]
fn table_holds_the_first_paragraph_of_the_doc() {
    let named = Config::TABLE.last().unwrap();
    assert_eq!((named.name.to_str(), named.doc.to_str()), (Ok("Named"), Ok("Named")));
    assert_eq!(named.args, proxy_module::abi::ArgKind::RAW_ARGS);
}
