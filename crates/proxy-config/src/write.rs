//! Writing a tree in httpd's syntax, so that reading it again gives the same tree.

use std::fmt;

use crate::expand::LITERAL_DOLLAR;
use crate::lines::is_blank;
use crate::tree::{Node, Tree, Word};

impl Tree {
    /// The tree in httpd's syntax. Words are quoted where they must be; what reading resolved stays resolved.
    pub fn to_httpd(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Tree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.nodes.iter().try_for_each(|node| write_node(f, node, 0))
    }
}

/// One directive, or one section with its body.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_node(f, self, 0)
    }
}

fn write_node(f: &mut fmt::Formatter<'_>, node: &Node, depth: usize) -> fmt::Result {
    let indent = depth * 4;
    let Some(body) = &node.body else {
        write!(f, "{:indent$}{}", "", quoted(&node.name.text, true))?;
        write_words(f, &node.args)?;
        return writeln!(f);
    };
    let name = node.name.text.replace("${", &format!("{LITERAL_DOLLAR}{{"));
    write!(f, "{:indent$}<{name}", "")?;
    write_words(f, &node.args)?;
    writeln!(f, ">")?;
    body.iter().try_for_each(|node| write_node(f, node, depth + 1))?;
    writeln!(f, "{:indent$}</{name}>", "")
}

fn write_words(f: &mut fmt::Formatter<'_>, words: &[Word]) -> fmt::Result {
    words.iter().try_for_each(|word| write!(f, " {}", quoted(&word.text, false)))
}

/// The word so that splitting a line gives it back. `leads` says that it is the first of its line, where `#`,
/// `<` and a byte order mark have a meaning.
pub(crate) fn quoted(word: &str, leads: bool) -> String {
    let needs_quotes = word.is_empty()
        || word.contains(|c| is_blank(c) || c == '\\')
        || word.starts_with(['"', '\''])
        || (leads && word.starts_with(['#', '<', '\u{feff}']));
    let word = if needs_quotes {
        format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        word.to_owned()
    };
    word.replace("${", &format!("{LITERAL_DOLLAR}{{"))
}
