//! TOML's syntax for the same tree. A key is a directive name; a string is one line's text; an array of
//! scalars is one line's words; an array of arrays is several lines; a table is a section, its key the
//! argument; `[[Lines]]` is spliced where it stands. The order is that of the file, which spans give back.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue, Error};

use crate::diagnostic::Diagnostic;
use crate::lines::{Line, is_blank, trim};
use crate::reader::Reader;
use crate::span::{FileId, Locator, Span};
use crate::stack::Opening;
use crate::tree::{Node, Word};
use crate::words::split;
use crate::write::quoted;

/// The array of tables whose tables are no sections, only an order.
const LINES: &str = "Lines";

pub(crate) fn parse(reader: &mut Reader<'_>, file: FileId, text: &str) {
    let mut parser = Parser { reader, locator: Locator::new(file, text), text };
    let (table, mut errors) = DeTable::parse_recoverable(text);
    if errors.is_empty() {
        parser.body(table.get_ref());
    }
    errors.sort_by_key(|error| error.span().map_or(usize::MAX, |range| range.start));
    for error in errors {
        if !parser.reader.goes_on() {
            return;
        }
        parser.syntax_error(&error);
    }
}

struct Parser<'p, 'a, 't> {
    reader: &'p mut Reader<'a>,
    locator: Locator<'t>,
    text: &'t str,
}

type Key<'t> = Spanned<DeString<'t>>;
type Value<'t> = Spanned<DeValue<'t>>;

/// What stands at one place of a body.
enum Item<'v, 't> {
    /// One or more directives of one name.
    Lines(&'v Key<'t>, &'v Value<'t>),
    Section {
        name: &'v Key<'t>,
        argument: &'v Key<'t>,
        body: &'v DeTable<'t>,
    },
    Spliced(&'v DeTable<'t>),
    /// A table of a section that holds something else than tables: the section has no argument.
    NoArgument(&'v Key<'t>, Range<usize>),
}

impl<'t> Parser<'_, '_, 't> {
    fn syntax_error(&mut self, error: &Error) {
        let range = error.span().unwrap_or(self.text.len()..self.text.len());
        let span = self.locator.span(range);
        let mut diagnostic = Diagnostic::error(span, error.message());
        if error.message() == "duplicate key" {
            let help =
                "one key stands for all its lines: write an array of arrays, or put lines into `[[Lines]]`";
            diagnostic = diagnostic.with_help(help);
        }
        self.reader.push(diagnostic);
    }

    /// The directives and sections of a table, in the order of the file.
    fn body(&mut self, table: &DeTable<'t>) {
        let mut items = Vec::new();
        for (name, value) in table {
            if name.get_ref().eq_ignore_ascii_case(LINES) && holds_tables(value) {
                items.extend(tables(value).map(|(at, table)| (at, Item::Spliced(table))));
            } else if holds_tables(value) {
                tables(value).for_each(|(at, table)| sections(name, at, table, &mut items));
            } else {
                items.push((name.span().start, Item::Lines(name, value)));
            }
        }
        items.sort_by_key(|(at, _)| *at);
        for (_, item) in items {
            if !self.reader.goes_on() {
                return;
            }
            self.item(item);
        }
    }

    fn item(&mut self, item: Item<'_, 't>) {
        match item {
            Item::Lines(name, value) => self.lines(name, value),
            Item::Section { name, argument, body } => self.section(name, argument, body),
            Item::Spliced(table) => self.body(table),
            Item::NoArgument(name, range) => {
                let message = format!("`{name}` is a section and takes an argument", name = name.get_ref());
                let help = format!("write `[{name}.\"…\"]`", name = name.get_ref());
                let span = self.locator.span(range);
                self.reader.push(Diagnostic::error(span, message).with_help(help));
            }
        }
    }

    fn section(&mut self, name: &Key<'t>, argument: &Key<'t>, body: &DeTable<'t>) {
        let Some(name) = self.name(name) else { return };
        if name.text.is_empty()
            || name.text.starts_with('/')
            || name.text.contains(|c| is_blank(c) || matches!(c, '<' | '>'))
        {
            return self.reader.error(name.span, format!("`{}` cannot be the name of a section", name.text));
        }
        let line = self.string(argument.get_ref(), argument.span());
        let (args, raw, sound) = match self.split(line, true) {
            Some((args, raw)) => (args, raw, true),
            None => (Vec::new(), String::new(), false),
        };
        self.reader.open(Opening { name, args, raw }, sound);
        if !self.reader.stack.is_skipping() {
            self.body(body);
        }
        self.reader.stack.close();
    }

    fn lines(&mut self, name: &Key<'t>, value: &Value<'t>) {
        let Some(name) = self.name(name) else { return };
        match value.get_ref() {
            DeValue::Array(values) if values.iter().any(|value| value.get_ref().is_array()) => {
                for value in values {
                    if !self.reader.goes_on() {
                        return;
                    }
                    match value.get_ref() {
                        DeValue::Array(words) => self.words(name.clone(), words.iter()),
                        _ => self
                            .fault(value, "in an array of arrays each element is one line's array of words"),
                    }
                }
            }
            DeValue::Array(words) => self.words(name, words.iter()),
            _ => self.one_line(name, value),
        }
    }

    /// A line from a scalar: its text is split into words.
    fn one_line(&mut self, name: Word, value: &Value<'t>) {
        let Some(text) = scalar(value) else {
            return self.fault(value, "a table cannot stand here: a section needs a table of its own");
        };
        let line = self.string(&text, value.span());
        if let Some((args, raw)) = self.split(line, false) {
            self.reader.directive(Node { name, args, raw, body: None });
        }
    }

