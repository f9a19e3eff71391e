//! The rules that any balancer keeps, each a check with the number it has in the conformance list of the module ABI.
//!
//! Here are those that can be seen from within the process. `proxyd module check FILE` runs these and the rest on
//! the finished file, which also proves what only a file has: its note, its symbols, its libraries. Panics in the
//! middle of a function are injected here alone, as a finished file has no place for them.

mod endings;
mod input;
mod lists;
mod panics;
mod starts;

use std::panic::{AssertUnwindSafe, catch_unwind};

use proxy_module::abi::Module;

use crate::{Host, Setup, Trial, trial::Asked};

/// A balancer to be checked.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Its record.
    pub module: &'static Module,
    /// The lines of its configuration, without clusters that the checks make.
    pub config: &'static str,
}

/// What a check finds.
pub type Finding = Result<(), String>;

/// One rule.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its number.
    pub code: &'static str,
    /// What holds.
    pub rule: &'static str,
    check: fn(Subject) -> Finding,
}

/// All of them.
pub const CHECKS: [Check; 15] = [
    Check { code: "C11", rule: "it starts with its defaults", check: starts::defaults },
    Check { code: "C15", rule: "two instances share no state", check: starts::twice },
    Check { code: "C19", rule: "an empty set exhausts without an error", check: lists::empty },
    Check { code: "C20", rule: "a sole endpoint gets the request", check: lists::one },
    Check { code: "C21", rule: "without a usable endpoint it exhausts", check: lists::none_usable },
    Check { code: "C22", rule: "each index is in range and usable", check: lists::in_range },
    Check { code: "C23", rule: "no endpoint is repeated while others are untried", check: lists::no_repeat },
    Check { code: "C24", rule: "the list ends when all were tried", check: lists::ends },
    Check { code: "C28", rule: "a list may be dropped at any moment", check: endings::dropped },
    Check { code: "C29", rule: "a cancelled request leaves nothing behind", check: endings::cancelled },
    Check { code: "C30", rule: "after a failure it moves on", check: endings::moves_on },
    Check { code: "C36", rule: "a URI may be any bytes, long, or a null pointer", check: input::uris },
    Check { code: "C37", rule: "unknown numbers are taken well", check: input::numbers },
    Check { code: "C38", rule: "the clock may stand still and jump", check: input::clock },
    Check { code: "C40", rule: "a panic is told, and the next request works", check: panics::injected },
];

impl Check {
    /// The check of that number.
    #[must_use]
    pub fn named(code: &str) -> Option<Self> {
        CHECKS.into_iter().find(|check| check.code == code)
    }

    /// Runs it. A panic of the module is a finding like any other.
    ///
    /// # Errors
    /// What is wrong, in a sentence.
    pub fn run(&self, subject: Subject) -> Finding {
        catch_unwind(AssertUnwindSafe(|| (self.check)(subject))).unwrap_or_else(|payload| {
            let literal = payload.downcast_ref::<&'static str>().map(|text| (*text).to_owned());
            let text = payload.downcast_ref::<String>().cloned().or(literal);
            Err(text.unwrap_or_else(|| "it panicked".to_owned()))
        })
    }
}

/// Runs the check of that number as a test; see [`conforms!`](crate::conforms).
///
/// # Panics
/// If the module does not keep the rule.
pub fn verify(code: &str, module: &'static Module, config: &'static str) {
    let check = Check::named(code).unwrap_or_else(|| panic!("there is no check {code}"));
    if let Err(text) = check.run(Subject { module, config }) {
        panic!("{code}, {}: {text}", check.rule);
    }
}

/// Makes a test of each rule of [`conform`](crate::conform), named by number and rule: `conforms!(lb_mine::lb_mine_module)`.
///
/// A second argument holds the lines of the configuration that the module wants: `conforms!(x_module, "XDraws 2")`.
/// Used once in a file; further ones belong in a `mod` each.
#[macro_export]
macro_rules! conforms {
    ($module:path) => {
        $crate::conforms!($module, "");
    };
    ($module:path, $config:expr) => {
        $crate::__conforms!($module, $config;
            c11_starts_with_its_defaults "C11", c15_two_instances_share_no_state "C15",
            c19_empty_set_exhausts "C19", c20_sole_endpoint_gets_the_request "C20",
            c21_exhausts_without_usable_endpoints "C21", c22_indexes_are_in_range_and_usable "C22",
            c23_repeats_no_endpoint "C23", c24_list_ends "C24", c28_may_be_dropped_at_any_moment "C28",
            c29_cancelled_request_leaves_nothing_behind "C29", c30_moves_on_after_a_failure "C30",
            c36_takes_any_uri "C36", c37_takes_unknown_numbers "C37", c38_takes_any_clock "C38",
            c40_works_after_a_panic "C40");
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __conforms {
    ($module:path, $config:expr; $($name:ident $code:literal),*) => {
        $(
            #[test]
            fn $name() {
                $crate::conform::verify($code, &$module, $config);
            }
        )*
    };
}

impl Subject {
    /// A host with a cluster of that many endpoints.
    fn host(self, endpoints: u32) -> Result<Host, String> {
        self.setup().cluster_of(endpoints).try_start().map_err(|refusal| refusal.text)
    }

    fn setup(self) -> Setup {
        Host::of(self.module).config(self.config)
    }
}

/// The index of an answer, if it is one; why not, if that is wrong.
fn index_of(asked: Asked) -> Result<Option<u32>, String> {
    match asked {
        Asked::Endpoint(index) | Asked::Again(index) => Ok(Some(index)),
        Asked::Exhausted => Ok(None),
        Asked::Error(text) => Err(format!("next answered an error: {text}")),
        Asked::Fault(text) => Err(text),
    }
}

/// A list for request number `number` of a check: different URIs and keys, the same in every run.
fn begun(host: &Host, number: u32) -> Result<Trial<'_>, String> {
    let request = host.request(format!("/{number}?q={number}")).hash_key(format!("key {number}"));
    request.try_begin().map_err(|none| format!("no trylist: {none}"))
}

/// The first endpoint of each of `count` requests, one after the other and each answered.
fn firsts(host: &Host, count: u32) -> Result<Vec<Option<u32>>, String> {
    let first = |number| {
        let mut trial = begun(host, number)?;
        let first = index_of(trial.ask())?;
        trial.done(200);
        Ok(first)
    };
    (0..count).map(first).collect()
}

/// A healthy host goes on after what a check did to it.
fn still_works(host: &Host, after: &str) -> Finding {
    for first in firsts(host, 8)? {
        if first.is_none() {
            return Err(format!("offers nothing {after}"));
        }
    }
    Ok(())
}
