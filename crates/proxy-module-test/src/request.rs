//! A request to be balanced.

use std::rc::Rc;

use proxy_module::testing::{Asked, RequestText};

use crate::cluster::Cluster;
use crate::host::Host;
use crate::trial::{NoTrylist, Trial};

/// A request that is being put together; `GET` from 192.0.2.7 unless said otherwise.
#[derive(Debug)]
#[must_use = "nothing is asked before begin"]
pub struct Request<'h> {
    host: &'h Host,
    cluster: &'h Cluster,
    text: RequestText,
    hash_key: Vec<u8>,
    nulls: bool,
}

impl<'h> Request<'h> {
    pub(crate) fn new(host: &'h Host, cluster: &'h Cluster, uri: &[u8]) -> Self {
        let text = RequestText {
            id: host.next_id(),
            method: b"GET".to_vec(),
            uri: uri.to_vec(),
            client: b"192.0.2.7".to_vec(),
            fields: vec![(b"Host".to_vec(), b"www.example".to_vec())],
        };
        Self { host, cluster, text, hash_key: Vec::new(), nulls: false }
    }

    /// Its method.
    pub fn method(mut self, method: &str) -> Self {
        self.text.method = method.into();
        self
    }

    /// The client's address.
    pub fn client(mut self, addr: &str) -> Self {
        self.text.client = addr.into();
        self
    }

    /// Adds a field.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.text.fields.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// What the cluster's `LBHashKey` takes from it.
    pub fn hash_key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.hash_key = key.as_ref().to_vec();
        self
    }

    /// With null pointers for what is empty.
    pub(crate) const fn nulls(mut self) -> Self {
        self.nulls = true;
        self
    }

    /// Asks the module for a trylist.
    ///
    /// # Panics
    /// If it gives none.
    pub fn begin(self) -> Trial<'h> {
        let host = self.host;
        self.try_begin().unwrap_or_else(|none| panic!("{} began no trylist: {none}", host.ident()))
    }

    /// Asks the module for a trylist.
    ///
    /// # Errors
    /// Why it gives none.
    pub fn try_begin(self) -> Result<Trial<'h>, NoTrylist> {
        let hash = if self.hash_key.is_empty() { 0 } else { hash(&self.hash_key) };
        let asked = Asked::new(self.text);
        let asked = Rc::new(if self.nulls { asked.with_nulls() } else { asked });
        let hash_key = (!self.nulls || hash != 0).then_some(self.hash_key);
        Trial::begin(self.host, self.cluster.set(), asked, hash_key, hash)
    }
}

/// The server's hash of a key: FNV-1a with MurmurHash3's finaliser over it, never 0.
fn hash(key: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in key {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ hash >> 33).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    (hash ^ hash >> 33).max(1)
}
