//! What the socket answers: hooks, modules and clusters of the generation in force.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Relaxed;

use hyper::StatusCode;
use proxy_core::cluster::Endpoint;
use proxy_core::dump_hooks;
use proxy_core::generation::{Generation, LiveModule};
use proxy_core::hooks::Hook;
use proxy_core::module::{Carrier, ModuleInfo};
use proxy_core::providers::ProviderUse;
use serde_json::{Value, json};

/// One answer.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) media_type: &'static str,
    pub(super) body: String,
}

impl Page {
    pub(super) const fn text(status: StatusCode, body: String) -> Self {
        Self { status, media_type: "text/plain; charset=utf-8", body }
    }

    pub(super) fn json(status: StatusCode, value: &Value) -> Self {
        Self { status, media_type: "application/json", body: format!("{value}\n") }
    }
}

const INDEX: &str = "/hooks       who declares and who implements which hook, in which order\n\
                     /modules     loaded modules, their faults, and whether calls enter them\n\
                     /clusters    clusters, their endpoints and live statistics\n\
                     /generation  the one in force, those that live on, and how reloads went\n\
                     /trace       requests as they end, with each call into a module; ?hook=NAME, ?request=NUMBER,\n\
                     \x20            ?count=NUMBER\n\
                     \n\
                     POST /reload makes a generation of the configuration as it is now and answers when that is\n\
                     in force, or refused.\n\
                     \n\
                     Each is text, or JSON with ?format=json.\n";

/// The page at `path`.
pub(super) fn answer(path: &str, query: &str, generation: &Generation) -> Page {
    let as_json = match wants_json(query) {
        Ok(as_json) => as_json,
        Err(page) => return page,
    };
    match (path, as_json) {
        ("/", _) => Page::text(StatusCode::OK, INDEX.to_owned()),
        ("/hooks", true) => Page::json(StatusCode::OK, &hooks_json(generation)),
        ("/hooks", false) => Page::text(StatusCode::OK, dump_hooks::hooks(generation)),
        ("/modules", true) => Page::json(StatusCode::OK, &json!({ "modules": modules_json(generation) })),
        ("/modules", false) => Page::text(StatusCode::OK, dump_hooks::live_modules(generation)),
        ("/clusters", true) => Page::json(StatusCode::OK, &clusters_json(generation)),
        ("/clusters", false) => Page::text(StatusCode::OK, clusters_text(generation)),
        _ => Page::text(StatusCode::NOT_FOUND, format!("there is no such page; there is\n{INDEX}")),
    }
}

/// Whether JSON is asked for.
pub(super) fn wants_json(query: &str) -> Result<bool, Page> {
    match query {
        "" | "format=text" => Ok(false),
        "format=json" => Ok(true),
        _ => Err(Page::text(StatusCode::BAD_REQUEST, "write ?format=json or ?format=text\n".to_owned())),
    }
}

fn infos(generation: &Generation) -> impl Iterator<Item = &ModuleInfo> {
    generation.modules().iter().map(|module| module.info())
}

/// What `-D DUMP_HOOKS` prints, for programs.
pub(crate) fn hooks_json(generation: &Generation) -> Value {
    let infos: Vec<&ModuleInfo> = infos(generation).collect();
    let hooks: Vec<Value> =
        generation.hook_table().hooks().iter().map(|hook| hook_json(hook, &infos)).collect();
    let uses = generation.providers().uses();
    let providers: Vec<Value> = uses.iter().map(|used| provider_json(used, &infos)).collect();
    json!({ "hooks": hooks, "providers": providers })
}

