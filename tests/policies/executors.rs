//! The same values with one executor and with eight, for each shipped policy: what `policies.md` calls golden holds
//! whoever asks. Consistent hashing has its own test of this, against the recording.

use std::thread;

use proxy_abi::FailureKind;
use proxy_core::caller::Caller;

use super::rig::{Rig, assert_distribution, assert_share};
use crate::support::policy::Policy;

/// One executor, and eight.
const EXECUTORS: [u32; 2] = [1, 8];

fn callers(executors: u32) -> Vec<Caller> {
    (0..executors).map(Caller::new).collect()
}

/// A letter for each of `count` requests, which the executors serve in turn.
fn letters(rig: &Rig, executors: u32, count: usize) -> String {
    let callers = callers(executors);
    callers.iter().cycle().take(count).map(|caller| rig.letters(caller, 1)).collect()
}

/// How many of `count` requests of each executor, all of them at once, each endpoint gets.
fn at_once(rig: &Rig, executors: u32, count: usize) -> Vec<usize> {
    let mut shares = vec![0; rig.endpoints().len()];
    thread::scope(|scope| {
        let each = |number| scope.spawn(move || rig.shares(&Caller::new(number), count));
        for thread in (0..executors).map(each).collect::<Vec<_>>() {
            shares.iter_mut().zip(thread.join().unwrap()).for_each(|(sum, share)| *sum += share);
        }
    });
    shares
}

#[test]
fn round_robin_is_strictly_in_turn() {
    for executors in EXECUTORS {
        let rig = Rig::equal(&Policy::round_robin(), 3);
        assert_eq!(letters(&rig, executors, 18), "abcabcabcabcabcabc", "{executors} executors");
        let rig = Rig::equal(&Policy::round_robin(), 7);
        let all = 7 * 800;
        assert_eq!(at_once(&rig, executors, all / executors as usize), [800; 7], "{executors} executors");
    }
}

/// Request 1 of 3 endpoints, with its first refusing: `b c`; with all refusing: `b c a`, and that is all.
#[test]
fn round_robin_walks_on_in_order_and_failures_take_no_turn() {
    for executors in EXECUTORS {
        let (rig, callers) = (Rig::equal(&Policy::round_robin(), 3), callers(executors));
        let caller = |request: usize| &callers[request % callers.len()];
        assert_eq!(rig.pick(caller(0)), 0);
        let walk = rig.request(caller(1), b"/", |trylist| {
            let first = trylist.next().unwrap().index;
            trylist.failed(FailureKind::REFUSED, 111, 5);
            (first, trylist.next().unwrap().index)
        });
        assert_eq!(walk, (1, 2), "{executors} executors");
        assert_eq!(rig.walk(caller(2), b"/"), [2, 0, 1]);
        assert_eq!(rig.pick(caller(3)), 0);
        assert_eq!(rig.walk(caller(4), b"/"), [1, 2, 0]);
        assert_eq!(rig.pick(caller(5)), 2, "the failures took no turn");
    }
}

#[test]
fn least_requests_takes_the_smallest_load_and_turns_among_equals() {
    for executors in EXECUTORS {
        let rig = Rig::equal(&Policy::least(), 4);
        assert_eq!(letters(&rig, executors, 16), "abcdabcdabcdabcd", "{executors} executors");
        let rig = Rig::weighing(&Policy::least(), &[1, 2, 1]);
        rig.set_in_flight(&[1, 2, 9]); // 2, 3/2, 10
        assert_eq!(letters(&rig, executors, 8), "bbbbbbbb", "{executors} executors");
        // Eight at once change the loads by eight at the most.
        rig.set_in_flight(&[30, 30, 0]); // 31, 31/2, 1
        let each = 800 / executors as usize;
        assert_eq!(at_once(&rig, executors, each), [0, 0, 800], "{executors} executors");
    }
}

/// 30 requests in flight, one ended for each that begins, whoever serves them: 2:1 by weight, give or take one.
#[test]
fn least_requests_keeps_in_flight_what_the_weights_say() {
    for executors in EXECUTORS {
        let (rig, callers) = (Rig::weighing(&Policy::least(), &[2, 1]), callers(executors));
        let mut held = std::collections::VecDeque::new();
        for caller in callers.iter().cycle().take(1000) {
            if held.len() == 30 {
                rig.release(held.pop_front().unwrap());
            }
            held.push_back(rig.hold(caller));
        }
        let in_flight = rig.in_flight();
        assert!(in_flight[0].abs_diff(20) <= 1 && in_flight.iter().sum::<u32>() == 30, "{in_flight:?}");
    }
}

#[test]
fn two_choices_of_two_take_the_less_loaded_one_always_and_of_n_two_nths() {
    for executors in EXECUTORS {
        let rig = Rig::equal(&Policy::p2c(), 2);
        for (in_flight, counts) in [([0, 1], [1000, 0]), ([1, 0], [0, 1000])] {
            rig.set_in_flight(&in_flight);
            let taken = letters(&rig, executors, 1000);
            let of = |letter| taken.chars().filter(|taken| *taken == letter).count();
            assert_eq!([of('a'), of('b')], counts, "{executors} executors");
        }
        // Eight at once change the loads by eight at the most.
        rig.set_in_flight(&[20, 0]);
        let each = 8000 / executors as usize;
        assert_eq!(at_once(&rig, executors, each), [0, 8000], "{executors} executors");
        for (count, in_flight) in [(3, &[40, 20, 0][..]), (5, &[80, 60, 40, 20, 0])] {
            let rig = Rig::equal(&Policy::p2c(), count);
            rig.set_in_flight(in_flight);
            let shares = at_once(&rig, executors, 48_000 / executors as usize);
            let what = format!("the least of {count}, {executors} executors");
            assert_share(shares[count - 1], 48_000, 2.0 / count as f64, &what);
            assert_eq!(shares[0], 0, "the busiest of {count}");
        }
    }
}

#[test]
fn a_weighted_draw_is_by_weight() {
    let weights = [1, 2, 3, 10];
    for executors in EXECUTORS {
        let rig = Rig::weighing(&Policy::random_c(), &weights);
        let shares = at_once(&rig, executors, 48_000 / executors as usize);
        assert_distribution(&shares, &weights, &format!("{executors} executors"));
    }
}
