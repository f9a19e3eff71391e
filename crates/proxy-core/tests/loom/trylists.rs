//! Trylists of several executors over one cluster: one outcome for each target, one end for each trylist and the last
//! of its calls, and endpoint counters that come back to where they were.

use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use loom::sync::{Arc, Mutex};
use proxy_abi::{FailureKind, LbIn, LbOut, LoadBalance, NextIn, Outcome, OutcomeResult, Status, Target};
use proxy_core::caller::Caller;
use proxy_core::generation::Generation;
use proxy_core::trylist::Trylist;
use proxy_module::testing;

use crate::policy::{Configured, Ledger, ask, record, with_request};
use crate::{explore, thread};

fn ok(trylist: &mut Trylist<'_>) {
    trylist.finish(Outcome::of(OutcomeResult::OK));
}

/// Requests handed to endpoints ever; none of them is under way.
fn total_at_rest(generation: &Generation) -> u64 {
    let endpoints = generation.clusters().flat_map(|cluster| cluster.endpoints());
    endpoints
        .map(|endpoint| {
            assert_eq!(endpoint.stats().in_flight.load(Relaxed), 0, "in flight at {}", endpoint.addr);
            endpoint.stats().total.load(Relaxed)
        })
        .sum()
}

#[test]
fn each_target_has_one_outcome_and_each_trylist_one_end() {
    let configured = Configured::with(2);
    explore(move || {
        let ledger = Ledger::open(2, false);
        let generation = Arc::new(configured.build());
        let is_gone = Arc::new(AtomicBool::new(false));

        let of_failing = Arc::clone(&generation);
        let failing = thread(move || {
            ask(&of_failing, 0, |trylist| {
                trylist.next().unwrap();
                trylist.failed(FailureKind::REFUSED, 111, 5);
                trylist.next().unwrap();
                ok(trylist);
                ok(trylist);
            });
        });
        let (of_leaving, gone) = (Arc::clone(&generation), Arc::clone(&is_gone));
        let leaving = thread(move || {
            ask(&of_leaving, 1, |trylist| {
                trylist.next().unwrap();
                if !gone.load(Acquire) {
                    ok(trylist);
                }
            });
        });
        is_gone.store(true, Release);
        failing.join().unwrap();
        leaving.join().unwrap();

        assert_eq!(total_at_rest(&generation), 3);
        let counts = ledger.counts();
        assert_eq!((counts.begun, counts.offered, counts.failed), (2, 3, 1));
        drop(generation);
        ledger.assert_closed();
    });
}

#[test]
fn the_round_robin_that_stands_in_after_faults_is_shared_by_executors() {
    let configured = Configured::with(2);
    explore(move || {
        let ledger = Ledger::open(2, true);
        let generation = Arc::new(configured.build());
        let of_other = Arc::clone(&generation);
        let pick = |trylist: &mut Trylist<'_>| {
            let index = trylist.next().unwrap().index;
            ok(trylist);
            index
        };
        let other = thread(move || ask(&of_other, 0, pick));
        let one = ask(&generation, 1, pick);
        assert_ne!(one, other.join().unwrap(), "both requests went to one endpoint");
        assert_eq!(total_at_rest(&generation), 2);
        drop(generation);
        ledger.assert_closed();
    });
}

/// A trylist whose target is out, between two threads that may finish it.
type Handed = Mutex<Option<(proxy_abi::Trylist, u32)>>;

/// Finishes what is there, if this thread comes first.
fn finish(handed: &Handed, executor: u32, result: OutcomeResult) -> bool {
    let taken = handed.lock().unwrap().take();
    let Some((mut trylist, index)) = taken else { return false };
    let caller = Caller::new(executor);
    let mut outcome = Outcome::of(result);
    outcome.index = index;
    assert_eq!(trylist.done(&caller.call(testing::host(), 1), &outcome), Status::OK);
    true
}

#[test]
fn a_trylist_moves_between_threads_and_ends_once() {
    let configured = Configured::with(2);
    explore(move || {
        // The set comes from a generation, whose own instance has another ledger.
        let unused = Ledger::open(2, false);
        let generation = configured.build();
        let ledger = Ledger::open(2, false);
        let instance = testing::Instance::new(record(), &testing::Node::Map(Vec::new())).unwrap();
        let hook = &instance.registered().hooks[0];
        let entry = hook.entry.typed::<LoadBalance>().unwrap();
        let caller = Caller::new(0);
        let set = generation.clusters().next().unwrap().set();
        let scratch: Vec<_> = (0..8).map(|_| proxy_abi::CacheLine::new()).collect();
        assert!(hook.scratch_size as usize <= size_of_val(&*scratch));

        with_request(|request| {
            let input = LbIn {
                size: size_of::<LbIn<'_>>() as u32,
                max_attempts: 2,
                load_balancer_module_id: proxy_abi::Bytes::of("witness_module"),
                unparsed_uri: request.unparsed_uri,
                request,
                set,
                hash: 0,
                hash_key: proxy_abi::Bytes::EMPTY,
                cfg: std::ptr::null(),
                scratch: proxy_abi::CacheLine::address(&scratch),
                scratch_size: hook.scratch_size,
                scratch_align: 64,
            };
            let mut output = LbOut::new();
            let call = caller.call(testing::host(), 1);
            assert_eq!(entry.call(&call, &input, &mut output), Status::OK);
            let mut trylist = proxy_abi::Trylist::new(output).unwrap();
            let mut target = Target::default();
            assert_eq!(trylist.next(&call, &NextIn::new(0, set, &[0]), &mut target), Status::OK);

            let handed: Arc<Handed> = Arc::new(Mutex::new(Some((trylist, target.index))));
            let (of_answer, of_cancel) = (Arc::clone(&handed), Arc::clone(&handed));
            let answer = thread(move || finish(&of_answer, 1, OutcomeResult::OK));
            let cancel = thread(move || finish(&of_cancel, 2, OutcomeResult::CANCELLED));
            assert!(answer.join().unwrap() != cancel.join().unwrap(), "both or none finished it");
        });
        drop(instance);
        let counts = ledger.counts();
        assert_eq!((counts.begun, counts.offered), (1, 1));
        ledger.assert_closed();
        drop(generation);
        unused.assert_closed();
    });
}
