//! Hooks that modules run: what stands behind the pointer that a module holds, filled once a generation's hooks are
//! sealed. Who walks the members is `proxy-dso`, where calls of modules arrive.

use std::sync::Arc;

use proxy_abi::{HookKind, Host, RawEntry};

use crate::containment::Door;
use crate::sync::OnceLock;

/// A hook's implementations, for a module that runs it. Empty until the generation is built, and if nobody declares
/// the hook.
#[derive(Debug)]
pub struct RunSlot {
    name: String,
    sig: u64,
    filled: OnceLock<Filled>,
}

#[derive(Debug)]
struct Filled {
    kind: HookKind,
    layout: String,
    members: Box<[RunMember]>,
}

/// One implementation.
#[derive(Debug)]
pub struct RunMember {
    /// The module whose it is.
    pub ident: Arc<str>,
    /// What its calls go through.
    pub door: Arc<Door>,
    /// The services for its calls.
    pub host: &'static Host,
    /// The function.
    pub entry: RawEntry,
    /// For KEYED hooks: the key answered for, empty for any.
    pub key: String,
}

impl RunSlot {
    /// An empty one for the hook `name` of that signature.
    #[must_use]
    pub fn new(name: String, sig: u64) -> Self {
        Self { name, sig, filled: OnceLock::new() }
    }

    /// The hook's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The signature that the module runs it with.
    #[must_use]
    pub const fn sig(&self) -> u64 {
        self.sig
    }

    /// How its implementations are run.
    #[must_use]
    pub fn kind(&self) -> HookKind {
        self.filled.get().map_or(HookKind::FIRST, |filled| filled.kind)
    }

    /// The text of its structs as its declarer gives it; empty until the generation is built.
    #[must_use]
    pub fn layout(&self) -> &str {
        self.filled.get().map_or("", |filled| &filled.layout)
    }

    /// Its implementations in order. Any thread.
    #[must_use]
    pub fn members(&self) -> &[RunMember] {
        self.filled.get().map_or(&[], |filled| &filled.members)
    }

    /// Puts the implementations in; only the first time counts.
    pub fn fill(&self, kind: HookKind, layout: &str, members: Box<[RunMember]>) {
        let _ = self.filled.set(Filled { kind, layout: layout.to_owned(), members });
    }
}
