//! The trylist against a module that does as each request's query tells it: what the server promises the module,
//! and what it promises the client when the module breaks its side.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

use proxy_abi::{
    EditOp, FailureKind, FieldAccess, Fields, Outcome, OutcomeResult, Request as View, RequestParts,
};
use proxy_config::{Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::conf::ProxySettings;
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_core::module::{LoadModules, LoadedCode, ModuleFile, NotLoaded};
use proxy_core::observe::{Called, Finished, Observation, Observer, Watcher};
use proxy_core::trylist::{Ended, Trylist};
use proxy_module::inventory;
use proxy_module::prelude::*;

/// What the module saw, by request.
static CALLS: Mutex<BTreeMap<u64, Vec<String>>> = Mutex::new(BTreeMap::new());

fn note(request: u64, what: impl Into<String>) {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner).entry(request).or_default().push(what.into());
}

fn calls(request: u64) -> String {
    CALLS.lock().unwrap_or_else(PoisonError::into_inner).remove(&request).unwrap_or_default().join(" ")
}

struct Scripted;

struct Walk {
    request: u64,
    steps: Vec<String>,
}

impl Drop for Walk {
    fn drop(&mut self) {
        note(self.request, "drop");
    }
}

impl Balancer for Scripted {
    type Config = ();
    type Walk = Walk;

