//! Least requests: the smallest load wins, equals take turns, what failed is offered last for a while.

use std::collections::VecDeque;

use proxy_abi::{FailureKind, Outcome, OutcomeResult};
use proxy_core::caller::Caller;
use proxy_core::trylist::Trylist;

use super::rig::Rig;
use crate::support::policy::Policy;

const SECOND: u64 = 1_000_000_000;

#[test]
fn the_smallest_load_for_its_weight_wins() {
    for policy in [Policy::least(), Policy::least_c()] {
        for (weights, in_flight, winner) in [
            ([1, 1, 1], [3, 1, 2], 1),
            ([1, 1, 1], [0, 7, 7], 0),
            ([1, 1, 1], [5, 5, 4], 2),
            ([1, 2, 1], [1, 2, 9], 1),    // 2, 3/2, 10
            ([1, 2, 1], [0, 2, 9], 0),    // 1, 3/2, 10
            ([3, 2, 1], [5, 2, 0], 2),    // 2, 3/2, 1
            ([100, 1, 1], [98, 0, 0], 0), // 99/100, 1, 1
            ([1, 1, 1000], [0, 0, 0], 2),
        ] {
            let (rig, caller) = (Rig::weighing(&policy, &weights), Caller::new(0));
            for _ in 0..20 {
                rig.set_in_flight(&in_flight);
                assert_eq!(rig.pick(&caller), winner, "{}: {in_flight:?} by {weights:?}", policy.ident);
            }
        }
    }
}

#[test]
fn equals_take_turns() {
    let (rig, caller) = (Rig::equal(&Policy::least(), 3), Caller::new(0));
    assert_eq!(rig.letters(&caller, 9), "abcabcabc");
    rig.set_in_flight(&[4, 4, 4]);
    assert_eq!(rig.letters(&caller, 6), "abcabc", "also when busy");
    rig.set_in_flight(&[4, 5, 4]);
    assert_eq!(rig.letters(&caller, 6), "acacac", "among the tied alone");
}

#[test]
fn equal_loads_of_other_weights_take_turns_as_well() {
    let (rig, caller) = (Rig::weighing(&Policy::least(), &[2, 1, 3]), Caller::new(0));
    rig.set_in_flight(&[1, 0, 2]);
    assert_eq!(rig.letters(&caller, 6), "abcabc");
}

/// Requests of constant length, `width` at a time; how many each endpoint got.
fn closed_loop(rig: &Rig, width: usize, requests: usize) -> Vec<usize> {
    let (caller, mut held) = (Caller::new(0), VecDeque::new());
    let mut counts = vec![0; rig.endpoints().len()];
    for _ in 0..requests {
        if held.len() == width {
            rig.release(held.pop_front().unwrap());
        }
        let index = rig.hold(&caller);
        counts[index] += 1;
        held.push_back(index);
    }
    counts
}

#[test]
fn equal_endpoints_get_equal_work() {
    for endpoints in [2, 4, 5] {
        for width in 1..=14 {
            let rig = Rig::equal(&Policy::least(), endpoints);
            let counts = closed_loop(&rig, width, 503);
            let (most, fewest) = (counts.iter().max().unwrap(), counts.iter().min().unwrap());
            assert!(most - fewest <= 1, "{width} at a time: {counts:?}");
        }
    }
}

#[test]
fn work_in_flight_is_as_the_weights_are() {
    for policy in [Policy::least(), Policy::least_c()] {
        let rig = Rig::weighing(&policy, &[2, 1]);
        closed_loop(&rig, 30, 1000);
        let in_flight = rig.in_flight();
        assert!(in_flight[0].abs_diff(20) <= 1, "{}: {in_flight:?}", policy.ident);
    }
}

/// Two endpoints of which the first one's request ends as told at second 100.
fn after(lines: &str, end: impl FnOnce(&mut Trylist<'_>)) -> (Rig, Caller) {
    let rig = Rig::of(&Policy::least(), &[("127.0.0.1:1", 1), ("127.0.0.1:2", 1)], lines);
    let caller = Caller::new(0);
    caller.set_now(100 * SECOND);
    rig.request(&caller, b"/", |trylist| {
        assert_eq!(trylist.next().unwrap().index, 0);
        end(trylist);
    });
    (rig, caller)
}

fn refuse(trylist: &mut Trylist<'_>) {
    trylist.failed(FailureKind::REFUSED, 111, 5);
}

#[test]
fn what_refused_is_offered_last_until_it_has_cooled_down() {
    let (rig, caller) = after("", |trylist| {
        refuse(trylist);
        assert_eq!(trylist.next().unwrap().index, 1, "the request goes on");
    });
    rig.set_in_flight(&[0, 9]);
    for now in [100 * SECOND, 105 * SECOND, 110 * SECOND - 1] {
        caller.set_now(now);
        assert_eq!(rig.letters(&caller, 4), "bbbb", "{now}");
    }
    caller.set_now(110 * SECOND);
    assert_eq!(rig.letters(&caller, 4), "aaaa");
}

#[test]
fn it_is_offered_last_yet_offered() {
    let (rig, caller) = after("", refuse);
    assert_eq!(rig.walk(&caller, b"/"), [1, 0]);
    let only = Rig::equal(&Policy::least(), 1);
    for _ in 0..3 {
        assert_eq!(only.walk(&caller, b"/"), [0]);
    }
}

#[test]
fn the_directive_says_how_long() {
    let (rig, caller) = after("LBLeastCoolDown 3\n", refuse);
    rig.set_in_flight(&[0, 9]);
    caller.set_now(103 * SECOND - 1);
    assert_eq!(rig.letters(&caller, 2), "bb");
    caller.set_now(103 * SECOND);
    assert_eq!(rig.letters(&caller, 2), "aa");

    let (rig, caller) = after("LBLeastCoolDown 0\n", refuse);
    rig.set_in_flight(&[0, 9]);
    assert_eq!(rig.letters(&caller, 2), "aa", "never");
}

#[test]
fn only_the_endpoints_own_faults_count() {
    let ended = |result| move |trylist: &mut Trylist<'_>| trylist.finish(Outcome::of(result));
    let failed = |kind| move |trylist: &mut Trylist<'_>| trylist.failed(kind, 0, 5);
    let next = |(rig, caller): (Rig, Caller)| {
        rig.set_in_flight(&[0, 9]);
        rig.letters(&caller, 1)
    };
    for result in [OutcomeResult::UPSTREAM, OutcomeResult::TIMEOUT] {
        assert_eq!(next(after("", ended(result))), "b", "{result:?}");
    }
    for result in [OutcomeResult::OK, OutcomeResult::CANCELLED] {
        assert_eq!(next(after("", ended(result))), "a", "{result:?}");
    }
    for kind in [FailureKind::TIMEOUT, FailureKind::UNREACHABLE, FailureKind::RESOLVE, FailureKind(99)] {
        assert_eq!(next(after("", failed(kind))), "b", "{kind:?}");
    }
    assert_eq!(next(after("", failed(FailureKind::NO_LOCAL_PORT))), "a");
}
