//! A host of the checks' own: it calls a module as the server does, but over sets of endpoints that a test makes up,
//! and hands every answer on unmended. The server's own trylist would pass over a repeated endpoint and go on by
//! itself after a fault, which is what the checks have to see.

use std::ffi::c_void;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicPtr, AtomicU64};
use std::sync::{Arc, Mutex, PoisonError};

use proxy_abi::{BlobKind, Host, LoadBalance, Stats};
use proxy_config::{Diagnostics, Input, MemoryLoader};
use proxy_core::blob::{BlobMemory, BlobType};
use proxy_core::caller::Caller;
use proxy_core::generation::Generation;
use proxy_core::hooks::{Keyed, Member};
use proxy_core::lower::configure;
use proxy_core::module::{Carrier, InitError, Instance, ModuleCode, ModuleInfo};
use proxy_core::registration::Registration;
use proxy_core::value::Value;
use proxy_dso::Loader;

use super::Not;
use super::set::{Set, Shape};

/// The module that is checked, and how it is configured.
#[derive(Clone, Debug)]
pub(crate) struct Subject {
    /// The file, an absolute path.
    pub(crate) file: PathBuf,
    /// Which module of it.
    pub(crate) ident: String,
    /// Lines of configuration.
    pub(crate) config: Vec<String>,
}

/// An instance of the module, with the memory that it keeps beside two clusters and their endpoints. An endpoint is
/// known by its place in the cluster, whatever sets it stands in.
pub(crate) struct Rig {
    load_balance: Keyed<LoadBalance>,
    member: usize,
    ident: String,
    weights: Vec<u32>,
    stats: Vec<Stats>,
    addrs: Vec<String>,
    memory: Arc<Memory>,
    versions: AtomicU64,
    // The module's instance; `load_balance` is used only while it is there.
    _generation: Generation,
}

/// The two clusters of a rig.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    One,
    Other,
}

impl Rig {
    /// An instance beside two clusters, each of endpoints with these weights.
    ///
    /// # Errors
    /// The module does not load, refuses its configuration, or is no balancer.
    pub(super) fn new(subject: &Subject, weights: &[u32]) -> Result<Self, Not> {
        let memory = Arc::new(Memory::default());
        let (generation, modules) = generation(subject, weights.len(), &memory).map_err(Not::Failed)?;
        let load_balance = generation.hook_table().keyed::<LoadBalance>(|module| modules[module].host());
        let Some(&member) = load_balance.answering(&subject.ident).first() else {
            return Err(Not::Skipped("it does not implement proxy.load_balance".to_owned()));
        };
        Ok(Self {
            load_balance,
            member,
            ident: subject.ident.clone(),
            weights: weights.to_vec(),
            stats: weights.iter().chain(weights).map(|_| Stats::default()).collect(),
            addrs: (1..=weights.len()).map(|port| format!("127.0.0.1:{port}")).collect(),
            memory,
            versions: AtomicU64::new(1),
            _generation: generation,
        })
    }

    /// Beside clusters of `count` equal endpoints.
    ///
    /// # Errors
    /// See [`Rig::new`].
    pub(super) fn equal(subject: &Subject, count: usize) -> Result<Self, Not> {
        Self::new(subject, &vec![1; count])
    }

    /// How many endpoints each cluster has.
    pub(super) const fn len(&self) -> usize {
        self.weights.len()
    }

    /// The weight of an endpoint.
    pub(super) fn weight(&self, place: u32) -> u32 {
        self.weights[place as usize]
    }

    /// What is counted about an endpoint.
    pub(super) fn stats(&self, which: Which, place: u32) -> &Stats {
        let first = if which == Which::One { 0 } else { self.len() };
        &self.stats[first + place as usize]
    }

    /// All endpoints in their order, all of them usable.
    pub(super) fn all(&self) -> Set {
        self.usable(|_| true)
    }

    /// All endpoints in their order, of which some are usable.
    pub(super) fn usable(&self, is_usable: impl Fn(u32) -> bool) -> Set {
        let places: Vec<u32> = (0..self.len() as u32).collect();
        self.arranged(Which::One, &places, is_usable, Shape::Close)
    }

    /// A set as wanted, of some of the endpoints.
    pub(super) fn arranged(
        &self,
        which: Which,
        places: &[u32],
        is_usable: impl Fn(u32) -> bool,
        shape: Shape,
    ) -> Set {
        let first = if which == Which::One { 0 } else { self.len() };
        let endpoint = |place: u32| {
            let addr = &self.addrs[place as usize];
            proxy_abi::Endpoint {
                id: proxy_abi::signature(&format!("{which:?}\0http://{addr}")).max(1),
                addr: proxy_abi::RawBytes::of(addr.as_bytes()),
                weight: self.weight(place),
                health: if is_usable(place) { proxy_abi::Health::UP } else { proxy_abi::Health::DOWN },
                flags: 0,
                reserved: 0,
                stats: self.stats(which, place),
                blob: self.memory.of_endpoint(first + place as usize),
            }
        };
        let version = self.versions.fetch_add(1, Relaxed);
        let blob = self.memory.of_cluster(which as usize);
        Set::new(which, places, endpoint, &is_usable, shape, version, blob)
    }

