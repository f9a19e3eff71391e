//! Bounds that a run has to keep.

use std::fmt;

/// A figure and its bound.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Check {
    /// What it is, as it is named where it is missed.
    pub(crate) what: String,
    /// Nothing where it could not be measured, which is a miss.
    value: Option<f64>,
    bound: f64,
    at_least: bool,
}

impl Check {
    pub(crate) fn at_least(what: impl Into<String>, value: Option<f64>, bound: f64) -> Self {
        Self { what: what.into(), value, bound, at_least: true }
    }

    pub(crate) fn at_most(what: impl Into<String>, value: Option<f64>, bound: f64) -> Self {
        Self { what: what.into(), value, bound, at_least: false }
    }

    pub(crate) fn passes(&self) -> bool {
        self.value.is_some_and(|value| if self.at_least { value >= self.bound } else { value <= self.bound })
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let said = if self.passes() { "met   " } else { "MISSED" };
        let value = self.value.map_or_else(|| "not measured".to_owned(), |value| format!("{value:.3}"));
        let sign = if self.at_least { "at least" } else { "at most" };
        write!(f, "{said}  {}: {value}, wanted {sign} {}", self.what, self.bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_kept_on_its_own_side() {
        assert!(Check::at_least("speed", Some(1.35), 1.35).passes());
        assert!(!Check::at_least("speed", Some(1.34), 1.35).passes());
        assert!(Check::at_most("latency", Some(1.1), 1.1).passes());
        assert!(!Check::at_most("latency", Some(1.2), 1.1).passes());
        assert!(!Check::at_most("latency", None, 1.1).passes());
        assert!(Check::at_most("latency", Some(1.2), 1.1).to_string().starts_with("MISSED  latency: 1.200"));
    }
}