    /// A line from an array: each element is one word.
    fn words<'v>(&mut self, name: Word, values: impl Iterator<Item = &'v Value<'t>>)
    where
        't: 'v,
    {
        let mut args = Vec::new();
        let mut is_sound = true;
        for value in values {
            if !self.reader.goes_on() {
                return;
            }
            let Some(text) = scalar(value) else {
                self.fault(value, "a word is a string, a number or a boolean");
                is_sound = false;
                continue;
            };
            let line = self.string(&text, value.span());
            match self.expanded(line, false) {
                Some(line) => {
                    let span = self.locator.span(value.span());
                    args.push(Word { text: line.text.into_owned(), span });
                }
                None => is_sound = false,
            }
        }
        if is_sound {
            let raw: Vec<_> = args.iter().map(|word| quoted(&word.text, false)).collect();
            self.reader.directive(Node { name, args, raw: raw.join(" "), body: None });
        }
    }

    fn name(&mut self, key: &Key<'t>) -> Option<Word> {
        let span = self.locator.span(key.span());
        if let Some(message) = unprintable(key.get_ref()) {
            self.reader.error(span, message);
            return None;
        }
        Some(Word { text: key.get_ref().to_string(), span })
    }

    /// The words of a string and the text they were split from; none if something is wrong with it. With
    /// `keep` an unknown variable does not count as wrong: it was reported.
    fn split(&mut self, line: Line<'_>, keep: bool) -> Option<(Vec<Word>, String)> {
        let line = self.expanded(line, keep)?;
        let range = line.trimmed();
        let (pieces, unterminated) = split(&line.text, range.clone());
        if let Some(quote) = unterminated {
            let message =
                format!("the quote `{}` is not closed in this string", &line.text[quote.0..=quote.0]);
            let span = self.span(&line, quote.0..quote.0 + 1);
            self.reader.error(span, message);
            return None;
        }
        let words = pieces
            .into_iter()
            .map(|piece| Word { text: piece.text, span: self.span(&line, piece.range) })
            .collect();
        Some((words, line.text[trim(&line.text, range)].to_owned()))
    }

    fn expanded<'l>(&mut self, line: Line<'l>, keep: bool) -> Option<Line<'l>> {
        if let Some(message) = unprintable(&line.text) {
            let span = self.span(&line, 0..line.text.len());
            self.reader.error(span, message);
            return None;
        }
        self.reader.expand(line, &mut self.locator, keep)
    }

    /// A string of the file as a line: traced character by character where it stands in the file as it is
    /// meant.
    fn string<'l>(&self, text: &'l str, range: Range<usize>) -> Line<'l> {
        let written = self.text.get(range.clone()).unwrap_or_default();
        let inside = written.get(1..written.len().saturating_sub(1)).unwrap_or_default();
        if written == text {
            Line::copied(text, range.start)
        } else if inside == text {
            Line::copied(text, range.start + 1)
        } else {
            Line::standing_for(text, range)
        }
    }

    fn fault(&mut self, value: &Value<'t>, message: &str) {
        let span = self.locator.span(value.span());
        self.reader.error(span, message);
    }

    fn span(&mut self, line: &Line<'_>, range: Range<usize>) -> Span {
        self.locator.span(line.source_range(range))
    }
}

/// Whether a value is a table or an array of nothing but tables.
fn holds_tables(value: &Value<'_>) -> bool {
    match value.get_ref() {
        DeValue::Table(_) => true,
        DeValue::Array(values) => !values.is_empty() && values.iter().all(|value| value.get_ref().is_table()),
        _ => false,
    }
}

/// The tables that a value is or holds, and where each begins.
fn tables<'v, 't>(value: &'v Value<'t>) -> impl Iterator<Item = (usize, &'v DeTable<'t>)> {
    let own = value.get_ref().as_table().map(|table| (value.span().start, table));
    let elements = value.get_ref().as_array().into_iter().flat_map(|values| values.iter());
    own.into_iter().chain(
        elements.filter_map(|value| value.get_ref().as_table().map(|table| (value.span().start, table))),
    )
}

/// The sections called `name` whose arguments are the keys of `table`.
fn sections<'v, 't>(
    name: &'v Key<'t>,
    at: usize,
    table: &'v DeTable<'t>,
    items: &mut Vec<(usize, Item<'v, 't>)>,
) {
    if table.is_empty() {
        items.push((at, Item::NoArgument(name, name.span())));
    }
    for (argument, value) in table {
        if holds_tables(value) {
            items.extend(tables(value).map(|(at, body)| (at, Item::Section { name, argument, body })));
        } else {
            items.push((argument.span().start, Item::NoArgument(name, argument.span())));
        }
    }
}

/// The text of a value that is neither array nor table; a boolean's is that of a flag.
fn scalar(value: &Value<'_>) -> Option<String> {
    match value.get_ref() {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.to_string()),
        DeValue::Float(number) => Some(number.to_string()),
        DeValue::Boolean(true) => Some("On".into()),
        DeValue::Boolean(false) => Some("Off".into()),
        DeValue::Datetime(time) => Some(time.to_string()),
        DeValue::Array(_) | DeValue::Table(_) => None,
    }
}

/// What no word of a line can hold.
fn unprintable(text: &str) -> Option<&'static str> {
    text.contains(['\n', '\r', '\0']).then_some("a line cannot hold a line break or a NUL character")
}
