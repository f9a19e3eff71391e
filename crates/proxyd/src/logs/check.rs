//! Log formats are checked where they are written, used or not.

use proxy_config::{Diagnostic, Diagnostics, Node, Sources, Span, Tree, Word};

use super::format::{Format, Unknown};

/// Complains of each code in a `LogFormat` or `CustomLog` that no format knows.
pub(crate) fn check_formats(tree: &Tree, sources: &Sources, diagnostics: &mut Diagnostics) {
    check_nodes(&tree.nodes, sources, diagnostics);
}

fn check_nodes(nodes: &[Node], sources: &Sources, diagnostics: &mut Diagnostics) {
    for node in nodes {
        let format = if node.is("LogFormat") {
            node.args.first()
        } else if node.is("CustomLog") {
            node.args.get(1)
        } else {
            None
        };
        if let Some((word, unknown)) =
            format.and_then(|word| Some((word, Format::compile(&word.text).err()?)))
        {
            diagnostics.push(complaint(word, &unknown, sources));
        }
        check_nodes(node.body.as_deref().unwrap_or_default(), sources, diagnostics);
    }
}

fn complaint(word: &Word, unknown: &Unknown<'_>, sources: &Sources) -> Diagnostic {
    let message = format!("`{}` is no code of a log format", unknown.code);
    let span = span_of(word, unknown, sources).unwrap_or(word.span);
    Diagnostic::error(span, message).with_help(help(unknown.code))
}

/// Quotes and variables may stand between the beginning of the word and the code, so it is looked for where it is
/// written; the same code earlier in the format would have been found first.
fn span_of(word: &Word, unknown: &Unknown<'_>, sources: &Sources) -> Option<Span> {
    let written = sources.excerpt(word.span)?;
    let at = written.find(unknown.code).filter(|_| word.span.line == word.span.end_line)?;
    let chars = |text: &str| u32::try_from(text.chars().count()).ok();
    Some(Span { column: word.span.column + chars(&written[..at])?, len: chars(unknown.code)?, ..word.span })
}

fn help(code: &str) -> &'static str {
    match code.chars().last() {
        Some('o') => "fields of responses cannot be logged yet; those of requests are `%{Name}i`",
        Some('e') => "of variables there are `%{BALANCER_NAME}e` and `%{BALANCER_WORKER_NAME}e`",
        Some('x') => "there are `%{endpoint}x`, `%{cluster}x`, `%{tries}x` and `%{id}x`",
        Some('t') => "write `%t`: it has one form only",
        Some('I' | 'O' | 'S') => "write `%B` for the bytes of the response's body",
        _ => {
            "there are %a %A %b %B %D %h %H %l %m %p %P %q %r %s %t %T %u %U %v, %{Name}i, %{...}e and %{...}x; \
              write `%%` for a percent sign"
        }
    }
}

#[cfg(test)]
mod tests {
    use proxy_config::{Input, MemoryLoader, NoModules, read};

    use super::*;

    #[test]
    fn each_unknown_code_is_shown_where_it_stands() {
        let text = "LogFormat \"%h %Z\" a\n<VirtualHost *>\nCustomLog x '%s %{User-Agent}o'\n</VirtualHost>\n\
                    CustomLog y combined\nLogFormat \"100%\" b\n";
        let files = MemoryLoader::default().with("/a.conf", text);
        let read = read(&Input::new("/a.conf", "/"), &files, &mut NoModules);
        assert!(read.diagnostics.is_empty(), "{:?}", read.diagnostics);
        let mut diagnostics = Diagnostics::default();
        check_formats(&read.tree, &read.sources, &mut diagnostics);
        let found: Vec<_> = diagnostics
            .iter()
            .map(|diagnostic| {
                let span = diagnostic.span.expect("a place");
                (span.line, span.column, span.len, diagnostic.message.as_str())
            })
            .collect();
        assert_eq!(
            found,
            [
                (1, 15, 2, "`%Z` is no code of a log format"),
                (3, 17, 14, "`%{User-Agent}o` is no code of a log format"),
                (6, 15, 1, "`%` is no code of a log format"),
            ]
        );
    }
}