    /// Who is called.
    pub(super) fn member(&self) -> Option<&Member<LoadBalance>> {
        self.load_balance.member(self.member)
    }

    /// The load_balancer_module_id.
    pub(super) fn ident(&self) -> &str {
        &self.ident
    }
}

/// Loads the module and begins it once, in a generation of its own.
///
/// # Errors
/// What is wrong with file, configuration or module.
pub(super) fn begin(subject: &Subject) -> Result<Generation, String> {
    generation(subject, 3, &Arc::default()).map(|(generation, _)| generation)
}

type Modules = Vec<Arc<dyn ModuleCode>>;

fn generation(
    subject: &Subject,
    endpoints: usize,
    memory: &Arc<Memory>,
) -> Result<(Generation, Modules), String> {
    let mut text = String::new();
    for name in ["one", "other"] {
        let _ = writeln!(text, "<Proxy balancer://{name}>");
        for port in 1..=endpoints {
            let _ = writeln!(text, "BalancerMember http://127.0.0.1:{port}");
        }
        text.push_str("</Proxy>\n");
    }
    build(subject, &text, Some(memory))
}

/// The generation of a configuration that loads the module, and goes on with `text`.
///
/// # Errors
/// What is wrong with file, configuration or module.
pub(in crate::module) fn build(
    subject: &Subject,
    text: &str,
    memory: Option<&Arc<Memory>>,
) -> Result<(Generation, Modules), String> {
    let (ident, file) = (&subject.ident, subject.file.display());
    let own = subject.config.join("\n");
    let text = format!("Listen 127.0.0.1:0\nLoadModule {ident} \"{file}\"\n{own}\n{text}");
    let path = Path::new("/check/proxyd.conf");
    let files = MemoryLoader::default().with(path, text);
    let configured = configure(&Input::new(path, "/check"), &files, &Loader::default(), Vec::new());
    let render = |found: &Diagnostics| -> String {
        let rendered: Vec<String> =
            found.errors().map(|diagnostic| configured.sources.render(diagnostic)).collect();
        rendered.join("; ")
    };
    if configured.diagnostics.has_errors() {
        return Err(render(&configured.diagnostics));
    }
    let mut modules = configured.modules.clone();
    if let (Some(memory), Some(first)) = (memory, modules.first()) {
        modules.push(Arc::new(Onlooker::new(Arc::clone(memory), first.host())));
    }
    let built = Generation::build(configured.conf.clone(), &modules, &Caller::new(u32::MAX));
    let generation = built.map_err(|found| render(&found))?;
    Ok((generation, modules))
}

/// Where the memory of modules lies beside each cluster and each endpoint of a generation, in their order.
#[derive(Debug, Default)]
pub(in crate::module) struct Memory {
    clusters: Places,
    endpoints: Places,
}

impl Memory {
    fn of_cluster(&self, number: usize) -> *mut c_void {
        self.clusters.at(number)
    }

    fn of_endpoint(&self, number: usize) -> *mut c_void {
        self.endpoints.at(number)
    }
}

#[derive(Clone, Debug, Default)]
struct Places(Arc<Mutex<Vec<AtomicPtr<c_void>>>>);

impl Places {
    fn at(&self, number: usize) -> *mut c_void {
        let places = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        places.get(number).map_or(std::ptr::null_mut(), |place| place.load(Relaxed))
    }
}

impl BlobType for Places {
    fn construct(&self, memory: &BlobMemory, _offset: usize) {
        let place = AtomicPtr::new(memory.address());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(place);
    }

    fn destroy(&self, _memory: &BlobMemory, _offset: usize) {}
}

/// A module of the checks' own that looks on where the memory of the others is made. The one byte it asks for it never touches.
#[derive(Debug)]
struct Onlooker {
    info: ModuleInfo,
    host: &'static Host,
    memory: Arc<Memory>,
}

impl Onlooker {
    fn new(memory: Arc<Memory>, host: &'static Host) -> Self {
        let info = ModuleInfo {
            ident: "onlooker_module".to_owned(),
            version: String::new(),
            build: String::new(),
            carrier: Carrier::Static,
            directives: Vec::new(),
        };
        Self { info, host, memory }
    }
}

#[derive(Debug)]
struct Nothing;

impl Instance for Nothing {}

impl ModuleCode for Onlooker {
    fn info(&self) -> &ModuleInfo {
        &self.info
    }

    fn host(&self) -> &'static Host {
        self.host
    }

    fn init(
        &self,
        _caller: &Caller,
        _config: &Value,
        registration: &mut Registration,
    ) -> Result<Box<dyn Instance>, InitError> {
        let refused = |message: String| InitError { message, span: None };
        for (kind, places) in
            [(BlobKind::CLUSTER, &self.memory.clusters), (BlobKind::ENDPOINT, &self.memory.endpoints)]
        {
            let make = Arc::new(places.clone());
            registration.blob(kind, 1, 1, Some(make)).map_err(|error| refused(error.to_string()))?;
        }
        Ok(Box::new(Nothing))
    }
}
