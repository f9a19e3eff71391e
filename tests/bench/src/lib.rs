//! A cluster with a loaded balancer, and trips through its hook as requests make them, without sockets.
#![forbid(unsafe_code)]

use std::path::Path;

use proxy_abi::{FieldAccess, Fields, Request, RequestParts};
use proxy_config::{Diagnostics, Input, MemoryLoader};
use proxy_core::caller::Caller;
use proxy_core::conf::ProxySettings;
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_core::trylist::Trylist;
use proxy_dso::Loader;

/// A request without fields, and where it goes.
#[derive(Debug)]
pub struct Traffic {
    settings: ProxySettings,
    parts: RequestParts<'static>,
}

struct NoFields;

impl FieldAccess for NoFields {
    fn field(&self, _index: usize) -> Option<(&[u8], &[u8])> {
        None
    }
}

impl Default for Traffic {
    fn default() -> Self {
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
        Self { settings: ProxySettings::default(), parts }
    }
}

impl Traffic {
    /// The request.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request::new(&self.parts, Fields::new(&NoFields))
    }

    /// What makes a trylist for one request after another.
    ///
    /// # Errors
    /// If no route leads to the cluster.
    pub fn to<'g>(
        &'g self,
        generation: &'g Generation,
        caller: &'g Caller,
        request: &'g Request<'g>,
    ) -> Result<impl Fn() -> Trylist<'g>, String> {
        let local = ([127, 0, 0, 1], 80).into();
        let route = generation.servers().route(local, None, b"/").route;
        let route = route.ok_or("no route leads to the cluster")?;
        Ok(move || generation.trylist(caller, route, &self.settings, request))
    }
}

/// A cluster of `weights.len()` endpoints that the module called `ident` balances; `lines` of configuration follow.
///
/// # Errors
/// What the configuration or the module is refused for.
pub fn balanced(
    file: &Path,
    ident: &str,
    weights: &[u32],
    lines: &[String],
    caller: &Caller,
) -> Result<Generation, String> {
    let file = absolute(file)?;
    let member = |(place, weight): (usize, &u32)| {
        format!("BalancerMember http://127.0.0.1:{} loadfactor={weight}\n", place + 1)
    };
    let members: String = weights.iter().enumerate().map(member).collect();
    build(
        &format!(
            "LoadModule {ident} {file}\nListen 127.0.0.1:0\n<Proxy balancer://c>\n{members}</Proxy>\n\
             LBMethod c {ident}\nProxyPass / balancer://c\n{}\n",
            lines.join("\n")
        ),
        caller,
    )
}

/// The same by the directives of the seed's module.
///
/// # Errors
/// What the configuration or the module is refused for.
pub fn seeded(file: &Path, endpoints: usize, caller: &Caller) -> Result<Generation, String> {
    let file = absolute(file)?;
    let servers: String =
        (1..=endpoints).map(|port| format!("LBServerCluster c http://127.0.0.1:{port}\n")).collect();
    build(
        &format!("LoadModule proxy_lb_module {file}\nListen 127.0.0.1:0\n{servers}LBProxyPass / c\n"),
        caller,
    )
}

fn absolute(file: &Path) -> Result<String, String> {
    let found = std::path::absolute(file).map_err(|error| format!("{}: {error}", file.display()))?;
    Ok(found.display().to_string())
}

fn build(text: &str, caller: &Caller) -> Result<Generation, String> {
    let files = MemoryLoader::default().with("/bench/proxyd.conf", text.to_owned());
    let configured =
        configure(&Input::new("/bench/proxyd.conf", "/bench"), &files, &Loader::default(), Vec::new());
    let render = |diagnostics: &Diagnostics| -> String {
        diagnostics.iter().map(|diagnostic| configured.sources.render(diagnostic)).collect()
    };
    if configured.diagnostics.has_errors() {
        return Err(render(&configured.diagnostics));
    }
    Generation::build(configured.conf.clone(), &configured.modules, caller).map_err(|found| render(&found))
}

/// An argument that is a number.
///
/// # Errors
/// If it is none.
pub fn number<T: std::str::FromStr>(word: &str) -> Result<T, String> {
    word.parse().map_err(|_| format!("'{word}' is not a number"))
}
