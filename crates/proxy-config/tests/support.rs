//! Reading texts from memory, and putting what came of it into words that a table can hold.

use std::collections::BTreeSet;

use proxy_config::{
    Diagnostic, Diagnostics, Input, MemoryLoader, Node, Read, Reading, Severity, Sources, read,
};

/// A server that has whatever module a `LoadModule` line names, and knows a few directives.
#[derive(Debug, Default)]
pub(crate) struct Server {
    pub(crate) loaded: BTreeSet<String>,
}

impl Reading for Server {
    fn is_module(&self, name: &str) -> bool {
        let ident = match name.strip_prefix("mod_") {
            Some(stem) => format!("{}_module", stem.strip_suffix(".c").unwrap_or(stem)),
            None => name.to_owned(),
        };
        self.loaded.contains(&ident)
    }

    fn is_directive(&self, name: &str) -> bool {
        name == "Listen"
    }

    fn load_module(&mut self, node: &Node, _: &Sources, diagnostics: &mut Diagnostics) {
        match node.args.as_slice() {
            [ident, _] => {
                self.loaded.insert(ident.text.clone());
            }
            _ => diagnostics.push(Diagnostic::error(node.span(), "LoadModule takes two arguments")),
        }
    }
}

/// The file that `read_text` and its like read, without its extension.
const MAIN: &str = "/srv/conf/proxyd";

pub(crate) fn files() -> MemoryLoader {
    MemoryLoader::default().with_variable("HOME", "/home/op").with_variable("TWO", "one two")
}

pub(crate) fn read_files(files: &MemoryLoader, input: &Input) -> Read {
    read(input, files, &mut Server::default())
}

pub(crate) fn read_beside(files: MemoryLoader, extension: &str, text: impl Into<Vec<u8>>) -> Read {
    let main = format!("{MAIN}.{extension}");
    read_files(&files.with(&main, text), &Input::new(main, "/srv"))
}

pub(crate) fn read_httpd(text: impl Into<Vec<u8>>) -> Read {
    read_beside(files(), "conf", text)
}

pub(crate) fn read_toml(text: impl Into<Vec<u8>>) -> Read {
    read_beside(files(), "toml", text)
}

/// The tree as one line: `Listen(80) VirtualHost(*:80){ServerName(a)}`.
pub(crate) fn shape(read: &Read) -> String {
    fn of(nodes: &[Node]) -> String {
        let one = |node: &Node| {
            let args: Vec<_> = node.args.iter().map(|word| word.text.as_str()).collect();
            let body = node.body.as_ref().map_or(String::new(), |body| format!("{{{}}}", of(body)));
            format!("{}({}){body}", node.name.text, args.join("|"))
        };
        nodes.iter().map(one).collect::<Vec<_>>().join(" ")
    }
    of(&read.tree.nodes)
}

/// Each diagnostic as `line:column+len message`, with the file in front unless it is the main one.
pub(crate) fn told(read: &Read) -> Vec<String> {
    read.diagnostics.iter().map(|diagnostic| tell(read, diagnostic)).collect()
}

fn tell(read: &Read, diagnostic: &Diagnostic) -> String {
    let severity = if diagnostic.severity == Severity::Warning { "warning: " } else { "" };
    let place = match diagnostic.span {
        None => String::new(),
        Some(span) => {
            let name = read.sources.name(span.file);
            let file = if name.starts_with(MAIN) { String::new() } else { format!("{name}:") };
            format!("{file}{}:{}+{} ", span.line, span.column, span.len)
        }
    };
    format!("{place}{severity}{}", diagnostic.message)
}

/// Asserts that a text gives exactly these diagnostics.
#[track_caller]
pub(crate) fn assert_told(read: &Read, text: &str, expected: &[&str]) {
    assert_eq!(told(read), expected, "\n--- of ---\n{text}");
}

/// Asserts that a text is read without a word, as this tree.
#[track_caller]
pub(crate) fn assert_shape(read: &Read, text: &str, expected: &str) {
    assert_eq!((told(read), shape(read)), (Vec::new(), expected.to_owned()), "\n--- of ---\n{text}");
}
