//! What each page says of a generation with known hooks, modules and counters, to the letter.

use std::sync::atomic::Ordering::Relaxed;

use proxy_config::{Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::containment::{FaultKind, Site};
use proxy_core::lower::configure;
use proxy_module::prelude::*;

use super::*;

/// A balancer that also implements a hook nobody declares.
struct Paged;

impl Balancer for Paged {
    type Config = ();
    type Walk = ();

    fn new((): (), _: &mut Init<'_>) -> Result<Self> {
        Ok(Self)
    }

    fn begin(&self, _: &Request<'_>, _: &Endpoints<'_>) -> Result<Begin<()>> {
        Ok(Begin::Decline)
    }

    fn next(&self, (): &mut (), _: &Attempt<'_>) -> Result<Next> {
        Ok(Next::Exhausted)
    }

    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        hooks.implement::<Undeclared>()
    }
}

struct Undeclared;

impl HookSpec for Undeclared {
    const NAME: &'static str = "com.example.undeclared";
    const REVISION: u32 = 1;
    const KIND: proxy_module::abi::HookKind = proxy_module::abi::HookKind::FIRST;
    const DOC: &'static str = "is not declared";
    type In = proxy_module::abi::Unit;
    type Out = proxy_module::abi::Unit;
}

impl Implements<Undeclared> for Paged {
    const ORDER: i32 = -3;
    const BEFORE: &'static [&'static str] = &["other_module"];

    fn call(
        &self,
        _: &Cx<'_>,
        _: &proxy_module::abi::Unit,
        _: &mut proxy_module::abi::Unit,
    ) -> Result<Answer> {
        Ok(Answer::Decline)
    }
}

proxy_module::module!(paged_module: balancer Paged);

/// Clusters `a` with two endpoints and `b` with one, in the order of their names.
fn generation() -> Generation {
    let text = "Listen 127.0.0.1:0
<Proxy balancer://a>
BalancerMember http://127.0.0.1:1 loadfactor=7
BalancerMember http://localhost
</Proxy>
<Proxy balancer://b>
BalancerMember http://127.0.0.1:3
</Proxy>
LBMethod a paged_module
LBMethod b paged_module
ProxyPass /a balancer://a
ProxyPass /b balancer://b
";
    let files = MemoryLoader::default().with("/t/proxyd.conf", text);
    let records = proxy_module::inventory::iter::<proxy_module::StaticModule>;
    let record = records.into_iter().find(|module| module.0.module().ident.as_slice() == b"paged_module");
    let module = proxy_dso::static_module(&record.unwrap().0).unwrap();
    let input = Input::new("/t/proxyd.conf", "/t");
    let configured = configure(&input, &files, &proxy_dso::Loader::default(), vec![module]);
    let built = Generation::build(configured.conf.clone(), &configured.modules, &Caller::new(u32::MAX));
    built.unwrap_or_else(|found| {
        panic!("{}", found.iter().map(|found| configured.sources.render(found)).collect::<String>())
    })
}

/// The page as text, and as JSON.
fn both(path: &str, generation: &Generation) -> (String, Value) {
    let [text, json] = ["", "format=json"].map(|query| answer(path, query, generation));
    assert_eq!((text.status, json.status), (StatusCode::OK, StatusCode::OK), "{path}");
    assert_eq!((text.media_type, json.media_type), ("text/plain; charset=utf-8", "application/json"));
    assert!(json.body.ends_with("}\n"), "{}", json.body);
    (text.body, serde_json::from_str(&json.body).unwrap())
}

#[test]
fn clusters_show_each_counter_in_its_place() {
    let generation = generation();
    let endpoint = &generation.clusters().find(|cluster| cluster.name == "a").unwrap().endpoints()[1];
    let stats = endpoint.stats();
    stats.in_flight.store(11, Relaxed);
    stats.conns.store(12, Relaxed);
    stats.total.store(u64::MAX, Relaxed);
    stats.errors.store(14, Relaxed);
    stats.fails_in_row.store(15, Relaxed);
    stats.ewma_us.store(16, Relaxed);
    let (text, json) = both("/clusters", &generation);
    assert_eq!(
        text,
        "Clusters:
 a
   1. 127.0.0.1:1 weight 7, in flight 0, connections 0, total 0, errors 0, fails in a row 0, 0 us
   2. localhost:80 weight 1, in flight 11, connections 12, total 18446744073709551615, errors 14, fails in a row \
         15, 16 us
 b
   1. 127.0.0.1:3 weight 1, in flight 0, connections 0, total 0, errors 0, fails in a row 0, 0 us
"
    );
    let clusters = &json["clusters"];
    assert_eq!((&clusters[0]["name"], &clusters[1]["name"]), (&json!("a"), &json!("b")));
    assert_eq!(clusters[0]["endpoints"].as_array().unwrap().len(), 2);
    assert_eq!(
        clusters[0]["endpoints"][1],
        json!({
            "index": 1,
            "id": format!("{:016x}", endpoint.id),
            "addr": "localhost:80",
            "weight": 1,
            "in_flight": 11,
            "connections": 12,
            "total": u64::MAX,
            "errors": 14,
            "fails_in_row": 15,
            "ewma_us": 16,
        })
    );
}

