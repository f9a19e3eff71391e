//! The implementations of a hook that modules run: filled while modules' own threads may run it already.

use loom::sync::Arc;
use proxy_abi::HookKind;
use proxy_core::containment::{Gate, OnPanic};
use proxy_core::hooks::{RunMember, RunSlot};
use proxy_module::testing;

use crate::policy::{Ledger, record};
use crate::{explore, thread};

/// What a run of the hook goes by, asked for in the order in which the loader does.
fn seen(slot: &RunSlot) -> (usize, HookKind) {
    (slot.members().len(), slot.kind())
}

#[test]
fn who_runs_a_hook_finds_nobody_or_all_and_for_good() {
    explore(|| {
        let ledger = Ledger::open(0, false);
        let instance = testing::Instance::new(record(), &testing::Node::Map(Vec::new())).unwrap();
        let entry = instance.registered().hooks[0].entry;
        let slot = Arc::new(RunSlot::new("com.example.x".to_owned(), 7));
        let members = move |count: usize| -> Box<[RunMember]> {
            let door = || Gate::new("x_module", OnPanic::Fail).door("com.example.x");
            let (host, key) = (testing::host(), String::new());
            let member = || RunMember { ident: "x".into(), door: door(), host, entry, key: key.clone() };
            (0..count).map(|_| member()).collect()
        };
        let fillers = [(HookKind::ALL, 2), (HookKind::VOID, 1)].map(|(kind, count)| {
            let slot = Arc::clone(&slot);
            thread(move || slot.fill(kind, "", members(count)))
        });
        let runs = [seen(&slot), seen(&slot)];
        for run in runs {
            let all = [(2, HookKind::ALL), (1, HookKind::VOID)];
            assert!(run.0 == 0 || all.contains(&run), "{run:?} is neither nobody nor all");
        }
        assert!(runs[0].0 == 0 || runs[0] == runs[1], "{runs:?}: what was found has changed");
        fillers.into_iter().for_each(|filler| filler.join().unwrap());
        assert!(slot.members().len() == 1 || slot.members().len() == 2, "one of them counts");
        assert!(runs[1].0 == 0 || seen(&slot) == runs[1], "the first counts");
        drop(instance);
        ledger.assert_closed();
    });
}
