//! A module that runs, with its clusters and a clock.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use proxy_module::abi::{Call, Entry, ErrSink, HookSpec, LoadBalance, Module, Random, Stats};
use proxy_module::testing::{Instance, Line, host, take_lines};

use crate::cluster::Cluster;
use crate::request::Request;
use crate::setup::Setup;

/// A host with one instance of a module. Methods that name no cluster mean the first one.
#[derive(Debug)]
pub struct Host {
    // Before the instance: the module's state in them goes first.
    clusters: Vec<Cluster>,
    nowhere: Cluster,
    instance: Instance,
    random: Random,
    now_ns: Cell<u64>,
    requests: Cell<u64>,
    lines: RefCell<Vec<Line>>,
}

impl Host {
    /// Begins a host for `module`: `Host::of(&lb_mine_module).endpoints(3).start()`.
    pub const fn of(module: &'static Module) -> Setup {
        Setup::of(module)
    }

    pub(crate) fn new(instance: Instance, clusters: Vec<Cluster>, random: Random) -> Self {
        Self {
            clusters,
            nowhere: Cluster::nowhere(),
            instance,
            random,
            now_ns: Cell::new(1_000_000_000),
            requests: Cell::new(0),
            lines: RefCell::new(Vec::new()),
        }
    }

    /// Goes on where `old` was, as a server does at a reload: the state that the module keeps, of clusters of the same name
    /// and endpoints of the same URL, and the clock. `old` may go on as well, for the requests that it has begun.
    #[must_use]
    pub fn reloaded_from(self, old: &Self) -> Self {
        for (new, old) in self.clusters.iter().flat_map(|new| old.clusters.iter().map(move |old| (new, old)))
        {
            new.take_over_from(old);
        }
        self.now_ns.set(old.now_ns());
        self
    }

    /// Lets the endpoint at `index` take traffic again. Trylists that run do not see it: theirs is the set that
    /// they began with.
    pub fn up(&self, index: u32) {
        self.first().set_up(index, true);
    }

    /// Lets the endpoint at `index` take no traffic.
    pub fn down(&self, index: u32) {
        self.first().set_up(index, false);
    }

    /// As if that many requests were in flight at the endpoint.
    pub fn in_flight(&self, index: u32, requests: u32) {
        self.first().set_in_flight(index, requests);
    }

    /// What is counted about the endpoint, to read and to change.
    #[must_use]
    pub fn stats(&self, index: u32) -> &Stats {
        self.first().stats(index)
    }

    /// Begins a request of the first cluster; without any, of none.
    pub fn request(&self, uri: impl AsRef<[u8]>) -> Request<'_> {
        Request::new(self, self.first(), uri.as_ref())
    }

    /// Begins a request of no cluster: its set is empty.
    pub fn request_of_none(&self, uri: impl AsRef<[u8]>) -> Request<'_> {
        Request::new(self, &self.nowhere, uri.as_ref())
    }

    /// Begins a request of the cluster of that name.
    ///
    /// # Panics
    /// If there is none.
    pub fn request_of(&self, cluster: &str, uri: impl AsRef<[u8]>) -> Request<'_> {
        let found = self.clusters.iter().find(|known| known.name() == cluster);
        let found = found.unwrap_or_else(|| panic!("there is no cluster '{cluster}'"));
        Request::new(self, found, uri.as_ref())
    }

    /// How many of `requests`, one after the other and each answered by 200, each endpoint got.
    #[must_use]
    pub fn picks(&self, requests: u32) -> Vec<u32> {
        let mut counts = vec![0; self.first().len()];
        for _ in 0..requests {
            let mut trial = self.request("/").begin();
            if let Some(index) = trial.next() {
                counts[index as usize] += 1;
                trial.done(200);
            }
        }
        counts
    }

    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        self.now_ns.set(self.now_ns.get().saturating_add(by));
    }

    /// Sets the clock, as a call from another executor might find it: a little earlier than the last one.
    pub fn set_now_ns(&self, now_ns: u64) {
        self.now_ns.set(now_ns);
    }

    /// Monotonic nanoseconds, as the module reads them.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    /// The lines that the module has written, in a test's own thread, since the last call of this.
    #[must_use]
    pub fn lines(&self) -> Vec<Line> {
        self.keep_lines();
        self.lines.take()
    }

    pub(crate) fn keep_lines(&self) {
        self.lines.borrow_mut().extend(take_lines());
    }

    /// The module's ident.
    #[must_use]
    pub fn ident(&self) -> &'static str {
        self.instance.ident()
    }

    pub(crate) fn first(&self) -> &Cluster {
        self.clusters.first().unwrap_or(&self.nowhere)
    }

    pub(crate) fn next_id(&self) -> u64 {
        self.requests.set(self.requests.get() + 1);
        self.requests.get()
    }

    pub(crate) fn call<'a>(&'a self, err: &'a ErrSink, trace_id: u64) -> Call<'a> {
        let mut call = Call::new(host(), err, &self.random, self.now_ns.get());
        call.executor = 0;
        call.trace_id = trace_id;
        call
    }

    /// The module's balancer, and how much scratch it wants.
    pub(crate) fn balancer(&self) -> (Entry<LoadBalance>, u32) {
        let hooks = &self.instance.registered().hooks;
        let ident = self.ident();
        let answers = |key: &str| key.is_empty() || key == ident;
        let hook = hooks.iter().find(|hook| hook.name == LoadBalance::NAME && answers(&hook.key));
        let hook = hook
            .unwrap_or_else(|| panic!("{ident} is no balancer: it does not answer {}", LoadBalance::NAME));
        let entry = hook.entry.typed().expect("the SDK registers the signature of its own structs");
        (entry, hook.scratch_size)
    }
}
