//! A policy that keeps a ledger of how it is called, and generations that it balances.

use std::cell::RefCell;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicUsize;
use proxy_abi::{FieldAccess, Fields, Request as View, RequestParts};
use proxy_config::{Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::conf::{ProxySettings, ServerConf};
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_core::module::{LoadModules, LoadedCode, ModuleCode, ModuleFile, NotLoaded};
use proxy_core::trylist::Trylist;
use proxy_module::inventory;
use proxy_module::prelude::*;

/// What one instance saw. Its own locks are none of the model: no other thread runs while one is held.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    counts: Mutex<Counts>,
    /// Endpoints of its generation's cluster.
    members: u32,
    /// Whether `next` answers what no endpoint is.
    is_faulty: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) begun: usize,
    pub(crate) offered: usize,
    pub(crate) failed: usize,
    pub(crate) done: usize,
    pub(crate) dropped: usize,
    pub(crate) instances: usize,
    pub(crate) finished: usize,
    /// Which threads of the model.
    pub(crate) finished_by: Vec<loom::thread::ThreadId>,
    /// What was called as it must not be.
    pub(crate) broken: Vec<String>,
}

thread_local! {
    /// Whose the next instance is. All threads of a model are one to the system.
    static NEXT: RefCell<Arc<Ledger>> = RefCell::default();
}

impl Ledger {
    /// Opens one for the instance that is made next.
    pub(crate) fn open(members: u32, is_faulty: bool) -> Arc<Self> {
        let ledger = Arc::new(Self { members, is_faulty, ..Self::default() });
        ledger.is_next();
        ledger
    }

    /// The instance that is made next writes here.
    pub(crate) fn is_next(self: &Arc<Self>) {
        NEXT.set(Arc::clone(self));
    }

    pub(crate) fn counts(&self) -> Counts {
        self.counts.lock().unwrap().clone()
    }

    fn note(&self, write: impl FnOnce(&mut Counts)) {
        write(&mut self.counts.lock().unwrap());
    }

    fn check(&self, holds: bool, what: &str) {
        if !holds {
            self.note(|counts| counts.broken.push(what.to_owned()));
        }
    }

    /// What holds once its generation is gone, whatever happened: pairs, and the end of the instance last.
    pub(crate) fn assert_closed(&self) {
        let counts = self.counts();
        assert!(counts.broken.is_empty(), "{counts:?}");
        assert_eq!(counts.begun, counts.dropped, "{counts:?}");
        assert_eq!((counts.instances, counts.finished), (1, 1), "{counts:?}");
        if !self.is_faulty {
            assert_eq!(counts.offered, counts.done, "{counts:?}");
        }
    }
}

struct Witness {
    ledger: Arc<Ledger>,
    turn: AtomicUsize,
}

/// A request's walk; `calls` tells loom of each call, so that two at once are found.
pub(crate) struct Walk {
    ledger: Arc<Ledger>,
    out: Option<u32>,
    calls: UnsafeCell<()>,
}

impl Walk {
    fn called(&self, what: &str) {
        self.calls.with_mut(|_| ());
        self.ledger.check(self.ledger.counts().finished == 0, &format!("{what} after fini"));
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        self.called("drop");
        self.ledger.check(self.out.is_none() || self.ledger.is_faulty, "drop of a target without an outcome");
        self.ledger.note(|counts| counts.dropped += 1);
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let counts = self.ledger.counts();
        self.ledger.check(counts.begun == counts.dropped, "fini before drop");
        self.ledger.note(|counts| {
            counts.finished += 1;
            counts.finished_by.push(loom::thread::current().id());
        });
    }
}

impl Balancer for Witness {
    type Config = ();
    type Walk = Walk;

    fn new(_: (), _: &mut Init<'_>) -> Result<Self> {
        let ledger = NEXT.with_borrow(Arc::clone);
        ledger.note(|counts| counts.instances += 1);
        Ok(Self { ledger, turn: AtomicUsize::new(0) })
    }

