//! Argument kinds: how many words a directive takes (httpd's `cmd_how`), and the values that many of them
//! are.

use std::time::Duration;

use crate::diagnostic::Diagnostic;
use crate::tree::{Node, Word};

/// The shape of a directive's arguments. A digit is a count that is allowed: `Take13` is one or three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Args {
    None,
    Take1,
    Take2,
    Take3,
    Take12,
    Take13,
    Take23,
    Take123,
    /// One or more, each for itself.
    Iterate,
    /// A first one that applies to each of the others.
    Iterate2,
    /// `On` or `Off`.
    Flag,
    /// Whatever its owner makes of `Node::raw`.
    Raw,
    /// Up to 64.
    TakeArgv,
    /// A key, then what is appended to its list.
    Keyed,
    /// A path prefix, then a target or `!`, then parameters; the prefix is left out inside a `<Location>`.
    Route,
}

impl Args {
    /// Whether the node has as many arguments as it may have. The message is httpd's, without the directive's
    /// help: `ProxyTimeout takes one argument`.
    pub fn check(&self, node: &Node) -> Result<(), String> {
        let count = node.args.len();
        let (fits, wanted) = match self {
            Self::None => (count == 0, "takes no arguments"),
            Self::Take1 => (count == 1, "takes one argument"),
            Self::Take2 => (count == 2, "takes two arguments"),
            Self::Take3 => (count == 3, "takes three arguments"),
            Self::Take12 => (matches!(count, 1 | 2), "takes one or two arguments"),
            Self::Take13 => (matches!(count, 1 | 3), "takes one or three arguments"),
            Self::Take23 => (matches!(count, 2 | 3), "takes two or three arguments"),
            Self::Take123 => (matches!(count, 1..=3), "takes one, two or three arguments"),
            Self::Iterate => (count >= 1, "requires at least one argument"),
            Self::Iterate2 => (count >= 2, "requires at least two arguments"),
            Self::Flag => (count == 1 && flag(&node.args[0].text).is_some(), "must be On or Off"),
            Self::Raw => (true, ""),
            Self::TakeArgv => (count <= 64, "takes at most 64 arguments"),
            Self::Keyed => (count >= 2, "takes a name and at least one value"),
            Self::Route => (count >= 1, "takes a path prefix and a target"),
        };
        if fits { Ok(()) } else { Err(format!("{} {wanted}", node.name.text)) }
    }
}

/// `On` or `Off`, in any case.
pub fn parse_flag(word: &Word) -> Result<bool, Diagnostic> {
    flag(&word.text)
        .ok_or_else(|| Diagnostic::error(word.span, format!("`{}` is neither On nor Off", word.text)))
}

fn flag(text: &str) -> Option<bool> {
    if text.eq_ignore_ascii_case("on") {
        Some(true)
    } else if text.eq_ignore_ascii_case("off") {
        Some(false)
    } else {
        None
    }
}

/// The unit of a duration that is written without one; each directive has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Unit {
    Micros,
    Millis,
    Seconds,
    Minutes,
    Hours,
}

/// A whole number and one of httpd's suffixes `us`, `ms`, `s`, `mi` or `min`, `h` or `hr`, in any case;
/// without one it is in `default` units (`ap_timeout_parameter_parse` in `server/util.c`).
pub fn parse_duration(word: &Word, default: Unit) -> Result<Duration, Diagnostic> {
    duration(&word.text, default).ok_or_else(|| {
        let message = format!("`{}` is not a duration", word.text);
        Diagnostic::error(word.span, message).with_help("write a whole number and one of us, ms, s, min, h")
    })
}

fn duration(text: &str, default: Unit) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let unit = match suffix.to_ascii_lowercase().as_str() {
        "" => default,
        "us" => Unit::Micros,
        "ms" => Unit::Millis,
        "s" => Unit::Seconds,
        "mi" | "min" => Unit::Minutes,
        "h" | "hr" => Unit::Hours,
        _ => return None,
    };
    match unit {
        Unit::Micros => Some(Duration::from_micros(number)),
        Unit::Millis => Some(Duration::from_millis(number)),
        Unit::Seconds => Some(Duration::from_secs(number)),
        Unit::Minutes => number.checked_mul(60).map(Duration::from_secs),
        Unit::Hours => number.checked_mul(3600).map(Duration::from_secs),
    }
}

#[cfg(test)]
mod tests;
