//! Providers: which module offers which function, and who looks it up.
//!
//! As with hooks, a generation collects both, and sorts them out once all modules have begun, so that load order
//! plays no part. What stands behind the pointer that a module holds is filled then. A lookup that finds its function
//! is an edge: the instance that may call ends before the one that is called.

use std::sync::{Arc, OnceLock};

use proxy_abi::{Host, RawEntry};
use tracing::warn;

use crate::containment::{Door, Gate};
use crate::hooks::{ModuleIndex, order};

/// A function provided, the host's own copy.
#[derive(Clone, Debug)]
pub struct ProvidedFunction {
    /// What kind of function it is.
    pub group: String,
    /// Which one of that kind.
    pub name: String,
    /// The signature of the kind.
    pub sig: u64,
    /// One sentence.
    pub doc: String,
    /// The text from which the signature was made.
    pub layout: String,
    /// The function.
    pub entry: RawEntry,
}

/// A function looked up. Empty until the generation is built, and if nobody provides it.
#[derive(Debug)]
pub struct ProviderSlot {
    group: String,
    name: String,
    sig: u64,
    found: OnceLock<FoundProvider>,
}

/// Whose function was found.
#[derive(Debug)]
pub struct FoundProvider {
    /// The module whose it is.
    pub ident: Arc<str>,
    /// What its calls go through.
    pub door: Arc<Door>,
    /// The services for its calls.
    pub host: &'static Host,
    /// The function.
    pub entry: RawEntry,
}

impl ProviderSlot {
    /// An empty one for the function `name` of that group and signature.
    #[must_use]
    pub const fn new(group: String, name: String, sig: u64) -> Self {
        Self { group, name, sig, found: OnceLock::new() }
    }

    /// What kind of function is meant.
    #[must_use]
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Which one of that kind.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signature that it is called with.
    #[must_use]
    pub const fn sig(&self) -> u64 {
        self.sig
    }

    /// The function, if there is one. Any thread.
    #[must_use]
    pub fn found(&self) -> Option<&FoundProvider> {
        self.found.get()
    }

    /// Puts the function in; only the first time counts.
    pub fn fill(&self, found: FoundProvider) {
        let _ = self.found.set(found);
    }

    fn means(&self, function: &ProvidedFunction) -> bool {
        self.group == function.group && self.name == function.name
    }
}

/// What is collected before sealing.
#[derive(Debug, Default)]
pub struct Providers {
    provided: Vec<(ModuleIndex, ProvidedFunction)>,
    lookups: Vec<(ModuleIndex, Arc<ProviderSlot>)>,
}

impl Providers {
    /// Adds what `module` provides and looks up.
    pub fn add(
        &mut self,
        module: ModuleIndex,
        provided: Vec<ProvidedFunction>,
        lookups: Vec<Arc<ProviderSlot>>,
    ) {
        self.provided.extend(provided.into_iter().map(|function| (module, function)));
        self.lookups.extend(lookups.into_iter().map(|slot| (module, slot)));
    }

    /// Sorts everything out. `gates` are those of the modules in load order.
    ///
    /// # Errors
    /// All that is wrong: a function provided by two, a ring of modules that use each other.
    pub fn seal(self, gates: &[Arc<Gate>]) -> Result<ProviderTable, Vec<String>> {
        let idents: Vec<&str> = gates.iter().map(|gate| &**gate.ident()).collect();
        let idents = &*idents;
        let mut errors = self.provided_twice(idents);
        let retiring = self.retiring(idents).map_err(|ring| errors.push(ring));
        match retiring {
            Ok(retiring) if errors.is_empty() => {
                let (provided, lookups, gates) = (self.provided, self.lookups, gates.to_vec());
                Ok(ProviderTable { provided, lookups, gates, retiring })
            }
            _ => Err(errors),
        }
    }

    fn provided_twice(&self, idents: &[&str]) -> Vec<String> {
        let mut errors = Vec::new();
        for (place, (module, function)) in self.provided.iter().enumerate() {
            let same =
                |other: &ProvidedFunction| (&other.group, &other.name) == (&function.group, &function.name);
            if let Some((first, _)) = self.provided[..place].iter().find(|(_, other)| same(other)) {
                errors.push(format!(
                    "{} '{}' is provided by {} and by {}: only one may provide it",
                    function.group, function.name, idents[*first], idents[*module]
                ));
            }
        }
        errors
    }

