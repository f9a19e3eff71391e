//! Least requests: whoever has the least to do for its weight is next. `LoadModule lb_least_module modules/mod_lb_least.so`
//!
//! ```text
//! LBServerCluster cluster1 http://192.0.2.1:8080 weight=2
//! LBServerCluster cluster1 http://192.0.2.2:8080
//! LBMethod cluster1 lb_least_module
//! LBLeastCoolDown 10
//! ```
//!
//! # The rule
//!
//! The load of an endpoint is `(requests in flight + 1) / weight`: what it would carry for its weight if this request
//! came to it too. The smallest load wins. Two fractions compare without a division: `a/b < c/d` if `a·d < c·b`.
//!
//! At low load most endpoints are equally idle, and a policy that then takes the first one it sees sends everything
//! to that one. So those with the same load take turns: of them, the next after the one chosen last, around the end of
//! the file. Then requests of equal length that come in any number at a time leave the counts of equal endpoints no
//! more than 1 apart. (Turns that only the tied ones remember, as a weighted round robin among them, do not: of four
//! endpoints under six requests at a time, one gets 34 fewer in a thousand.)
//!
//! What is in flight is the server's own count over all executors: an aborted request leaves nothing behind. httpd's
//! `bybusyness` uses weights for ties alone; nginx's `least_conn` divides without the 1: all idle servers are equal.
//!
//! # Cooling down
//!
//! An endpoint that fails at once is never busy, so this rule would send it everything. One that could not be
//! connected to, that broke off or ran into the timeout, cools down for `LBLeastCoolDown` seconds: it is offered after
//! all others, yet never left out, for it may be the only one there is.
#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// LBLeastCoolDown SECONDS: how long an endpoint that failed is offered last; 10 if not given, 0 for never.
    #[directive(name = "LBLeastCoolDown", take1, default = 10)]
    cool_down: u32,
}

struct LeastRequests {
    cool_down_ns: u64,
    turn: ClusterSlot<AtomicU32>,         // the index after the one chosen last
    cools_until: EndpointSlot<AtomicU64>, // on the clock of `now_ns`
}

impl Balancer for LeastRequests {
    type Config = Config;
    type Walk = (); // the server remembers who was tried

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        let cool_down_ns = u64::from(config.cool_down) * 1_000_000_000;
        Ok(Self {
            cool_down_ns,
            turn: init.per_cluster_kept("turn")?,
            cools_until: init.per_endpoint_kept("cools_until")?,
        })
    }

    fn begin(&self, _request: &Request<'_>, _set: &Endpoints<'_>) -> Result<Begin<()>> {
        Ok(Begin::Trylist(()))
    }

    fn next(&self, _walk: &mut (), attempt: &Attempt<'_>) -> Result<Next> {
        let turn = attempt.endpoints().state(&self.turn);
        let first = turn.load(Relaxed);
        let is_cooling =
            |endpoint: &Endpoint<'_>| attempt.now_ns() < endpoint.state(&self.cools_until).load(Relaxed);
        let least = least_loaded(attempt, first, |endpoint| !is_cooling(endpoint))
            .or_else(|| least_loaded(attempt, first, |_| true));
        let Some(index) = least else { return Ok(Next::Exhausted) };
        turn.store(index + 1, Relaxed);
        Ok(Next::Endpoint(index))
    }

    fn failed(&self, _walk: &mut (), failure: &Failure<'_>) {
        // Having no port left is this machine's fault.
        if failure.kind() != FailureKind::NO_LOCAL_PORT {
            self.cool(failure.endpoint(), failure.now_ns());
        }
    }

    fn done(&self, _walk: &mut (), outcome: &Outcome<'_>) {
        if matches!(outcome.result(), OutcomeResult::UPSTREAM | OutcomeResult::TIMEOUT) {
            self.cool(outcome.endpoint(), outcome.now_ns());
        }
    }
}

/// The index of the least loaded among the untried endpoints for which `is_wanted`. Asked of those alone that would
/// win, which in a long list are few.
fn least_loaded(attempt: &Attempt<'_>, first: u32, is_wanted: impl Fn(&Endpoint<'_>) -> bool) -> Option<u32> {
    let least = attempt.untried().fold(Load::INFINITE, |least, endpoint| {
        let load = Load::of(&endpoint);
        if load.is_less_than(&least, first) && is_wanted(&endpoint) { load } else { least }
    });
    (least.weight > 0).then_some(least.index)
}

/// What speaks against an endpoint.
struct Load {
    requests: u32,
    weight: u32,
    index: u32,
}

impl Load {
    /// More than any endpoint has: one divided by nothing.
    const INFINITE: Self = Self { requests: 1, weight: 0, index: u32::MAX };

    fn of(endpoint: &Endpoint<'_>) -> Self {
        let requests = endpoint.in_flight().saturating_add(1);
        Self { requests, weight: endpoint.weight(), index: endpoint.index() }
    }

    /// Among equals those before `first` come last.
    fn is_less_than(&self, other: &Self, first: u32) -> bool {
        let ours = u64::from(self.requests) * u64::from(other.weight);
        let theirs = u64::from(other.requests) * u64::from(self.weight);
        ours < theirs || ours == theirs && other.index < first && first <= self.index
    }
}

impl LeastRequests {
    fn cool(&self, endpoint: Option<Endpoint<'_>>, now_ns: u64) {
        if let Some(endpoint) = endpoint {
            let until = now_ns.saturating_add(self.cool_down_ns);
            endpoint.state(&self.cools_until).store(until, Relaxed);
        }
    }
}

proxy_module::module!(lb_least_module: balancer LeastRequests);
