//! The power of two choices: two endpoints by lot, then the less loaded one of them.
//! `LoadModule lb_p2c_module modules/mod_lb_p2c.so`
//!
//! ```text
//! LBServerCluster cluster1 http://192.0.2.1:8080
//! LBServerCluster cluster1 http://192.0.2.2:8080
//! LBMethod cluster1 lb_p2c_module
//! ```
//!
//! # The rule
//!
//! Draw two different endpoints and take the one with fewer requests in flight; of equals, the one drawn first.
//! Of n requests over n endpoints, plain drawing leaves about ln n / ln ln n at the busiest one; the second choice
//! brings that down to about ln ln n / ln 2, an exponential gain for one more look, and further choices add little
//! (M. Mitzenmacher, The Power of Two Choices in Randomized Load Balancing, IEEE TPDS 12(10), 2001). Looking at
//! all endpoints would choose a little better with exact counts, and worse when several servers do it with the
//! same stale ones: they all run to the same endpoint.
//!
//! *Different* matters. With replacement, one in n pairs is no choice at all: of two endpoints the busier one would
//! still get a quarter of the requests, where it must get none.
//!
//! # Weights
//!
//! An endpoint is drawn as often as its weight says, the second one out of the others, and the load that is compared
//! is `(in flight + 1) / weight`.
//!
//! A draw by weight looks at one endpoint instead of all: draw any with equal chance, keep it with the chance
//! `weight / heaviest weight`, else draw again (rejection sampling: J. von Neumann, Various Techniques Used in Connection
//! With Random Digits, 1951). Those that were tried already are rejected as well. Where that takes too long, the weights
//! are summed up after all; the chances are the same both ways.
#![forbid(unsafe_code)]

use std::sync::OnceLock;

use proxy_module::prelude::*;

/// Rejections before the weights are summed up.
const PATIENCE: usize = 16;

struct TwoChoices {
    heaviest: ClusterSlot<OnceLock<u32>>, // weight in the cluster
}

impl Balancer for TwoChoices {
    type Config = ();
    type Walk = (); // the server remembers who was tried

    fn new(_: (), init: &mut Init<'_>) -> Result<Self> {
        Ok(Self { heaviest: init.per_cluster()? })
    }

    fn begin(&self, _request: &Request<'_>, _set: &Endpoints<'_>) -> Result<Begin<()>> {
        Ok(Begin::Trylist(()))
    }

    fn next(&self, _walk: &mut (), attempt: &Attempt<'_>) -> Result<Next> {
        let Some(first) = self.draw(attempt, None) else { return Ok(Next::Exhausted) };
        let Some(second) = self.draw(attempt, Some(first.index())) else {
            return Ok(Next::Endpoint(first.index()));
        };
        let better = if has_less_to_do(second, first) { second } else { first };
        Ok(Next::Endpoint(better.index()))
    }
}

impl TwoChoices {
    /// One endpoint that may be tried, by weight, but not `except`; none if there is none.
    fn draw<'a>(&self, attempt: &Attempt<'a>, except: Option<u32>) -> Option<Endpoint<'a>> {
        let set = attempt.endpoints();
        let usable = set.usable();
        let heaviest = *set
            .state(&self.heaviest)
            .get_or_init(|| set.iter().map(|endpoint| endpoint.weight()).max().unwrap_or_default());
        for _ in 0..PATIENCE {
            let index = *usable.get(attempt.random_below(usable.len() as u32) as usize)?;
            let drawn = set.get(index)?;
            let may_be_tried = except != Some(index) && !attempt.tried(index);
            if may_be_tried && attempt.random_below(heaviest) < drawn.weight() {
                return Some(drawn);
            }
        }
        draw_from_sum(attempt, except)
    }
}

fn draw_from_sum<'a>(attempt: &Attempt<'a>, except: Option<u32>) -> Option<Endpoint<'a>> {
    let candidates = || attempt.untried().filter(|endpoint| except != Some(endpoint.index()));
    let sum = candidates().map(|endpoint| endpoint.weight()).fold(0, u32::saturating_add);
    let mut left = attempt.random_below(sum);
    candidates().find(|endpoint| match left.checked_sub(endpoint.weight()) {
        Some(rest) => {
            left = rest;
            false
        }
        None => true,
    })
}

/// a/b < c/d, without a division.
fn has_less_to_do(one: Endpoint<'_>, other: Endpoint<'_>) -> bool {
    let requests = |endpoint: Endpoint<'_>| u64::from(endpoint.in_flight()) + 1;
    let weight = |endpoint: Endpoint<'_>| u64::from(endpoint.weight());
    requests(one) * weight(other) < requests(other) * weight(one)
}

proxy_module::module!(lb_p2c_module: balancer TwoChoices);
