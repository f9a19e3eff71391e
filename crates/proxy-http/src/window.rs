//! The bytes of one direction between the socket they come from and the socket they go to, and the pool that
//! their memory comes from.
//!
//! ```text
//!  space: | free or done with | content: ready to be sent | raw: not looked at yet | free |
//! ```

use std::ops::Range;

use crate::pipe::Pipes;

/// Holds a head and a typical body.
const SMALL: usize = 32 * 1024;
/// For bodies that go on and on: fewer system calls for each byte.
const LARGE: usize = 512 * 1024;
/// Left free in front of what is read first: a head that is written anew is seldom longer than it was by more.
const HEADROOM: usize = 256;
/// Less room than this is not worth a read.
const WORTHWHILE: usize = 4 * 1024;

/// An executor's spare buffers; the last one given back is taken first, since its memory is still in the cache.
#[derive(Debug, Default)]
pub(crate) struct Spares {
    small: Vec<Vec<u8>>,
    large: Vec<Vec<u8>>,
    /// Large ones that are out.
    lent: usize,
    /// For what need not come into memory at all.
    pub(crate) pipes: Pipes,
}

impl Spares {
    /// None yet, and room for `pipes` pipes.
    pub(crate) fn with_pipes(pipes: usize) -> Self {
        Self { pipes: Pipes::new(pipes), ..Self::default() }
    }

    /// Large ones that are out at the same time. One goes back as soon as its bytes are written, so that only
    /// receivers that do not keep up hold any; this bounds what all of them together can hold.
    const MOST_LENT: usize = 32;

    /// A small one also where a large one is asked for and none is to be had.
    fn take(&mut self, large: bool) -> Vec<u8> {
        if large && self.has_large() {
            self.lent += 1;
            return self.large.pop().unwrap_or_else(|| vec![0; LARGE]);
        }
        self.small.pop().unwrap_or_else(|| vec![0; SMALL])
    }

    const fn has_large(&self) -> bool {
        self.lent < Self::MOST_LENT
    }

    fn give(&mut self, space: Vec<u8>) {
        const MOST_SMALL: usize = 256;
        match space.len() {
            SMALL if self.small.len() < MOST_SMALL => self.small.push(space),
            LARGE => {
                self.lent = self.lent.saturating_sub(1);
                self.large.push(space);
            }
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
    /// The body goes on and on: its next space is a large one.
    is_long: bool,
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

    /// Whether anything is ready to be sent.
    pub(crate) fn has_content(&self) -> bool {
        !self.content.is_empty()
    }

    /// Whether anything was read and not looked at.
    pub(crate) fn has_raw(&self) -> bool {
        !self.raw.is_empty()
    }

    /// Puts `text` right before the content, so that both lie in one piece; false if there is no room for it.
    pub(crate) fn precede(&mut self, text: &[u8]) -> bool {
        let Some(start) = self.content.start.checked_sub(text.len()) else { return false };
        self.space[start..self.content.start].copy_from_slice(text);
        self.content.start = start;
        true
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
        // Nothing can be recalled wherever it was.
        if self.content.is_empty() { 0..0 } else { self.content.clone() }
    }

    /// Makes bytes content again that were before; right only while no room was made since.
    pub(crate) fn recall(&mut self, mark: Range<usize>) {
        self.content = mark;
    }

    /// Free space to read into, after moving what is left to the front; empty if it is not worth a read yet.
    pub(crate) fn room(&mut self, spares: &mut Spares) -> &mut [u8] {
        if self.space.is_empty() {
            self.space = spares.take(self.is_long);
        }
        if self.content.is_empty() {
            self.content = 0..0;
            if self.raw.is_empty() {
                self.raw = HEADROOM..HEADROOM;
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

    /// Moves to the large size, if it has not got it already and there is one to be had.
    pub(crate) fn grow(&mut self, spares: &mut Spares) {
        self.is_long = true;
        if self.space.len() < LARGE && spares.has_large() {
            let space = spares.take(true);
            self.move_to(space, spares);
        }
    }

    /// Makes room for a head of `most` bytes, where raw bytes fill all the space; false if it has that already.
    pub(crate) fn widen(&mut self, most: usize, spares: &mut Spares) -> bool {
        let is_stuffed = !self.space.is_empty() && self.raw.len() == self.space.len();
        let wide = is_stuffed && self.space.len() < most;
        if wide {
            self.move_to(vec![0; most], spares);
        }
        wide
    }

    /// Puts bytes back that were read before; for a window that holds nothing.
    pub(crate) fn refill(&mut self, bytes: &[u8], spares: &mut Spares) {
        if bytes.is_empty() {
            return;
        }
        debug_assert!(self.content.is_empty() && self.raw.is_empty(), "what is refilled is empty");
        if self.space.is_empty() && bytes.len() <= SMALL {
            self.space = spares.take(false);
        }
        if self.space.len() < bytes.len() {
            self.move_to(vec![0; bytes.len()], spares);
        }
        self.space[..bytes.len()].copy_from_slice(bytes);
        (self.content, self.raw) = (0..0, 0..bytes.len());
    }

    /// Gives all memory back, if nothing is in it. [`Window::recall`] is not possible any more.
    pub(crate) fn rest(&mut self, spares: &mut Spares) {
        if self.content.is_empty() && self.raw.is_empty() && !self.space.is_empty() {
            (self.content, self.raw) = (0..0, 0..0);
            spares.give(std::mem::take(&mut self.space));
        }
    }

    /// Gives memory back that is not needed between requests. Raw bytes stay: the next request is among them.
    pub(crate) fn settle(&mut self, spares: &mut Spares) {
        self.content = 0..0;
        self.is_long = false;
        if self.space.len() > SMALL && self.raw.len() <= SMALL {
            let space = spares.take(false);
            self.move_to(space, spares);
        }
    }

    fn move_to(&mut self, mut space: Vec<u8>, spares: &mut Spares) {
        let (content, raw) = (self.content.len(), self.raw.len());
        space[..content].copy_from_slice(self.content());
        space[content..content + raw].copy_from_slice(self.raw());
        spares.give(std::mem::replace(&mut self.space, space));
        self.content = 0..content;
        self.raw = content..content + raw;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_goes_before_the_content_if_there_is_room() {
        let (mut window, mut spares) = (Window::default(), Spares::default());
        window.room(&mut spares)[..11].copy_from_slice(b"old|content");
        window.filled(11);
        window.skip(4);
        window.adopt(0..7, 7);
        let mark = window.mark();
        assert!(window.precede(b"a new one that is longer|"));
        assert_eq!(window.content(), b"a new one that is longer|content");
        assert!(!window.precede(&[0; 2 * HEADROOM]), "there is no room for that");
        window.recall(mark);
        assert_eq!(window.content(), b"content");
    }
}
