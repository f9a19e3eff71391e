//! The bytes of one direction between the socket they come from and the socket they go to, and the pool that
//! their memory comes from.
//!
//! ```text
//!  space: | done with | content: ready to be sent | raw: not looked at yet | free |
//! ```

use std::ops::Range;

/// Holds a head and a typical body.
const SMALL: usize = 32 * 1024;
/// For bodies that go on and on: fewer system calls for each byte.
const LARGE: usize = 512 * 1024;
/// Less room than this is not worth a read.
const WORTHWHILE: usize = 4 * 1024;

/// An executor's spare buffers; the last one given back is taken first, since its memory is still in the cache.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
}

impl Spares {
    fn take(&mut self, large: bool) -> Vec<u8> {
        let (spares, size) = if large { (&mut self.large, LARGE) } else { (&mut self.small, SMALL) };
        spares.pop().unwrap_or_else(|| vec![0; size])
    }

    fn give(&mut self, space: Vec<u8>) {
        const MOST_SMALL: usize = 1024;
        const MOST_LARGE: usize = 16;
        match space.len() {
            SMALL if self.small.len() < MOST_SMALL => self.small.push(space),
            LARGE if self.large.len() < MOST_LARGE => self.large.push(space),
            _ => {}
        }
    }
}

/// See the module. Holds no memory until it is filled.
#[derive(Debug, Default)]
pub(crate) struct Window {
    space: Vec<u8>,
    content: Range<usize>,
    raw: Range<usize>,
}

impl Window {
    /// What is ready to be sent.
    pub(crate) fn content(&self) -> &[u8] {
        &self.space[self.content.clone()]
    }

    /// What was read and not looked at.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.space[self.raw.clone()]
    }

    /// Drops `count` bytes from the front of the content: they are sent.
    pub(crate) fn sent(&mut self, count: usize) {
        self.content.start = (self.content.start + count).min(self.content.end);
    }

    /// Drops `count` bytes from the front of the raw ones: they are understood, and no content.
    pub(crate) fn skip(&mut self, count: usize) {
        self.raw.start = (self.raw.start + count).min(self.raw.end);
    }

    /// Makes `range`, counted from the front of the raw bytes, content, and drops `consumed` raw bytes. If there is
    /// content already, it is appended to it.
    pub(crate) fn adopt(&mut self, range: Range<usize>, consumed: usize) {
        let from = self.raw.start + range.start..self.raw.start + range.end;
        debug_assert!(range.end <= consumed && consumed <= self.raw.len(), "what is adopted was read");
        if self.content.is_empty() {
            self.content = from;
        } else {
            let end = self.content.end;
            self.space.copy_within(from, end);
            self.content.end = end + range.len();
        }
        self.raw.start += consumed;
    }

    /// The content's place, for [`Window::recall`].
    pub(crate) fn mark(&self) -> Range<usize> {
        self.content.clone()
    }

    /// Makes bytes content again that were before; right only while no room was made since.
    pub(crate) fn recall(&mut self, mark: Range<usize>) {
        self.content = mark;
    }

    /// Free space to read into, after moving what is left to the front; empty if it is not worth a read yet.
    pub(crate) fn room(&mut self, spares: &mut Spares) -> &mut [u8] {
        if self.space.is_empty() {
            self.space = spares.take(false);
        }
        if self.content.is_empty() {
            self.content = 0..0;
            if self.raw.is_empty() {
                self.raw = 0..0;
            } else if self.space.len() - self.raw.end < WORTHWHILE {
                self.space.copy_within(self.raw.clone(), 0);
                self.raw = 0..self.raw.len();
            }
        }
        let free = self.space.len() - self.raw.end;
        let worth = free >= WORTHWHILE || (free > 0 && self.content.is_empty());
        let end = if worth { self.space.len() } else { self.raw.end };
        &mut self.space[self.raw.end..end]
    }

    /// Free space behind the raw bytes, without moving anything.
    pub(crate) fn tail(&mut self, spares: &mut Spares) -> &mut [u8] {
        if self.space.is_empty() {
            self.space = spares.take(false);
        }
        &mut self.space[self.raw.end..]
    }

    /// `count` bytes were read into the free space.
    pub(crate) fn filled(&mut self, count: usize) {
        self.raw.end = (self.raw.end + count).min(self.space.len());
    }

    /// Whether the last read used all the room there was.
    pub(crate) fn is_full(&self) -> bool {
        !self.space.is_empty() && self.raw.end == self.space.len()
    }

    /// Moves to the large size; false if it has it already.
    pub(crate) fn grow(&mut self, spares: &mut Spares) -> bool {
        if self.space.len() >= LARGE {
            return false;
        }
        self.resize(true, spares);
        true
    }

    /// Gives memory back that is not needed between requests. Raw bytes stay: the next request is among them.
    pub(crate) fn settle(&mut self, spares: &mut Spares) {
        self.content = 0..0;
        if self.space.len() == LARGE && self.raw.len() <= SMALL {
            self.resize(false, spares);
        }
    }

    fn resize(&mut self, large: bool, spares: &mut Spares) {
        let mut space = spares.take(large);
        let (content, raw) = (self.content.len(), self.raw.len());
        space[..content].copy_from_slice(self.content());
        space[content..content + raw].copy_from_slice(self.raw());
        spares.give(std::mem::replace(&mut self.space, space));
        self.content = 0..content;
        self.raw = content..content + raw;
    }
}
