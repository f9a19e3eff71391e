//! LoadModule, executed while the configuration is read: which modules are there, and who owns which directive.
//!
//! The rules are httpd's (`modules/core/mod_so.c`), but that a path is absolute or below ServerRoot and never
//! searched for, that it may name the sum of its file, and that a directive has one owner.

mod arguments;

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use proxy_config::{Diagnostic, Diagnostics, Node, Reading, Sources, Span, Word};

use crate::directive::{args_of, core_directive};
use crate::module::{LoadModules, LoadedCode, ModuleCode, ModuleFile, ModuleInfo, NotLoaded};
use arguments::Arguments;

/// A module and the line that brought it in; none for a built-in.
#[derive(Clone, Debug)]
pub struct LoadedModule {
    /// Its code.
    pub code: Arc<dyn ModuleCode>,
    /// The words of its LoadModule line: ident and path.
    pub span: Option<Span>,
    path: Option<PathBuf>,
}

/// What reading a configuration asks the core: it loads modules and knows which there are.
pub struct ModuleReader<'a> {
    loader: &'a dyn LoadModules,
    server_root: PathBuf,
    modules: Vec<LoadedModule>,
    failed: Vec<FailedLoad>,
}

/// A LoadModule line that brought in nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FailedLoad {
    /// What the walk knows the line by.
    pub(crate) key: Span,
    /// What to show of it.
    pub(crate) span: Span,
}

impl std::fmt::Debug for ModuleReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModuleReader").field("modules", &self.modules).finish_non_exhaustive()
    }
}

impl<'a> ModuleReader<'a> {
    /// A reading that begins with the built-in modules, in the order of their idents, whatever the order given.
    /// What is wrong with those is in the diagnostics.
    #[must_use]
    pub fn new(
        loader: &'a dyn LoadModules,
        mut statics: Vec<Arc<dyn ModuleCode>>,
        server_root: PathBuf,
    ) -> (Self, Diagnostics) {
        statics.sort_by(|a, b| a.info().ident.cmp(&b.info().ident));
        let mut reader = Self { loader, server_root, modules: Vec::new(), failed: Vec::new() };
        let mut diagnostics = Diagnostics::default();
        for code in statics {
            reader.check_directives(code.info(), None, &mut diagnostics);
            reader.modules.push(LoadedModule { code, span: None, path: None });
        }
        (reader, diagnostics)
    }

    /// The modules in load order.
    #[must_use]
    pub fn modules(&self) -> &[LoadedModule] {
        &self.modules
    }

    /// The modules in load order, and the lines that failed.
    pub(crate) fn finish(self) -> (Vec<Arc<dyn ModuleCode>>, Vec<FailedLoad>) {
        (self.modules.into_iter().map(|module| module.code).collect(), self.failed)
    }

    fn load(&mut self, node: &Node, diagnostics: &mut Diagnostics) -> Result<(), Diagnostic> {
        let Arguments { ident, path, sha256 } = arguments::read(node)?;
        if let Some(present) = self.modules.iter().find(|module| module.code.info().ident == ident.text) {
            diagnostics.push(present_already(ident, present));
            return Ok(());
        }
        let (file, below) = self.file(path)?;
        if let Some(same) = self.modules.iter().find(|module| module.path.as_ref() == Some(&file)) {
            let message = format!("{} was loaded already, as {}", file.display(), same.code.info().ident);
            diagnostics.push(noted(Diagnostic::warning(path.span, message), same.span));
        }
        let sum = sha256.as_ref().map(|pin| pin.sum);
        let asked = ModuleFile { ident: ident.text.clone(), path: file.clone(), below, sha256: sum };
        let LoadedCode { code, warnings } = self.loader.load(&asked).map_err(|error| match error {
            NotLoaded::File(text) => Diagnostic::error(path.span, text),
            NotLoaded::Sum(text) => Diagnostic::error(sha256.map_or(path.span, |pin| pin.word.span), text),
        })?;
        diagnostics.extend(warnings.into_iter().map(|text| Diagnostic::warning(path.span, text)));
        let span = Some(node.span());
        self.check_directives(code.info(), Some(ident.span), diagnostics);
        self.modules.push(LoadedModule { code, span, path: Some(file) });
        Ok(())
    }

