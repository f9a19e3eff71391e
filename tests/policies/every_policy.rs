//! What holds for every balancer: no endpoint twice, all of them offered, nothing left in flight.

use std::sync::atomic::Ordering::Relaxed;
use std::thread;

use proxy_abi::{FailureKind, Outcome, OutcomeResult};
use proxy_core::caller::Caller;

use super::rig::Rig;
use crate::support::policy::Policy;

#[test]
fn each_endpoint_is_offered_once_then_the_list_ends() {
    for policy in Policy::all() {
        // More than 64 take a second word of those that were tried.
        for count in [1, 2, 3, 10, 130] {
            let weights: Vec<u32> = (0..count).map(|place| 1 + place % 7).collect();
            let (rig, caller) = (Rig::weighing(&policy, &weights), Caller::new(0));
            for request in 0..20 {
                let mut offered = rig.walk(&caller, format!("/{request}").as_bytes());
                offered.sort_unstable();
                let all: Vec<usize> = (0..count as usize).collect();
                assert_eq!(offered, all, "{} with {count} endpoints", policy.ident);
            }
        }
    }
}

#[test]
fn nothing_stays_in_flight_whatever_becomes_of_requests_on_eight_executors() {
    const REQUESTS: u32 = 3000;
    for policy in Policy::all() {
        let rig = Rig::equal(&policy, 5);
        thread::scope(|scope| {
            for executor in 0..8 {
                let rig = &rig;
                scope.spawn(move || {
                    let caller = Caller::new(executor);
                    for number in 0..REQUESTS {
                        rig.request(&caller, format!("/{number}").as_bytes(), |trylist| {
                            assert!(trylist.next().is_some());
                            if number % 3 == 0 {
                                trylist.failed(FailureKind::TIMEOUT, 0, 5);
                                assert!(trylist.next().is_some());
                            }
                            match number % 4 {
                                0 => {} // the client went away
                                1 => trylist.finish(Outcome::of(OutcomeResult::UPSTREAM)),
                                _ => trylist.finish(Outcome::of(OutcomeResult::OK)),
                            }
                        });
                    }
                });
            }
        });
        assert_eq!(rig.in_flight(), [0; 5], "{}", policy.ident);
        let totals = rig.endpoints().iter().map(|endpoint| endpoint.stats().total.load(Relaxed));
        assert_eq!(totals.sum::<u64>(), 8 * u64::from(REQUESTS + REQUESTS / 3), "{}", policy.ident);
        // Counted when the threads are gone: while one sleeps in the middle of a request, whoever goes by what is in
        // flight is right to spare that request's endpoint.
        let later = Caller::new(0);
        later.set_now(u64::MAX); // what failed has cooled down
        let mut shares = [0; 5];
        (0..1000).for_each(|number| shares[rig.pick_for(&later, format!("/{number}").as_bytes())] += 1);
        assert!(shares.iter().all(|share| *share > 80), "{} starves one: {shares:?}", policy.ident);
    }
}

#[test]
fn any_bytes_get_an_answer() {
    let long = vec![b'x'; 1 << 20];
    for policy in Policy::all() {
        let (rig, caller) = (Rig::equal(&policy, 3), Caller::new(0));
        for uri in [b"".as_slice(), b"\0", b"\xff\xfe\x80", &long] {
            assert!(rig.pick_for(&caller, uri) < 3, "{}", policy.ident);
        }
        caller.set_now(u64::MAX);
        assert_eq!(rig.walk(&caller, b"/").len(), 3, "{}", policy.ident);
        caller.set_now(0);
        assert_eq!(rig.walk(&caller, b"/").len(), 3, "{}", policy.ident);
    }
}

#[test]
fn the_same_numbers_make_the_same_choices() {
    for policy in Policy::all() {
        let choices = || Rig::equal(&policy, 5).letters(&Caller::seeded(0, 7), 100);
        assert_eq!(choices(), choices(), "{}", policy.ident);
    }
}
