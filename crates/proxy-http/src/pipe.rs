//! Pipes that a long body goes through from socket to socket: the system moves its own memory, and none of the body
//! comes into ours.

use std::io;
use std::rc::Rc;

use rustix::fd::OwnedFd;
use rustix::pipe::{PipeFlags, fcntl_setpipe_size, pipe_with};

/// Bytes that are moved into a pipe at a time, and the most that one ever holds.
pub(crate) const FILL: usize = 512 * 1024;

/// What a pipe is made for: the system counts pages, each of which takes a place, however little is in it.
const SIZE: usize = 512 * 1024;

/// A pipe, and how much is in it.
#[derive(Debug)]
pub(crate) struct Pipe {
    pub(crate) outlet: OwnedFd,
    pub(crate) inlet: OwnedFd,
    held: usize,
    /// Counts it for as long as it is open, wherever it is dropped.
    _counted: Rc<()>,
}

impl Pipe {
    /// Bytes that went in and did not come out.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// `count` bytes went in.
    pub(crate) const fn filled(&mut self, count: usize) {
        self.held += count;
    }

    /// `count` bytes came out.
    pub(crate) const fn drained(&mut self, count: usize) {
        debug_assert!(count <= self.held, "no more comes out than went in");
        self.held -= count;
    }
}

/// An executor's pipes. The last one given back is taken first.
#[derive(Debug, Default)]
pub(crate) struct Pipes {
    idle: Vec<Pipe>,
    /// As many as may be open, those that are out included.
    most: usize,
    /// Shared by all that are open.
    counted: Rc<()>,
}

impl Pipes {
    /// Room for `most` pipes, of two descriptors each.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, ..Self::default() }
    }

    /// An empty pipe; none if so many are open already.
    ///
    /// # Errors
    /// If the system has none to give.
    pub(crate) fn take(&mut self) -> io::Result<Option<Pipe>> {
        if let Some(pipe) = self.idle.pop() {
            return Ok(Some(pipe));
        }
        if Rc::strong_count(&self.counted) > self.most {
            return Ok(None);
        }
        let (outlet, inlet) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // One of the usual size does as well, in more calls.
        let _ = fcntl_setpipe_size(&inlet, SIZE);
        Ok(Some(Pipe { outlet, inlet, held: 0, _counted: Rc::clone(&self.counted) }))
    }

    /// Takes a pipe back. One that is not empty is closed: nobody else may ever find what is in it.
    pub(crate) fn give(&mut self, pipe: Pipe) {
        if pipe.held == 0 {
            self.idle.push(pipe);
        }
    }

    /// Closes all that are not in use.
    pub(crate) fn close_idle(&mut self) {
        self.idle = Vec::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_are_open_than_may_be() {
        let mut pipes = Pipes::new(2);
        let first = pipes.take().unwrap().unwrap();
        let mut second = pipes.take().unwrap().unwrap();
        assert!(pipes.take().unwrap().is_none());
        second.filled(1);
        pipes.give(second);
        assert!(pipes.idle.is_empty(), "what is in it is nobody's");
        pipes.give(first);
        assert!(pipes.take().unwrap().is_some() && pipes.take().unwrap().is_some());
        assert!(pipes.take().unwrap().is_some(), "those that were dropped are not counted");
    }
}
