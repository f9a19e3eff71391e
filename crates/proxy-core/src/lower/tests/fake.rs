//! Modules without code, and a configuration of one file.

use std::sync::Arc;

use proxy_abi::{ArgKind, Host, scopes};
use proxy_config::{Input, MemoryLoader};

use crate::caller::Caller;
use crate::lower::{Configured, configure};
use crate::module::{
    Carrier, InitError, Instance, LoadModules, LoadedCode, ModuleCode, ModuleDirective, ModuleFile,
    ModuleInfo, NotLoaded,
};
use crate::registration::Registration;
use crate::value::Value;

#[derive(Debug)]
struct FakeModule(ModuleInfo);

impl ModuleCode for FakeModule {
    fn info(&self) -> &ModuleInfo {
        &self.0
    }

    fn host(&self) -> &'static Host {
        unreachable!("lowering calls no module")
    }

    fn init(&self, _: &Caller, _: &Value, _: &mut Registration) -> Result<Box<dyn Instance>, InitError> {
        unreachable!("lowering begins no module")
    }
}

/// A module with directives `(name, args, scopes)`.
pub(super) fn module(ident: &str, directives: &[(&str, ArgKind, u32)]) -> Arc<dyn ModuleCode> {
    let directives = directives.iter().map(|(name, args, scopes)| ModuleDirective {
        name: (*name).to_owned(),
        args: *args,
        scopes: *scopes,
        doc: format!("what {name} is for"),
    });
    Arc::new(FakeModule(ModuleInfo {
        ident: ident.to_owned(),
        version: "1".to_owned(),
        build: "test".to_owned(),
        carrier: Carrier::Static,
        directives: directives.collect(),
    }))
}

const EVERYWHERE: u32 = scopes::SERVER | scopes::VHOST | scopes::LOCATION;

/// The modules that exist: the seed's, one with a directive of each shape, and some that quarrel.
fn known(ident: &str) -> Option<Arc<dyn ModuleCode>> {
    Some(match ident {
        "proxy_lb_module" => module(
            ident,
            &[
                ("LBServerCluster", ArgKind::KEYED, scopes::SERVER),
                ("LBProxyPass", ArgKind::ROUTE, EVERYWHERE),
            ],
        ),
        "shapes_module" => module(
            ident,
            &[
                ("ShapeNone", ArgKind::NO_ARGS, EVERYWHERE),
                ("ShapeOne", ArgKind::TAKE1, EVERYWHERE),
                ("ShapeTwo", ArgKind::TAKE2, EVERYWHERE),
                ("ShapeArgv", ArgKind::TAKE_ARGV, EVERYWHERE),
                ("ShapeEach", ArgKind::ITERATE, EVERYWHERE),
                ("ShapeEach2", ArgKind::ITERATE2, EVERYWHERE),
                ("ShapeFlag", ArgKind::FLAG, EVERYWHERE),
                ("ShapeRaw", ArgKind::RAW_ARGS, EVERYWHERE),
                ("ShapeKeyed", ArgKind::KEYED, EVERYWHERE),
            ],
        ),
        "rival_module" => module(ident, &[("lbproxypass", ArgKind::ROUTE, EVERYWHERE)]),
        "thief_module" => module(ident, &[("listen", ArgKind::TAKE1, scopes::SERVER)]),
        "future_module" => module(ident, &[("Future", ArgKind(99), scopes::SERVER)]),
        "plain_module" => module(ident, &[]),
        _ => return None,
    })
}

struct FakeFiles;

impl LoadModules for FakeFiles {
    fn load(&self, file: &ModuleFile) -> Result<LoadedCode, NotLoaded> {
        let (ident, path) = (&file.ident, file.path.display());
        if !file.path.starts_with("/srv/modules") {
            return Err(NotLoaded::File(format!("{path}: no such file")));
        }
        let code = known(ident).ok_or_else(|| NotLoaded::File(format!("{path} exports no {ident}")))?;
        match file.sha256 {
            Some(sum) if sum != [0; 32] => Err(NotLoaded::Sum(format!("{path}: has another sum"))),
            Some(_) => Ok(LoadedCode { code, warnings: vec![format!("{path}: beware")] }),
            None => Ok(LoadedCode { code, warnings: Vec::new() }),
        }
    }
}

/// Configures from `/srv/conf/proxyd.conf` with `text` in it, ServerRoot `/srv`, and `built_in_module` compiled in.
pub(super) fn from_conf(text: &str) -> Configured {
    from_file("/srv/conf/proxyd.conf", text)
}

/// As [`from_conf`], with another name of the file.
pub(super) fn from_file(path: &str, text: &str) -> Configured {
    let files = MemoryLoader::default().with(path, text).with("/other/x", "");
    let statics = vec![module("built_in_module", &[("BuiltIn", ArgKind::TAKE1, scopes::SERVER)])];
    configure(&Input::new(path, "/srv"), &files, &FakeFiles, statics)
}

/// What is wrong, as it is printed, one text each.
pub(super) fn printed(configured: &Configured) -> Vec<String> {
    configured.diagnostics.iter().map(|diagnostic| configured.sources.render(diagnostic)).collect()
}

/// Configures and insists that nothing is wrong.
pub(super) fn sound(text: &str) -> Configured {
    let configured = from_conf(text);
    assert!(configured.diagnostics.is_empty(), "{}", printed(&configured).join("\n"));
    configured
}
