//! What a module may do while its instance is made: clusters, slots, hooks.

use std::fmt;
use std::marker::PhantomData;

use crate::abi::{
    BlobKind, Bytes, ClusterDecl, EndpointDecl, HookSpec, Host, Module as Record, ProviderSpec, Registrar,
    Status, Value, ValueKind,
};
use crate::ffi::blob::Held;
use crate::ffi::tree::Tree;
use crate::ffi::{host, provider};
use crate::slot::{InitNumber, Slot};
use crate::{ClusterSlot, EndpointSlot, Error, Kept, Provider, Result, Runner};

/// The making of an instance, on the server's main thread. What it registers counts only if `new` succeeds.
pub struct Init<'a> {
    site: Site<'a>,
}

/// What `init` was called with.
#[derive(Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) host: &'a Host,
    pub(crate) module: &'a Record,
    pub(crate) registrar: &'a Registrar,
    pub(crate) config: Tree<'a>,
    pub(crate) number: InitNumber,
}

impl<'a> Init<'a> {
    pub(crate) const fn new(site: Site<'a>) -> Self {
        Self { site }
    }

    /// The module's ident, as in LoadModule.
    #[must_use]
    pub const fn ident(&self) -> &'static [u8] {
        self.site.module.ident.as_slice()
    }

    /// Makes a cluster, which the server then owns: it resolves names, watches health and counts.
    ///
    /// # Errors
    /// The server refuses the name, for instance since another module has made it already.
    pub fn cluster(&mut self, name: &str) -> Result<Cluster<'a>> {
        let Site { host, registrar, config, .. } = self.site;
        let written = find_key(config, name.as_bytes());
        let decl = ClusterDecl {
            size: size_of::<ClusterDecl<'_>>() as u32,
            flags: 0,
            name: Bytes::of(name),
            at: pointer(written),
        };
        let mut number = 0;
        let answer = (host.cluster)(host, Some(registrar), Some(&decl), Some(&mut number));
        accepted(answer, || format!("cluster {name}"))?;
        Ok(Cluster { site: self.site, number, written, used: 0 })
    }

    /// State of type `T` beside each cluster, made by `T::default()`.
    ///
    /// # Errors
    /// `T` needs an alignment above 64, or the server refuses its size.
    pub fn per_cluster<T: Default + Send + Sync + 'static>(&mut self) -> Result<ClusterSlot<T>> {
        self.site.slot(BlobKind::CLUSTER).map(ClusterSlot)
    }

    /// State of type `T` beside each endpoint, made by `T::default()`.
    ///
    /// # Errors
    /// `T` needs an alignment above 64, or the server refuses its size.
    pub fn per_endpoint<T: Default + Send + Sync + 'static>(&mut self) -> Result<EndpointSlot<T>> {
        self.site.slot(BlobKind::ENDPOINT).map(EndpointSlot)
    }

    /// State of type `T` beside each cluster that a reload does not make anew: a cluster of the same name goes on where
    /// it was. `name` says what it is, and is the same in all builds of the module.
    ///
    /// # Errors
    /// As of [`per_cluster`](Self::per_cluster), or if another state of clusters has the name.
    pub fn per_cluster_kept<T: Kept>(&mut self, name: &str) -> Result<ClusterSlot<T>> {
        self.site.kept_slot(BlobKind::CLUSTER, name).map(ClusterSlot)
    }

    /// The same beside each endpoint: one of the same id goes on where it was.
    ///
    /// # Errors
    /// As of [`per_endpoint`](Self::per_endpoint), or if another state of endpoints has the name.
    pub fn per_endpoint_kept<T: Kept>(&mut self, name: &str) -> Result<EndpointSlot<T>> {
        self.site.kept_slot(BlobKind::ENDPOINT, name).map(EndpointSlot)
    }

    /// Asks to run the hook `H`, whoever declares it. If nobody does, running it finds nobody.
    ///
    /// # Errors
    /// The server alone runs it, as `proxy.load_balance`. A signature other than the declared one refuses the
    /// configuration later, when all modules have begun.
    pub fn runs<H: HookSpec>(&mut self) -> Result<Runner<H>> {
        let (answer, pointer) = host::runner::<H>(&self.site);
        accepted(answer, || format!("to have {} run", H::NAME))?;
        Ok(Runner { runs: host::Runs::new(pointer), owner: self.site.number })
    }

    /// Looks up the function `name` of the kind `P`, whoever provides it, loaded before or after. If nobody does,
    /// [`Provider::get`] finds none.
    ///
    /// # Errors
    /// The server refuses the name. A ring of modules that use providers of each other refuses the configuration
    /// later, when all modules have begun.
    pub fn provider<P: ProviderSpec>(&mut self, name: &str) -> Result<Provider<P>> {
        let (answer, looked_up) = provider::look_up(&self.site, name);
        accepted(answer, || format!("to look up {} '{name}'", P::GROUP))?;
        Ok(Provider { looked_up, owner: self.site.number })
    }

    /// Declares a hook of the module's own, which other modules may then implement.
    ///
    /// # Errors
    /// The server refuses it: the name is declared already with another signature.
    pub fn declare<H: HookSpec>(&mut self) -> Result<()> {
        accepted(host::declare::<H>(&self.site), || format!("hook {}", H::NAME))
    }
}

impl fmt::Debug for Init<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Init({})", self.ident().escape_ascii())
    }
}

