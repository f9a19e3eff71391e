//! What `-M` and `-D DUMP_HOOKS` print: the modules, and for every hook who declares it, who implements it and in
//! which order, and which implementations nothing runs; and who uses whose providers.

use std::fmt::Write as _;

use proxy_abi::HookKind;

use crate::generation::Generation;
use crate::hooks::Hook;
use crate::module::{Carrier, ModuleInfo};
use crate::providers::ProviderUse;

/// `Loaded Modules:` and a line for each, in load order.
#[must_use]
pub fn modules<'a>(infos: impl Iterator<Item = &'a ModuleInfo>) -> String {
    let mut text = String::from("Loaded Modules:\n");
    for info in infos {
        let _ = writeln!(text, " {} ({})", info.ident, info.carrier.word());
    }
    text
}

/// The same of a generation that serves, with what was counted at each module's gate.
#[must_use]
pub fn live_modules(generation: &Generation) -> String {
    let mut text = String::from("Loaded Modules:\n");
    for module in generation.modules() {
        let (info, gate) = (module.info(), module.gate());
        let counts = gate.counts();
        let _ = writeln!(
            text,
            " {} ({}) generation {}: {}; panics {}, bad returns {}, stuck {}, slow {}; quarantines {}, calls refused {}",
            info.ident,
            info.carrier.word(),
            gate.generation(),
            gate.state().word(),
            counts.panics,
            counts.breaches,
            counts.stuck,
            counts.slow,
            counts.quarantines,
            counts.refused,
        );
    }
    text
}

/// `Hooks:` and a paragraph for each; `Providers:` and a paragraph for each, if there are any.
#[must_use]
pub fn hooks(generation: &Generation) -> String {
    let infos: Vec<&ModuleInfo> = generation.modules().iter().map(|module| module.info()).collect();
    let mut text = String::from("Hooks:\n");
    for hook in generation.hook_table().hooks() {
        describe(&mut text, hook, &infos);
    }
    let uses = generation.providers().uses();
    if !uses.is_empty() {
        text.push_str("Providers:\n");
    }
    for used in &uses {
        describe_provider(&mut text, used, &infos);
    }
    text
}

fn describe_provider(text: &mut String, used: &ProviderUse<'_>, infos: &[&ModuleInfo]) {
    match used.provided {
        Some((module, function)) => {
            let info = infos[*module];
            let _ = writeln!(text, " {} {} ({:016x})", used.group, used.name, function.sig);
            let _ =
                writeln!(text, "   provided by {} ({}): {}", info.ident, info.carrier.word(), function.doc);
        }
        None => {
            let _ = writeln!(text, " {} {}", used.group, used.name);
            let _ = writeln!(text, "   provided by nobody: who looks it up does without");
        }
    }
    if used.lookups.is_empty() {
        let _ = writeln!(text, "   used by nobody");
    }
    for (module, sig) in &used.lookups {
        let ident = &infos[*module].ident;
        let _ = match used.provided {
            Some((_, function)) if function.sig == *sig => writeln!(text, "   used by {ident}"),
            Some(_) => writeln!(text, "   not used by {ident}, which means another signature ({sig:016x})"),
            None => writeln!(text, "   looked up by {ident} ({sig:016x})"),
        };
    }
}

fn describe(text: &mut String, hook: &Hook, infos: &[&ModuleInfo]) {
    match hook.declared() {
        Some((owner, declared)) => {
            let owner = owner.map_or("the core", |module| infos[module].ident.as_str());
            let _ = writeln!(text, " {} {} ({:016x})", declared.name, declared.kind.name(), declared.sig);
            let _ = writeln!(text, "   declared by {owner}: {}", declared.doc);
        }
        None => {
            let _ = writeln!(text, " {}", hook.name());
            let _ = writeln!(text, "   declared by nobody: no implementation is run");
        }
    }
    let runners: Vec<&str> = hook.run_by().map(|module| infos[module].ident.as_str()).collect();
    if !runners.is_empty() {
        let _ = writeln!(text, "   run by {}", runners.join(" "));
    }
    if hook.members().is_empty() {
        let _ = writeln!(text, "   implemented by nobody");
    }
    let keyed = hook.declared().is_some_and(|(_, declared)| declared.kind == HookKind::KEYED);
    for (place, (module, member)) in hook.members().iter().enumerate() {
        let info = infos[*module];
        let _ = write!(text, "   {}. {} ({})", place + 1, info.ident, info.carrier.word());
        let _ = write!(text, " order {}", member.order);
        if keyed {
            let key = if member.key.is_empty() { "any" } else { &member.key };
            let _ = write!(text, ", for {key}");
        }
        for (word, names) in [("before", &member.before), ("after", &member.after)] {
            if !names.is_empty() {
                let _ = write!(text, ", {word} {}", names.join(" "));
            }
        }
        if let Carrier::Shared(path) = &info.carrier {
            let _ = write!(text, ", from {}", path.display());
        }
        text.push('\n');
    }
}
