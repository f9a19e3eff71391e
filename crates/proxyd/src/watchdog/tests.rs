//! What samples come to, of marks that a test writes.

use proxy_core::caller::Caller;
use proxy_core::containment::{Gate, OnPanic, within};

use super::*;

/// A mark in a call of `door`.
fn in_call(caller: &Caller, door: &Door) -> Look {
    caller.mark().enter(door);
    caller.mark().look().unwrap()
}

#[test]
fn samples_of_one_call_are_counted_and_another_call_begins_anew() {
    let (gate, caller) = (Gate::new("x_module", OnPanic::Fail), Caller::new(0));
    let door = gate.door("a.b");
    let mut sight = Sight::default();
    assert_eq!(sight.see(None), Seen::Moved);
    let first = in_call(&caller, &door);
    assert_eq!(sight.see(Some(first)), Seen::Moved);
    assert_eq!((2..5).map(|_| sight.see(Some(first))).last(), Some(Seen::Same(4)));
    assert_eq!(sight.see(Some(in_call(&caller, &door))), Seen::Moved, "the next call of the same function");
    sight.is_fenced = true;
    assert_eq!(sight.see(caller.mark().look()), Seen::Same(2));
    assert_eq!(sight.see(None), Seen::Back(2));
    assert_eq!(sight.see(None), Seen::Moved);
    assert!(!sight.is_fenced);
}

#[test]
fn a_call_within_is_blamed_if_it_lasts_and_the_one_around_it_if_it_makes_many() {
    let (gate, other) = (Gate::new("x_module", OnPanic::Fail), Gate::new("y_module", OnPanic::Fail));
    let (door, inner) = (gate.door("a.b"), other.door("a.c"));
    let blamed = |lasts: bool| {
        let caller = Caller::new(0);
        caller.mark().begin(0, 0);
        caller.mark().enter(&door);
        let mut sight = Sight::default();
        let mut see = || {
            sight.see(caller.mark().look());
        };
        if lasts {
            within(&inner, || (0..HARD).for_each(|_| see()));
        } else {
            (0..HARD).for_each(|_| within(&inner, &mut see));
        }
        to_blame(&sight).unwrap().gate().ident().to_string()
    };
    assert_eq!((blamed(true), blamed(false)), ("y_module".to_owned(), "x_module".to_owned()));
}
