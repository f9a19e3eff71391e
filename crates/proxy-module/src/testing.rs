//! What `proxy-module-test` is built on: the host's side of the boundary, for tests in one process. Not for authors.

use std::cell::RefCell;
use std::ffi::c_void;
use std::fmt;
use std::mem;

use crate::abi::{BlobKind, CacheLine, Directive, Host, Level, RawEntry, StaticRecord, Status};
use crate::ffi::testing as ffi;
#[cfg(feature = "inject")]
use crate::inject;
use crate::{StaticModule, abi, bridge};

pub use crate::ffi::asked::Asked;
pub use crate::ffi::testing::Instance;

/// A value of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directive without words.
    Null,
    /// One word.
    Text(String),
    /// Words in order.
    List(Vec<Self>),
    /// By key, in the order of first appearance.
    Map(Vec<(String, Self)>),
}

/// A line of the log.
#[derive(Clone, Debug)]
pub struct Line {
    /// How loud it is.
    pub level: Level,
    /// The module path it comes from.
    pub target: String,
    /// The message.
    pub message: String,
    /// Its fields.
    pub fields: Vec<(String, String)>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.fields.iter().try_for_each(|(key, value)| write!(f, " {key}={value}"))
    }
}

/// An implementation of a hook as registered.
#[derive(Clone, Debug)]
pub struct Hook {
    /// The hook's name.
    pub name: String,
    /// The key answered for, empty for any.
    pub key: String,
    /// The function.
    pub entry: RawEntry,
    /// Bytes of scratch for each trylist.
    pub scratch_size: u32,
}

/// A cluster as registered.
#[derive(Clone, Debug)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// URL and weight of each endpoint.
    pub endpoints: Vec<(String, u32)>,
}

impl Declared {
    /// Adds an endpoint as the server does, which takes `http://host[:port]`, each once.
    pub(crate) fn add(&mut self, url: String, weight: u32) -> Result<(), String> {
        let host = url.strip_prefix("http://").map(|host| host.trim_end_matches('/')).unwrap_or_default();
        if host.is_empty() || host.contains('/') {
            return Err(format!("endpoint '{url}' of cluster '{}' is not http://host[:port]", self.name));
        }
        if self.endpoints.iter().any(|(added, _)| *added == url) {
            return Err(format!("cluster '{}' has the endpoint {url} already: write it once", self.name));
        }
        self.endpoints.push((url, weight));
        Ok(())
    }
}

/// The id of an endpoint, the same for the same cluster and URL.
#[must_use]
pub const fn endpoint_id(cluster: &str, url: &str) -> u64 {
    let cluster = abi::signature(cluster);
    cluster.rotate_left(32) ^ abi::signature(url) | 1
}

/// What one `init` registered.
#[derive(Debug, Default)]
pub struct Registered {
    /// Implementations of hooks.
    pub hooks: Vec<Hook>,
    /// Clusters.
    pub clusters: Vec<Declared>,
    pub(crate) blobs: Vec<ffi::Blob>,
    pub(crate) kept: Vec<ffi::Kept>,
    /// Why the host refused something.
    pub(crate) refusal: Option<String>,
}

/// Why there is no instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What `init` answered.
    pub status: Status,
    /// What it said, or what the host said of what it asked for.
    pub text: String,
}

thread_local! {
    static LINES: RefCell<Vec<Line>> = const { RefCell::new(Vec::new()) };
}

pub(crate) fn keep(line: Line) {
    // At the end of a thread there is nobody left to read it.
    let _ = LINES.try_with(|lines| lines.try_borrow_mut().map(|mut lines| lines.push(line)));
}

/// The lines that this thread has written since the last question.
#[must_use]
pub fn take_lines() -> Vec<Line> {
    LINES.with(|lines| mem::take(&mut *lines.borrow_mut()))
}

