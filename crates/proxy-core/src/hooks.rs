//! The hook registry: who declares which hook, who implements it, in which order.
//!
//! A generation collects declarations and implementations, seals them once into a [`HookTable`], and takes typed,
//! flat, immutable chains out of it. A hook that nobody implements is an empty chain: one load and one branch.

mod chain;
pub(crate) mod order;
mod run;

use std::sync::Arc;

use proxy_abi as abi;
use proxy_abi::{Bytes, HookDecl, HookKind, HookSpec};

pub use chain::{Answer, Chain, Keyed, Member, Refusal};
pub use run::{RunMember, RunSlot};

use crate::containment::Gate;
use crate::module::module_answers_to;
use crate::registration::{DeclaredHook, ImplementedHook};

/// A hook that the server itself declares; collected where it is defined.
#[derive(Debug)]
pub struct CoreHook(pub HookDecl<'static>);

inventory::collect!(CoreHook);

inventory::submit!(CoreHook(HookDecl::of::<abi::PostReadRequest>()));
inventory::submit!(CoreHook(HookDecl::of::<abi::AccessChecker>()));
inventory::submit!(CoreHook(HookDecl::of::<abi::Fixups>()));
inventory::submit!(CoreHook(HookDecl::of::<abi::LoadBalance>()));
inventory::submit!(CoreHook(HookDecl::of::<abi::ResponseHead>()));
inventory::submit!(CoreHook(HookDecl::of::<abi::LogTransaction>()));

/// Place of a module in a generation's load order.
pub type ModuleIndex = usize;

/// What is collected before sealing.
#[derive(Debug)]
pub struct Registry {
    declared: Vec<(Option<ModuleIndex>, DeclaredHook)>,
    implemented: Vec<(ModuleIndex, ImplementedHook)>,
    run: Vec<(ModuleIndex, Arc<RunSlot>)>,
}

impl Default for Registry {
    /// With the server's own hooks declared, by name.
    fn default() -> Self {
        let mut declared: Vec<_> =
            inventory::iter::<CoreHook>.into_iter().map(|CoreHook(decl)| (None, copy_of(decl))).collect();
        declared.sort_by(|(_, a), (_, b)| a.name.cmp(&b.name));
        Self { declared, implemented: Vec::new(), run: Vec::new() }
    }
}

fn copy_of(decl: &HookDecl<'_>) -> DeclaredHook {
    let text = |bytes: Bytes<'_>| String::from_utf8_lossy(bytes.as_slice()).into_owned();
    DeclaredHook {
        name: text(decl.name),
        kind: decl.kind,
        sig: decl.sig,
        doc: text(decl.doc),
        layout: text(decl.layout),
    }
}

impl Registry {
    /// Adds what `module` declares, implements and runs.
    pub fn add(
        &mut self,
        module: ModuleIndex,
        declared: Vec<DeclaredHook>,
        implemented: Vec<ImplementedHook>,
        run: Vec<Arc<RunSlot>>,
    ) {
        self.declared.extend(declared.into_iter().map(|hook| (Some(module), hook)));
        self.run.extend(run.into_iter().map(|slot| (module, slot)));
        self.implemented.extend(implemented.into_iter().map(|hook| (module, hook)));
    }

    /// Sorts everything out. `gates` are those of the modules in load order.
    ///
    /// # Errors
    /// All that is wrong: a hook declared by two, a signature that differs from the declared one, a cycle.
    pub fn seal(self, gates: &[Arc<Gate>]) -> Result<HookTable, Vec<String>> {
        let idents: Vec<String> = gates.iter().map(|gate| (**gate.ident()).to_owned()).collect();
        let idents = &*idents;
        let mut errors = self.conflicts(idents);
        let mut hooks: Vec<Hook> = Vec::new();
        for (owner, declared) in self.declared {
            hooks.push(Hook { declared: Some((owner, declared)), ..Hook::default() });
        }
        for (module, implemented) in self.implemented {
            match hooks.iter_mut().find(|hook| hook.name() == implemented.name) {
                Some(hook) => hook.members.push((module, implemented)),
                None => hooks.push(Hook { members: vec![(module, implemented)], ..Hook::default() }),
            }
        }
        for (module, slot) in self.run {
            match hooks.iter_mut().find(|hook| hook.name() == slot.name()) {
                Some(hook) => hook.run_by.push((module, slot)),
                None => hooks.push(Hook { run_by: vec![(module, slot)], ..Hook::default() }),
            }
        }
        for hook in &mut hooks {
            if let Err(error) = hook.sort(idents) {
                errors.push(error);
            }
        }
        if errors.is_empty() { Ok(HookTable { hooks, gates: gates.to_vec() }) } else { Err(errors) }
    }

    fn conflicts(&self, idents: &[String]) -> Vec<String> {
        let mut errors = Vec::new();
        for (place, (owner, hook)) in self.declared.iter().enumerate() {
            let earlier = self.declared[..place].iter().find(|(_, other)| other.name == hook.name);
            if let Some((first, _)) = earlier {
                errors.push(format!(
                    "hook {} is declared by {} and by {}: only one may declare it",
                    hook.name,
                    owner_name(*first, idents),
                    owner_name(*owner, idents)
                ));
            }
        }
        let implemented = self
            .implemented
            .iter()
            .map(|(module, hook)| (module, "implements", hook.name.as_str(), hook.sig));
        let run = self.run.iter().map(|(module, slot)| (module, "runs", slot.name(), slot.sig()));
        for (module, verb, name, sig) in implemented.chain(run) {
            let declared = self.declared.iter().find(|(_, declared)| declared.name == name);
            if let Some((owner, declared)) = declared.filter(|(_, declared)| declared.sig != sig) {
                errors.push(format!(
                    "{} {verb} {name} with signature {:016x}, {} declares it with {:016x}: rebuild the module \
                     against the declarer's version",
                    idents[*module],
                    sig,
                    owner_name(*owner, idents),
                    declared.sig
                ));
            }
        }
        errors
    }
}

fn owner_name(owner: Option<ModuleIndex>, idents: &[String]) -> &str {
    owner.map_or("the core", |module| idents[module].as_str())
}

/// A hook with its implementations in the order in which they run.
#[derive(Debug, Default)]
pub struct Hook {
    declared: Option<(Option<ModuleIndex>, DeclaredHook)>,
    members: Vec<(ModuleIndex, ImplementedHook)>,
    run_by: Vec<(ModuleIndex, Arc<RunSlot>)>,
}

impl Hook {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        match (&self.declared, self.members.first()) {
            (Some((_, declared)), _) => &declared.name,
            (None, Some((_, member))) => &member.name,
            (None, None) => self.run_by.first().map_or("", |(_, slot)| slot.name()),
        }
    }

    /// Its declaration, and the module that declares it (`None`: the core); `None` if nobody does.
    #[must_use]
    pub const fn declared(&self) -> Option<&(Option<ModuleIndex>, DeclaredHook)> {
        self.declared.as_ref()
    }

    /// Its implementations in the order in which they run.
    #[must_use]
    pub fn members(&self) -> &[(ModuleIndex, ImplementedHook)] {
        &self.members
    }

    /// The modules that run it.
    pub fn run_by(&self) -> impl Iterator<Item = ModuleIndex> {
        self.run_by.iter().map(|(module, _)| *module)
    }

    fn sort(&mut self, idents: &[String]) -> Result<(), String> {
        let place_of = |name: &String| idents.iter().position(|ident| module_answers_to(ident, name));
        let constraints: Vec<order::Item> = self
            .members
            .iter()
            .map(|(module, hook)| order::Item {
                module: *module,
                order: hook.order,
                before: hook.before.iter().filter_map(place_of).collect(),
                after: hook.after.iter().filter_map(place_of).collect(),
            })
            .collect();
        let sorted = order::sort(&constraints).map_err(|ring| {
            let ring: Vec<&str> = ring.into_iter().map(|module| idents[module].as_str()).collect();
            format!(
                "the order of {} cannot be satisfied: {} each want to come before the next; drop one of these \
                 constraints",
                self.name(),
                ring.join(" -> ")
            )
        })?;
        let mut members: Vec<Option<_>> = std::mem::take(&mut self.members).into_iter().map(Some).collect();
        self.members = sorted.into_iter().filter_map(|place| members[place].take()).collect();
        Ok(())
    }
}

