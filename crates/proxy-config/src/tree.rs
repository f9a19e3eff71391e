//! The directive tree: what both syntaxes are read into.

use crate::span::Span;

/// One word of the configuration and where it was written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Word {
    /// Without quotes, after `${…}` was replaced. Never holds a line break or NUL.
    pub text: String,
    pub span: Span,
}

/// One directive or one section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// As written, without `<` and `>`: `VirtualHost`. Case does not matter to the language.
    pub name: Word,
    pub args: Vec<Word>,
    /// The text after the name, after `${…}` was replaced, neither split nor unquoted. `args` are its words.
    pub raw: String,
    /// Some for a section, also for an empty one.
    pub body: Option<Vec<Self>>,
}

/// A whole configuration, in the order of its files: conditionals are resolved, `Include` is replaced by what
/// it brought in, and `Define`, `UnDefine`, `ServerRoot`, `Error` and `Warning` are executed and gone.
/// `LoadModule` was executed too, but stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    pub nodes: Vec<Node>,
}

impl Node {
    /// Whether this is the directive or section `name`; case does not matter.
    pub fn is(&self, name: &str) -> bool {
        self.name.text.eq_ignore_ascii_case(name)
    }

    /// From the name to the end of the last argument; of a section, its opening tag only. Where the last
    /// argument comes from another file or stands before the name, the name alone.
    pub fn span(&self) -> Span {
        let start = self.name.span;
        let Some(last) = self.args.last().map(|word| word.span) else { return start };
        if last.file != start.file || last.end_line != start.line || last.column < start.column {
            let end_line = last.end_line.max(start.end_line);
            return if last.file == start.file { Span { end_line, ..start } } else { start };
        }
        Span { len: (last.column + last.len - start.column).max(start.len), ..start }
    }

    /// Equal but for spans, the case of names, and how words were quoted.
    pub fn same_as(&self, other: &Self) -> bool {
        let same_words =
            |a: &[Word], b: &[Word]| a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.text == b.text);
        self.is(&other.name.text)
            && same_words(&self.args, &other.args)
            && match (&self.body, &other.body) {
                (None, None) => true,
                (Some(a), Some(b)) => same_nodes(a, b),
                _ => false,
            }
    }
}

impl Tree {
    /// Equal but for spans, the case of names, and how words were quoted: two spellings of one configuration.
    pub fn same_as(&self, other: &Self) -> bool {
        same_nodes(&self.nodes, &other.nodes)
    }
}

fn same_nodes(a: &[Node], b: &[Node]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same_as(b))
}
