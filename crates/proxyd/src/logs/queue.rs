//! Lines on their way to somebody who reads them: a pipe, a terminal, a socket. Whoever logs leaves a line in a ring
//! of bounded size and goes on; one thread for each destination writes. A reader that stops costs lines, which are
//! counted, and nothing else.

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use super::losses::Losses;
use super::sink::{Identity, Sink};

/// The lines that wait for one destination, in the order in which they came.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) losses: Losses,
    identity: Identity,
    sink: Sink,
    state: Mutex<State>,
    /// There is something to write.
    fed: Condvar,
    /// There is nothing left, and nothing being written.
    done: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Each line behind its length.
    ring: VecDeque<u8>,
    /// Lines in the ring, and those being written.
    lines: u64,
    writer_waits: bool,
}

/// Bytes in the ring at most.
const MOST: usize = 1024 * 1024;

/// A ring that has been larger gives its memory back when it is empty.
const KEPT: usize = 64 * 1024;

/// So much is written at once; so much a pipe takes whole even if others write to it (PIPE_BUF, pipe(7)).
const AT_ONCE: usize = 4096;

const LENGTH: usize = size_of::<u32>();

impl Queue {
    /// With its thread, which ends with the process.
    ///
    /// # Errors
    /// If there can be no thread.
    pub(crate) fn start(sink: Sink, identity: Identity, losses: Losses) -> io::Result<Arc<Self>> {
        let queue = Arc::new(Self::new(sink, identity, losses));
        let written = Arc::clone(&queue);
        thread::Builder::new().name("log-writer".to_owned()).spawn(move || written.write())?;
        Ok(queue)
    }

    fn new(sink: Sink, identity: Identity, losses: Losses) -> Self {
        let (fed, done) = (Condvar::new(), Condvar::new());
        Self { losses, identity, sink, state: Mutex::default(), fed, done }
    }

    pub(crate) fn is(&self, identity: Identity) -> bool {
        self.identity == identity
    }

    /// Leaves lines to be written, or counts them as lost. Waits for nobody but one who copies a few lines.
    pub(crate) fn push<'a>(&self, lines: impl IntoIterator<Item = &'a [u8]>) {
        let (lost, writer_waits) = self.state().push_all(lines);
        if writer_waits {
            self.fed.notify_one();
        }
        if lost > 0 {
            self.losses.add(lost, &"its reader does not keep up");
        }
    }

    /// Waits until all is written, or gives up what is not by `deadline`: it is counted then.
    pub(crate) fn finish(&self, deadline: Instant) {
        let mut state = self.state();
        while state.lines > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.done.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        let lost = state.abandon();
        drop(state);
        if lost > 0 {
            self.losses.add(lost, &"its reader does not keep up");
        }
    }

    fn write(&self) {
        let mut chunk = Vec::with_capacity(AT_ONCE);
        loop {
            let lines = self.take(&mut chunk);
            match self.sink.write_all(&chunk) {
                Ok(()) => self.losses.wrote(),
                Err(error) => self.losses.add(lines, &error),
            }
            let mut state = self.state();
            state.lines = state.lines.saturating_sub(lines);
            if state.lines == 0 {
                self.done.notify_all();
            }
        }
    }

    /// Waits for lines and takes as many as are written at once: how many.
    fn take(&self, chunk: &mut Vec<u8>) -> u64 {
        chunk.clear();
        let mut state = self.state();
        while state.ring.is_empty() {
            state.writer_waits = true;
            state = self.fed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.take(chunk)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// For how many there was no room, and whether the writer is to be woken.
    fn push_all<'a>(&mut self, lines: impl IntoIterator<Item = &'a [u8]>) -> (u64, bool) {
        let lost = lines.into_iter().filter(|line| !self.push(line)).count();
        (lost as u64, std::mem::take(&mut self.writer_waits))
    }

    /// Whether there was room.
    fn push(&mut self, line: &[u8]) -> bool {
        let Some(length) = u32::try_from(line.len()).ok().filter(|_| self.has_room(line)) else {
            return false;
        };
        self.ring.extend(length.to_ne_bytes());
        self.ring.extend(line);
        self.lines += 1;
        true
    }

    fn has_room(&self, line: &[u8]) -> bool {
        self.ring.len() + LENGTH + line.len() <= MOST
    }

    /// Appends whole lines, at least one if there is any.
    fn take(&mut self, chunk: &mut Vec<u8>) -> u64 {
        let mut lines = 0;
        while let Some(length) = self.next_length().filter(|length| {
            let all = chunk.len() + length;
            lines == 0 || all <= AT_ONCE
        }) {
            chunk.extend(self.ring.range(LENGTH..LENGTH + length));
            self.ring.drain(..LENGTH + length);
            lines += 1;
        }
        if self.ring.is_empty() && self.ring.capacity() > KEPT {
            self.ring = VecDeque::new();
        }
        lines
    }

    fn next_length(&self) -> Option<usize> {
        let mut length = [0; LENGTH];
        for (at, byte) in length.iter_mut().enumerate() {
            *byte = *self.ring.get(at)?;
        }
        usize::try_from(u32::from_ne_bytes(length)).ok()
    }

    fn abandon(&mut self) -> u64 {
        self.ring.clear();
        std::mem::take(&mut self.lines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(state: &mut State) -> (u64, String) {
        let mut chunk = Vec::new();
        let lines = state.take(&mut chunk);
        (lines, String::from_utf8(chunk).unwrap())
    }

    #[test]
    fn lines_come_out_whole_in_order_and_in_chunks_that_a_pipe_takes_whole() {
        let mut state = State::default();
        let long = format!("{}\n", "l".repeat(2 * AT_ONCE));
        let half = format!("{}\n", "h".repeat(AT_ONCE / 2));
        for line in ["a\n", "b\n", &half, &half, &long, "c\n"] {
            assert!(state.push(line.as_bytes()));
        }
        assert_eq!(taken(&mut state), (3, format!("a\nb\n{half}")));
        assert_eq!(taken(&mut state), (1, half));
        assert_eq!(taken(&mut state), (1, long), "one that is longer goes alone");
        assert_eq!(taken(&mut state), (1, "c\n".to_owned()));
        assert_eq!(taken(&mut state), (0, String::new()));
        assert_eq!(state.lines, 6, "until they are written");
    }

    #[test]
    fn a_full_ring_takes_no_line_and_a_ring_with_room_takes_one_again() {
        let mut state = State::default();
        let line = [b'x'; 1020];
        let taken = (0..2000).filter(|_| state.push(&line)).count();
        assert_eq!(taken, MOST / 1024);
        assert!(state.ring.capacity() <= 2 * MOST);
        state.take(&mut Vec::new());
        assert!(state.push(&line));
        assert_eq!((state.abandon(), state.lines), (taken as u64 + 1, 0));
    }
    #[test]
    fn the_writer_is_woken_only_if_it_waits() {
        let mut state = State { writer_waits: true, ..State::default() };
        assert_eq!(state.push_all([&b"a\n"[..]]), (0, true));
        assert_eq!(state.push_all([&b"b\n"[..]]), (0, false));
    }
}
