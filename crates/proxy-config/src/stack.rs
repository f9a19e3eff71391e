//! The sections that are open while text is read: where new nodes go, and what a closing tag closes.

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::nearest::nearest;
use crate::span::Span;
use crate::tree::{Node, Word};

/// How deep sections may nest, counted over all files; deeper ones are reported and dropped.
pub(crate) const MAX_NESTING: usize = 64;

/// Of the sections that a closing tag passes by, so many are pointed at.
const MOST_NOTES: usize = 4;

/// What becomes of a section's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It becomes a node of the tree.
    Section,
    /// A conditional that holds: its body stands in its place.
    Taken,
    /// A conditional that does not hold, or a section inside of one: nothing.
    Skipped,
}

/// The opening tag of a section.
#[derive(Clone, Debug)]
pub(crate) struct Opening {
    pub(crate) name: Word,
    pub(crate) args: Vec<Word>,
    pub(crate) raw: String,
}

/// Finished nodes and open sections. Shared by all files of a reading, since an `Include` may stand in a
/// section.
#[derive(Debug, Default)]
pub(crate) struct Stack {
    finished: Vec<Node>,
    open: Vec<Frame>,
}

#[derive(Debug)]
struct Frame {
    opening: Opening,
    kind: Kind,
    nodes: Vec<Node>,
}

impl Stack {
    pub(crate) fn into_nodes(self) -> Vec<Node> {
        self.finished
    }

    /// How many sections are open: what a file remembers at its start, to close no more than its own.
    pub(crate) fn depth(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn is_skipping(&self) -> bool {
        self.open.last().is_some_and(|frame| frame.kind == Kind::Skipped)
    }

    /// The innermost open section, not counting conditionals, that is none of `allowed`.
    pub(crate) fn section_other_than(&self, allowed: &[&str]) -> Option<&Word> {
        let mut names = self.open.iter().rev().filter(|f| f.kind == Kind::Section).map(|f| &f.opening.name);
        names.find(|name| !allowed.iter().any(|allowed| name.text.eq_ignore_ascii_case(allowed)))
    }

    pub(crate) fn push(&mut self, node: Node) {
        self.nodes().push(node);
    }

    /// Opens a section; inside a skipped one it is skipped as well, whatever `kind` says.
    pub(crate) fn open(&mut self, opening: Opening, kind: Kind, diagnostics: &mut Diagnostics) {
        let mut kind = if self.is_skipping() { Kind::Skipped } else { kind };
        if kind != Kind::Skipped && self.open.len() >= MAX_NESTING {
            let message = format!("sections are nested deeper than {MAX_NESTING}");
            diagnostics.push(Diagnostic::error(opening.name.span, message));
            kind = Kind::Skipped;
        }
        self.open.push(Frame { opening, kind, nodes: Vec::new() });
    }

    /// Closes the innermost section.
    pub(crate) fn close(&mut self) {
        let Some(Frame { opening: Opening { name, args, raw }, kind, nodes }) = self.open.pop() else {
            return;
        };
        match kind {
            Kind::Section => self.push(Node { name, args, raw, body: Some(nodes) }),
            Kind::Taken => self.nodes().extend(nodes),
            Kind::Skipped => {}
        }
    }

    /// Closes what the closing tag `</name>` means, never below `base`. Of several mistakes that could
    /// explain a tag that does not match, the one that leaves the fewest further errors is assumed.
    pub(crate) fn close_tag(&mut self, base: usize, name: &str, span: Span, diagnostics: &mut Diagnostics) {
        let own = self.open.get(base..).unwrap_or_default();
        let Some(innermost) = own.last() else {
            let message = format!("`</{name}>` has no opening tag");
            diagnostics.push(Diagnostic::error(span, message));
            return;
        };
        let matching = own.iter().rposition(|frame| frame.opening.name.text.eq_ignore_ascii_case(name));
        let inner = &innermost.opening.name;
        let closes = match matching {
            Some(at) => own.len() - at,
            None => usize::from(nearest(name, [inner.text.as_str()].into_iter()).is_some()),
        };
        if matching.is_none() || closes > 1 {
            let message = format!("`</{name}>` does not match `<{}>`", inner.text);
            let mut diagnostic = Diagnostic::error(span, message)
                .with_help(format!("close it with `</{}>` first", inner.text));
            if matching.is_none() {
                diagnostic.help = Some(format!("write `</{}>`", inner.text));
            }
            for frame in own.iter().rev().take(closes.saturating_sub(1).clamp(1, MOST_NOTES)) {
                let opened = format!("`<{}>` is opened here", frame.opening.name.text);
                diagnostic = diagnostic.with_note(frame.opening.name.span, opened);
            }
            diagnostics.push(diagnostic);
        }
        for _ in 0..closes {
            self.close();
        }
    }

    /// Closes and reports what a file leaves open at its end.
    pub(crate) fn close_leftovers(&mut self, base: usize, diagnostics: &mut Diagnostics) {
        for frame in self.open.get(base..).unwrap_or_default().iter().take(MAX_NESTING) {
            let name = &frame.opening.name;
            let message = format!("`<{}>` is not closed before the end of the file", name.text);
            let help = format!("add `</{}>`", name.text);
            diagnostics.push(Diagnostic::error(name.span, message).with_help(help));
        }
        while self.open.len() > base {
            self.close();
        }
    }

    fn nodes(&mut self) -> &mut Vec<Node> {
        match self.open.last_mut() {
            Some(frame) => &mut frame.nodes,
            None => &mut self.finished,
        }
    }
}
