//! A gate from fault to fault, on a clock that is a number.

use std::time::Duration;

use super::*;

const SECOND: u64 = 1_000_000_000;
const DEFAULT: OnPanic = OnPanic::Quarantine(Quarantine::DEFAULT);

fn panics(door: &Door, at: u64) {
    door.blame(FaultKind::Panic, at, Site::default(), &"panicked");
}

fn admitted(door: &Door, calls: u64, at: u64) -> usize {
    (0..calls).filter(|_| door.admits(|| at)).count()
}

/// A gate with two doors that was opened at 0.
fn opened() -> (Arc<Gate>, [Arc<Door>; 2]) {
    let gate = Gate::new("x_module", DEFAULT);
    let doors = ["a.b", "a.c"].map(|name| gate.door(name));
    (0..5).for_each(|_| panics(&doors[0], 0));
    assert_eq!(gate.state(), State::Open);
    (gate, doors)
}

#[test]
fn five_faults_in_a_minute_shut_all_doors_and_slower_ones_none() {
    let gate = Gate::new("x_module", DEFAULT);
    let doors = ["a.b", "a.c"].map(|name| gate.door(name));
    for fault in 0..20 {
        panics(&doors[0], fault * 15 * SECOND + fault);
        assert!(doors[1].admits(|| unreachable!("nothing is wrong")), "fault {fault}");
    }
    // The last four are within a minute of this one.
    panics(&doors[1], 20 * 15 * SECOND);
    assert_eq!(gate.state(), State::Open);
    let doors_later = gate.door("a.d");
    for door in doors.iter().chain([&doors_later]) {
        assert!(!door.admits(|| 300 * SECOND) && !door.lets_go_on());
    }
    assert_eq!((gate.counts().panics, gate.counts().refused), (21, 3));
}

#[test]
fn after_a_rest_one_call_in_a_hundred_enters_and_a_hundred_clean_ones_open_the_doors() {
    let (gate, [door, other]) = opened();
    assert_eq!(admitted(&door, 1000, 30 * SECOND - 1), 0);
    assert_eq!(admitted(&door, 100, 30 * SECOND), 1);
    assert_eq!(gate.state(), State::HalfOpen);
    assert!(door.lets_go_on(), "what has entered is tried to its end");
    assert_eq!(admitted(&other, 9_900, 31 * SECOND), 99);
    assert_eq!(gate.state(), State::HalfOpen);
    assert_eq!(admitted(&door, 10, 31 * SECOND), 10);
    assert_eq!((gate.state(), gate.counts().refused), (State::Closed, 1000 + 9_900));
    // It is as good as new: it takes five again, and the rest is the first one.
    (0..4).for_each(|_| panics(&door, 40 * SECOND));
    assert_eq!(gate.state(), State::Closed);
    panics(&door, 40 * SECOND);
    assert!(!door.admits(|| 70 * SECOND - 1) && door.admits(|| 70 * SECOND));
}

#[test]
fn a_fault_while_half_open_opens_again_for_twice_as_long() {
    let (gate, [door, _]) = opened();
    let mut at = 0;
    for rest in [30, 60, 120, 240, 480, 600, 600] {
        at += rest * SECOND;
        assert!(!door.admits(|| at - 1), "{rest}");
        assert!(door.admits(|| at), "{rest}");
        panics(&door, at);
        assert_eq!(gate.state(), State::Open);
    }
    assert_eq!(gate.counts().quarantines, 8);
}

#[test]
fn a_fence_opens_at_once_whatever_is_configured() {
    for on_panic in [DEFAULT, OnPanic::Fail, OnPanic::Abort] {
        let gate = Gate::new("x_module", on_panic);
        let door = gate.door("a.b");
        gate.fence(7);
        assert!(!door.admits(|| 30 * SECOND) && door.admits(|| 30 * SECOND + 7));
        assert_eq!((gate.counts().stuck, gate.counts().faults()), (1, 1));
    }
}

#[test]
fn where_requests_fail_no_number_of_faults_opens() {
    let gate = Gate::new("x_module", OnPanic::Fail);
    let door = gate.door("a.b");
    for _ in 0..1000 {
        assert!(door.fault(FaultKind::Breach, 0, Site::default(), &"").is_fatal);
    }
    assert_eq!((gate.state(), gate.counts().breaches), (State::Closed, 1000));
}

#[test]
fn a_raised_threshold_counts_as_far() {
    let quarantine =
        Quarantine { faults: 1000, within: Duration::from_secs(1), rest: Duration::from_secs(1) };
    let gate = Gate::new("x_module", OnPanic::Quarantine(quarantine));
    let door = gate.door("a.b");
    (0..999).for_each(|fault| panics(&door, fault));
    assert_eq!(gate.state(), State::Closed);
    panics(&door, 1000);
    assert_eq!(gate.state(), State::Open);
}
