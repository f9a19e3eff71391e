//! What modules keep over a reload: from each cluster to the one of the same name, from each endpoint to the one of
//! the same id, between modules of the same ident.

use proxy_abi::{BlobKind, MOST_KEPT};
use tracing::{error, warn};

use super::inherited::Inherited;
use super::{Generation, LiveModule};
use crate::blob::{BlobMemory, KeptBlob, Loaded};
use crate::cluster::{Cluster, Endpoint};

/// How a hand-over went, in blobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HandedOver {
    /// Those that go on where the old ones were.
    pub taken: usize,
    /// Those that begin anew although there was something to go on from.
    pub declined: usize,
}

impl Generation {
    /// Lets its modules go on from what those of `old` have learned. Once, on the thread that builds generations, when
    /// all is ready and nobody has seen this one yet; requests may be using `old`. What goes wrong is in the log, and
    /// the blob meant begins anew.
    pub fn take_over_from(&self, old: &Self) -> HandedOver {
        let pairs = self.pairs(old);
        if pairs.is_empty() {
            return HandedOver::default();
        }
        let inherited = Inherited::from(old);
        let mut courier = Courier { room: vec![0; MOST_KEPT], handed_over: HandedOver::default() };
        for pair in &pairs {
            for cluster in self.clusters() {
                if pair.new.kind == BlobKind::CLUSTER {
                    let from = inherited.cluster(&cluster.name).map(Cluster::blob);
                    courier.carry(pair, from, cluster.blob());
                    continue;
                }
                for endpoint in cluster.endpoints() {
                    let from = inherited.endpoint(endpoint.id).map(Endpoint::blob);
                    courier.carry(pair, from, endpoint.blob());
                }
            }
        }
        courier.handed_over
    }

    /// What both generations' modules keep under one name.
    fn pairs<'a>(&'a self, old: &'a Self) -> Vec<Pair<'a>> {
        let mut pairs = Vec::new();
        for module in self.modules() {
            let ident = &module.info().ident;
            let Some(before) = old.modules().iter().find(|before| before.info().ident == *ident) else {
                continue;
            };
            for new in module.kept() {
                let same = |old: &&KeptBlob| old.kind == new.kind && old.name == new.name;
                let old = before.kept().iter().find(same);
                pairs.extend(old.map(|old| Pair { module, old, new }));
            }
        }
        pairs
    }
}

/// One kind of blob, as the old and the new module keep it.
struct Pair<'a> {
    module: &'a LiveModule,
    old: &'a KeptBlob,
    new: &'a KeptBlob,
}

struct Courier {
    room: Vec<u8>,
    handed_over: HandedOver,
}

impl Courier {
    fn carry(&mut self, pair: &Pair<'_>, from: Option<&BlobMemory>, to: &BlobMemory) {
        let Some(from) = from else { return };
        let (module, name) = (&*pair.module.info().ident, &*pair.new.name);
        let len = pair.old.functions.save(from, pair.old.offset as usize, &mut self.room);
        let Some(kept) = self.room.get(..len) else {
            warn!(module, kept = name, "{len} bytes are more than are kept over a reload: it begins anew");
            self.handed_over.declined += 1;
            return;
        };
        if kept.is_empty() {
            return;
        }
        match pair.new.functions.load(to, pair.new.offset as usize, pair.old.version, kept) {
            Loaded::Taken => self.handed_over.taken += 1,
            Loaded::Declined => self.handed_over.declined += 1,
            Loaded::Fault => {
                error!(module, kept = name, fault = true, "what was kept was not read: it begins anew");
                self.handed_over.declined += 1;
            }
        }
    }
}
