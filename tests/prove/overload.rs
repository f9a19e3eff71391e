//! Three times as much as can be served: what can be is, the rest is told at once, and afterwards all is as before. What
//! is short is once the places that there are for clients, and once the processor.

mod places;
mod processor;

use super::{Form, in_both_forms};

in_both_forms!(prove, "takes minutes; run by cargo xtask prove overload --long");

fn prove(form: Form) {
    places::prove(form);
    processor::prove(form);
}
