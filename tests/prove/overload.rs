//! Three times as much as can be served: what can be is, the rest is told at once, and afterwards all is as before. What
//! is short is once the places that there are for clients, and once the processor.

mod places;
mod processor;

use bench_load::drive::{self, Tally};
use bench_load::plan::Plan;

use super::{Form, in_both_forms};

in_both_forms!(prove, "takes minutes; run by cargo xtask prove overload --long");

fn prove(form: Form) {
    places::prove(form);
    processor::prove(form);
}

/// What came of a load of these words, which is to be answered whole.
fn drive(words: &str) -> Tally {
    let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
    let tally = drive::run(&Plan::parse(&words).unwrap()).unwrap();
    assert_eq!(tally.errors, 0, "{tally}");
    tally
}