#[test]
fn modules_say_how_they_came_in_and_what_they_did_wrong() {
    let generation = generation();
    let door = generation.modules()[0].gate().door("com.example.undeclared");
    for kind in [FaultKind::Panic, FaultKind::Breach, FaultKind::Breach] {
        door.blame(kind, 0, Site::default(), &"a test's");
    }
    door.gate().fence(0);
    assert!(!door.admits(|| 0));
    let (text, json) = both("/modules", &generation);
    assert_eq!(
        text,
        "Loaded Modules:
 paged_module (static) generation 0: open; panics 1, bad returns 2, stuck 1, slow 0; quarantines 1, calls refused 1
"
    );
    let module = &json["modules"][0];
    assert_eq!(json["modules"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&module["ident"], &module["carrier"], &module["file"], &module["version"]),
        (&json!("paged_module"), &json!("static"), &Value::Null, &json!(env!("CARGO_PKG_VERSION")))
    );
    assert_eq!((&module["state"], &module["generation"]), (&json!("open"), &json!(0)));
    assert_eq!(module["faults"], json!({ "panic": 1, "bad_return": 2, "stuck": 1 }));
    assert_eq!((&module["quarantines"], &module["refused"]), (&json!(1), &json!(1)));
    assert!(module["build"].as_str().unwrap().contains("proxy-module"), "{module}");
}

#[test]
fn hooks_are_declared_by_the_core_or_by_nobody() {
    let generation = generation();
    let (text, json) = both("/hooks", &generation);
    assert!(text.starts_with("Hooks:\n proxy.access_checker ALL ("), "{text}");
    let hooks = json["hooks"].as_array().unwrap();
    let named = |name: &str| hooks.iter().find(|hook| hook["name"] == name).unwrap();
    let balance = named("proxy.load_balance");
    assert_eq!((&balance["declared"]["by"], &balance["declared"]["kind"]), (&Value::Null, &json!("KEYED")));
    let signature = balance["declared"]["signature"].as_str().unwrap();
    assert!(signature.len() == 16 && text.contains(&format!(" proxy.load_balance KEYED ({signature})")));
    assert_eq!(
        balance["implemented"],
        json!([{ "module": "paged_module", "order": 10, "key": "paged_module", "before": [], "after": [] }])
    );
    let undeclared = named("com.example.undeclared");
    assert_eq!(undeclared["declared"], Value::Null);
    assert_eq!(
        undeclared["implemented"],
        json!([{ "module": "paged_module", "order": -3, "key": "", "before": ["other_module"], "after": [] }])
    );
    assert_eq!(named("proxy.fixups")["implemented"], json!([]));
    assert_eq!(json, hooks_json(&generation), "what `module graph --json` prints");
}

#[test]
fn what_is_no_page_is_told_apart() {
    let generation = generation();
    for (path, query, status, part) in [
        ("/", "", StatusCode::OK, "/clusters    clusters, their endpoints"),
        ("/", "format=json", StatusCode::OK, "/hooks "),
        ("/hooks", "format=text", StatusCode::OK, "Hooks:"),
        ("/hooks", "format=xml", StatusCode::BAD_REQUEST, "write ?format=json or ?format=text"),
        ("/hooks", "x", StatusCode::BAD_REQUEST, "write ?format=json"),
        ("/nothing", "", StatusCode::NOT_FOUND, "there is no such page; there is\n/hooks "),
        ("/nothing", "format=json", StatusCode::NOT_FOUND, "there is no such page"),
        ("/hooks/", "", StatusCode::NOT_FOUND, "there is no such page"),
        ("", "", StatusCode::NOT_FOUND, "there is no such page"),
    ] {
        let page = answer(path, query, &generation);
        assert_eq!(page.status, status, "{path}?{query}");
        assert!(page.body.contains(part), "{path}?{query}: {}", page.body);
        assert_eq!(page.media_type, "text/plain; charset=utf-8");
    }
}
