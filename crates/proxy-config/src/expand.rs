//! Variables: `Define`d names, the environment, and `${…}` in a line.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::lines::{Line, LineBuilder, MAX_LINE};
use crate::loader::Loader;
use crate::nearest::nearest;

/// What stands between `${` and `}` for a dollar sign that is meant literally: an empty name, which nothing
/// can define, with the dollar as its default.
pub(crate) const LITERAL_DOLLAR: &str = "${?=$}";

/// Of one line no more faults are told.
const MAX_FAULTS: usize = 100;

/// The names that `-D` and `Define` made known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defines {
    by_name: BTreeMap<String, Define>,
    /// How many were made, to keep them in order.
    made: usize,
}

#[derive(Clone, Debug)]
struct Define {
    order: usize,
    value: Option<String>,
}

impl Defines {
    /// A later definition of a name replaces the earlier. A name without a value serves `IfDefine` alone.
    pub(crate) fn define(&mut self, name: String, value: Option<String>) {
        self.made += 1;
        let order = self.by_name.get(&name).map_or(self.made, |known| known.order);
        self.by_name.insert(name, Define { order, value });
    }

    pub(crate) fn undefine(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    pub(crate) fn is_defined(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// Names and values in the order of their first definition; no value is an empty one.
    pub(crate) fn into_pairs(self) -> Vec<(String, String)> {
        let mut defines: Vec<_> = self.by_name.into_iter().collect();
        defines.sort_by_key(|(_, define)| define.order);
        defines.into_iter().map(|(name, define)| (name, define.value.unwrap_or_default())).collect()
    }

    fn value(&self, name: &str) -> Option<&str> {
        self.by_name.get(name)?.value.as_deref()
    }
}

/// Why a variable could not be replaced, and where in the line it stands.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) range: Range<usize>,
    pub(crate) message: String,
    pub(crate) help: Option<String>,
}

/// Replaces every `${NAME}` and `${NAME?=default}` of a line: by what was defined, else by the environment,
/// else by the default. What is put in is not looked at again. A variable with a fault stays as it is
/// written.
pub(crate) fn expand<'t>(line: Line<'t>, defines: &Defines, loader: &dyn Loader) -> (Line<'t>, Vec<Fault>) {
    if !line.text.contains("${") {
        return (line, Vec::new());
    }
    let mut expanded = LineBuilder::default();
    let mut faults = Vec::new();
    let mut at = 0;
    while let Some(start) = line.text[at..].find("${").map(|found| at + found) {
        if faults.len() >= MAX_FAULTS {
            break;
        }
        expanded.append(&line, at..start);
        let Some(end) = line.text[start..].find('}').map(|found| start + found + 1) else {
            let message = "`${` has no closing `}`".into();
            let help = Some(format!("write `{LITERAL_DOLLAR}` for a `$` that begins no variable"));
            faults.push(Fault { range: start..line.text.len(), message, help });
            at = start;
            break;
        };
        match value(&line.text[start + 2..end - 1], defines, loader) {
            Ok(value) if expanded.len() + value.len() > MAX_LINE => {
                let message = format!("the line is longer than {} MiB once this is replaced", MAX_LINE >> 20);
                faults.push(Fault { range: start..end, message, help: None });
                at = start;
                break;
            }
            Ok(value) => expanded.replace(&value, line.source_range(start..end)),
            Err((message, help)) => {
                expanded.append(&line, start..end);
                faults.push(Fault { range: start..end, message, help });
            }
        }
        at = end;
    }
    expanded.append(&line, at..line.text.len());
    (expanded.finish(), faults)
}

/// The value of what stands inside the braces, or why there is none and what may help.
fn value(inside: &str, defines: &Defines, loader: &dyn Loader) -> Result<String, (String, Option<String>)> {
    let (name, default) = match inside.split_once("?=") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    if let Some(value) = defines.value(name) {
        return Ok(value.to_owned());
    }
    let value = if name.is_empty() { None } else { loader.variable(name) };
    match value.or_else(|| default.map(str::to_owned)) {
        Some(value) if value.contains(['\n', '\r', '\0']) => {
            Err((format!("the value of the environment variable `{name}` holds a line break or NUL"), None))
        }
        Some(value) => Ok(value),
        None if defines.is_defined(name) => Err((format!("`{name}` is defined without a value"), None)),
        None => {
            let help = match nearest(name, defines.names()) {
                Some(near) => format!("did you mean `${{{near}}}`?"),
                None => {
                    format!("`Define {name} …`, set it in the environment, or write `${{{name}?=default}}`")
                }
            };
            Err((format!("`{name}` is not defined"), Some(help)))
        }
    }
}
