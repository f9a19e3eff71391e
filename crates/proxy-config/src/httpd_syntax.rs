//! httpd's syntax: lines of words, and sections in angle brackets (`server/config.c`, `ap_build_config`).

use std::ops::Range;

use crate::condition;
use crate::lines::{Line, MAX_LINE, is_blank, logical_lines, trim};
use crate::reader::Reader;
use crate::span::{FileId, Locator, Span};
use crate::stack::{Kind, Opening};
use crate::tree::{Node, Word};
use crate::words::{next_word, split};

pub(crate) fn parse(reader: &mut Reader<'_>, file: FileId, text: &str) {
    let base = reader.stack.depth();
    let mut parser = Parser { reader, locator: Locator::new(file, text), base };
    for line in logical_lines(text) {
        if !parser.reader.goes_on() {
            return;
        }
        parser.line(line);
    }
}

struct Parser<'p, 'a, 't> {
    reader: &'p mut Reader<'a>,
    locator: Locator<'t>,
    /// How many sections were open when the file began: those are not its own to close.
    base: usize,
}

impl Parser<'_, '_, '_> {
    fn line(&mut self, line: Line<'_>) {
        let trimmed = line.trimmed();
        let text = &line.text[trimmed.clone()];
        if text.is_empty() || text.starts_with('#') {
            return;
        }
        if line.text.len() > MAX_LINE {
            let message = format!("the line is longer than {} MiB", MAX_LINE >> 20);
            return self.fault(&line, trimmed.start..trimmed.start, message);
        }
        if let Some(nul) = text.find('\0') {
            let at = trimmed.start + nul;
            return self.fault(&line, at..at + 1, "a line cannot hold a NUL character");
        }
        if self.reader.stack.is_skipping() {
            return self.skipped(&line);
        }
        let is_section = text.starts_with('<');
        // A section is opened even if a variable of its tag is unknown, or its closing tag would be a second
        // error.
        let Some(line) = self.reader.expand(line, &mut self.locator, is_section) else { return };
        let trimmed = line.trimmed();
        let text = &line.text[trimmed.clone()];
        if text.starts_with("</") {
            self.closing_tag(&line, trimmed);
        } else if text.starts_with('<') {
            self.opening_tag(&line, trimmed);
        } else if !text.is_empty() {
            self.directive(&line, trimmed);
        }
    }

    /// A line of a body that is not taken: only the nesting of sections counts, variables are left alone.
    fn skipped(&mut self, line: &Line<'_>) {
        let trimmed = line.trimmed();
        let text = &line.text[trimmed.clone()];
        if text.starts_with("</") {
            self.closing_tag(line, trimmed);
        } else if text.starts_with('<') {
            let name = section_name(&line.text, trimmed.start + 1..trimmed.end);
            if !name.is_empty() {
                let opening = Opening { name: self.word(line, name), args: Vec::new(), raw: String::new() };
                self.reader.stack.open(opening, Kind::Skipped, &mut self.reader.diagnostics);
            }
        }
    }

    fn directive(&mut self, line: &Line<'_>, range: Range<usize>) {
        let name = match next_word(&line.text, range.clone()) {
            Ok(Some(name)) => name,
            Ok(None) => return,
            Err(quote) => return self.unterminated(line, quote.0),
        };
        let name_span = self.span(line, name.range.clone());
        let rest = trim(&line.text, name.range.end..range.end);
        let Ok(args) = self.words(line, rest.clone()) else { return };
        let raw = line.text[rest].to_owned();
        let name = Word { text: name.text, span: name_span };
        self.reader.directive(Node { name, args, raw, body: None });
    }

    fn opening_tag(&mut self, line: &Line<'_>, range: Range<usize>) {
        let name = section_name(&line.text, range.start + 1..range.end);
        if name.is_empty() {
            return self.fault(line, range, "a section needs a name directly after `<`");
        }
        let (tag, is_ended) = self.tag_end(line, name.end..range.end);
        let rest = trim(&line.text, name.end..tag);
        let name = self.word(line, name);
        let (args, sound) = match self.words(line, rest.clone()) {
            Ok(args) => (args, is_ended),
            Err(args) => (args, false),
        };
        let opening = Opening { name, args, raw: line.text[rest].to_owned() };
        self.reader.open(opening, sound);
    }

    fn closing_tag(&mut self, line: &Line<'_>, range: Range<usize>) {
        let (tag, _) = self.tag_end(line, range.start + 2..range.end);
        let name = trim(&line.text, range.start + 2..tag);
        let span = self.span(line, range);
        let name = line.text[name].to_owned();
        self.reader.stack.close_tag(self.base, &name, span, &mut self.reader.diagnostics);
    }

    /// Where the `>` of a tag stands, and whether it ends the line, as it has to. If it does not, that is
    /// reported, and the tag goes on to the last `>` there is, or to the end of the line.
    fn tag_end(&mut self, line: &Line<'_>, range: Range<usize>) -> (usize, bool) {
        let text = &line.text[range.clone()];
        match text.rfind('>') {
            Some(at) if at + 1 == text.len() => (range.start + at, true),
            Some(at) => {
                let after = trim(&line.text, range.start + at + 1..range.end);
                self.fault(line, after, "nothing may follow the `>` of a section");
                (range.start + at, false)
            }
            None => {
                let whole = line.trimmed();
                self.fault(line, whole, "the section is missing its `>`");
                (range.end, false)
            }
        }
    }

    /// The words of a range; after an unterminated quote those before it, as an error.
    fn words(&mut self, line: &Line<'_>, range: Range<usize>) -> Result<Vec<Word>, Vec<Word>> {
        let (pieces, unterminated) = split(&line.text, range);
        let words = pieces
            .into_iter()
            .map(|piece| Word { text: piece.text, span: self.span(line, piece.range) })
            .collect();
        match unterminated {
            None => Ok(words),
            Some(quote) => {
                self.unterminated(line, quote.0);
                Err(words)
            }
        }
    }

    fn unterminated(&mut self, line: &Line<'_>, at: usize) {
        let quote = &line.text[at..=at];
        let message = format!("the quote `{quote}` is not closed on this line");
        self.fault(line, at..at + 1, message);
    }

    fn word(&mut self, line: &Line<'_>, range: Range<usize>) -> Word {
        Word { text: line.text[range.clone()].to_owned(), span: self.span(line, range) }
    }

    fn fault(&mut self, line: &Line<'_>, range: Range<usize>, message: impl Into<String>) {
        let span = self.span(line, range);
        self.reader.error(span, message);
    }

    fn span(&mut self, line: &Line<'_>, range: Range<usize>) -> Span {
        self.locator.span(line.source_range(range))
    }
}

/// The name at the start of a tag: up to a blank or `>`.
fn section_name(text: &str, range: Range<usize>) -> Range<usize> {
    let name = &text[range.clone()];
    let len = name.find(|c| is_blank(c) || c == '>').unwrap_or(name.len());
    range.start..range.start + len
}

impl Reader<'_> {
    /// Opens a section of either syntax. A conditional that is not `sound` counts as one that does not hold.
    pub(crate) fn open(&mut self, opening: Opening, sound: bool) {
        if opening.args.is_empty() && sound {
            let name = &opening.name;
            let message = format!("`<{}>` takes an argument", name.text);
            self.error(name.span, message);
        }
        let kind = condition::kind(self, &opening, sound);
        self.stack.open(opening, kind, &mut self.diagnostics);
    }
}
