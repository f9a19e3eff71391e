//! Publication of a generation: who reads has one generation whole, never an older one than before, and the old one ends
//! once, after its last user.

use loom::sync::Arc;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;
use proxy_abi::{Outcome, OutcomeResult};
use proxy_core::generation::{Generation, Published, Retired};

use crate::policy::{Configured, Ledger, ask};
use crate::{explore, thread};

/// Requests of one executor, which keeps a generation until it sees another number, as the server's do. The generation
/// of number n has n endpoints.
fn execute(executor: u32, requests: usize, published: &Published, is_announced: &AtomicBool) {
    let (mut number, mut pinned) = current(published);
    for _ in 0..requests {
        let seen = published.number();
        assert!(seen >= number, "number {seen} after {number}");
        if seen != number {
            assert!(is_announced.load(Relaxed), "a number is seen before what was done ahead of it");
            (number, pinned) = current(published);
            assert!(number >= seen, "generation {number} in force where number {seen} was seen");
        }
        ask(&pinned, executor, |trylist| {
            trylist.next().unwrap();
            trylist.finish(Outcome::of(OutcomeResult::OK));
        });
    }
}

fn current(published: &Published) -> (u64, Arc<Generation>) {
    let (number, generation) = published.current();
    assert_is(&generation, number);
    (number, generation)
}

fn assert_is(generation: &Generation, number: u64) {
    assert_eq!(generation.endpoint_count() as u64, number, "the generation of another number");
}

#[test]
fn readers_have_one_generation_whole_and_the_old_one_ends_with_its_last_user() {
    let (first, second) = (Configured::with(1), Configured::with(2));
    explore(move || {
        let old_ledger = Ledger::open(1, false);
        let published = Arc::new(Published::new(Arc::new(first.build())));
        let new_ledger = Ledger::open(2, false);
        let next = Arc::new(second.build());
        let is_announced = Arc::new(AtomicBool::new(false));

        let executors = [(0, 2), (1, 1)].map(|(executor, requests)| {
            let (published, is_announced) = (Arc::clone(&published), Arc::clone(&is_announced));
            thread(move || execute(executor, requests, &published, &is_announced))
        });
        is_announced.store(true, Relaxed);
        let old = published.publish(next);
        assert_is(&old, 1);
        assert_eq!(old_ledger.counts().finished, 0, "ended while it is held");
        drop(old);
        let (number, current) = current(&published);
        assert_eq!(number, 2);
        executors.into_iter().for_each(|executor| executor.join().unwrap());

        old_ledger.assert_closed();
        assert_eq!(new_ledger.counts().finished, 0, "ended while it is in force");
        drop((current, published));
        new_ledger.assert_closed();
        assert_eq!(old_ledger.counts().begun + new_ledger.counts().begun, 3);
    });
}

#[test]
fn what_was_replaced_ends_on_the_thread_that_keeps_it_and_on_no_other() {
    let (first, second) = (Configured::with(1), Configured::with(2));
    explore(move || {
        let old_ledger = Ledger::open(1, false);
        let published = Arc::new(Published::new(Arc::new(first.build())));
        let _new_ledger = Ledger::open(2, false);
        let next = Arc::new(second.build());
        let executor = {
            let published = Arc::clone(&published);
            let is_announced = AtomicBool::new(true);
            thread(move || execute(0, 1, &published, &is_announced))
        };
        // It may be used now or not, and is not ended twice or too early.
        let kept = Retired::new(published.publish(next)).end().err();
        executor.join().unwrap();
        if let Some(kept) = kept {
            assert_eq!(old_ledger.counts().finished, 0, "ended while it is kept");
            assert!(kept.end().is_ok(), "nobody uses it any more");
        }
        old_ledger.assert_closed();
        assert_eq!(old_ledger.counts().finished_by, [loom::thread::current().id()]);
        drop(published);
    });
}

#[test]
fn two_that_publish_at_once_both_count() {
    let configured = [1, 2, 2].map(Configured::with);
    explore(move || {
        let ledgers = [1, 2, 2].map(|members| Ledger::open(members, false));
        let [first, second, third] = [0, 1, 2].map(|place| {
            // Each instance finds its own ledger.
            ledgers[place].is_next();
            Arc::new(configured[place].build())
        });
        let published = Arc::new(Published::new(first));
        let of_other = Arc::clone(&published);
        let other = thread(move || drop(of_other.publish(second)));
        drop(published.publish(third));
        other.join().unwrap();
        assert_eq!(published.number(), 3);
        let ended = ledgers.iter().filter(|ledger| ledger.counts().finished == 1).count();
        assert_eq!((ended, ledgers[0].counts().finished), (2, 1), "all but the last one in force");
        drop(published);
        ledgers.iter().for_each(|ledger| ledger.assert_closed());
    });
}
