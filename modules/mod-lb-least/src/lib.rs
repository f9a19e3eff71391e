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
//! to that one. So those with the same load take turns, by the smooth weighted round robin of httpd's
//! `mod_lbmethod_byrequests`: each of them gains its weight, the one that has gained the most wins, first come first
//! served, and pays back what all of them gained. Of three equals that is a, b, c; of weights 2 and 1 it is a, b, a.
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

use std::cmp::Ordering;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

use proxy_module::prelude::*;

#[derive(Directives)]
struct Config {
    /// LBLeastCoolDown SECONDS: how long an endpoint that failed is offered last; 10 if not given, 0 for never.
    #[directive(name = "LBLeastCoolDown", take1, default = 10)]
    cool_down: u32,
}

struct LeastRequests {
    cool_down_ns: u64,
    recent: EndpointSlot<Recent>,
}

/// What is remembered of an endpoint.
#[derive(Default)]
struct Recent {
    /// What it has gained in ties and not paid back.
    gained: AtomicI64,
    /// On the clock of `now_ns`.
    cools_until: AtomicU64,
}

impl Balancer for LeastRequests {
    type Config = Config;
    type Walk = (); // the server remembers who was tried

    fn new(config: Config, init: &mut Init<'_>) -> Result<Self> {
        let cool_down_ns = u64::from(config.cool_down) * 1_000_000_000;
        Ok(Self { cool_down_ns, recent: init.per_endpoint()? })
    }

    fn begin(&self, _request: &Request<'_>, _set: &Endpoints<'_>) -> Result<Begin<()>> {
        Ok(Begin::Trylist(()))
    }

    fn next(&self, _walk: &mut (), attempt: &Attempt<'_>) -> Result<Next> {
        let mut candidates = self.candidates(attempt);
        let Some(mut least) = candidates.next() else { return Ok(Next::Exhausted) };
        let mut tied = 1;
        for candidate in candidates {
            match candidate.compare(&least) {
                Ordering::Less => (least, tied) = (candidate, 1),
                Ordering::Equal => tied += 1,
                Ordering::Greater => {}
            }
        }
        let winner = if tied > 1 { self.whose_turn(attempt, &least) } else { least.index };
        Ok(Next::Endpoint(winner))
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

/// An endpoint that may be next, and what speaks against it.
struct Candidate<'a> {
    index: u32,
    endpoint: Endpoint<'a>,
    is_cooling: bool,
    requests: u64,
}

impl Candidate<'_> {
    /// Less is better.
    fn compare(&self, other: &Self) -> Ordering {
        let weight = |candidate: &Self| u64::from(candidate.endpoint.weight());
        let load = || (self.requests * weight(other)).cmp(&(other.requests * weight(self)));
        self.is_cooling.cmp(&other.is_cooling).then_with(load)
    }
}

impl LeastRequests {
    fn candidates<'a>(&self, attempt: &'a Attempt<'_>) -> impl Iterator<Item = Candidate<'a>> {
        let set = attempt.endpoints();
        let untried = set.usable().iter().copied().filter(|&index| !attempt.tried(index));
        untried.filter_map(move |index| {
            let endpoint = set.get(index)?;
            let is_cooling = attempt.now_ns() < endpoint.state(&self.recent).cools_until.load(Relaxed);
            let requests = u64::from(endpoint.in_flight()) + 1;
            Some(Candidate { index, endpoint, is_cooling, requests })
        })
    }

    /// Among those that cost no more than `least`. Other executors change loads meanwhile: it may be alone by now.
    fn whose_turn(&self, attempt: &Attempt<'_>, least: &Candidate<'_>) -> u32 {
        let mut winner: Option<(i64, Candidate<'_>)> = None;
        let mut paid_out = 0;
        for candidate in self.candidates(attempt).filter(|candidate| candidate.compare(least).is_le()) {
            let weight = i64::from(candidate.endpoint.weight());
            let gained = candidate.endpoint.state(&self.recent).gained.fetch_add(weight, Relaxed) + weight;
            paid_out += weight;
            if winner.as_ref().is_none_or(|(most, _)| gained > *most) {
                winner = Some((gained, candidate));
            }
        }
        let Some((_, winner)) = winner else { return least.index };
        winner.endpoint.state(&self.recent).gained.fetch_sub(paid_out, Relaxed);
        winner.index
    }

    fn cool(&self, endpoint: Option<Endpoint<'_>>, now_ns: u64) {
        let Some(endpoint) = endpoint else { return };
        endpoint.state(&self.recent).cools_until.store(now_ns.saturating_add(self.cool_down_ns), Relaxed);
    }
}

proxy_module::module!(lb_least_module: balancer LeastRequests);
