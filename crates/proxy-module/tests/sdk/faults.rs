//! Whatever a balancer does, nothing unwinds, and what it remembers is dropped exactly once.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use proxy_module::abi::{self, Status};
use proxy_module::prelude::*;

use crate::fake_host::{Node, Running, Set, Trial, request};

static DROPPED: AtomicUsize = AtomicUsize::new(0);

#[derive(Directives)]
struct Config {
    /// Fault NAME
    #[directive(name = "Fault", take1)]
    fault: Option<String>,
}

struct Faulty {
    seen: EndpointSlot<AtomicUsize>,
    cluster: ClusterSlot<Dropping>,
}

/// A walk of an alignment that no host gives by itself.
#[repr(align(256))]
struct Walk {
    fault: &'static str,
}

/// Counts the states that are dropped.
#[derive(Default)]
struct Dropping(AtomicUsize);

static STATES_DROPPED: AtomicUsize = AtomicUsize::new(0);

impl Drop for Dropping {
    fn drop(&mut self) {
        STATES_DROPPED.fetch_add(1, Relaxed);
    }
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("the payload as well");
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        DROPPED.fetch_add(1, Relaxed);
        assert!(self.fault != "drop", "in drop");
    }
}

impl Balancer for Faulty {
    type Config = Config;
    type Walk = Walk;

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        assert!(config.fault.as_deref() != Some("init"), "in init");
        Ok(Self { seen: init.per_endpoint()?, cluster: init.per_cluster()? })
    }

    fn begin(&self, request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        set.state(&self.cluster).0.fetch_add(1, Relaxed);
        match request.path() {
            b"/decline" => Ok(Begin::Decline),
            b"/error" => Err("in begin".into()),
            b"/panic" => panic!("in begin"),
            b"/drop" => Ok(Begin::Trylist(Walk { fault: "drop" })),
            b"/bomb" => Ok(Begin::Trylist(Walk { fault: "bomb" })),
            _ => Ok(Begin::Trylist(Walk { fault: "" })),
        }
    }

    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        assert_eq!(std::ptr::from_ref(walk).addr() % 256, 0, "aligned");
        match (walk.fault, attempt.number()) {
            ("bomb", _) => std::panic::panic_any(Bomb),
            (_, 0) => Ok(Next::Endpoint(1)),
            (_, 1) if attempt.tried(1) && !attempt.tried(0) => Ok(Next::Again(1)),
            (_, 2) => Err(Error::msg("third is too many")),
            _ => panic!("in next, attempt {}", attempt.number()),
        }
    }

    fn failed(&self, _walk: &mut Walk, failure: &Failure<'_>) {
        let endpoint = failure.endpoint().expect("is in the set");
        assert_eq!((endpoint.id(), failure.kind()), (101, FailureKind::REFUSED));
        endpoint.state(&self.seen).fetch_add(1, Relaxed);
    }

    fn done(&self, _walk: &mut Walk, outcome: &Outcome<'_>) {
        let endpoint = outcome.endpoint().expect("is in the set");
        assert_eq!(endpoint.in_flight(), 5);
        panic!("in done, {} seen", endpoint.state(&self.seen).load(Relaxed));
    }
}

proxy_module::module!(faulty_module: balancer Faulty);

/// Tests count drops of their own only.
static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn with_module(test: impl FnOnce(&Running, &Set)) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    let running = Running::begin(&faulty_module, &Node::Map(Vec::new())).unwrap();
    let set = Set::new(&running, 2, &[0, 1]);
    DROPPED.store(0, Relaxed);
    STATES_DROPPED.store(0, Relaxed);
    test(&running, &set);
}

fn failure() -> abi::Failure {
    abi::Failure {
        size: size_of::<abi::Failure>() as u32,
        index: 1,
        id: 101,
        kind: FailureKind::REFUSED,
        os_error: 111,
        elapsed_us: 3,
    }
}

#[test]
fn begin_declines_refuses_and_panics_without_a_trylist() {
    with_module(|running, set| {
        let begun = |path| Trial::begin(running, &request(path), set.get()).map(drop).unwrap_err();
        assert_eq!(begun("/decline"), (Status::DECLINED, String::new()));
        assert_eq!(begun("/error"), (Status::ERROR, "in begin".to_owned()));
        let (status, text) = begun("/panic");
        assert_eq!(status, Status::PANICKED);
        assert!(text.ends_with(": in begin"), "{text}");
        assert_eq!(DROPPED.load(Relaxed), 0);
    });
}

#[test]
fn next_error_and_panic_leave_the_walk_for_drop() {
    with_module(|running, set| {
        let request = request("/");
        let mut trial = Trial::begin(running, &request, set.get()).unwrap();
        assert_eq!(trial.next().map(|target| (target.index, target.flags)), Ok((1, 0)));
        assert_eq!(trial.tell(|list, call| list.report_failure(call, &failure())), Status::OK);
        let again = trial.next().map(|target| (target.index, target.flags));
        assert_eq!(again, Ok((1, abi::Target::AGAIN)));
        assert_eq!(trial.next().map(drop), Err(Status::ERROR));
        assert_eq!(trial.error(), "third is too many");
        set.stats(1).in_flight.store(5, Relaxed);
        let outcome = abi::Outcome { index: 1, ..abi::Outcome::of(OutcomeResult::OK) };
        assert_eq!(trial.tell(|list, call| list.done(call, &outcome)), Status::PANICKED);
        assert!(trial.error().ends_with(": in done, 1 seen"), "{}", trial.error());
        assert_eq!(DROPPED.load(Relaxed), 0);
        drop(trial);
        assert_eq!(DROPPED.load(Relaxed), 1);
    });
}

#[test]
fn panicking_payloads_and_drops_are_contained() {
    with_module(|running, set| {
        let mut trial = Trial::begin(running, &request("/bomb"), set.get()).unwrap();
        assert_eq!(trial.next().map(drop), Err(Status::PANICKED));
        assert!(trial.error().ends_with(": (no text)"), "{}", trial.error());
        drop(trial);
        drop(Trial::begin(running, &request("/drop"), set.get()).unwrap());
        assert_eq!(DROPPED.load(Relaxed), 2);
    });
}

#[test]
fn panic_in_init_is_an_answer() {
    let config = Node::Map(vec![("Fault", Node::Text("init"))]);
    let refused = Running::begin(&faulty_module, &config).unwrap_err();
    assert_eq!(refused.status, Status::PANICKED);
    assert!(refused.message.ends_with(": in init"), "{}", refused.message);
}

#[test]
fn states_are_made_and_dropped_with_their_objects() {
    with_module(|running, _| {
        let set = Set::new(running, 3, &[0]);
        drop(Trial::begin(running, &request("/"), set.get()).unwrap());
        assert_eq!(STATES_DROPPED.load(Relaxed), 0);
        drop(set);
        assert_eq!(STATES_DROPPED.load(Relaxed), 1);
    });
}
