//! State that outlives a reload: by identity, between builds of different versions, and whatever panics.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use proxy_module::prelude::*;
use proxy_module_test::Host;

/// What the next host's module does with what was kept.
static BEHAVIOUR: AtomicU32 = AtomicU32::new(0);
const WELL: u32 = 0;
const KEEP_PANICS: u32 = 1;
const RESUME_PANICS: u32 = 2;
const DECLINES: u32 = 3;

#[derive(Default)]
struct Learned(AtomicU64);

impl Kept for Learned {
    const VERSION: u32 = 3;

    fn keep(&self, out: &mut Vec<u8>) {
        self.0.keep(out);
        assert_ne!(BEHAVIOUR.load(Relaxed), KEEP_PANICS, "in keep");
    }

    fn resume(&mut self, version: u32, kept: &[u8]) -> bool {
        assert_ne!(BEHAVIOUR.load(Relaxed), RESUME_PANICS, "in resume");
        version == 3 && BEHAVIOUR.load(Relaxed) != DECLINES && self.0.resume(1, kept)
    }
}

/// Counts its requests beside cluster and endpoint, and offers the endpoint with that number.
struct Learning {
    requests: ClusterSlot<Learned>,
    picks: EndpointSlot<Learned>,
    unkept: ClusterSlot<AtomicU64>,
}

impl Balancer for Learning {
    type Config = ();
    type Walk = ();

    fn new((): (), init: &mut Init<'_>) -> Result<Self> {
        Ok(Self {
            requests: init.per_cluster_kept("learned")?,
            picks: init.per_endpoint_kept("learned")?,
            unkept: init.per_cluster()?,
        })
    }

    fn begin(&self, _: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<()>> {
        set.state(&self.requests).0.fetch_add(1, Relaxed);
        set.state(&self.unkept).fetch_add(1, Relaxed);
        Ok(Begin::Trylist(()))
    }

    fn next(&self, (): &mut (), attempt: &Attempt<'_>) -> Result<Next> {
        let set = attempt.endpoints();
        let (requests, unkept) = (&set.state(&self.requests).0, set.state(&self.unkept));
        let picked = set.get(0).map(|endpoint| endpoint.state(&self.picks).0.fetch_add(1, Relaxed));
        info!(
            requests = requests.load(Relaxed),
            unkept = unkept.load(Relaxed),
            picked = picked.unwrap_or(99)
        );
        Ok(Next::Endpoint(0))
    }
}

proxy_module::module!(learning_module: balancer Learning);

fn host() -> Host {
    Host::of(&learning_module).cluster("c", &["http://a:1", "http://b:1"]).start()
}

/// What the next request reads: requests of the cluster, those not kept, picks of its first endpoint before.
fn read(host: &Host) -> [u64; 3] {
    drop(host.lines());
    host.request("/").begin().next();
    let lines = host.lines();
    let line = lines.last().unwrap().to_string();
    let value = |key: &str| line.split(key).nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    [value(" requests="), value("unkept="), value("picked=")]
}

// One test, since the behaviour is of the process.
#[test]
fn state_goes_with_its_object_or_begins_anew() {
    let old = host();
    for _ in 0..5 {
        read(&old);
    }
    assert_eq!(read(&old), [6, 6, 5]);
    assert_eq!(read(&host().reloaded_from(&old)), [7, 1, 6]);
    let moved = Host::of(&learning_module).cluster("c", &["http://b:1", "http://a:1"]);
    assert_eq!(read(&moved.start().reloaded_from(&old)), [7, 1, 0], "by id, not by place");
    let renamed = Host::of(&learning_module).cluster("d", &["http://a:1"]);
    assert_eq!(read(&renamed.start().reloaded_from(&old)), [1, 1, 0]);
    for behaviour in [KEEP_PANICS, RESUME_PANICS, DECLINES] {
        BEHAVIOUR.store(behaviour, Relaxed);
        let new = host().reloaded_from(&old);
        BEHAVIOUR.store(WELL, Relaxed);
        assert_eq!(read(&new), [1, 1, 0], "behaviour {behaviour}");
    }
    assert_eq!(read(&old), [7, 7, 6], "the old one goes on");
}
