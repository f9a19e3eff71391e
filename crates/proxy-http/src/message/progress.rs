//! What is known of a head that has not ended yet.
//!
//! A client that sends its head byte by byte must not make us parse it from the start for every byte: between
//! two line feeds nothing can complete, so only the unfinished line is looked at.

use super::{Fault, Limits};

/// The state between two calls of `parse` on one growing head.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Progress {
    /// Bytes parsed so far without reaching the end of the head; 0 when no head is under way.
    seen: usize,
    /// Offset at which the unfinished line begins.
    line: usize,
    /// Offset of the head's first line.
    first: usize,
}

impl Progress {
    /// Looks only at the unfinished field line when `window` brings no new line since the last call; nothing
    /// where the head has to be parsed from its start. Finds the same faults as that would.
    pub(crate) fn resume(&self, window: &[u8]) -> Option<Result<(), Fault>> {
        let fresh = window.get(self.seen..)?;
        if self.line <= self.first || fresh.contains(&b'\n') {
            return None;
        }
        let mut slot = [httparse::EMPTY_HEADER];
        let outcome = httparse::parse_headers(&window[self.line..], &mut slot);
        Some(outcome.map(drop).map_err(Fault::from))
    }

    /// Notes that `window` held no complete head whose first line begins at `first`.
    pub(crate) fn restart(&mut self, window: &[u8], first: usize) {
        self.line = window.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        self.first = first;
    }

    /// Refuses an unfinished head that is over a limit already, else remembers how far it came.
    pub(crate) fn wait(&mut self, window: &[u8], limits: &Limits) -> Result<(), Fault> {
        self.seen = window.len();
        let line = &window[self.line.min(window.len())..];
        let pending = line.strip_suffix(b"\r").unwrap_or(line).len();
        if self.line <= self.first && pending > limits.line {
            return Err(Fault::Line);
        }
        if self.line > self.first && pending > limits.field {
            return Err(Fault::Fields("field line is too long"));
        }
        if window.len() >= limits.head {
            return Err(Fault::Fields("head is too long"));
        }
        Ok(())
    }
}
