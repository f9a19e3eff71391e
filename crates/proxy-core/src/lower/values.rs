//! What modules' directives say, in the shape in which the modules get it: a map from directive names.

use std::sync::Arc;

use proxy_abi::ArgKind;
use proxy_config::{Node, Word};

use crate::module::{ModuleCode, ModuleDirective};
use crate::value::{Value, ValueKind};

/// The values of each module, in load order.
#[derive(Debug)]
pub(super) struct ModuleValues(Vec<(String, Value)>);

impl ModuleValues {
    /// An empty map for each module.
    pub(super) fn of(modules: &[Arc<dyn ModuleCode>]) -> Self {
        Self(modules.iter().map(|module| (module.info().ident.clone(), Value::empty_map())).collect())
    }

    /// Takes a line whose arguments are as many as they may be.
    ///
    /// One word is text, several are a list, On and Off are so spelt; of a repeated line the last counts, as in
    /// httpd. The words of ITERATE are appended line by line; those of KEYED and ITERATE2 to the list of their
    /// first word, in a map.
    pub(super) fn add(&mut self, ident: &str, directive: &ModuleDirective, node: &Node) {
        let Some((_, module)) = self.0.iter_mut().find(|(name, _)| name == ident) else { return };
        let slot = slot(module, &directive.name, node);
        match directive.args {
            ArgKind::NO_ARGS => *slot = at(node, ValueKind::Null),
            ArgKind::RAW_ARGS => *slot = at(node, ValueKind::Text(node.raw.clone())),
            ArgKind::TAKE1 => *slot = node.args.first().map_or_else(|| at(node, ValueKind::Null), text),
            ArgKind::FLAG => *slot = flag(node),
            ArgKind::ITERATE => append(slot, &node.args),
            ArgKind::KEYED | ArgKind::ITERATE2 => {
                let Some((key, rest)) = node.args.split_first() else { return };
                let list = self::slot(slot, &key.text, node);
                append(list, rest);
            }
            _ => *slot = at(node, ValueKind::List(node.args.iter().map(text).collect())),
        }
    }

    pub(super) fn into_inner(self) -> Vec<(String, Value)> {
        self.0
    }
}

fn at(node: &Node, kind: ValueKind) -> Value {
    Value { span: Some(node.span()), kind }
}

fn text(word: &Word) -> Value {
    Value { span: Some(word.span), kind: ValueKind::Text(word.text.clone()) }
}

fn flag(node: &Node) -> Value {
    let Some(word) = node.args.first() else { return at(node, ValueKind::Null) };
    let spelt = if word.text.eq_ignore_ascii_case("on") { "On" } else { "Off" };
    Value { span: Some(word.span), kind: ValueKind::Text(spelt.to_owned()) }
}

/// The entry `key` of a map, made where it is not there. What is not a map becomes one.
fn slot<'v>(map: &'v mut Value, key: &str, node: &Node) -> &'v mut Value {
    if !matches!(map.kind, ValueKind::Map(_)) {
        map.kind = ValueKind::Map(Vec::new());
    }
    let ValueKind::Map(entries) = &mut map.kind else { unreachable!("it was made a map above") };
    let index = entries.iter().position(|(name, _)| name == key).unwrap_or(entries.len());
    if index == entries.len() {
        entries.push((key.to_owned(), at(node, ValueKind::Null)));
    }
    &mut entries[index].1
}

/// Appends words to a list. What is not a list becomes one.
fn append(list: &mut Value, words: &[Word]) {
    if let ValueKind::List(values) = &mut list.kind {
        values.extend(words.iter().map(text));
    } else {
        list.kind = ValueKind::List(words.iter().map(text).collect());
    }
}
