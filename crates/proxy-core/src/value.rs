//! Configuration as a module receives it: what was written, with the place where it stands.

use std::cell::OnceCell;
use std::collections::HashMap;

use proxy_config::Span;

/// A piece of a module's configuration. Numbers and flags are text; the module's own types read them.
#[derive(Clone, Debug)]
pub struct Value {
    /// Where it was written, if anywhere.
    pub span: Option<Span>,
    /// What was written.
    pub kind: ValueKind,
}

/// The shapes of a [`Value`].
#[derive(Clone, Debug)]
pub enum ValueKind {
    /// A directive without arguments.
    Null,
    /// One word, or the rest of a line.
    Text(String),
    /// Words or lines in order.
    List(Vec<Value>),
    /// By key, in the order of first appearance.
    Map(Vec<(String, Value)>),
}

impl Value {
    /// A value that stands nowhere: a module without any directive gets an empty map.
    #[must_use]
    pub const fn empty_map() -> Self {
        Self { span: None, kind: ValueKind::Map(Vec::new()) }
    }

    /// How many values a list or a map holds.
    #[must_use]
    pub fn len(&self) -> usize {
        match &self.kind {
            ValueKind::List(values) => values.len(),
            ValueKind::Map(entries) => entries.len(),
            ValueKind::Null | ValueKind::Text(_) => 0,
        }
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The `index`th value of a list or a map, with its key if there is one.
    #[must_use]
    pub fn at(&self, index: usize) -> Option<(Option<&str>, &Self)> {
        match &self.kind {
            ValueKind::List(values) => values.get(index).map(|value| (None, value)),
            ValueKind::Map(entries) => entries.get(index).map(|(key, value)| (Some(key.as_str()), value)),
            ValueKind::Null | ValueKind::Text(_) => None,
        }
    }

    /// The value of `key` in a map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            ValueKind::Map(entries) => entries.iter().find(|(k, _)| k == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// Where the value at memory `address` was written, if it is this one or one inside it.
    ///
    /// A module names the value it complains about by its address.
    #[must_use]
    pub fn span_at(&self, address: usize) -> Option<Span> {
        if std::ptr::from_ref(self).addr() == address {
            return self.span;
        }
        (0..self.len()).find_map(|index| self.at(index)?.1.span_at(address))
    }
}

/// Where a value and all inside it were written: [`Value::span_at`] for who asks for many, as a module does that
/// registers thousands of endpoints.
#[derive(Debug)]
pub struct Spans<'v> {
    value: &'v Value,
    by_address: OnceCell<HashMap<usize, Span>>,
}

impl<'v> Spans<'v> {
    /// Those of `value`; nothing is walked before the first question.
    #[must_use]
    pub const fn of(value: &'v Value) -> Self {
        Self { value, by_address: OnceCell::new() }
    }

    /// Where the value at memory `address` was written.
    #[must_use]
    pub fn at(&self, address: usize) -> Option<Span> {
        let by_address = self.by_address.get_or_init(|| {
            let mut spans = HashMap::new();
            collect(self.value, &mut spans);
            spans
        });
        by_address.get(&address).copied()
    }
}

fn collect(value: &Value, spans: &mut HashMap<usize, Span>) {
    if let Some(span) = value.span {
        spans.insert(std::ptr::from_ref(value).addr(), span);
    }
    (0..value.len()).filter_map(|index| value.at(index)).for_each(|(_, inner)| collect(inner, spans));
}
