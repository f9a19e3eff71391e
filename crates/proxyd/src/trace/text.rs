//! A traced request as a tree: its line, and below it its calls, each below the one that made it.

use std::fmt::{self, Display, Formatter};

use proxy_core::observe::{Datum, Field};

use super::record::{Call, Record};

impl Display for Record {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self { request, executor, client, method, authority, target, status, elapsed, .. } = self;
        let elapsed = elapsed.as_micros();
        writeln!(
            f,
            "{request}  {method} {authority} {target} from {client}: {status} after {elapsed} us on executor \
             {executor}"
        )?;
        for call in &self.calls {
            write_call(f, call, 1)?;
        }
        if self.more > 0 {
            writeln!(f, "  and {} more calls", self.more)?;
        }
        Ok(())
    }
}

fn write_call(f: &mut Formatter<'_>, call: &Call, depth: usize) -> fmt::Result {
    let indent = depth * 2;
    write!(f, "{:indent$}{}", "", call.hook)?;
    if let Some(function) = call.function {
        write!(f, " {function}")?;
    }
    write!(f, ", {}: ", call.module)?;
    if let Some(status) = call.status {
        write!(f, "{status:?} ")?;
    }
    write!(f, "in {} ns", call.nanoseconds)?;
    if !call.said.is_empty() {
        write!(f, ", saying {:?}", call.said)?;
    }
    write_fields(f, "; ", &call.input)?;
    write_fields(f, " -> ", &call.output)?;
    writeln!(f)?;
    let indent = indent + 2;
    for edit in &call.edits {
        writeln!(f, "{:indent$}{} {}: {}", "", edit.op, edit.name, edit.value)?;
    }
    for inner in &call.calls {
        write_call(f, inner, depth + 1)?;
    }
    Ok(())
}

fn write_fields(f: &mut Formatter<'_>, before: &str, fields: &[Field]) -> fmt::Result {
    for (place, field) in fields.iter().enumerate() {
        f.write_str(if place == 0 { before } else { " " })?;
        write!(f, "{}=", field.name)?;
        match &field.value {
            Datum::Unsigned(number) => write!(f, "{number}")?,
            Datum::Signed(number) => write!(f, "{number}")?,
            Datum::Float(number) => write!(f, "{number}")?,
            // Escaped where it was read, so that a quote in it ends nothing.
            Datum::Text(text) if text.is_empty() || text.contains(' ') => write!(f, "\"{text}\"")?,
            Datum::Text(text) => f.write_str(text)?,
        }
    }
    Ok(())
}
