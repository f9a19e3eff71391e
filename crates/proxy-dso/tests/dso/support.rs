//! Builds module files, and configurations for them.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use proxy_config::{Input, MemoryLoader, NoModules};
use proxy_core::caller::Caller;
use proxy_core::module::{InitError, Instance, ModuleCode};
use proxy_core::registration::Registration;
use proxy_core::value::{Value, ValueKind};
use proxy_dso::Loader;
use tempfile::TempDir;

/// A directory of module files, removed with this value.
pub(crate) struct Workshop {
    directory: TempDir,
}

impl Workshop {
    /// A new one; nothing if there is no C compiler.
    pub(crate) fn new() -> Option<Self> {
        if Command::new("cc").arg("--version").output().is_err() {
            // Not by a macro, whose lines the test harness keeps to itself.
            let mut stderr = io::stderr();
            writeln!(stderr, "skipped: cc not installed").unwrap();
            return None;
        }
        Some(Self { directory: tempfile::tempdir().unwrap() })
    }

    /// The path of `name`, whether there is such a file or not.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Builds `tests/fixtures/module.c` with these macros, written `NAME` or `NAME=VALUE`.
    pub(crate) fn build(&self, name: &str, macros: &[&str]) -> PathBuf {
        self.compile(name, "-shared", macros)
    }

    /// As `build`, linked as `kind` says.
    pub(crate) fn compile(&self, name: &str, kind: &str, macros: &[&str]) -> PathBuf {
        let path = self.path(name);
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let source = here.join("tests/fixtures/module.c");
        let mut cc = Command::new("cc");
        cc.args([kind, "-fPIC", "-O1", "-w", "-fvisibility=hidden", "-I"]);
        cc.arg(here.join("../proxy-abi/include")).arg("-o").arg(&path).arg(source);
        cc.args(macros.iter().map(|name| format!("-D{name}")));
        cc.args(std::env::var("PROXYD_TEST_C_FLAGS").unwrap_or_default().split_whitespace());
        let output = cc.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        path
    }
}

/// Loads `x_module` from `path`.
pub(crate) fn load(path: &Path) -> Result<Arc<dyn ModuleCode>, String> {
    Loader::default().open("x_module", path).map_err(|refusal| refusal.to_string())
}

/// The configuration `Do ACT`, which stands in line 1 from column 4 on.
pub(crate) fn config(act: &str) -> Value {
    let files = MemoryLoader::default().with("/x.conf", format!("Do \"{act}\"\n"));
    let read = proxy_config::read(&Input::new("/x.conf", "/"), &files, &mut NoModules);
    let span = Some(read.tree.nodes[0].args[0].span);
    let value = Value { span, kind: ValueKind::Text(act.to_owned()) };
    Value { span: None, kind: ValueKind::Map(vec![("Do".to_owned(), value)]) }
}

/// Runs `init` with the configuration `Do ACT`.
pub(crate) fn init(module: &dyn ModuleCode, act: &str) -> Result<Box<dyn Instance>, InitError> {
    module.init(&Caller::new(u32::MAX), &config(act), &mut Registration::default())
}

/// What the module says when `init` fails.
pub(crate) fn complaint(module: &dyn ModuleCode, act: &str) -> String {
    init(module, act).err().map_or_else(|| "no error".to_owned(), |error| error.message)
}
