//! Whatever the text: no panic, spans inside their sources, and a printed tree that reads back as itself.

use proptest::prelude::*;
use proxy_config::{FileId, MemoryLoader, Node, Read, Span, Tree, Word};

use crate::support::{files, read_beside, read_httpd, read_toml, told};

/// Pieces of httpd's syntax, right and wrong ones.
const HTTPD: &[&str] = &[
    "Listen",
    " ",
    " ",
    " ",
    "\t",
    "\n",
    "\n",
    "\n",
    "\r\n",
    "\\\n",
    "\\\r\n",
    "\\",
    "\"",
    "'",
    "#",
    "<",
    ">",
    "</",
    "</V>",
    "<V a>",
    "<V ",
    "<IfModule x_module>",
    "</IfModule>",
    "<IfDefine D>",
    "<IfDefine !D>",
    "</IfDefine>",
    "Define D ",
    "Define ${D}",
    "UnDefine D",
    "${",
    "}",
    "${D}",
    "${HOME}",
    "${NO?=x}",
    "${?=$}",
    "$",
    "{",
    "LoadModule x_module x.so",
    "Include part.conf",
    "IncludeOptional *",
    "Include part.toml",
    "Include conf",
    "ServerRoot /srv",
    "Error e",
    "Warning",
    "ä",
    "\u{feff}",
    "\0",
    "a",
    "b\"c",
    "\u{b}",
    "\u{2028}",
];

/// Pieces of TOML.
const TOML: &[&str] = &[
    "A",
    "B",
    "V",
    "Lines",
    "IfDefine",
    "IfModule",
    "Define",
    "Include",
    " = ",
    "=",
    "'x'",
    "'x \"y'",
    "\"\\u0078 ${D}\"",
    "'${HOME} b'",
    "'D v'",
    "1",
    "true",
    "1.5",
    "1979-05-27",
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    ",",
    ".",
    "\n",
    "\n",
    "\n",
    "'''",
    "\"\"\"",
    "\\",
    "#",
    " ",
    "\r\n",
    "'a b'",
    "''",
    "\"",
    "'",
    "ä",
    "[V.a]\n",
    "[[V.a]]\n",
    "[[Lines]]\n",
    "[IfDefine.'!D']\n",
    "[V.a.L.b]\n",
    "A = 1\n",
    "B = [['a', 'b'], ['c']]\n",
    "'part.toml'",
];

fn pieces(of: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(of), 0..60).prop_map(|pieces| pieces.concat())
}

fn parts() -> MemoryLoader {
    files()
        .with("/srv/part.conf", "P 1\n<W x>\n</W>\n")
        .with("/srv/part.toml", "Q = 1\n[W.x]\nR = '${HOME}'\n")
}

/// Each span of a reading lies inside its source, and each diagnostic can be drawn.
fn check(read: &Read) -> Result<(), TestCaseError> {
    let inside = |span: Span| -> Result<(), TestCaseError> {
        let text = read.sources.excerpt(span);
        prop_assert!(text.is_some(), "{span:?} is outside of {:?}", read.sources.text(span.file));
        let breaks = text.unwrap_or_default().trim_end_matches('\n').matches('\n').count();
        prop_assert!(u32::try_from(breaks).unwrap_or(0) <= span.end_line - span.line, "{span:?}");
        Ok(())
    };
    let mut nodes: Vec<&Node> = read.tree.nodes.iter().collect();
    while let Some(node) = nodes.pop() {
        inside(node.name.span)?;
        inside(node.span())?;
        node.args.iter().try_for_each(|word| inside(word.span))?;
        nodes.extend(node.body.iter().flatten());
    }
    for diagnostic in &read.diagnostics {
        diagnostic.span.map_or(Ok(()), inside)?;
        diagnostic.notes.iter().try_for_each(|(span, _)| inside(*span))?;
        prop_assert!(read.sources.render(diagnostic).starts_with("proxyd: "));
    }
    Ok(())
}

/// The tree, printed and read again, is the same.
fn reads_back(tree: &Tree) -> Result<(), TestCaseError> {
    let text = tree.to_httpd();
    let again = read_httpd(text.as_str());
    prop_assert!(again.tree.same_as(tree), "{text}\nis read as\n{}", again.tree);
    Ok(())
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let word =
        || prop::collection::vec(prop::sample::select(HTTPD), 0..4).prop_map(|pieces| word(&pieces.concat()));
    let leaf =
        (prop::sample::select(&["A", "b c", "#x", "<y", "", "\"q"][..]), prop::collection::vec(word(), 0..4))
            .prop_map(|(name, args)| node(name, args, None));
    let section = move |inner| {
        let args = prop::collection::vec(word(), 1..3);
        let body = prop::collection::vec(inner, 0..4);
        (prop::sample::select(&["V", "L\"x", "a${b}"][..]), args, body)
            .prop_map(|(name, args, body)| node(name, args, Some(body)))
    };
    prop::collection::vec(leaf.prop_recursive(4, 32, 4, section), 0..6)
}

fn node(name: &str, args: Vec<Word>, body: Option<Vec<Node>>) -> Node {
    Node { name: word(name), args, raw: String::new(), body }
}

/// A word as reading gives them: without line breaks and NUL.
fn word(text: &str) -> Word {
    let text = text.replace(['\n', '\r', '\0'], "");
    Word { text, span: Span { file: any_file(), line: 1, end_line: 1, column: 1, len: 0 } }
}

fn any_file() -> FileId {
    static FILE: std::sync::OnceLock<FileId> = std::sync::OnceLock::new();
    *FILE.get_or_init(|| read_httpd("").sources.includes().next().unwrap().file)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&read_beside(parts(), "conf", bytes.clone()))?;
        check(&read_beside(parts(), "toml", bytes))?;
    }

    #[test]
    fn anything_like_httpds_syntax_is_read(text in pieces(HTTPD)) {
        let read = read_beside(parts(), "conf", text);
        check(&read)?;
        reads_back(&read.tree)?;
    }

    #[test]
    fn anything_like_toml_is_read(text in pieces(TOML)) {
        let read = read_beside(parts(), "toml", text);
        check(&read)?;
        reads_back(&read.tree)?;
    }

    #[test]
    fn any_string_is_one_word_in_either_syntax(text in any::<String>()) {
        let tree = Tree { nodes: vec![node("A", vec![word(&text)], None)] };
        reads_back(&tree)?;
        let escaped: String = word(&text).text.chars().map(|c| format!("\\U{:08X}", u32::from(c))).collect();
        let read = read_toml(format!("A = [\"{}\"]", escaped.replace("\\U00000024", "${?=$}")));
        prop_assert!(read.tree.same_as(&tree), "{:?}", told(&read));
    }

    #[test]
    fn a_printed_tree_reads_back(nodes in nodes()) {
        reads_back(&Tree { nodes })?;
    }
}