    fn new(_: (), _: &mut Init<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn begin(&self, request: &Request<'_>, _: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let script = String::from_utf8_lossy(request.query()).into_owned();
        let mut steps: Vec<String> = script.split('&').map(str::to_owned).collect();
        steps.reverse();
        note(request.id(), "begin");
        match steps.last().map(String::as_str) {
            Some("decline") => Ok(Begin::Decline),
            Some("begin-error") => Err(Error::msg("not today")),
            Some("begin-panic") => panic!("begin"),
            _ => Ok(Begin::Trylist(Walk { request: request.id(), steps })),
        }
    }

    fn next(&self, walk: &mut Walk, _: &Attempt<'_>) -> Result<Next> {
        let step = walk.steps.pop().unwrap_or_default();
        note(walk.request, format!("next={step}"));
        match step.as_str() {
            "" | "end" => Ok(Next::Exhausted),
            "error" => Err(Error::msg("lost my way")),
            "panic" => panic!("next"),
            again if again.starts_with('a') => Ok(Next::Again(again[1..].parse().unwrap())),
            index => Ok(Next::Endpoint(index.parse().unwrap())),
        }
    }

    fn failed(&self, walk: &mut Walk, failure: &Failure<'_>) {
        note(walk.request, format!("failed={}", failure.index()));
        if walk.steps.last().is_some_and(|step| step == "failed-panic") {
            panic!("failed");
        }
    }

    fn done(&self, walk: &mut Walk, outcome: &proxy_module::Outcome<'_>) {
        note(walk.request, format!("done={}:{}", outcome.index(), outcome.result().0));
        if walk.steps.last().is_some_and(|step| step == "done-panic") {
            panic!("done");
        }
    }
}

proxy_module::module!(scripted_module: balancer Scripted);

struct NoFiles;

impl LoadModules for NoFiles {
    fn load(&self, file: &ModuleFile) -> std::result::Result<LoadedCode, NotLoaded> {
        Err(NotLoaded::File(format!("{}: these tests load no files", file.ident)))
    }
}

struct NoFields;

impl FieldAccess for NoFields {
    fn field(&self, _: usize) -> Option<(&[u8], &[u8])> {
        None
    }
}

/// A cluster of `endpoints` servers under the scripted module.
fn generation(endpoints: usize, caller: &Caller) -> Generation {
    let members: String =
        (1..=endpoints).map(|port| format!("BalancerMember http://127.0.0.1:{port}\n")).collect();
    let text = format!(
        "Listen 127.0.0.1:0\n<Proxy balancer://c>\n{members}</Proxy>\nLBMethod c scripted_module\n\
         ProxyPass /c balancer://c\nProxyPass /url http://127.0.0.1:9\n"
    );
    let files = MemoryLoader::default().with("/t/proxyd.conf", text);
    let mut records = inventory::iter::<proxy_module::StaticModule>.into_iter();
    let module = proxy_dso::static_module(&records.next().unwrap().0).unwrap();
    let configured = configure(&Input::new("/t/proxyd.conf", "/t"), &files, &NoFiles, vec![module]);
    let render = |found: &proxy_config::Diagnostics| -> String {
        found.iter().map(|diagnostic| configured.sources.render(diagnostic)).collect()
    };
    assert!(!configured.diagnostics.has_errors(), "{}", render(&configured.diagnostics));
    match Generation::build(configured.conf.clone(), &configured.modules, caller) {
        Ok(generation) => generation,
        Err(found) => panic!("{}", render(&found)),
    }
}

/// Functions of trylists, as an observer is shown them.
#[derive(Clone, Debug, Default)]
struct Shown(Arc<Mutex<Vec<&'static str>>>);

impl Observer for Shown {
    fn watcher(&self, _: u32) -> Box<dyn Watcher> {
        Box::new(self.clone())
    }
}

impl Watcher for Shown {
    fn begins(&mut self, _: &View<'_>) {}
    fn enters(&mut self) {}
    fn edits(&mut self, _: EditOp, _: &[u8], _: &[u8]) {}
    fn leaves(&mut self, called: &Called<'_>, _: u64) {
        assert_eq!((called.hook, called.module), ("proxy.load_balance", "scripted_module"));
        self.0.lock().unwrap().extend(called.function);
    }
    fn ends(&mut self, _: &Finished) {}
}

/// Runs one request with that script over five endpoints; and once more with somebody looking on, which must change
/// nothing.
fn scripted(request: u64, script: &str, check: impl Fn(&mut Trylist<'_>)) -> String {
    let caller = Caller::new(0);
    let seen = scripted_once(&caller, request, script, &check);
    let (observation, shown) = (Observation::new(|| 0), Shown::default());
    observation.add(Arc::new(shown.clone())).unwrap();
    caller.attend(&observation);
    assert_eq!(scripted_once(&caller, request, script, &check), seen);
    let words = seen.split(' ').map(|word| match word.split('=').next() {
        Some("begin") => "load_balance",
        Some("failed") => "report_failure",
        other => other.unwrap_or_default(),
    });
    assert!(shown.0.lock().unwrap().iter().copied().eq(words), "{shown:?} is not {seen}");
    seen
}

fn scripted_once(caller: &Caller, request: u64, script: &str, check: impl Fn(&mut Trylist<'_>)) -> String {
    let generation = generation(5, caller);
    asked(&generation, caller, request, "/c", script, ProxySettings::default(), check);
    for cluster in generation.clusters() {
        for endpoint in cluster.endpoints() {
            assert_eq!(endpoint.stats().in_flight.load(Relaxed), 0, "in flight at {}", endpoint.addr);
        }
    }
    calls(request)
}

fn asked(
    generation: &Generation,
    caller: &Caller,
    request: u64,
    path: &str,
    script: &str,
    settings: ProxySettings,
    check: impl FnOnce(&mut Trylist<'_>),
) {
    let routed = generation.servers().route(([127, 0, 0, 1], 80).into(), None, path.as_bytes());
    let target = format!("{path}?{script}");
    let parts = RequestParts {
        version: 11,
        id: request,
        method: b"GET",
        authority: b"h",
        path: path.as_bytes(),
        query: script.as_bytes(),
        unparsed_uri: target.as_bytes(),
        client: b"127.0.0.1",
    };
    let view = View::new(&parts, Fields::new(&NoFields));
    let mut trylist = generation.trylist(caller, routed.route.unwrap(), &settings, &view);
    check(&mut trylist);
}

fn pick(trylist: &mut Trylist<'_>) -> Option<u32> {
    trylist.next().map(|endpoint| endpoint.index)
}

fn fail(trylist: &mut Trylist<'_>) {
    trylist.failed(FailureKind::REFUSED, 111, 5);
}

fn ok(trylist: &mut Trylist<'_>) {
    trylist.finish(Outcome::of(OutcomeResult::OK));
}

#[test]
fn each_target_has_one_outcome_and_drop_comes_last() {
    let seen = scripted(1, "2&4", |trylist| {
        assert_eq!(pick(trylist), Some(2));
        fail(trylist);
        assert_eq!(pick(trylist), Some(4));
        ok(trylist);
        ok(trylist);
        assert_eq!(trylist.attempts(), 2);
    });
    assert_eq!(seen, "begin next=2 failed=2 done=2:1 next=4 done=4:0 drop");
}

#[test]
fn a_request_that_goes_away_is_done_all_the_same() {
    let seen = scripted(2, "0", |trylist| assert_eq!(pick(trylist), Some(0)));
    assert_eq!(seen, "begin next=0 done=0:4 drop");
}

#[test]
fn what_was_tried_is_passed_over_unless_asked_for_again() {
    let seen = scripted(3, "1&1&3&a1&end", |trylist| {
        assert_eq!(pick(trylist), Some(1));
        fail(trylist);
        assert_eq!(pick(trylist), Some(3));
        fail(trylist);
        assert_eq!(pick(trylist), Some(1));
        fail(trylist);
        assert_eq!(pick(trylist), None);
        assert_eq!(trylist.why_ended(), Some(Ended::Exhausted));
    });
    assert_eq!(
        seen,
        "begin next=1 failed=1 done=1:1 next=1 done=1:4 next=3 failed=3 done=3:1 next=a1 failed=1 done=1:1 next=end drop"
    );
}

#[test]
fn a_policy_that_repeats_one_endpoint_cannot_spin_and_the_others_are_tried_all_the_same() {
    scripted(4, &["0"; 200].join("&"), |trylist| {
        assert_eq!(pick(trylist), Some(0));
        fail(trylist);
        all_others(trylist, &[0]);
        assert_eq!(trylist.why_ended(), Some(Ended::Exhausted));
    });
}

#[test]
fn an_orderly_error_ends_the_trylist() {
    let seen = scripted(5, "0&error&1", |trylist| {
        assert_eq!(pick(trylist), Some(0));
        fail(trylist);
        assert_eq!(pick(trylist), None);
        assert_eq!(trylist.why_ended(), Some(Ended::PolicyError));
    });
    assert_eq!(seen, "begin next=0 failed=0 done=0:1 next=error drop");
    let seen = scripted(6, "begin-error", |trylist| {
        assert_eq!(pick(trylist), None);
        assert_eq!(trylist.why_ended(), Some(Ended::PolicyError));
    });
    assert_eq!(seen, "begin");
}

#[test]
fn nobody_answering_is_known() {
    let seen = scripted(7, "decline", |trylist| {
        assert_eq!(pick(trylist), None);
        assert_eq!(trylist.why_ended(), Some(Ended::Declined));
    });
    assert_eq!(seen, "begin");
}

/// After a fault the built-in round robin offers every endpoint that was not tried, each once.
fn all_others(trylist: &mut Trylist<'_>, tried: &[u32]) {
    let mut offered = Vec::new();
    while let Some(index) = pick(trylist) {
        offered.push(index);
        fail(trylist);
    }
    offered.sort_unstable();
    let others: Vec<u32> = (0..5).filter(|index| !tried.contains(index)).collect();
    assert_eq!(offered, others);
}

#[test]
fn after_a_fault_only_drop_comes_and_the_request_goes_on() {
    let seen = scripted(8, "begin-panic", |trylist| all_others(trylist, &[]));
    assert_eq!(seen, "begin");
    let seen = scripted(9, "3&panic", |trylist| {
        assert_eq!(pick(trylist), Some(3));
        fail(trylist);
        all_others(trylist, &[3]);
    });
    assert_eq!(seen, "begin next=3 failed=3 done=3:1 next=panic drop");
    let seen = scripted(10, "1&failed-panic", |trylist| {
        assert_eq!(pick(trylist), Some(1));
        fail(trylist);
        all_others(trylist, &[1]);
    });
    assert_eq!(seen, "begin next=1 failed=1 drop");
    let seen = scripted(11, "1&done-panic", |trylist| {
        assert_eq!(pick(trylist), Some(1));
        ok(trylist);
        all_others(trylist, &[1]);
    });
    assert_eq!(seen, "begin next=1 done=1:0 drop");
}

#[test]
fn an_index_out_of_range_is_a_fault() {
    for index in ["5", "4294967295"] {
        let seen = scripted(12, index, |trylist| all_others(trylist, &[]));
        assert_eq!(seen, format!("begin next={index} drop"));
    }
}

#[test]
fn the_server_asks_no_more_than_max_tries() {
    let caller = Caller::new(0);
    let generation = generation(5, &caller);
    let settings = ProxySettings { max_tries: Some(2), ..ProxySettings::default() };
    asked(&generation, &caller, 13, "/c", "0&1&2", settings, |trylist| {
        assert_eq!(pick(trylist), Some(0));
        fail(trylist);
        assert_eq!(pick(trylist), Some(1));
        fail(trylist);
        assert_eq!(pick(trylist), None);
        assert_eq!(trylist.why_ended(), Some(Ended::TriesUsedUp));
    });
    assert_eq!(calls(13), "begin next=0 failed=0 done=0:1 next=1 failed=1 done=1:1 drop");
}

#[test]
fn a_route_to_an_url_asks_nobody() {
    let caller = Caller::new(0);
    let generation = generation(5, &caller);
    asked(&generation, &caller, 14, "/url", "0", ProxySettings::default(), |trylist| {
        assert_eq!(trylist.next().map(|endpoint| &*endpoint.addr), Some("127.0.0.1:9"));
        fail(trylist);
        assert_eq!(pick(trylist), None);
    });
    assert_eq!(calls(14), "");
}

#[test]
fn statistics_follow_the_outcomes() {
    let caller = Caller::new(0);
    let generation = generation(2, &caller);
    let check = |trylist: &mut Trylist<'_>| {
        assert_eq!(pick(trylist), Some(0));
        fail(trylist);
        assert_eq!(pick(trylist), Some(1));
        let mut outcome = Outcome::of(OutcomeResult::OK);
        outcome.ttfb_us = 800;
        trylist.finish(outcome);
    };
    asked(&generation, &caller, 15, "/c", "0&1", ProxySettings::default(), check);
    let cluster = generation.clusters().next().unwrap();
    let (dead, alive) = (cluster.endpoints()[0].stats(), cluster.endpoints()[1].stats());
    assert_eq!(
        (dead.total.load(Relaxed), dead.errors.load(Relaxed), dead.fails_in_row.load(Relaxed)),
        (1, 1, 1)
    );
    for (result, in_row) in [
        (OutcomeResult::UPSTREAM, 2),
        (OutcomeResult::CANCELLED, 2),
        (OutcomeResult::TIMEOUT, 3),
        (OutcomeResult::OK, 0),
    ] {
        asked(&generation, &caller, 16, "/c", "0", ProxySettings::default(), |trylist| {
            assert_eq!(pick(trylist), Some(0));
            trylist.finish(Outcome::of(result));
        });
        assert_eq!(dead.fails_in_row.load(Relaxed), in_row, "after {result:?}");
    }
    assert_eq!(
        (alive.total.load(Relaxed), alive.errors.load(Relaxed), alive.ewma_us.load(Relaxed)),
        (1, 0, 800)
    );
}

#[test]
fn a_limit_that_nobody_wrote_is_not_blamed() {
    let caller = Caller::new(0);
    for endpoints in [1, 5] {
        let generation = generation(endpoints, &caller);
        for max_tries in [None, Some(endpoints as u32), Some(9)] {
            let settings = ProxySettings { max_tries, ..ProxySettings::default() };
            asked(&generation, &caller, 17, "/c", "0&1&2&3&4", settings, |trylist| {
                for index in 0..endpoints as u32 {
                    assert_eq!(pick(trylist), Some(index));
                    fail(trylist);
                }
                if max_tries != Some(9) {
                    assert_eq!(pick(trylist), None);
                    assert_eq!(trylist.why_ended(), Some(Ended::Exhausted), "{max_tries:?} of {endpoints}");
                }
            });
        }
    }
}
