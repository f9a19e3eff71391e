//! Reading a configuration: which texts, in which order, within which limits.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::expand::{Defines, expand};
use crate::lines::Line;
use crate::loader::Loader;
use crate::sources::{Origin, Sources};
use crate::span::{FileId, Locator, Span};
use crate::stack::Stack;
use crate::tree::{Node, Tree};
use crate::{httpd_syntax, toml_syntax};

/// How many files may include one another, one inside the next (httpd's limit).
pub(crate) const MAX_DEPTH: usize = 128;

/// How much text one reading may take in, in bytes: files, and what variables put in.
pub(crate) const MAX_TEXT: usize = 64 << 20;

/// After so many errors nobody reads on, and a broken file must not fill the memory with them.
pub(crate) const MAX_ERRORS: usize = 1000;

/// How many sections may be open at once where they are not read, only counted.
pub(crate) const MAX_OPEN: usize = 4096;

/// What to read: the command line's part in it.
#[derive(Clone, Debug)]
pub struct Input {
    /// `-f`. Its name decides the syntax: `.toml` is TOML, all else httpd's.
    pub main: PathBuf,
    /// `-d`. What relative paths are relative to, until a `ServerRoot` says otherwise.
    pub server_root: PathBuf,
    /// `-D`: name and value; an empty value is none.
    pub defines: Vec<(String, String)>,
    /// `-C`: directives read before the main file, one line each.
    pub before: Vec<String>,
    /// `-c`: directives read after it.
    pub after: Vec<String>,
    /// Whether a main file that does not exist is no error, as it is for a default path beside `-C` or `-c`.
    pub main_may_be_missing: bool,
}

impl Input {
    /// Just the main file.
    pub fn new(main: impl Into<PathBuf>, server_root: impl Into<PathBuf>) -> Self {
        Self {
            main: main.into(),
            server_root: server_root.into(),
            defines: Vec::new(),
            before: Vec::new(),
            after: Vec::new(),
            main_may_be_missing: false,
        }
    }
}

/// What the server does while text is read. All of it happens in the order of the text, so that a question is
/// answered by what stands above it.
pub trait Reading {
    /// Whether a module is there, compiled in or loaded above; the name as `mod_x.c`, `mod_x` or `x_module`.
    fn is_module(&self, name: &str) -> bool;
    /// Whether a directive is known so far. For `IfDirective`.
    fn is_directive(&self, name: &str) -> bool;
    /// Executes a `LoadModule` line, in whatever shape it was written.
    fn load_module(&mut self, node: &Node, sources: &Sources, diagnostics: &mut Diagnostics);
    /// Told of a `ServerRoot` line: relative paths start from here now.
    fn server_root(&mut self, root: &Path) {
        let _ = root;
    }
}

/// A reading in which there are no modules and `LoadModule` does nothing: for programs that only look at the
/// tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoModules;

impl Reading for NoModules {
    fn is_module(&self, _name: &str) -> bool {
        false
    }

    fn is_directive(&self, _name: &str) -> bool {
        false
    }

    fn load_module(&mut self, _node: &Node, _sources: &Sources, _diagnostics: &mut Diagnostics) {}
}

/// What was read. With errors among the diagnostics the tree is what could be understood, fit for finding
/// further errors, not for running.
#[derive(Clone, Debug, Default)]
pub struct Read {
    pub tree: Tree,
    pub sources: Sources,
    pub diagnostics: Diagnostics,
    /// What is defined at the end, in order of definition; an empty value may be none.
    pub defines: Vec<(String, String)>,
    /// What `ServerRoot` said last.
    pub server_root: PathBuf,
}

/// Reads a configuration: `before`, the main file and all it includes, `after`.
///
/// Never panics, whatever the texts hold; takes in no more than 64 MiB of text.
pub fn read(input: &Input, loader: &dyn Loader, reading: &mut dyn Reading) -> Read {
    let mut reader = Reader::new(input, loader, reading);
    reader.command_line("-C", &input.before);
    reader.file(&input.main, None, input.main_may_be_missing);
    reader.command_line("-c", &input.after);
    reader.finish()
}

/// A reading under way.
pub(crate) struct Reader<'a> {
    pub(crate) loader: &'a dyn Loader,
    pub(crate) reading: &'a mut dyn Reading,
    pub(crate) sources: Sources,
    pub(crate) diagnostics: Diagnostics,
    pub(crate) defines: Defines,
    pub(crate) server_root: PathBuf,
    pub(crate) stack: Stack,
    pub(crate) directories_listed: usize,
    depth: usize,
    text_read: usize,
    /// A limit was passed: what is open is finished, nothing more is begun.
    stopped: bool,
}

impl<'a> Reader<'a> {
    fn new(input: &Input, loader: &'a dyn Loader, reading: &'a mut dyn Reading) -> Self {
        let mut defines = Defines::default();
        for (name, value) in &input.defines {
            defines.define(name.clone(), Some(value.clone()).filter(|value| !value.is_empty()));
        }
        Self {
            loader,
            reading,
            sources: Sources::default(),
            diagnostics: Diagnostics::default(),
            defines,
            server_root: input.server_root.clone(),
            stack: Stack::default(),
            directories_listed: 0,
            depth: 0,
            text_read: 0,
            stopped: false,
        }
    }

