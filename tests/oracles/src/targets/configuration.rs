//! A configuration from its text to a generation, with the seed's balancer compiled in, so that its lines are read too.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, LazyLock};

use mod_proxy_lb as _;
use proxy_config::{Diagnostics, Input, MemoryLoader, Sources};
use proxy_core::caller::Caller;
use proxy_core::dump;
use proxy_core::generation::Generation;
use proxy_core::lower::configure;
use proxy_core::module::{LoadModules, LoadedCode, ModuleCode, ModuleFile, NotLoaded};

/// A configuration in either syntax: whatever is wrong with it can be said, with its place; one that is not refused has
/// a server for every request.
pub fn configuration(bytes: &[u8]) {
    for main in ["/srv/conf/proxyd.conf", "/srv/conf/proxyd.toml"] {
        let files = MemoryLoader::default().with(main, bytes).with("/srv/conf/more.conf", "Listen 1\n");
        let configured = configure(&Input::new(Path::new(main), "/srv"), &files, &NoFiles, modules());
        said(&configured.diagnostics, &configured.sources);
        assert!(!dump::virtual_hosts(&configured.conf, &configured.sources).is_empty());
        assert!(!dump::run_cfg(&configured.conf, &configured.defines).is_empty());
        if configured.diagnostics.has_errors() {
            continue;
        }
        match Generation::build(configured.conf, &configured.modules, &Caller::new(u32::MAX)) {
            Ok(generation) => routed(&generation),
            Err(errors) => {
                assert!(errors.has_errors());
                said(&errors, &configured.sources);
            }
        }
    }
}

/// The first of them, as drawing them takes most of the time.
fn said(diagnostics: &Diagnostics, sources: &Sources) {
    for diagnostic in diagnostics.iter().take(4) {
        assert!(!sources.render(diagnostic).is_empty());
    }
}

fn routed(generation: &Generation) {
    let local = SocketAddr::from((Ipv4Addr::LOCALHOST, 80));
    for host in [None, Some(&b"a.example"[..])] {
        for path in [&b"/"[..], b"/a/b", b"*"] {
            let routed = generation.servers().route(local, host, path);
            let clusters = generation.clusters().count();
            assert!(routed.route.is_none_or(|route| route.destination.cluster < clusters));
        }
    }
}

/// Those that are compiled in; made once, since their records stay.
fn modules() -> Vec<Arc<dyn ModuleCode>> {
    static MODULES: LazyLock<Vec<Arc<dyn ModuleCode>>> = LazyLock::new(|| {
        let records = proxy_module::inventory::iter::<proxy_module::StaticModule>.into_iter();
        let modules = records.map(|proxy_module::StaticModule(record)| proxy_dso::static_module(record));
        modules.collect::<Result<_, _>>().expect("the record of a module of ours is right")
    });
    MODULES.clone()
}

/// No file is a module.
#[derive(Debug)]
struct NoFiles;

impl LoadModules for NoFiles {
    fn load(&self, file: &ModuleFile) -> Result<LoadedCode, NotLoaded> {
        Err(NotLoaded::File(format!("there is no {}", file.path.display())))
    }
}
