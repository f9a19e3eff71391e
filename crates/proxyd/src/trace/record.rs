//! A request as it was traced, and its JSON.

use std::time::Duration;

use proxy_abi::{EditOp, Status};
use proxy_core::observe::{Datum, Field};
use serde_json::{Map, Value, json};

/// A request with the calls into modules that were made for it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Record {
    /// Its number, as in the logs.
    pub(crate) request: u64,
    pub(crate) executor: u32,
    pub(crate) client: String,
    pub(crate) method: String,
    pub(crate) authority: String,
    pub(crate) target: String,
    pub(crate) status: u16,
    pub(crate) elapsed: Duration,
    /// In the order in which they were made.
    pub(crate) calls: Vec<Call>,
    /// Further calls, which were too many to keep.
    pub(crate) more: usize,
}

/// One call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Call {
    pub(crate) hook: String,
    /// Of `proxy.load_balance` and its trylist.
    pub(crate) function: Option<&'static str>,
    pub(crate) module: String,
    /// None of `drop`, which answers nothing.
    pub(crate) status: Option<Status>,
    /// Text of an error, or nothing.
    pub(crate) said: String,
    pub(crate) nanoseconds: u64,
    pub(crate) input: Vec<Field>,
    pub(crate) output: Vec<Field>,
    pub(crate) edits: Vec<Edit>,
    /// Calls that were made while it ran, since it runs a hook itself.
    pub(crate) calls: Vec<Self>,
}

/// A field of a message changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub(crate) op: &'static str,
    pub(crate) name: String,
    pub(crate) value: String,
}

impl Edit {
    pub(super) const fn word(op: EditOp) -> &'static str {
        match op {
            EditOp::SET => "set",
            EditOp::ADD => "add",
            _ => "unset",
        }
    }
}

impl Record {
    /// The request as one value.
    pub(crate) fn json(&self) -> Value {
        let mut value = json!({
            // As text: more than the 53 bits that some readers of JSON keep.
            "request": self.request.to_string(),
            "executor": self.executor,
            "client": self.client,
            "method": self.method,
            "authority": self.authority,
            "target": self.target,
            "status": self.status,
            "total_us": u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX),
            "calls": calls(&self.calls),
        });
        if self.more > 0 {
            value["more_calls"] = self.more.into();
        }
        value
    }
}

fn calls(calls: &[Call]) -> Value {
    calls.iter().map(Call::json).collect()
}

impl Call {
    fn json(&self) -> Value {
        let mut value = json!({
            "hook": self.hook,
            "module": self.module,
            "status": self.status.map(|status| format!("{status:?}")),
            "ns": self.nanoseconds,
            "in": fields(&self.input),
            "out": fields(&self.output),
            "calls": calls(&self.calls),
        });
        if let Some(function) = self.function {
            value["function"] = function.into();
        }
        if !self.said.is_empty() {
            value["said"] = self.said.clone().into();
        }
        if !self.edits.is_empty() {
            let edit = |edit: &Edit| json!({ "op": edit.op, "name": edit.name, "value": edit.value });
            value["edits"] = self.edits.iter().map(edit).collect();
        }
        value
    }
}

fn fields(fields: &[Field]) -> Value {
    let pairs = fields.iter().map(|field| {
        let value = match &field.value {
            Datum::Unsigned(number) => json!(number),
            Datum::Signed(number) => json!(number),
            Datum::Float(number) => json!(number),
            Datum::Text(text) => json!(text),
        };
        (field.name.clone().into_owned(), value)
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}
