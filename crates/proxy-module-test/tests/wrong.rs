//! Wrong balancers, each of which fails exactly the check that names its fault.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

use proxy_module::prelude::*;
use proxy_module_test::conform::{CHECKS, Subject};

/// Which checks a module fails.
fn failed(module: &'static proxy_module::abi::Module) -> Vec<(&'static str, String)> {
    let subject = Subject { module, config: "" };
    let found = CHECKS.into_iter().map(|check| (check.code, check.run(subject)));
    found.filter_map(|(code, finding)| finding.err().map(|text| (code, text))).collect()
}

/// Offers the usable endpoints in their order; `$wrong` replaces some of its functions.
macro_rules! wrong {
    ($test:ident, $module:ident, $type:ident, $code:literal, $text:literal, $($item:item)*) => {
        #[derive(Default)]
        struct $type {
            #[allow(dead_code, reason = "not every wrong one counts")]
            counts: Counts,
            #[allow(dead_code, reason = "nor locks")]
            turn: Mutex<usize>,
        }

        impl Wrong for $type {
            $($item)*
        }

        proxy_module::module!($module: balancer Of<$type>);

        #[test]
        fn $test() {
            let failed = failed(&$module);
            let codes: Vec<_> = failed.iter().map(|(code, _)| *code).collect();
            assert_eq!(codes, [$code], "{failed:?}");
            assert!(failed[0].1.contains($text), "{failed:?}");
        }
    };
}

/// What is in flight by the module's own count, in the largest cluster of the checks.
struct Counts([AtomicU32; 256]);

impl Default for Counts {
    fn default() -> Self {
        Self(std::array::from_fn(|_| AtomicU32::new(0)))
    }
}

/// A right balancer, in parts that can be made wrong.
trait Wrong: Default + Send + Sync + 'static {
    fn next(&self, offered: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        Ok(in_order(offered, attempt))
    }
    fn begun(&self, request: &Request<'_>, set: &Endpoints<'_>) {
        let _ = (request, set);
    }
    fn failed(&self, failure: &Failure<'_>) {
        let _ = failure;
    }
    fn done(&self, outcome: &Outcome<'_>) {
        let _ = outcome;
    }
    fn dropped(offered: usize) {
        let _ = offered;
    }
}

struct Walk {
    offered: usize,
    dropped: fn(usize),
}

impl Drop for Walk {
    fn drop(&mut self) {
        (self.dropped)(self.offered);
    }
}

struct Of<W>(W);

impl<W: Wrong> Balancer for Of<W> {
    type Config = ();
    type Walk = Walk;

    fn new((): (), _: &mut Init<'_>) -> Result<Self> {
        Ok(Self(W::default()))
    }

    fn begin(&self, request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        self.0.begun(request, set);
        Ok(Begin::Trylist(Walk { offered: 0, dropped: W::dropped }))
    }

    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        self.0.next(walk, attempt)
    }

    fn failed(&self, _: &mut Walk, failure: &Failure<'_>) {
        self.0.failed(failure);
    }

    fn done(&self, _: &mut Walk, outcome: &Outcome<'_>) {
        self.0.done(outcome);
    }
}

fn in_order(walk: &mut Walk, attempt: &Attempt<'_>) -> Next {
    let next = attempt.endpoints().usable().get(walk.offered);
    walk.offered += 1;
    next.map_or(Next::Exhausted, |index| Next::Endpoint(*index))
}

/// Wants a directive that nobody has to write.
#[derive(Directives)]
struct Config {
    /// XKey WORD: has no default.
    #[directive(name = "XKey", take1)]
    key: String,
}

struct Keyed;

impl Balancer for Keyed {
    type Config = Config;
    type Walk = ();

    fn new(config: Config, _: &mut Init<'_>) -> Result<Self> {
        assert!(!config.key.is_empty());
        Ok(Self)
    }

    fn begin(&self, _: &Request<'_>, _: &Endpoints<'_>) -> Result<Begin<()>> {
        Ok(Begin::Decline)
    }

    fn next(&self, (): &mut (), attempt: &Attempt<'_>) -> Result<Next> {
        Err(attempt.number().into())
    }
}

proxy_module::module!(keyed_module: balancer Keyed);

#[test]
fn no_default() {
    let failed = failed(&keyed_module);
    assert_eq!(failed[0].0, "C11");
    assert!(failed.iter().all(|(_, text)| text.ends_with("XKey: required, but not given")), "{failed:?}");
}

wrong! { state_in_a_static, static_module, Static, "C15", "hangs on a static",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        static TURN: AtomicUsize = AtomicUsize::new(0);
        let usable = attempt.endpoints().usable();
        if walk.offered >= usable.len() {
            return Ok(Next::Exhausted);
        }
        if walk.offered == 0 && usable.len() == 3 {
            walk.dropped = |_| { TURN.fetch_add(1, Relaxed); };
        }
        let place = (TURN.load(Relaxed) / 7 + walk.offered) % usable.len();
        walk.offered += 1;
        Ok(Next::Endpoint(usable[place]))
    }
}