    fn finish(self) -> Read {
        Read {
            tree: Tree { nodes: self.stack.into_nodes() },
            sources: self.sources,
            diagnostics: self.diagnostics,
            defines: self.defines.into_pairs(),
            server_root: self.server_root,
        }
    }

    fn command_line(&mut self, option: &str, directives: &[String]) {
        if directives.is_empty() {
            return;
        }
        let text: Arc<str> = directives.join("\n").into();
        let file = self.sources.add(option.into(), text.clone(), Origin::CommandLine, None);
        self.parse(file, &text, false);
    }

    /// Reads a file; `at` is the path word of the `Include` that asked for it.
    pub(crate) fn file(&mut self, path: &Path, at: Option<Span>, may_be_missing: bool) {
        if self.stopped {
            return;
        }
        if self.depth >= MAX_DEPTH {
            self.stop(at, format!("files are included deeper than {MAX_DEPTH}: does one include itself?"));
            return;
        }
        let bytes = match self.loader.read(path) {
            Ok(bytes) => bytes,
            Err(error) if may_be_missing && error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                let message = format!("could not open configuration file `{}`: {error}", path.display());
                self.error(at, message);
                return;
            }
        };
        if !self.charge(bytes.len(), at) {
            return;
        }
        let name = path.display().to_string();
        let is_toml = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("toml"));
        match decode(bytes) {
            Ok(text) => {
                let text: Arc<str> = text.into();
                let file = self.sources.add(name, text.clone(), Origin::File, at);
                self.depth += 1;
                self.parse(file, &text, is_toml);
                self.depth -= 1;
            }
            Err((text, fault)) => {
                let file = self.sources.add(name, text.as_str().into(), Origin::File, at);
                let span = Locator::new(file, &text).span(fault);
                self.push(Diagnostic::error(span, "the file is not UTF-8 from here on"));
            }
        }
    }

    fn parse(&mut self, file: FileId, text: &str, is_toml: bool) {
        let base = self.stack.depth();
        if is_toml {
            toml_syntax::parse(self, file, text);
        } else {
            httpd_syntax::parse(self, file, text);
        }
        self.stack.close_leftovers(base, &mut self.diagnostics);
    }

    /// Replaces the variables of a line; what cannot be replaced is reported, and none is returned if
    /// anything was and `keep` is not set.
    pub(crate) fn expand<'t>(
        &mut self,
        line: Line<'t>,
        locator: &mut Locator<'_>,
        keep: bool,
    ) -> Option<Line<'t>> {
        let before = line.text.len();
        let original = line.clone();
        let (line, faults) = expand(line, &self.defines, self.loader);
        let sound = faults.is_empty();
        for fault in faults {
            let span = locator.span(original.source_range(fault.range));
            self.push(Diagnostic { help: fault.help, ..Diagnostic::error(span, fault.message) });
        }
        let grown = line.text.len().saturating_sub(before);
        if grown > 0 && !self.charge(grown, Some(locator.span(line.source_range(0..line.text.len())))) {
            return None;
        }
        (sound || keep).then_some(line)
    }

    pub(crate) fn push(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    pub(crate) fn error(&mut self, at: impl Into<Option<Span>>, message: impl Into<String>) {
        self.push(Diagnostic::error(at, message));
    }

    /// Ends the reading: what would go on without end, or past all use, is reported once.
    pub(crate) fn stop(&mut self, at: Option<Span>, message: String) {
        self.stopped = true;
        self.diagnostics.push(Diagnostic::error(at, message));
    }

    /// Whether another line may be read. Passing a limit is reported here, once.
    pub(crate) fn goes_on(&mut self) -> bool {
        if !self.stopped && self.diagnostics.len() >= MAX_ERRORS {
            self.stop(None, format!("more than {MAX_ERRORS} errors: reading ends here"));
        }
        if !self.stopped && self.stack.depth() >= MAX_OPEN {
            self.stop(None, format!("more than {MAX_OPEN} sections are open: reading ends here"));
        }
        !self.stopped
    }

    /// Counts text that was taken in; false, and the reading is over, once it is too much.
    fn charge(&mut self, bytes: usize, at: Option<Span>) -> bool {
        self.text_read = self.text_read.saturating_add(bytes);
        let fits = self.text_read <= MAX_TEXT;
        if !fits && !self.stopped {
            self.stop(at, format!("the configuration is larger than {} MiB in all", MAX_TEXT >> 20));
        }
        fits
    }
}

/// The text of a file, without a byte order mark; or what can be shown of it, and where it stops being text.
fn decode(bytes: Vec<u8>) -> Result<String, (String, Range<usize>)> {
    let bytes = match bytes.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => rest.to_vec(),
        None => bytes,
    };
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let shown = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let end = valid + char::REPLACEMENT_CHARACTER.len_utf8();
        (shown, valid..end)
    })
}
