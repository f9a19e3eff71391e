//! A balancer that misbehaves as its directives say, else round robin. For tests of what the server contains.
//!
//! ```text
//! LoadModule hostile_module modules/mod_hostile.so
//! HostileCluster c http://127.0.0.1:8081 http://127.0.0.1:8082
//! HostileProxyPass / c
//! HostileMode next-panic
//! HostileEvery 3
//! ```
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use proxy_module::prelude::*;
use proxy_module::serde::Deserialize;

#[derive(Directives)]
struct Config {
    /// HostileCluster NAME URL...: adds servers to a cluster.
    #[directive(name = "HostileCluster", keyed)]
    clusters: BTreeMap<String, Vec<String>>,
    /// HostileProxyPass PATH CLUSTER: as ProxyPass, with a cluster in place of the URL.
    #[directive(name = "HostileProxyPass", route)]
    _routes: Routes,
    /// HostileMode MODE: how to misbehave.
    #[directive(name = "HostileMode", take1, default)]
    mode: Mode,
    /// HostileEvery NUMBER: misbehave in every so manieth request, from the first on.
    #[directive(name = "HostileEvery", take1, default = 1)]
    every: usize,
}

/// What to do wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(crate = "proxy_module::serde", rename_all = "kebab-case")]
enum Mode {
    /// Nothing.
    #[default]
    None,
    /// Panic in `init`.
    InitPanic,
    /// Refuse the configuration.
    InitError,
    /// Panic in `begin`.
    BeginPanic,
    /// Answer an error from `begin`.
    BeginError,
    /// Panic in `next`.
    NextPanic,
    /// Answer an error from `next`.
    Error,
    /// Panic in `report_failure`.
    FailedPanic,
    /// Panic in `done`.
    DonePanic,
    /// Panic in `response_head`.
    HeadPanic,
    /// Panic when the walk is dropped.
    DropPanic,
    /// Panic with a payload that panics when it is dropped.
    PayloadPanic,
    /// Answer the index after the last.
    OutOfRange,
    /// Answer an index that is far out.
    Garbage,
    /// Answer the first usable endpoint for ever, as one that may be tried again.
    Endless,
    /// Answer the first usable endpoint for ever, as one that may not be tried again.
    Repeat,
    /// Decline each request.
    Decline,
}

struct Hostile {
    mode: Mode,
    every: usize,
    requests: AtomicUsize,
}

struct Walk {
    mode: Mode,
    first: usize,
    offered: usize,
}

/// A panic's payload that is no kinder than the panic.
struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("hostile payload dropped");
    }
}

impl Drop for Walk {
    fn drop(&mut self) {
        assert!(self.mode != Mode::DropPanic, "hostile drop");
    }
}

impl Balancer for Hostile {
    type Config = Config;
    type Walk = Walk;

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        let Config { clusters, mode, every, .. } = config;
        info!(?mode, every, "hostile module begins");
        assert!(mode != Mode::InitPanic, "hostile init");
        if mode == Mode::InitError {
            return Err(Error::msg("hostile init refuses"));
        }
        for (name, urls) in &clusters {
            init.cluster(name)?.endpoints(urls)?;
        }
        Ok(Self { mode, every: every.max(1), requests: AtomicUsize::new(0) })
    }

    fn begin(&self, request: &Request<'_>, _set: &Endpoints<'_>) -> Result<Begin<Walk>> {
        let first = self.requests.fetch_add(1, Relaxed);
        let mode = if first.is_multiple_of(self.every) { self.mode } else { Mode::None };
        if mode != Mode::None {
            info!(?mode, request = request.id(), "hostile request");
        }
        assert!(mode != Mode::BeginPanic, "hostile begin");
        match mode {
            Mode::BeginError => Err(Error::msg("hostile begin refuses")),
            Mode::Decline => Ok(Begin::Decline),
            _ => Ok(Begin::Trylist(Walk { mode, first, offered: 0 })),
        }
    }

    fn next(&self, walk: &mut Walk, attempt: &Attempt<'_>) -> Result<Next> {
        let usable = attempt.endpoints().usable();
        match (walk.mode, usable.first()) {
            (Mode::NextPanic, _) => panic!("hostile next"),
            (Mode::PayloadPanic, _) => std::panic::panic_any(Bomb),
            (Mode::Error, _) => Err(Error::msg("hostile next refuses")),
            (Mode::OutOfRange, _) => Ok(Next::Endpoint(attempt.endpoints().len() as u32)),
            (Mode::Garbage, _) => Ok(Next::Endpoint(0xdead_beef)),
            (Mode::Endless, Some(first)) => Ok(Next::Again(*first)),
            (Mode::Repeat, Some(first)) => Ok(Next::Endpoint(*first)),
            _ => Ok(in_turn(walk, usable)),
        }
    }

    fn failed(&self, walk: &mut Walk, _failure: &Failure<'_>) {
        assert!(walk.mode != Mode::FailedPanic, "hostile failed");
    }

    fn done(&self, walk: &mut Walk, _outcome: &Outcome<'_>) {
        assert!(walk.mode != Mode::DonePanic, "hostile done");
    }

    fn response_head(&self, walk: &mut Walk, _head: &ResponseHead<'_>) {
        assert!(walk.mode != Mode::HeadPanic, "hostile head");
    }
}

fn in_turn(walk: &mut Walk, usable: &[u32]) -> Next {
    if walk.offered >= usable.len() {
        return Next::Exhausted;
    }
    let place = walk.first.wrapping_add(walk.offered) % usable.len();
    walk.offered += 1;
    Next::Endpoint(usable[place])
}

proxy_module::module!(hostile_module: balancer Hostile);
