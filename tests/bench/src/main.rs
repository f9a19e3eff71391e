//! What the hook costs: one trylist after another through a loaded balancer, as a request does it, without sockets.
//!
//! `hook-cost MODULE_FILE ENDPOINTS ROUNDS [IDENT]` prints the nanoseconds of one round: `proxy.load_balance`, `next`,
//! `done`, `drop`. The module is the round robin, or the one called IDENT, which LBMethod then hands a cluster of the
//! core's. `cargo xtask bench hook` runs it, and runs it again under callgrind to count instructions and
//! allocations of host and module alike.

#![forbid(unsafe_code)]

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use proxy_abi::{FieldAccess, Fields, Outcome, OutcomeResult, Request, RequestParts};
use proxy_config::{Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::conf::ProxySettings;
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_dso::Loader;

/// A request without fields.
struct NoFields;

impl FieldAccess for NoFields {
    fn field(&self, _index: usize) -> Option<(&[u8], &[u8])> {
        None
    }
}

fn main() {
    let outcome = run(&std::env::args().skip(1).collect::<Vec<_>>());
    if let Err(error) = outcome {
        let _ = writeln!(std::io::stderr(), "hook-cost: {error}");
        std::process::abort();
    }
}

fn run(args: &[String]) -> Result<(), String> {
    let (file, endpoints, rounds, ident) = match args {
        [file, endpoints, rounds] => (file, endpoints, rounds, None),
        [file, endpoints, rounds, ident] => (file, endpoints, rounds, Some(&**ident)),
        _ => return Err("usage: hook-cost MODULE_FILE ENDPOINTS ROUNDS [IDENT]".to_owned()),
    };
    let endpoints: usize =
        endpoints.parse().map_err(|_| format!("'{endpoints}' is not a number of endpoints"))?;
    let rounds: u64 = rounds.parse().map_err(|_| format!("'{rounds}' is not a number of rounds"))?;
    let caller = Caller::new(0);
    let generation = generation(Path::new(file), ident, endpoints, &caller)?;
    let started = Instant::now();
    let picked = walk(&generation, &caller, rounds)?;
    let nanoseconds = started.elapsed().as_secs_f64() * 1e9 / rounds as f64;
    if picked != rounds {
        return Err(format!("{rounds} rounds picked {picked} endpoints"));
    }
    let _ = writeln!(std::io::stdout(), "{nanoseconds:.1} ns per request");
    Ok(())
}

fn generation(
    file: &Path,
    ident: Option<&str>,
    endpoints: usize,
    caller: &Caller,
) -> Result<Generation, String> {
    let file = std::path::absolute(file).map_err(|error| format!("{}: {error}", file.display()))?;
    let load = |ident: &str| format!("LoadModule {ident} {}\nListen 127.0.0.1:0\n", file.display());
    let lines = |name: &str| -> String {
        (1..=endpoints).map(|port| format!("{name} http://127.0.0.1:{port}\n")).collect()
    };
    let text = match ident {
        None => load("proxy_lb_module") + &lines("LBServerCluster c") + "LBProxyPass / c\n",
        Some(ident) => {
            let members = lines("BalancerMember");
            load(ident)
                + &format!("<Proxy balancer://c>\n{members}</Proxy>\n")
                + &format!("LBMethod c {ident}\nProxyPass / balancer://c\n")
        }
    };
    let files = MemoryLoader::default().with("/bench/proxyd.conf", text);
    let configured =
        configure(&Input::new("/bench/proxyd.conf", "/bench"), &files, &Loader::default(), Vec::new());
    let render = |diagnostics: &proxy_config::Diagnostics| -> String {
        diagnostics.iter().map(|diagnostic| configured.sources.render(diagnostic)).collect()
    };
    if configured.diagnostics.has_errors() {
        return Err(render(&configured.diagnostics));
    }
    Generation::build(configured.conf.clone(), &configured.modules, caller).map_err(|found| render(&found))
}

fn walk(generation: &Generation, caller: &Caller, rounds: u64) -> Result<u64, String> {
    let local = ([127, 0, 0, 1], 80).into();
    let routed = generation.servers().route(local, None, b"/");
    let route = routed.route.ok_or("no route leads to the cluster")?;
    let settings = ProxySettings::default();
    let parts = RequestParts {
        version: 11,
        id: 1,
        method: b"GET",
        authority: b"localhost",
        path: b"/",
        query: b"",
        unparsed_uri: b"/",
        client: b"127.0.0.1",
    };
    let request: Request<'_> = Request::new(&parts, Fields::new(&NoFields));
    let mut picked = 0;
    for _ in 0..rounds {
        let mut trylist = generation.trylist(caller, route, &settings, &request);
        if std::hint::black_box(trylist.next()).is_some() {
            picked += 1;
        }
        trylist.finish(Outcome::of(OutcomeResult::OK));
    }
    Ok(picked)
}