impl Site<'_> {
    fn slot<T: Default + Send + Sync + 'static>(&self, kind: BlobKind) -> Result<Slot<T>> {
        let (size, align) = (size_of::<Held<T>>(), align_of::<Held<T>>());
        if u32::try_from(size).is_err() {
            return Err(Error::msg("a slot's type is larger than 4 GiB"));
        }
        if align > 64 {
            return Err(Error::msg(format!(
                "a slot's type needs alignment {align}, 64 is the most there is"
            )));
        }
        let (answer, offset) = host::held::<T>(self, kind);
        accepted(answer, || format!("a slot of {size} bytes"))?;
        Ok(Slot { owner: self.number, offset, spare: T::default(), kind: PhantomData })
    }

    fn kept_slot<T: Kept>(&self, kind: BlobKind, name: &str) -> Result<Slot<T>> {
        let slot = self.slot(kind)?;
        accepted(host::keep(self, kind, name, &slot), || format!("to keep '{name}'"))?;
        Ok(slot)
    }
}

/// What a weight's word begins with.
const WEIGHT: &str = "weight=";

/// A cluster that is being made.
pub struct Cluster<'a> {
    site: Site<'a>,
    number: u32,
    /// The value that stands behind its name in the configuration.
    written: Option<Tree<'a>>,
    /// How many words were used.
    used: usize,
}

impl<'a> Cluster<'a> {
    /// Adds the endpoints that `words` name, in this order: for each its URL, `http://host[:port]`, and behind that
    /// maybe `weight=N`, from 1 to 1000 and 1 if not given.
    ///
    /// # Errors
    /// The server refuses a URL, or a weight is none.
    pub fn endpoints<W: AsRef<str>>(&mut self, words: impl IntoIterator<Item = W>) -> Result<()> {
        let mut words = words.into_iter().peekable();
        while let Some(url) = words.next() {
            let url = url.as_ref();
            if url.starts_with(WEIGHT) {
                return Err(self.about(url, "a weight stands behind a URL, and once"));
            }
            let word = words.next_if(|word| word.as_ref().starts_with(WEIGHT));
            let weight = word.as_ref().map_or(Ok(1), |word| self.weight(word.as_ref()))?;
            self.endpoint(url, weight)?;
            self.used += usize::from(word.is_some());
        }
        Ok(())
    }

    /// Adds the endpoint at `url` and answers its id.
    ///
    /// # Errors
    /// The server refuses the URL.
    pub fn endpoint(&mut self, url: &str, weight: u32) -> Result<u64> {
        let Site { host, registrar, .. } = self.site;
        let written = self.find(url);
        self.used += 1;
        let decl = EndpointDecl {
            size: size_of::<EndpointDecl<'_>>() as u32,
            weight,
            url: Bytes::of(url),
            at: pointer(written),
        };
        let mut id = 0;
        let answer = (host.endpoint)(host, Some(registrar), self.number, Some(&decl), Some(&mut id));
        accepted(answer, || format!("endpoint {url}"))?;
        Ok(id)
    }

    fn weight(&self, word: &str) -> Result<u32> {
        let weight = word.strip_prefix(WEIGHT).and_then(|number| number.parse().ok());
        let weight = weight.filter(|weight| (1..=1000).contains(weight));
        weight.ok_or_else(|| self.about(word, "a weight is a number from 1 to 1000"))
    }

    /// The error that is the fault of `word`.
    fn about(&self, word: &str, what: &str) -> Error {
        Error::about(format!("`{word}`: {what}"), self.find(word).map_or(0, Tree::address))
    }

    fn find(&self, word: &str) -> Option<Tree<'a>> {
        let everything = self.written.unwrap_or(self.site.config);
        self.in_step(word).or_else(|| find_text(everything, word.as_bytes()))
    }

    /// The value of `word` if words are used as they stand in the configuration: so thousands are found fast.
    fn in_step(&self, word: &str) -> Option<Tree<'a>> {
        let (_, value) = self.written?.at(self.used)?;
        (value.kind() == ValueKind::TEXT && value.text() == Some(word.as_bytes())).then_some(value)
    }
}

impl fmt::Debug for Cluster<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cluster({})", self.number)
    }
}

/// The host keeps the reason of its refusals: its text names the place in the configuration.
pub(crate) fn accepted(answer: Status, what: impl FnOnce() -> String) -> Result<()> {
    if answer == Status::OK { Ok(()) } else { Err(Error::refused(format!("the server refused {}", what()))) }
}

/// What is refused then.
pub(crate) fn implementation_of<H: HookSpec>() -> String {
    format!("an implementation of {}", H::NAME)
}

/// The first value with that key, so that messages can point to where a name was written.
fn find_key<'v>(tree: Tree<'v>, key: &[u8]) -> Option<Tree<'v>> {
    let here = || tree.iter().find(|(found, _)| *found == key).map(|(_, value)| value);
    here().or_else(|| tree.iter().find_map(|(_, value)| find_key(value, key)))
}

/// The last value with that text: of a word given twice, the second is the one that is refused.
fn find_text<'v>(tree: Tree<'v>, text: &[u8]) -> Option<Tree<'v>> {
    if tree.kind() == ValueKind::TEXT {
        return (tree.text() == Some(text)).then_some(tree);
    }
    let found = tree.iter().filter_map(|(_, value)| find_text(value, text));
    found.last()
}

fn pointer(written: Option<Tree<'_>>) -> *const Value {
    written.map_or(std::ptr::null(), Tree::pointer)
}
