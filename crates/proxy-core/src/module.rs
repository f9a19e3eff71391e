//! Modules as the core knows them: a record of facts, and code that makes instances. Loaded and compiled-in ones
//! are the same thing here; only `proxy-dso` knows how their code is reached.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use proxy_abi::{ArgKind, Host};
use proxy_config::Span;

use crate::caller::Caller;
use crate::registration::Registration;
use crate::value::Value;

/// How a module came into the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// Compiled in.
    Static,
    /// Loaded from this file.
    Shared(PathBuf),
}

impl Carrier {
    /// The word that `-M` prints.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Shared(_) => "shared",
        }
    }
}

/// A directive that a module owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleDirective {
    /// Its name, in the module's own letter case.
    pub name: String,
    /// What it takes.
    pub args: ArgKind,
    /// Where it may stand, see [`proxy_abi::scopes`].
    pub scopes: u32,
    /// One sentence.
    pub doc: String,
}

/// The facts of a module's record, copied and checked.
#[derive(Clone, Debug)]
pub struct ModuleInfo {
    /// `proxy_lb_module`.
    pub ident: String,
    /// The module's own version.
    pub version: String,
    /// What built it.
    pub build: String,
    /// How it came in.
    pub carrier: Carrier,
    /// Its directives.
    pub directives: Vec<ModuleDirective>,
}

impl ModuleInfo {
    /// Whether the module is meant by `name`: `proxy_lb_module`, `mod_proxy_lb` or `mod_proxy_lb.c`.
    #[must_use]
    pub fn answers_to(&self, name: &str) -> bool {
        module_answers_to(&self.ident, name)
    }
}

/// Whether the module `ident` is meant by `name`, in any of the three forms that httpd's users write.
#[must_use]
pub fn module_answers_to(ident: &str, name: &str) -> bool {
    if name == ident {
        return true;
    }
    let Some(stem) = ident.strip_suffix("_module") else { return false };
    let name = name.strip_suffix(".c").unwrap_or(name);
    name.strip_prefix("mod_") == Some(stem)
}

/// A module's code: makes the instance that one generation uses.
pub trait ModuleCode: Send + Sync + fmt::Debug {
    /// Its facts.
    fn info(&self) -> &ModuleInfo;

    /// The table of services that its calls are given.
    fn host(&self) -> &'static Host;

    /// Makes an instance from its configuration (a map from directive names). What it registers counts only if
    /// this answers `Ok`.
    ///
    /// # Errors
    /// What the module says, and the value it says it of.
    fn init(
        &self,
        caller: &Caller,
        config: &Value,
        registration: &mut Registration,
    ) -> Result<Box<dyn Instance>, InitError>;
}

/// A module's instance. Dropping it calls the module's `fini`, once, the last call for it.
pub trait Instance: Send + Sync + fmt::Debug {}

/// Why an instance could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitError {
    /// The module's words, or what it did wrong.
    pub message: String,
    /// The place in the configuration, if the module named one.
    pub span: Option<Span>,
}

/// Which file a LoadModule line means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleFile {
    /// The module of that file that is wanted.
    pub ident: String,
    /// The file, an absolute path.
    pub path: PathBuf,
    /// The directory that no link may lead out of: ServerRoot, if the line names the file relative to it.
    pub below: Option<PathBuf>,
    /// The SHA-256 of the only file that will do.
    pub sha256: Option<[u8; 32]>,
}

/// A module that was brought in.
#[derive(Debug)]
pub struct LoadedCode {
    /// Its code.
    pub code: Arc<dyn ModuleCode>,
    /// What the operator should know of its file all the same, whole messages.
    pub warnings: Vec<String>,
}

/// Why a module is not brought in: the whole message, with the file and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotLoaded {
    /// The file will not do.
    File(String),
    /// It is another file than the one whose sum was given.
    Sum(String),
}

/// Brings in module files; `proxy-dso` does.
pub trait LoadModules {
    /// Loads a module from its file. `-t` does all of it.
    ///
    /// # Errors
    /// What is wrong.
    fn load(&self, file: &ModuleFile) -> Result<LoadedCode, NotLoaded>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_answers_to_three_names() {
        for name in ["proxy_lb_module", "mod_proxy_lb", "mod_proxy_lb.c"] {
            assert!(module_answers_to("proxy_lb_module", name), "{name}");
        }
        for name in ["proxy_lb", "mod_proxy_lb.so", "proxy_lb_module.c", "mod_mod_proxy_lb", "MOD_PROXY_LB"] {
            assert!(!module_answers_to("proxy_lb_module", name), "{name}");
        }
    }
}