    /// The absolute path that a LoadModule line means, and the directory that it must not lead out of.
    fn file(&self, word: &Word) -> Result<(PathBuf, Option<PathBuf>), Diagnostic> {
        let path = Path::new(&word.text);
        if path.is_absolute() {
            return Ok((path.to_path_buf(), None));
        }
        let root = &self.server_root;
        below(path).map(|below| (root.join(below), Some(root.clone()))).ok_or_else(|| {
            let message = format!("`{}` is not a file below ServerRoot", word.text);
            let help = "a module's path is absolute, or relative to ServerRoot and stays below it";
            Diagnostic::error(word.span, message).with_help(help)
        })
    }

    /// Complains of directives that somebody owns already or that this server cannot parse. The module stays, so
    /// that its other directives are known.
    fn check_directives(&self, info: &ModuleInfo, at: Option<Span>, diagnostics: &mut Diagnostics) {
        let ident = &info.ident;
        for directive in &info.directives {
            let name = &directive.name;
            if args_of(directive.args).is_none() {
                let message = format!(
                    "directive `{name}` of {ident} takes arguments of a kind ({}) that this server does not know",
                    directive.args.0
                );
                diagnostics
                    .push(Diagnostic::error(at, message).with_help("build the module for this server"));
            }
            if core_directive(name).is_some() {
                let message = format!("{ident} brings the directive `{name}`, which is the server's own");
                diagnostics.push(Diagnostic::error(at, message));
            }
            if let Some(other) = self.modules.iter().find(|module| owns(module, name)) {
                let message =
                    format!("{ident} brings the directive `{name}`, which {} owns", other.code.info().ident);
                let diagnostic = Diagnostic::error(at, message).with_help("load one of the two");
                diagnostics.push(noted(diagnostic, other.span));
            }
        }
    }
}

fn owns(module: &LoadedModule, name: &str) -> bool {
    module.code.info().directives.iter().any(|directive| directive.name.eq_ignore_ascii_case(name))
}

fn present_already(ident: &Word, present: &LoadedModule) -> Diagnostic {
    let message = match present.span {
        Some(_) => format!("module {} is loaded already, skipping", ident.text),
        None => format!("module {} is built in, skipping", ident.text),
    };
    noted(Diagnostic::warning(ident.span, message), present.span)
}

fn noted(diagnostic: Diagnostic, loaded: Option<Span>) -> Diagnostic {
    match loaded {
        Some(span) => diagnostic.with_note(span, "it was loaded here"),
        None => diagnostic,
    }
}

/// The relative path without `.` and `..`; none if it leads out of where it starts, or is nowhere.
fn below(path: &Path) -> Option<PathBuf> {
    let mut below = PathBuf::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => below.push(name),
            Component::CurDir => {}
            Component::ParentDir => below.pop().then_some(())?,
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    (!below.as_os_str().is_empty()).then_some(below)
}

/// What a LoadModule line is known by: names of directives may share a span, as keys in TOML do.
pub(crate) fn line_key(node: &Node) -> Span {
    node.args.first().map_or(node.name.span, |word| word.span)
}

impl Reading for ModuleReader<'_> {
    fn is_module(&self, name: &str) -> bool {
        self.modules.iter().any(|module| module.code.info().answers_to(name))
    }

    fn is_directive(&self, name: &str) -> bool {
        core_directive(name).is_some() || self.modules.iter().any(|module| owns(module, name))
    }

    fn load_module(&mut self, node: &Node, _sources: &Sources, diagnostics: &mut Diagnostics) {
        if let Err(diagnostic) = self.load(node, diagnostics) {
            let span = diagnostic.span.unwrap_or(node.name.span);
            self.failed.push(FailedLoad { key: line_key(node), span });
            diagnostics.push(diagnostic);
        }
    }

    fn server_root(&mut self, root: &Path) {
        self.server_root = root.to_path_buf();
    }
}
