//! The directives that act while text is read, so that later lines see what they did.

use crate::diagnostic::Diagnostic;
use crate::include::{self, normalise};
use crate::reader::Reader;
use crate::tree::{Node, Word};

type Action = fn(&mut Reader<'_>, Node);

impl Reader<'_> {
    /// Takes one directive of either syntax: executes it, or puts it where the tree grows.
    pub(crate) fn directive(&mut self, node: Node) {
        let actions: [(&str, Action); 8] = [
            ("Define", define),
            ("UnDefine", undefine),
            ("Include", |reader, node| include(reader, &node, false)),
            ("IncludeOptional", |reader, node| include(reader, &node, true)),
            ("LoadModule", load_module),
            ("ServerRoot", server_root),
            ("Error", own_error),
            ("Warning", own_warning),
        ];
        match actions.into_iter().find(|(name, _)| node.is(name)) {
            Some((_, act)) => act(self, node),
            None => self.stack.push(node),
        }
    }

    /// Whether the directive stands outside of all sections but those `allowed`; reported if not.
    fn stands_outside(&mut self, node: &Node, allowed: &[&str]) -> bool {
        let Some(section) = self.stack.section_other_than(allowed) else { return true };
        let message = format!("`{}` cannot stand inside `<{}>`", node.name.text, section.text);
        let opened = format!("`<{}>` is opened here", section.text);
        let diagnostic = Diagnostic::error(node.name.span, message).with_note(section.span, opened);
        self.push(diagnostic);
        false
    }

    /// The directive's arguments, if there are `least` to `most` of them; reported if not.
    fn args<'n>(&mut self, node: &'n Node, least: usize, most: usize, wanted: &str) -> Option<&'n [Word]> {
        if (least..=most).contains(&node.args.len()) {
            return Some(&node.args);
        }
        let span = node.args.get(most).map_or(node.name.span, |word| word.span);
        self.error(span, format!("`{}` takes {wanted}", node.name.text));
        None
    }
}

fn define(reader: &mut Reader<'_>, node: Node) {
    if !reader.stands_outside(&node, &["VirtualHost"]) {
        return;
    }
    let Some(args) = reader.args(&node, 1, 2, "a name, or a name and a value") else { return };
    let name = &args[0];
    if name.text.is_empty() || name.text.contains([':', '}']) || name.text.contains("?=") {
        let message = format!(
            "`{}` cannot be the name of a variable: `:`, `}}` and `?=` mean something else",
            name.text
        );
        return reader.error(name.span, message);
    }
    reader.defines.define(name.text.clone(), args.get(1).map(|value| value.text.clone()));
}

fn undefine(reader: &mut Reader<'_>, node: Node) {
    if !reader.stands_outside(&node, &["VirtualHost"]) {
        return;
    }
    if let Some(args) = reader.args(&node, 1, 1, "one name") {
        reader.defines.undefine(&args[0].text);
    }
}

fn include(reader: &mut Reader<'_>, node: &Node, optional: bool) {
    if let Some(args) = reader.args(node, 1, 1, "one path; write one line for each") {
        include::include(reader, &args[0], optional);
    }
}

fn load_module(reader: &mut Reader<'_>, node: Node) {
    if reader.stands_outside(&node, &[]) {
        reader.reading.load_module(&node, &reader.sources, &mut reader.diagnostics);
        reader.stack.push(node);
    }
}

fn server_root(reader: &mut Reader<'_>, node: Node) {
    if !reader.stands_outside(&node, &[]) {
        return;
    }
    let Some(args) = reader.args(&node, 1, 1, "one directory") else { return };
    let root = normalise(&reader.server_root.join(&args[0].text));
    if !reader.loader.is_dir(&root) {
        return reader.error(args[0].span, format!("ServerRoot `{}` is not a directory", root.display()));
    }
    reader.reading.server_root(&root);
    reader.server_root = root;
}

fn own_error(reader: &mut Reader<'_>, node: Node) {
    let message = own_message(&node);
    reader.error(node.name.span, message);
}

fn own_warning(reader: &mut Reader<'_>, node: Node) {
    let message = own_message(&node);
    reader.push(Diagnostic::warning(node.name.span, message));
}

fn own_message(node: &Node) -> String {
    let words: Vec<_> = node.args.iter().map(|word| word.text.as_str()).collect();
    words.join(" ")
}
