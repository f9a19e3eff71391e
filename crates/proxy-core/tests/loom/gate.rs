//! A module's gate: faults, calls and a fence that come at once from several executors.

use std::sync::Arc;
use std::time::Duration;

use proxy_core::containment::{Door, FaultKind, Gate, OnPanic, Quarantine, Site, State};

use crate::{explore, thread};

const SECOND: u64 = 1_000_000_000;

/// A gate with two doors that two faults open for a second.
fn gate() -> (Arc<Gate>, [Arc<Door>; 2]) {
    let second = Duration::from_secs(1);
    let gate =
        Gate::new("x_module", OnPanic::Quarantine(Quarantine { faults: 2, within: second, rest: second }));
    let doors = ["a.b", "a.c"].map(|name| gate.door(name));
    (gate, doors)
}

fn panics(door: &Door, at: u64) {
    door.blame(FaultKind::Panic, at, Site::default(), &"panicked");
}

/// Once all is quiet, a door is shut if and only if its gate is not closed.
fn assert_agree(gate: &Gate, doors: &[Arc<Door>]) {
    for door in doors {
        // Asking may take it further.
        let (mut was_shut, before) = (false, gate.state());
        door.admits(|| {
            was_shut = true;
            0
        });
        assert_eq!(was_shut, before != State::Closed);
    }
}

#[test]
fn faults_that_come_at_once_open_once_and_none_is_lost() {
    explore(|| {
        let (gate, doors) = gate();
        let threads = doors.clone().map(|door| thread(move || panics(&door, 0)));
        let seen = gate.state();
        assert!(seen != State::HalfOpen);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!((gate.state(), gate.counts().quarantines, gate.counts().panics), (State::Open, 1, 2));
        assert_agree(&gate, &doors);
    });
}

#[test]
fn after_the_rest_one_of_two_calls_is_tried_whoever_comes_first() {
    explore(|| {
        let (gate, doors) = gate();
        (0..2).for_each(|_| panics(&doors[0], 0));
        let threads = doors.clone().map(|door| thread(move || door.admits(|| SECOND)));
        let entered = threads.into_iter().map(|thread| thread.join().unwrap());
        assert_eq!(entered.filter(|has_entered| *has_entered).count(), 1);
        assert_eq!((gate.state(), gate.counts().refused), (State::HalfOpen, 1));
        assert_agree(&gate, &doors);
    });
}

#[test]
fn a_fault_or_a_fence_beside_the_last_trial_leaves_doors_and_gate_agreed() {
    for is_stuck in [false, true] {
        explore(move || {
            let (gate, doors) = gate();
            (0..2).for_each(|_| panics(&doors[0], 0));
            // The first trial, and one that is refused; the next one closes.
            assert!(doors[0].admits(|| SECOND) && !doors[0].admits(|| SECOND));
            let [door, other] = doors.clone();
            let closing = thread(move || door.admits(|| SECOND));
            let opening = match is_stuck {
                true => {
                    let gate = Arc::clone(&gate);
                    thread(move || gate.fence(SECOND))
                }
                false => thread(move || panics(&other, SECOND)),
            };
            closing.join().unwrap();
            opening.join().unwrap();
            // A fault behind the trial is the first of a gate that is closed again; a stuck call always opens.
            let opened = gate.counts().quarantines == 2;
            assert_eq!(gate.state() == State::Open, opened);
            assert!(opened || !is_stuck);
            assert_agree(&gate, &doors);
        });
    }
}
