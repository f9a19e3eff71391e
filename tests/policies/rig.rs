//! A module file behind the server's own trylist, without sockets: so 100,000 picks take a second, on a clock and
//! with random numbers of the test's own.

use std::sync::atomic::Ordering::Relaxed;

use proxy_abi::{FailureKind, FieldAccess, Fields, Outcome, OutcomeResult, Request, RequestParts};
use proxy_config::{Diagnostics, Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::cluster::Endpoint;
use proxy_core::conf::ProxySettings;
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_core::trylist::Trylist;
use proxy_dso::Loader;

use crate::support::policy::Policy;

/// The cluster `c` under a balancer, routed to from `/`.
pub(super) struct Rig {
    generation: Generation,
}

impl Rig {
    /// With endpoints of these weights.
    pub(super) fn weighing(policy: &Policy, weights: &[u32]) -> Self {
        let name = |place: usize| format!("127.0.0.1:{}", 1 + place);
        let servers = weights.iter().enumerate().map(|(place, weight)| (name(place), *weight));
        Self::of(policy, &servers.collect::<Vec<_>>(), "")
    }

    /// With `count` endpoints of equal weight.
    pub(super) fn equal(policy: &Policy, count: usize) -> Self {
        Self::weighing(policy, &vec![1; count])
    }

    /// With these endpoints, `host:port` and weight, and further lines.
    pub(super) fn of<N: AsRef<str>>(policy: &Policy, servers: &[(N, u32)], lines: &str) -> Self {
        let member = |(name, weight): &(N, u32)| {
            format!("BalancerMember http://{} loadfactor={weight}\n", name.as_ref())
        };
        let members: String = servers.iter().map(member).collect();
        let (load, ident) = (policy.load_line(), policy.ident);
        Self::verbatim(&format!(
            "{load}{lines}<Proxy balancer://c>\n{members}</Proxy>\nLBMethod c {ident}\nProxyPass / balancer://c\n"
        ))
    }

    /// From a configuration without Listen.
    pub(super) fn verbatim(lines: &str) -> Self {
        let files = MemoryLoader::default().with("/t/proxyd.conf", format!("Listen 127.0.0.1:0\n{lines}"));
        let input = Input::new("/t/proxyd.conf", "/t");
        let configured = configure(&input, &files, &Loader::default(), Vec::new());
        let render = |found: &Diagnostics| -> String {
            found.iter().map(|diagnostic| configured.sources.render(diagnostic)).collect()
        };
        assert!(!configured.diagnostics.has_errors(), "{}", render(&configured.diagnostics));
        let built = Generation::build(configured.conf.clone(), &configured.modules, &Caller::new(u32::MAX));
        Self { generation: built.unwrap_or_else(|found| panic!("{}", render(&found))) }
    }

    pub(super) fn endpoints(&self) -> &[Endpoint] {
        let cluster = self.generation.clusters().find(|cluster| cluster.name == "c");
        cluster.unwrap().endpoints()
    }

    /// What the policy sees in flight at each endpoint.
    pub(super) fn set_in_flight(&self, counts: &[u32]) {
        for (endpoint, count) in self.endpoints().iter().zip(counts) {
            endpoint.stats().in_flight.store(*count, Relaxed);
        }
    }

    pub(super) fn in_flight(&self) -> Vec<u32> {
        self.endpoints().iter().map(|endpoint| endpoint.stats().in_flight.load(Relaxed)).collect()
    }

    /// Begins a trylist for the target `uri`; when `drive` is over, its last target counts as cancelled.
    pub(super) fn request<R>(
        &self,
        caller: &Caller,
        uri: &[u8],
        drive: impl FnOnce(&mut Trylist<'_>) -> R,
    ) -> R {
        let routed = self.generation.servers().route(([127, 0, 0, 1], 80).into(), None, b"/");
        let parts = RequestParts {
            version: 11,
            id: 1,
            method: b"GET",
            authority: b"localhost",
            path: b"/",
            query: b"",
            unparsed_uri: uri,
            client: b"127.0.0.1",
        };
        let view = Request::new(&parts, Fields::new(&NoFields));
        let settings = ProxySettings::default();
        let mut trylist = self.generation.trylist(caller, routed.route.unwrap(), &settings, &view);
        drive(&mut trylist)
    }

    /// The index that one request gets, which is then over at once.
    pub(super) fn pick(&self, caller: &Caller) -> usize {
        self.pick_for(caller, b"/")
    }

    pub(super) fn pick_for(&self, caller: &Caller, uri: &[u8]) -> usize {
        self.request(caller, uri, |trylist| {
            let index = trylist.next().expect("an endpoint").index;
            trylist.finish(Outcome::of(OutcomeResult::OK));
            index as usize
        })
    }

    /// As [`pick`](Self::pick), and the request stays in flight until [`release`](Self::release).
    pub(super) fn hold(&self, caller: &Caller) -> usize {
        let index = self.pick(caller);
        self.endpoints()[index].stats().in_flight.fetch_add(1, Relaxed);
        index
    }

    pub(super) fn hold_many(&self, caller: &Caller, count: usize) {
        for _ in 0..count {
            self.hold(caller);
        }
    }

    pub(super) fn release(&self, index: usize) {
        self.endpoints()[index].stats().in_flight.fetch_sub(1, Relaxed);
    }

    /// One letter for each of `count` requests, `a` for index 0.
    pub(super) fn letters(&self, caller: &Caller, count: usize) -> String {
        (0..count).map(|_| char::from(b'a' + self.pick(caller) as u8)).collect()
    }

    /// How many of `count` requests each endpoint gets.
    pub(super) fn shares(&self, caller: &Caller, count: usize) -> Vec<usize> {
        let mut shares = vec![0; self.endpoints().len()];
        (0..count).for_each(|_| shares[self.pick(caller)] += 1);
        shares
    }

    /// All that one request is offered while every endpoint refuses.
    pub(super) fn walk(&self, caller: &Caller, uri: &[u8]) -> Vec<usize> {
        self.request(caller, uri, |trylist| {
            let mut offered = Vec::new();
            while let Some(endpoint) = trylist.next() {
                offered.push(endpoint.index as usize);
                trylist.failed(FailureKind::REFUSED, 111, 5);
            }
            offered
        })
    }
}

/// A request without fields.
struct NoFields;

impl FieldAccess for NoFields {
    fn field(&self, _: usize) -> Option<(&[u8], &[u8])> {
        None
    }
}

/// Fails unless `hits` of `draws` is as near to the chance `share` as 5 standard deviations: by chance, one run in
/// 1.7 million is not; these are always the same runs.
pub(super) fn assert_share(hits: usize, draws: usize, share: f64, what: &str) {
    let mean = draws as f64 * share;
    let sigma = (mean * (1.0 - share)).sqrt();
    let off = (hits as f64 - mean) / sigma;
    assert!(off.abs() < 5.0, "{what}: {hits} of {draws}, expected {mean:.0} ± {:.0}", 5.0 * sigma);
}

/// Fails unless `counts` fit the chances that `weights` stand for: χ² within 5 of its standard deviations.
pub(super) fn assert_distribution(counts: &[usize], weights: &[u32], what: &str) {
    let (draws, sum) = (counts.iter().sum::<usize>() as f64, weights.iter().sum::<u32>());
    let expected = weights.iter().map(|weight| draws * f64::from(*weight) / f64::from(sum));
    let chi2: f64 =
        counts.iter().zip(expected).map(|(&count, mean)| (count as f64 - mean).powi(2) / mean).sum();
    let freedom = (counts.len() - 1) as f64;
    let bound = freedom + 5.0 * (2.0 * freedom).sqrt();
    assert!(chi2 < bound, "{what}: χ² {chi2:.1} above {bound:.1}: {counts:?} for weights {weights:?}");
}
