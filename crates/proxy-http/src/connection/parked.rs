//! A head that comes in pieces waits here, in memory of its own size, so that thousands of slow heads hold no buffers.

use crate::message::Limits;

/// A head of this many bytes is parsed with each piece that comes; a larger one only when a line of it ended, as
/// otherwise a client that sends it byte by byte would have us look at all of it each time.
const SMALL: usize = 4096;

/// The bytes of a head that has not ended, and since when they come; nothing if none is under way.
#[derive(Debug, Default)]
pub(super) struct Parked {
    bytes: Vec<u8>,
    /// Where the last line begins, the one that has not ended.
    line: usize,
    /// Something came that was not parsed.
    is_fresh: bool,
    /// When the first piece came, on the executor's clock.
    pub(super) began: u64,
    /// When the last one did.
    pub(super) moved: u64,
}

impl Parked {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes what has come and does not make a head yet.
    pub(super) fn hold(&mut self, bytes: &[u8], now: u64) {
        if self.bytes.is_empty() {
            self.began = now;
        }
        self.bytes.clear();
        self.line = 0;
        self.push(bytes, now);
        self.is_fresh = false;
    }

    /// Takes the next piece.
    pub(super) fn push(&mut self, piece: &[u8], now: u64) {
        // A vector's own growth would double it.
        const STEP: usize = 512;
        if self.bytes.capacity() - self.bytes.len() < piece.len() {
            self.bytes.reserve_exact(piece.len().next_multiple_of(STEP));
        }
        if let Some(end) = piece.iter().rposition(|byte| *byte == b'\n') {
            self.line = self.bytes.len() + end + 1;
            self.is_fresh = true;
        }
        self.bytes.extend_from_slice(piece);
        self.is_fresh |= self.bytes.len() <= SMALL;
        self.moved = now;
    }

    /// Whether parsing may tell more than it did the last time.
    pub(super) fn may_tell(&self, limits: &Limits) -> bool {
        let line = self.bytes.len() - self.line;
        self.is_fresh || line > limits.line.max(limits.field) || self.bytes.len() >= limits.head
    }

    /// Gives the memory back: the head is complete, or given up.
    pub(super) fn clear(&mut self) {
        if !self.bytes.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_head_is_looked_at_when_a_line_ends() {
        let limits = Limits::default();
        let mut parked = Parked::default();
        parked.hold(b"GET / HT", 7);
        assert!(!parked.may_tell(&limits));
        parked.push(b"T", 8);
        assert!(parked.may_tell(&limits));
        assert_eq!((parked.began, parked.moved, parked.bytes()), (7, 8, &b"GET / HTT"[..]));
        let large = [&b"GET / HTTP/1.1\r\nX: "[..], &[b'x'; SMALL]].concat();
        parked.hold(&large, 9);
        parked.push(b"x", 10);
        assert!(!parked.may_tell(&limits), "a byte within a line of a large head");
        parked.push(b"\r\n", 11);
        assert!(parked.may_tell(&limits));
        assert_eq!((parked.began, parked.bytes().len()), (7, large.len() + 3));
    }

    #[test]
    fn what_is_over_a_limit_is_looked_at() {
        let limits = Limits { line: 5000, field: 6000, ..Limits::default() };
        let mut parked = Parked::default();
        parked.hold(&[b'x'; 6000], 0);
        assert!(!parked.may_tell(&limits));
        parked.push(b"x", 0);
        assert!(parked.may_tell(&limits));
    }

    #[test]
    fn memory_is_of_the_heads_own_size() {
        let mut parked = Parked::default();
        for _ in 0..3000 {
            parked.push(b"x", 0);
        }
        assert!(parked.bytes.capacity() <= 3000 + 512, "{}", parked.bytes.capacity());
        parked.clear();
        assert_eq!(parked.bytes.capacity(), 0);
    }
}
