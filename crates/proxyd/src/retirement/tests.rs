//! What is used is kept, what is not ends.

use proxy_config::{Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_http::transaction::Transaction;

use super::*;

struct NoLog;

impl TransactionLog for NoLog {
    fn log(&self, _: u32, _: &Transaction<'_>) -> bool {
        false
    }

    fn flush(&self, _: u32) {}
}

fn generation() -> Arc<Generation> {
    let files = MemoryLoader::default().with("/t/a.conf", "Listen 80\n");
    let configured =
        configure(&Input::new("/t/a.conf", "/t"), &files, &proxy_dso::Loader::default(), Vec::new());
    Arc::new(Generation::build(configured.conf, &[], &Caller::new(u32::MAX)).unwrap())
}

fn numbers(retirement: &Retirement) -> Vec<u64> {
    retirement.living().iter().map(|(number, _)| *number).collect()
}

fn until_are(retirement: &Retirement, wanted: &[u64]) {
    let end = Instant::now() + Duration::from_secs(20);
    while numbers(retirement) != wanted {
        assert!(Instant::now() < end, "{:?}", numbers(retirement));
        thread::yield_now();
    }
}

#[test]
fn each_ends_when_nobody_uses_it_whatever_becomes_of_the_others() {
    let retirement = Retirement::start().unwrap();
    let all = [generation(), generation(), generation()];
    for (number, generation) in (1..).zip(&all) {
        retirement.take(number, Retired::new(Arc::clone(generation)), Arc::new(NoLog));
    }
    let [first, second, third] = all;
    until_are(&retirement, &[1, 2, 3]);
    drop(second);
    until_are(&retirement, &[1, 3]);
    drop(third);
    until_are(&retirement, &[1]);
    retirement.close();
    assert_eq!(numbers(&retirement), [1], "it is left to its user");
    drop(first);
}

#[test]
fn one_that_is_used_for_long_is_told_of_once() {
    let (used, since) = (generation(), Instant::now());
    let retired = Retired::new(Arc::clone(&used));
    let mut state = State::default();
    state.keep(Old { number: 1, since, is_told: false, retired, logs: Arc::new(NoLog) });
    state.tell(since + PINNED - Duration::from_millis(1));
    assert!(!state.old[0].is_told);
    state.tell(since + PINNED);
    assert!(state.old[0].is_told);
    assert!(state.pause().is_some());
}