/// All hooks of a generation, sorted out.
#[derive(Debug)]
pub struct HookTable {
    hooks: Vec<Hook>,
    /// Of the modules in load order.
    gates: Vec<Arc<Gate>>,
}

impl HookTable {
    /// All of them: the declared ones, then those that nobody declares.
    #[must_use]
    pub fn hooks(&self) -> &[Hook] {
        &self.hooks
    }

    /// The implementations of `H`, ready to run. `host` gives the table for a module's calls.
    pub fn chain<H: HookSpec>(&self, host: impl Fn(ModuleIndex) -> &'static abi::Host) -> Chain<H> {
        let hook = self.hooks.iter().find(|hook| hook.name() == H::NAME);
        let members = hook.map_or(&[][..], |hook| &hook.members);
        Chain::new(members.iter().filter_map(|(module, implemented)| {
            let gate = self.gates.get(*module)?;
            Some(Member {
                module: *module,
                ident: Arc::clone(gate.ident()),
                door: gate.door(H::NAME),
                host: host(*module),
                entry: implemented.entry.typed::<H>()?,
                key: implemented.key.clone(),
                scratch: implemented.scratch_size as usize,
            })
        }))
    }

    /// Hands the modules that run hooks the implementations of these. `host` gives the table for a module's calls.
    /// A hook that nobody declares has none.
    pub fn fill(&self, host: impl Fn(ModuleIndex) -> &'static abi::Host) {
        for hook in &self.hooks {
            let Some((_, declared)) = &hook.declared else { continue };
            for (_, slot) in &hook.run_by {
                slot.fill(declared.kind, &declared.layout, self.run_members(hook, &host));
            }
        }
    }

    fn run_members(&self, hook: &Hook, host: impl Fn(ModuleIndex) -> &'static abi::Host) -> Box<[RunMember]> {
        let members = hook.members.iter().filter_map(|(module, implemented)| {
            let gate = self.gates.get(*module)?;
            Some(RunMember {
                ident: Arc::clone(gate.ident()),
                door: gate.door(hook.name()),
                host: host(*module),
                entry: implemented.entry,
                key: implemented.key.clone(),
            })
        });
        members.collect()
    }

    /// The implementations of the KEYED hook `H`.
    pub fn keyed<H: HookSpec>(&self, host: impl Fn(ModuleIndex) -> &'static abi::Host) -> Keyed<H> {
        debug_assert_eq!(H::KIND, HookKind::KEYED, "{} is dispatched by key", H::NAME);
        Keyed::new(self.chain(host))
    }
}
