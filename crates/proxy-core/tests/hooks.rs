//! What the registry hands to modules that run hooks: the implementations in order, of hooks that are declared.

use std::sync::Arc;

use proxy_abi::{HookKind, RawEntry, signature_of};
use proxy_core::containment::{Gate, OnPanic};
use proxy_core::hooks::{HookTable, Registry, RunSlot};
use proxy_core::registration::{DeclaredHook, ImplementedHook};
use proxy_module::abi::{RequestIn, Unit};
use proxy_module::prelude::*;
use proxy_module::testing::{self, Instance, Node};

/// Gives the tests a function that the SDK has made; nobody calls it here.
struct Any;

impl Module for Any {
    type Config = ();

    fn new((): (), _: &mut Init<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<Fixups>()
    }
}

impl Implements<Fixups> for Any {
    fn call(&self, _: &Cx<'_>, _: &RequestIn<'_>, _: &mut Unit) -> Result<Answer> {
        Ok(Answer::Decline)
    }
}

proxy_module::module!(any_module: init Any);

const NAME: &str = "com.example.x";

fn entry() -> RawEntry {
    let record = testing::record_of(&any_module).unwrap();
    Instance::new(record, &Node::Null).unwrap().registered().hooks[0].entry
}

fn sig() -> u64 {
    signature_of::<Fixups>()
}

fn declared(kind: HookKind) -> Vec<DeclaredHook> {
    vec![DeclaredHook {
        name: NAME.to_owned(),
        kind,
        sig: sig(),
        doc: "a hook".to_owned(),
        layout: String::new(),
    }]
}

fn implemented(order: i32, key: &str, after: &[&str]) -> ImplementedHook {
    ImplementedHook {
        name: NAME.to_owned(),
        order,
        key: key.to_owned(),
        before: Vec::new(),
        after: after.iter().map(|ident| (*ident).to_owned()).collect(),
        sig: sig(),
        entry: entry(),
        scratch_size: 0,
    }
}

fn slot() -> Arc<RunSlot> {
    Arc::new(RunSlot::new(NAME.to_owned(), sig()))
}

fn gates(modules: &[&str]) -> Vec<Arc<Gate>> {
    modules.iter().map(|ident| Gate::new(ident, OnPanic::Fail)).collect()
}

fn sealed(registry: Registry, modules: &[&str]) -> HookTable {
    registry.seal(&gates(modules)).unwrap()
}

/// Ident and key of each member.
fn members(slot: &RunSlot) -> Vec<(&str, &str)> {
    slot.members().iter().map(|member| (&*member.ident, member.key.as_str())).collect()
}

#[test]
fn who_runs_a_hook_gets_its_implementations_in_their_order() {
    let (mut registry, one, other) = (Registry::default(), slot(), slot());
    registry.add(0, Vec::new(), vec![implemented(10, "k", &[])], vec![Arc::clone(&one)]);
    registry.add(1, declared(HookKind::KEYED), vec![implemented(0, "", &["a_module"])], Vec::new());
    registry.add(2, Vec::new(), vec![implemented(-5, "", &[])], vec![Arc::clone(&other)]);
    let table = sealed(registry, &["a_module", "b_module", "c_module"]);
    assert!(one.members().is_empty(), "before it is filled, nobody is there");
    table.fill(|_| testing::host());
    for slot in [&one, &other] {
        assert_eq!(members(slot), [("c_module", ""), ("a_module", "k"), ("b_module", "")]);
        assert_eq!(slot.kind(), HookKind::KEYED);
    }
}

#[test]
fn each_member_is_called_with_the_services_of_its_own_module() {
    let asked = std::cell::RefCell::new(Vec::new());
    let (mut registry, slot) = (Registry::default(), slot());
    registry.add(0, declared(HookKind::ALL), Vec::new(), vec![Arc::clone(&slot)]);
    registry.add(1, Vec::new(), vec![implemented(1, "", &[])], Vec::new());
    registry.add(2, Vec::new(), vec![implemented(0, "", &[])], Vec::new());
    sealed(registry, &["a_module", "b_module", "c_module"]).fill(|module| {
        asked.borrow_mut().push(module);
        testing::host()
    });
    assert_eq!(asked.into_inner(), [2, 1]);
    assert!(slot.members().iter().all(|member| std::ptr::eq(member.host, testing::host())));
}

#[test]
fn a_hook_that_nobody_declares_has_no_members_whoever_implements_it() {
    let (mut registry, slot) = (Registry::default(), slot());
    registry.add(0, Vec::new(), vec![implemented(10, "", &[])], vec![Arc::clone(&slot)]);
    let table = sealed(registry, &["a_module"]);
    table.fill(|_| testing::host());
    assert!(slot.members().is_empty());
    let hook = table.hooks().iter().find(|hook| hook.name() == NAME).unwrap();
    assert!(hook.declared().is_none() && hook.run_by().eq([0]) && hook.members().len() == 1);
}

#[test]
fn a_slot_is_filled_once() {
    let (mut first, mut second, slot) = (Registry::default(), Registry::default(), slot());
    first.add(0, declared(HookKind::ALL), vec![implemented(0, "", &[])], vec![Arc::clone(&slot)]);
    second.add(0, declared(HookKind::FIRST), Vec::new(), vec![Arc::clone(&slot)]);
    sealed(first, &["a_module"]).fill(|_| testing::host());
    sealed(second, &["b_module"]).fill(|_| testing::host());
    assert_eq!((members(&slot), slot.kind()), (vec![("a_module", "")], HookKind::ALL));
}

#[test]
fn another_signature_than_the_declared_one_is_refused_for_who_runs_it_too() {
    let mut registry = Registry::default();
    let wrong = Arc::new(RunSlot::new(NAME.to_owned(), 7));
    registry.add(0, declared(HookKind::ALL), Vec::new(), Vec::new());
    registry.add(1, Vec::new(), Vec::new(), vec![wrong]);
    let errors = registry.seal(&gates(&["a_module", "b_module"])).unwrap_err();
    let start = "b_module runs com.example.x with signature 0000000000000007, a_module declares it with ";
    assert!(errors.len() == 1 && errors[0].starts_with(start), "{errors:?}");
}