fn provider_json(used: &ProviderUse<'_>, infos: &[&ModuleInfo]) -> Value {
    let sig = used.provided.map(|(_, function)| function.sig);
    let idents = |is_user: bool| -> Vec<&str> {
        let lookups = used.lookups.iter().filter(|(_, meant)| (sig == Some(*meant)) == is_user);
        lookups.map(|(module, _)| infos[*module].ident.as_str()).collect()
    };
    let provided = used.provided.map(|(module, function)| {
        json!({
            "by": infos[*module].ident,
            "signature": format!("{:016x}", function.sig),
            "layout": function.layout,
            "doc": function.doc,
        })
    });
    json!({
        "group": used.group,
        "name": used.name,
        "provided": provided,
        "used_by": idents(true),
        "not_found_by": idents(false),
    })
}

fn hook_json(hook: &Hook, infos: &[&ModuleInfo]) -> Value {
    let implemented: Vec<Value> = hook
        .members()
        .iter()
        .map(|(module, member)| {
            json!({
                "module": infos[*module].ident,
                "order": member.order,
                "key": member.key,
                "before": member.before,
                "after": member.after,
            })
        })
        .collect();
    let declared = hook.declared().map(|(owner, declared)| {
        json!({
            "by": owner.map(|module| &infos[module].ident),
            "kind": declared.kind.name(),
            "signature": format!("{:016x}", declared.sig),
            "layout": declared.layout,
            "doc": declared.doc,
        })
    });
    json!({ "name": hook.name(), "declared": declared, "implemented": implemented })
}

fn modules_json(generation: &Generation) -> Vec<Value> {
    generation.modules().iter().map(module_json).collect()
}

fn module_json(module: &LiveModule) -> Value {
    let (info, gate) = (module.info(), module.gate());
    let file = match &info.carrier {
        Carrier::Static => None,
        Carrier::Shared(path) => Some(path.display().to_string()),
    };
    let counts = gate.counts();
    json!({
        "ident": info.ident,
        "version": info.version,
        "build": info.build,
        "carrier": info.carrier.word(),
        "file": file,
        "generation": gate.generation(),
        "state": gate.state().word(),
        "faults": { "panic": counts.panics, "bad_return": counts.breaches, "stuck": counts.stuck },
        "slow": counts.slow,
        "quarantines": counts.quarantines,
        "refused": counts.refused,
    })
}

fn clusters_json(generation: &Generation) -> Value {
    let clusters: Vec<Value> = generation
        .clusters()
        .map(|cluster| {
            let endpoints: Vec<Value> = cluster.endpoints().iter().map(endpoint_json).collect();
            json!({ "name": cluster.name, "endpoints": endpoints })
        })
        .collect();
    json!({ "clusters": clusters })
}

fn endpoint_json(endpoint: &Endpoint) -> Value {
    let stats = endpoint.stats();
    json!({
        "index": endpoint.index,
        // As text: more than the 53 bits that some readers of JSON keep.
        "id": format!("{:016x}", endpoint.id),
        "addr": &*endpoint.addr,
        "weight": endpoint.weight,
        "in_flight": stats.in_flight.load(Relaxed),
        "connections": stats.conns.load(Relaxed),
        "total": stats.total.load(Relaxed),
        "errors": stats.errors.load(Relaxed),
        "fails_in_row": stats.fails_in_row.load(Relaxed),
        "ewma_us": stats.ewma_us.load(Relaxed),
    })
}

fn clusters_text(generation: &Generation) -> String {
    let mut text = String::from("Clusters:\n");
    for cluster in generation.clusters() {
        let _ = writeln!(text, " {}", cluster.name);
        for endpoint in cluster.endpoints() {
            let stats = endpoint.stats();
            let _ = writeln!(
                text,
                "   {}. {} weight {}, in flight {}, connections {}, total {}, errors {}, fails in a row {}, \
                 {} us",
                endpoint.index + 1,
                endpoint.addr,
                endpoint.weight,
                stats.in_flight.load(Relaxed),
                stats.conns.load(Relaxed),
                stats.total.load(Relaxed),
                stats.errors.load(Relaxed),
                stats.fails_in_row.load(Relaxed),
                stats.ewma_us.load(Relaxed),
            );
        }
    }
    text
}

#[cfg(test)]
mod tests;