/// Sends what this process traces to [`take_lines`], unless a test has a subscriber of its own.
pub fn keep_lines(record: StaticRecord) {
    let log = bridge::subscriber(&ffi::HOST, record.module());
    let _ = tracing::subscriber::set_global_default(log);
}

/// Lets a function of the module panic, in this thread: at its beginning or where it calls the SDK, after `passed`
/// such points. [`disarm`] says whether it came to that.
#[cfg(feature = "inject")]
pub fn arm(passed: u32) {
    inject::arm(passed);
}

/// No function panics on demand from here on; whether one did.
#[cfg(feature = "inject")]
#[must_use]
pub fn disarm() -> bool {
    inject::disarm()
}

/// The text of a panic that was asked for.
#[cfg(feature = "inject")]
pub const INJECTED: &str = inject::INJECTED;

/// The table of functions that instances are made with.
#[must_use]
pub fn host() -> &'static Host {
    &ffi::HOST
}

/// The promise of `module!` about `module`, which must be a record that it made.
#[must_use]
pub fn record_of(module: &'static abi::Module) -> Option<StaticRecord> {
    let records = inventory::iter::<StaticModule>.into_iter().map(|module| module.0);
    records.into_iter().find(|record| std::ptr::eq(record.module(), module))
}

/// The directives of a module.
#[must_use]
pub fn directives(record: StaticRecord) -> &'static [Directive] {
    ffi::directives(record)
}

/// What a request says.
#[derive(Clone, Debug)]
pub struct RequestText {
    /// Its number.
    pub id: u64,
    /// `GET`.
    pub method: Vec<u8>,
    /// The target of the request line.
    pub uri: Vec<u8>,
    /// Address of the client.
    pub client: Vec<u8>,
    /// Name and value of each field.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl RequestText {
    pub(crate) fn field_named(&self, wanted: &str) -> &[u8] {
        let mut fields = self.fields.iter();
        let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted.as_bytes()));
        found.map_or(&[], |(_, value)| value)
    }
}

/// Memory that the host lends beside one cluster or endpoint, with the module's state in it.
#[derive(Debug)]
pub struct Lent {
    // No box: moving one would end what the module has borrowed of it.
    lines: Vec<CacheLine>,
    blobs: Vec<ffi::Blob>,
    kept: Vec<ffi::Kept>,
}

impl Lent {
    /// Makes the state that `instance` wants beside an object of `kind`.
    #[must_use]
    pub fn new(instance: &Instance, kind: BlobKind) -> Self {
        let of_kind = instance.registered().blobs.iter().filter(|blob| blob.kind == kind);
        let blobs: Vec<_> = of_kind.copied().collect();
        let size = blobs.last().map_or(0, |blob| blob.end());
        let lines = (0..size.div_ceil(size_of::<CacheLine>())).map(|_| CacheLine::new()).collect();
        let kept = instance.registered().kept.iter().filter(|kept| kept.kind == kind).cloned().collect();
        let lent = Self { lines, blobs, kept };
        lent.blobs.iter().for_each(|blob| ffi::make(blob, &lent.lines));
        lent
    }

    /// Lets the state, which nobody has seen yet, go on from that of the same object in the generation before; as a
    /// reload does. False if some of it was declined, or failed.
    #[must_use]
    pub fn take_over_from(&self, old: &Self) -> bool {
        let mut is_taken = true;
        for new in &self.kept {
            let Some(kept) = old.kept.iter().find(|kept| kept.name == new.name) else { continue };
            let answer = ffi::carry(kept, &old.lines, new, &self.lines);
            is_taken &= answer.is_none_or(|status| status == Status::OK);
        }
        is_taken
    }

    /// Where it begins; null if nothing is wanted.
    #[must_use]
    pub fn address(&self) -> *mut c_void {
        if self.lines.is_empty() { std::ptr::null_mut() } else { CacheLine::address(&self.lines).cast() }
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.blobs.iter().for_each(|blob| ffi::destroy(blob, &self.lines));
    }
}
