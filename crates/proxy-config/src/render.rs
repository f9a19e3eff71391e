//! Drawing a diagnostic: httpd's head line, the source below it, then help and notes.

use annotate_snippets::normalize_untrusted_str as printable;
use annotate_snippets::{AnnotationKind, Group, Level, Origin as Place, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::sources::{Origin, Sources, line_start};
use crate::span::Span;

/// Longer lines are named, not shown: nobody reads them, and drawing them takes time.
const LONGEST_SHOWN: usize = 4096;

/// Of a directive that goes on over many lines, so many are shown.
const MOST_LINES: u32 = 8;

impl Sources {
    /// The diagnostic as the server prints it, without colour and without a line break at the end. The first
    /// line has httpd's shape: `proxyd: Syntax error on line 3 of FILE: message`.
    pub fn render(&self, diagnostic: &Diagnostic) -> String {
        let title = self.title(diagnostic);
        let level = Level::ERROR.with_name("proxyd");
        let mut group = Group::with_title(level.primary_title(title));
        if let Some(span) = diagnostic.span {
            group = self.place(group, AnnotationKind::Primary, span);
        }
        for (span, text) in &diagnostic.notes {
            group = group.element(Level::NOTE.message(printable(text)));
            group = self.place(group, AnnotationKind::Primary, *span);
        }
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(printable(help)));
        }
        for span in diagnostic.span.iter().flat_map(|span| self.included_from(span.file)) {
            let text = format!("included from {}:{}", printable(self.name(span.file)), span.line);
            group = group.element(Level::NOTE.message(text));
        }
        Renderer::plain().render(&[group]).trim_end().to_owned()
    }

    fn title(&self, diagnostic: &Diagnostic) -> String {
        let message = printable(&diagnostic.message);
        let (what, what_on_line) = match diagnostic.severity {
            Severity::Error => ("", "Syntax error"),
            Severity::Warning => ("Warning: ", "Warning"),
        };
        match diagnostic.span {
            None => format!("{what}{message}"),
            Some(span) if self.origin(span.file) == Origin::CommandLine => {
                format!("{what_on_line} in -C/-c directive: {message}")
            }
            Some(span) => {
                let name = printable(self.name(span.file));
                format!("{what_on_line} on line {} of {name}: {message}", span.line)
            }
        }
    }

    /// Adds the lines of a span with a mark below it; only their place where they are not fit to be shown.
    fn place<'a>(&self, group: Group<'a>, kind: AnnotationKind, span: Span) -> Group<'a> {
        let name = printable(self.name(span.file));
        match self.lines(span) {
            Some((lines, range)) => {
                let snippet = Snippet::source(lines).line_start(as_usize(span.line)).path(name).fold(false);
                group.element(snippet.annotation(kind.span(range)))
            }
            None => {
                group.element(Place::path(name).line(as_usize(span.line)).char_column(as_usize(span.column)))
            }
        }
    }

    /// The lines of a span, whole, and where in them it is, in bytes.
    fn lines(&self, span: Span) -> Option<(String, std::ops::Range<usize>)> {
        let text = self.text(span.file);
        let range = self.byte_range(span)?;
        let start = line_start(text, span.line)?;
        let last = span.end_line.min(span.line.saturating_add(MOST_LINES - 1));
        let last_start = line_start(text, last)?;
        let end = text[last_start..].find('\n').map_or(text.len(), |at| last_start + at);
        let lines = &text[start..end];
        if lines.lines().any(|line| line.len() > LONGEST_SHOWN) {
            return None;
        }
        let mark = range.start.min(end) - start..range.end.min(end) - start;
        Some((lines.to_owned(), mark))
    }
}

fn as_usize(n: u32) -> usize {
    usize::try_from(n).unwrap_or(usize::MAX)
}
