//! Functions for other modules: what is provided is guarded, what is looked up is there or not.

use std::sync::{Arc, OnceLock};

use proxy_module::abi::{Bytes, Crosses, RequestIn, Status, Unit, crossing, provider_layout_of};
use proxy_module::prelude::*;

use crate::fake_host::{Desk, Node, Running, STATIC, request};

crossing! {
    /// A word.
    pub(crate) struct Word<'a> {
        /// Bytes of this struct.
        size: u32,
        /// What it says.
        text: Bytes<'a>,
    }
}

crossing! {
    /// How long it is.
    pub(crate) struct Length {
        /// Bytes of this struct.
        size: u32,
        /// In bytes.
        length: u32,
    }
}

struct Measure;

impl ProviderSpec for Measure {
    const GROUP: &'static str = "com.example.measure";
    const REVISION: u32 = 3;
    const DOC: &'static str = "says how long a word is";
    type In = Word<'static>;
    type Out = Length;
}

/// Provides `count`, and asks one that is there and one that is not.
struct Counter {
    there: Provider<Measure>,
    missing: Provider<Measure>,
}

impl Module for Counter {
    type Config = ();

    fn new((): (), init: &mut Init<'_>) -> Result<Self> {
        Ok(Self { there: init.provider("there")?, missing: init.provider("missing")? })
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<AccessChecker>()?;
        hooks.provide::<Measure>("count")
    }
}

impl Provides<Measure> for Counter {
    fn call(&self, _cx: &Cx<'_>, input: &Word<'_>, out: &mut Length) -> Result<Answer> {
        out.length = input.text.as_slice().len() as u32;
        match input.text.as_slice() {
            b"panic" => panic!("that word"),
            b"error" => Err(Error::msg("no such word")),
            b"0" => Ok(Answer::Http(0)),
            b"" => Ok(Answer::Decline),
            _ => Ok(Answer::Ok),
        }
    }
}

impl Implements<AccessChecker> for Counter {
    fn call(&self, cx: &Cx<'_>, _input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        assert!(self.missing.get(cx).is_none(), "nobody provides it");
        let there = self.there.get(cx).expect("somebody provides it");
        there.call(&word(b"a"), &mut length())
    }
}

proxy_module::module!(counter_of_words_module: init Counter);

const fn word(text: &[u8]) -> Word<'_> {
    Word { size: size_of::<Word<'_>>() as u32, text: Bytes::new(text) }
}

const fn length() -> Length {
    Length { size: size_of::<Length>() as u32, length: 0 }
}

#[test]
fn a_provided_function_answers_by_status_and_contains_its_panic() {
    let running = Running::begin(&counter_of_words_module, &Node::Null).unwrap();
    let called = |text: &[u8]| {
        let mut out = length();
        let (status, said) = running.call_provided::<Measure>("count", &word(text), &mut out);
        (status, out.length, said)
    };
    assert_eq!(called(b"four"), (Status::OK, 4, String::new()));
    assert_eq!(called(b""), (Status::DECLINED, 0, String::new()));
    assert_eq!(called(b"error"), (Status::ERROR, 5, "no such word".to_owned()));
    assert_eq!(called(b"0").0, Status::ERROR);
    let (status, _, said) = called(b"panic");
    assert_eq!(status, Status::PANICKED);
    assert!(said.starts_with("panicked") && said.ends_with(": that word"), "{said}");
}

#[test]
fn a_failure_of_a_provider_is_left_to_the_host_to_tell() {
    let running = Running::begin(&counter_of_words_module, &Node::Null).unwrap();
    let answer = running.call::<AccessChecker>(&RequestIn::new(&request("/")), &mut Unit::default());
    assert_eq!(answer, (Status::ERROR, "said by the host".to_owned()));
}

/// Keeps what its first instance looked up, for all of them.
struct Hoarder(Arc<Provider<Measure>>);

static HOARD: OnceLock<Arc<Provider<Measure>>> = OnceLock::new();

impl Module for Hoarder {
    type Config = ();

    fn new((): (), init: &mut Init<'_>) -> Result<Self> {
        let own = Arc::new(init.provider("there")?);
        Ok(Self(Arc::clone(HOARD.get_or_init(|| own))))
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<AccessChecker>()
    }
}

impl Implements<AccessChecker> for Hoarder {
    fn call(&self, cx: &Cx<'_>, _input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
        Ok(if self.0.get(cx).is_some() { Answer::Ok } else { Answer::Decline })
    }
}

proxy_module::module!(hoarder_module: init Hoarder);

#[test]
fn what_another_instance_looked_up_is_not_there() {
    let asked = |running: &Running| {
        running.call::<AccessChecker>(&RequestIn::new(&request("/")), &mut Unit::default()).0
    };
    let first = Running::begin(&hoarder_module, &Node::Null).unwrap();
    let second = Running::begin(&hoarder_module, &Node::Null).unwrap();
    assert_eq!(asked(&first), Status::OK);
    drop(first);
    assert_eq!(asked(&second), Status::DECLINED);
}

#[test]
fn what_the_host_refuses_refuses_the_module() {
    let desk = Desk::default();
    desk.refuse.set("provide");
    let refused = Running::begin_with(&counter_of_words_module, &Node::Null, &STATIC, desk).unwrap_err();
    assert_eq!((refused.status, refused.message.as_str()), (Status::ERROR, ""));
}

#[test]
fn the_signature_says_the_group_the_revision_and_the_structs() {
    let text = format!("com.example.measure/3 {} -> {}", Word::TEXT.as_str(), Length::TEXT.as_str());
    assert_eq!(provider_layout_of::<Measure>(), text);
}
