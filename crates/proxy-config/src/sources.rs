//! The texts that were read, by file id, and who included which.

use std::sync::Arc;

use crate::span::{FileId, Span};

/// All texts of one reading, in the order in which they were opened.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

/// What a text was read for: decides the head line of its errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    File,
    /// `-C` or `-c` on the command line.
    CommandLine,
}

/// A file and the directive that brought it in: the rows of `DUMP_INCLUDES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Included {
    pub file: FileId,
    /// The path word of the `Include`; none for the main file.
    pub at: Option<Span>,
}

#[derive(Clone, Debug)]
struct Source {
    name: String,
    text: Arc<str>,
    origin: Origin,
    included_at: Option<Span>,
}

impl Sources {
    /// The file's path as it was opened, or `-C` or `-c`.
    pub fn name(&self, file: FileId) -> &str {
        self.source(file).map_or("", |source| &source.name)
    }

    /// The whole text, without a byte order mark.
    pub fn text(&self, file: FileId) -> &str {
        self.source(file).map_or("", |source| &source.text)
    }

    /// The files that were read, in reading order; texts from the command line are left out.
    pub fn includes(&self) -> impl Iterator<Item = Included> + '_ {
        let numbered = (0..).map(FileId).zip(&self.files);
        numbered
            .filter(|(_, source)| source.origin == Origin::File)
            .map(|(file, source)| Included { file, at: source.included_at })
    }

    /// The text that `span` covers; none if the span is not of these sources.
    pub fn excerpt(&self, span: Span) -> Option<&str> {
        self.byte_range(span).and_then(|range| self.text(span.file).get(range))
    }

    pub(crate) fn add(
        &mut self,
        name: String,
        text: Arc<str>,
        origin: Origin,
        included_at: Option<Span>,
    ) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source { name, text, origin, included_at });
        id
    }

    pub(crate) fn origin(&self, file: FileId) -> Origin {
        self.source(file).map_or(Origin::File, |source| source.origin)
    }

    /// The directives that led from the main file to this one, innermost first.
    pub(crate) fn included_from(&self, file: FileId) -> impl Iterator<Item = Span> + '_ {
        let by = move |file: FileId| self.source(file).and_then(|source| source.included_at);
        std::iter::successors(by(file), move |span| by(span.file))
    }

    /// The bytes that `span` covers in its text.
    pub(crate) fn byte_range(&self, span: Span) -> Option<std::ops::Range<usize>> {
        let text = &self.source(span.file)?.text;
        let line = line_start(text, span.line)?;
        let start = line + char_offset(&text[line..], span.column.checked_sub(1)?)?;
        let end = start + char_offset(&text[start..], span.len)?;
        Some(start..end)
    }

    fn source(&self, file: FileId) -> Option<&Source> {
        self.files.get(usize::try_from(file.0).ok()?)
    }
}

/// The byte at which a line begins, counting lines from 1.
pub(crate) fn line_start(text: &str, line: u32) -> Option<usize> {
    match line {
        0 => None,
        1 => Some(0),
        _ => text.match_indices('\n').nth(usize::try_from(line - 2).ok()?).map(|(at, _)| at + 1),
    }
}

/// The byte at which the character number `chars` begins, or the end of the text.
fn char_offset(text: &str, chars: u32) -> Option<usize> {
    let chars = usize::try_from(chars).ok()?;
    let mut offsets = text.char_indices().map(|(at, _)| at).chain([text.len()]);
    offsets.nth(chars)
}