    fn begin(&self, _: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let ledger = Arc::clone(&self.ledger);
        ledger.check(set.len() == ledger.members as usize, "a cluster of another generation");
        ledger.note(|counts| counts.begun += 1);
        Ok(Begin::Trylist(Walk { ledger, out: None, calls: UnsafeCell::new(()) }))
    }

    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        walk.called("next");
        if walk.ledger.is_faulty {
            return Ok(Next::Endpoint(u32::MAX));
        }
        walk.ledger.check(walk.out.is_none(), "next while a target is out");
        let is_sane = attempt.endpoints().iter().all(|endpoint| endpoint.in_flight() <= 2);
        walk.ledger.check(is_sane, "more in flight than there are requests");
        let turn = self.turn.fetch_add(1, Relaxed) as u32;
        let mut order = (0..walk.ledger.members).map(|step| (turn + step) % walk.ledger.members);
        let Some(index) = order.find(|index| !attempt.tried(*index)) else {
            return Ok(Next::Exhausted);
        };
        walk.out = Some(index);
        walk.ledger.note(|counts| counts.offered += 1);
        Ok(Next::Endpoint(index))
    }

    fn failed(&self, walk: &mut Walk, failure: &Failure<'_>) {
        walk.called("failed");
        walk.ledger.check(walk.out == Some(failure.index()), "a failure of what is not out");
        walk.ledger.note(|counts| counts.failed += 1);
    }

    fn done(&self, walk: &mut Walk, outcome: &Outcome<'_>) {
        walk.called("done");
        walk.ledger.check(walk.out.take() == Some(outcome.index()), "an outcome of what is not out");
        walk.ledger.note(|counts| counts.done += 1);
    }
}

proxy_module::module!(witness_module: balancer Witness);

pub(crate) fn record() -> proxy_abi::StaticRecord {
    let mut records = inventory::iter::<proxy_module::StaticModule>.into_iter();
    records.next().unwrap().0
}

struct NoFiles;

impl LoadModules for NoFiles {
    fn load(&self, file: &ModuleFile) -> std::result::Result<LoadedCode, NotLoaded> {
        Err(NotLoaded::File(format!("{}: these models load no files", file.ident)))
    }
}

/// A configuration that was read before the model began.
#[derive(Clone)]
pub(crate) struct Configured {
    conf: ServerConf,
    modules: Vec<Arc<dyn ModuleCode>>,
}

impl Configured {
    /// One cluster of so many endpoints.
    pub(crate) fn with(members: u32) -> Self {
        let lines: String =
            (1..=members).map(|port| format!("BalancerMember http://127.0.0.1:{port}\n")).collect();
        let text = format!(
            "Listen 127.0.0.1:0\n<Proxy balancer://c>\n{lines}</Proxy>\nLBMethod c witness_module\n\
             ProxyPass / balancer://c\n"
        );
        let files = MemoryLoader::default().with("/t/proxyd.conf", text);
        let module = proxy_dso::static_module(&record()).unwrap();
        let configured = configure(&Input::new("/t/proxyd.conf", "/t"), &files, &NoFiles, vec![module]);
        assert!(!configured.diagnostics.has_errors());
        Self { conf: configured.conf.clone(), modules: configured.modules }
    }

    /// A generation of it, within the model.
    pub(crate) fn build(&self) -> Generation {
        let caller = Caller::new(u32::MAX);
        Generation::build(self.conf.clone(), &self.modules, &caller).ok().unwrap()
    }
}

struct NoFields;

impl FieldAccess for NoFields {
    fn field(&self, _: usize) -> Option<(&[u8], &[u8])> {
        None
    }
}

/// Hands `act` a request of no content.
pub(crate) fn with_request<R>(act: impl FnOnce(&View<'_>) -> R) -> R {
    let parts = RequestParts {
        version: 11,
        id: 1,
        method: b"GET",
        authority: b"h",
        path: b"/",
        query: b"",
        unparsed_uri: b"/",
        client: b"127.0.0.1",
    };
    act(&View::new(&parts, Fields::new(&NoFields)))
}

/// Runs one request on executor number `executor`.
pub(crate) fn ask<R>(generation: &Generation, executor: u32, act: impl FnOnce(&mut Trylist<'_>) -> R) -> R {
    let caller = Caller::new(executor);
    let routed = generation.servers().route(([127, 0, 0, 1], 80).into(), None, b"/");
    with_request(|request| {
        let settings = ProxySettings::default();
        act(&mut generation.trylist(&caller, routed.route.unwrap(), &settings, request))
    })
}
