//! The core's directives, one file a topic. Each submits its definition to the table beside its function.

mod client;
mod clusters;
mod containment;
mod cookies;
mod hosts;
mod logs;
mod mappings;
mod on_read;
mod proxying;
mod server;

pub(crate) use mappings::{route, symbol};

use proxy_config::{Diagnostic, Node, Word, nearest};

use crate::lower::Lowering;

/// The `index`th argument. The table has checked how many there are before a handler runs, so that the error is
/// never seen unless a definition and its handler disagree.
fn arg(node: &Node, index: usize) -> Result<&Word, Diagnostic> {
    node.args
        .get(index)
        .ok_or_else(|| Diagnostic::error(node.name.span, format!("`{}` lacks an argument", node.name.text)))
}

/// A whole number from `least` to `most`.
fn number(word: &Word, least: u32, most: u32) -> Result<u32, Diagnostic> {
    let digits_only = !word.text.is_empty() && word.text.bytes().all(|byte| byte.is_ascii_digit());
    let number = word.text.parse().ok().filter(|number| digits_only && (least..=most).contains(number));
    number.ok_or_else(|| {
        Diagnostic::error(word.span, format!("`{}` is not a whole number from {least} to {most}", word.text))
    })
}

/// The ident of the loaded module that is meant, in any of the three forms of its name.
fn loaded_module(lowering: &Lowering<'_>, word: &Word) -> Result<String, Diagnostic> {
    let module = lowering.modules().find(|info| info.answers_to(&word.text));
    module.map(|info| info.ident.clone()).ok_or_else(|| {
        let diagnostic = Diagnostic::error(word.span, format!("no module `{}` is loaded", word.text));
        match nearest(&word.text, lowering.modules().map(|info| info.ident.as_str())) {
            Some(near) => diagnostic.with_help(format!("did you mean `{near}`?")),
            None => diagnostic.with_help("load it with a LoadModule line"),
        }
    })
}