wrong! { error_on_an_empty_set, empty_module, Empty, "C19", "nobody there",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        if attempt.endpoints().is_empty() { Err("nobody there".into()) } else { Ok(in_order(walk, attempt)) }
    }
}

wrong! { one_is_not_enough, one_module, One, "C20", "answers nothing where there is one endpoint",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        if attempt.endpoints().len() == 1 { Ok(Next::Exhausted) } else { Ok(in_order(walk, attempt)) }
    }
}

wrong! { error_without_usable_ones, none_module, NoneUsable, "C21", "all are down",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let set = attempt.endpoints();
        if set.len() == 3 && set.usable().is_empty() { Err("all are down".into()) } else { Ok(in_order(walk, attempt)) }
    }
}

wrong! { endpoints_that_are_down, down_module, Down, "C22", "is not one of the",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let set = attempt.endpoints();
        if walk.offered == set.usable().len() && set.usable().len() < set.len() && set.len() > 3 {
            walk.offered += 1;
            let down = (0..set.len() as u32).find(|index| !set.usable().contains(index));
            return Ok(down.map_or(Next::Exhausted, Next::Endpoint));
        }
        Ok(in_order(walk, attempt))
    }
}

wrong! { one_endpoint_twice, twice_module, Twice, "C23", "again without Again",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let usable = attempt.endpoints().usable();
        let next = usable.get(walk.offered / 2);
        walk.offered += 1;
        Ok(next.map_or(Next::Exhausted, |index| Next::Endpoint(*index)))
    }
}

wrong! { for_ever_in_a_circle, circle_module, Circle, "C24", "goes on after all",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let usable = attempt.endpoints().usable();
        if usable.is_empty() {
            return Ok(Next::Exhausted);
        }
        walk.offered += 1;
        Ok(Next::Endpoint(usable[(walk.offered - 1) % usable.len()]))
    }
}

wrong! { panic_in_drop, drop_module, Dropped, "C28", "panicked at",
    fn dropped(offered: usize) {
        assert!(offered != 2, "dropped half way");
    }
}

wrong! { leaking_counter, leak_module, Leak, "C29", "counted by hand",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        walk.offered += 1;
        let set = attempt.endpoints();
        let untried = set.usable().iter().copied().filter(|index| !attempt.tried(*index));
        let least = untried.min_by_key(|index| self.counts.0[*index as usize].load(Relaxed));
        if let Some(index) = least {
            self.counts.0[index as usize].fetch_add(1, Relaxed);
        }
        Ok(least.map_or(Next::Exhausted, Next::Endpoint))
    }
    fn done(&self, outcome: &Outcome<'_>) {
        if outcome.http_status() != 0 {
            self.counts.0[outcome.index() as usize].fetch_sub(1, Relaxed);
        }
    }
}

wrong! { gives_up_after_one, one_try_module, OneTry, "C30", "ends after one failure",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        if walk.offered > 0 { Ok(Next::Exhausted) } else { Ok(in_order(walk, attempt)) }
    }
}

wrong! { text_that_is_not_utf8, utf8_module, Utf8, "C36", "Utf8Error",
    fn begun(&self, request: &Request<'_>, _: &Endpoints<'_>) {
        std::str::from_utf8(request.unparsed_uri()).unwrap();
    }
}

wrong! { unknown_numbers, numbers_module, Numbers, "C37", "never happens",
    fn failed(&self, failure: &Failure<'_>) {
        assert!((1..=6).contains(&failure.kind().0), "never happens");
    }
}

wrong! { a_clock_that_goes_back, clock_module, Clock, "C38", "overflow",
    fn failed(&self, failure: &Failure<'_>) {
        static LAST: AtomicU64 = AtomicU64::new(0);
        if failure.kind() == FailureKind::TIMEOUT {
            let ago = failure.now_ns() - LAST.swap(failure.now_ns(), Relaxed);
            debug!("{ago} ns since the last one");
        }
    }
}

wrong! { a_lock_that_a_panic_poisons, poisoned_module, Poisoned, "C40", "after a panic in next, at its call 1 into the SDK",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let mut turn = self.turn.lock().unwrap();
        *turn += attempt.random_below(3) as usize;
        Ok(in_order(walk, attempt))
    }
}

wrong! { a_panic_that_is_hidden, hidden_module, Hidden, "C40", "next panicked and does not say so",
    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let draw = std::panic::AssertUnwindSafe(|| attempt.random_below(3));
        std::panic::catch_unwind(draw).map_or(Ok(Next::Exhausted), |_| Ok(in_order(walk, attempt)))
    }
}