    /// The modules in the order in which their instances end: load order, but for users before those they use.
    fn retiring(&self, idents: &[&str]) -> Result<Vec<ModuleIndex>, String> {
        let used_by = |user: ModuleIndex| {
            let lookups = self.lookups.iter().filter(move |(module, _)| *module == user);
            let found = lookups.filter_map(|(_, slot)| function_of(&self.provided, slot));
            found.map(|(module, _)| *module).filter(move |module| *module != user).collect()
        };
        let items: Vec<order::Item> = (0..idents.len())
            .map(|module| order::Item { module, order: 0, before: used_by(module), after: Vec::new() })
            .collect();
        order::sort(&items).map_err(|ring| {
            let ring: Vec<&str> = ring.into_iter().map(|module| idents[module]).collect();
            format!(
                "{} each use a provider of the next, so that none of them can end first: load one less, or drop one \
                 of these lookups",
                ring.join(" -> ")
            )
        })
    }
}

/// The function that a lookup finds.
fn function_of<'a>(
    provided: &'a [(ModuleIndex, ProvidedFunction)],
    slot: &ProviderSlot,
) -> Option<&'a (ModuleIndex, ProvidedFunction)> {
    provided.iter().find(|(_, function)| slot.means(function) && function.sig == slot.sig)
}

/// All providers and lookups of a generation, sorted out.
#[derive(Debug)]
pub struct ProviderTable {
    provided: Vec<(ModuleIndex, ProvidedFunction)>,
    lookups: Vec<(ModuleIndex, Arc<ProviderSlot>)>,
    /// Of the modules in load order.
    gates: Vec<Arc<Gate>>,
    retiring: Vec<ModuleIndex>,
}

/// A function that somebody provides or looks up, for dumps.
#[derive(Debug)]
pub struct ProviderUse<'a> {
    /// What kind of function it is.
    pub group: &'a str,
    /// Which one of that kind.
    pub name: &'a str,
    /// Who provides it.
    pub provided: Option<&'a (ModuleIndex, ProvidedFunction)>,
    /// Who looks it up, and with which signature.
    pub lookups: Vec<(ModuleIndex, u64)>,
}

impl ProviderTable {
    /// Hands the modules what they looked up. `host` gives the table for a module's calls. A lookup that means
    /// another signature than the provider's finds nothing, and the log says so.
    pub fn fill(&self, host: impl Fn(ModuleIndex) -> &'static Host) {
        for (user, slot) in &self.lookups {
            match function_of(&self.provided, slot) {
                Some((module, function)) => slot.fill(FoundProvider {
                    ident: Arc::clone(self.gates[*module].ident()),
                    door: self.gates[*module].door(&format!("{} '{}'", slot.group, slot.name)),
                    host: host(*module),
                    entry: function.entry,
                }),
                None => self.explain(*user, slot),
            }
        }
    }

    fn explain(&self, user: ModuleIndex, slot: &ProviderSlot) {
        let Some((module, function)) = self.provided.iter().find(|(_, function)| slot.means(function)) else {
            return;
        };
        warn!(
            "{} looks up {} '{}' with signature {:016x}, {} provides it with {:016x}: it gets none; rebuild one of \
             them against the other's version",
            self.gates[user].ident(),
            slot.group,
            slot.name,
            slot.sig,
            self.gates[*module].ident(),
            function.sig
        );
    }

    /// The modules in the order in which their instances end.
    #[must_use]
    pub fn retiring(&self) -> &[ModuleIndex] {
        &self.retiring
    }

    /// Each function once: those provided, then those that nobody provides.
    #[must_use]
    pub fn uses(&self) -> Vec<ProviderUse<'_>> {
        let mut uses: Vec<ProviderUse<'_>> = Vec::new();
        for provided in &self.provided {
            let (_, ProvidedFunction { group, name, .. }) = provided;
            uses.push(ProviderUse { group, name, provided: Some(provided), lookups: Vec::new() });
        }
        for (module, slot) in &self.lookups {
            let known =
                uses.iter().position(|known| (known.group, known.name) == (slot.group(), slot.name()));
            let place = known.unwrap_or_else(|| {
                let (group, name) = (slot.group(), slot.name());
                uses.push(ProviderUse { group, name, provided: None, lookups: Vec::new() });
                uses.len() - 1
            });
            uses[place].lookups.push((*module, slot.sig));
        }
        uses
    }
}
