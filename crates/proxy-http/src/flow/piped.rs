//! What goes from socket to socket through a pipe, by the window: a body, or what is left of one, whose length is
//! known and which goes out as it came in. The system then copies nothing, which is half of what a long body costs.
//!
//! A pipe holds no more than a large window does, and is held under the same terms: there are few, they are for
//! receivers that read, and nothing goes into one before its receiver has room.

use std::io;
use std::task::{Context, Poll, ready};

use super::{Flow, PROVEN, Source};
use crate::stream::Stream;
use crate::window::Spares;

/// Less of a body than this is not worth a pipe.
const WORTHWHILE: u64 = 64 * 1024;

impl Flow {
    /// Whether what comes next goes through a pipe, which is there then. Where none is to be had, it goes through the
    /// window.
    // Kept out of what short bodies run through, as all that follows here.
    #[inline(never)]
    pub(super) fn find_pipe(&mut self, to: &mut Stream, spares: &mut Spares) -> bool {
        let Source::Length(left) = self.source else { return false };
        if !self.may_pipe || self.is_pending() {
            return false;
        }
        if self.written >= PROVEN {
            to.prove();
        }
        if left < WORTHWHILE || !to.is_proven() {
            self.rest_pipe(spares);
            return false;
        }
        if self.pipe.is_none() {
            self.window.rest(spares);
            let taken = spares.pipes.take();
            // What the system has not got now is not asked for at every turn.
            self.may_pipe = taken.is_ok();
            self.pipe = taken.unwrap_or_default();
        }
        self.pipe.is_some()
    }

    /// Reads once, into the pipe.
    #[inline(never)]
    pub(super) fn poll_fill_pipe(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        spares: &mut Spares,
    ) -> Poll<io::Result<usize>> {
        let (Some(pipe), Source::Length(left)) = (&mut self.pipe, self.source) else { return Poll::Pending };
        let moved = from.poll_fill_pipe(cx, pipe, usize::try_from(left).unwrap_or(usize::MAX));
        if moved.is_pending() {
            // Others may use it while we wait.
            self.rest_pipe(spares);
        }
        let count = ready!(moved)?;
        let left = left - count as u64;
        self.source = if left == 0 { Source::Ended } else { Source::Length(left) };
        self.read += count as u64;
        self.content += count as u64;
        Poll::Ready(Ok(count))
    }

    /// Writes once, out of the pipe.
    #[inline(never)]
    pub(super) fn poll_drain_pipe(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<io::Result<()>> {
        let Some(pipe) = &mut self.pipe else { return Poll::Ready(Ok(())) };
        let moved = ready!(to.poll_drain_pipe(cx, pipe))?;
        if moved == 0 {
            return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
        }
        self.written += moved as u64;
        self.delivered += moved as u64;
        Poll::Ready(Ok(()))
    }

    #[inline]
    pub(super) fn has_piped(&self) -> bool {
        self.pipe.as_ref().is_some_and(|pipe| pipe.held() > 0)
    }

    /// Gives up what is in the pipe, and the pipe with it.
    #[inline]
    pub(super) fn drop_piped(&mut self) {
        if self.has_piped() {
            self.drop_pipe();
        }
    }

    #[cold]
    fn drop_pipe(&mut self) {
        self.pipe = None;
    }

    /// Gives the pipe back, if nothing is in it.
    #[inline]
    pub(crate) fn rest_pipe(&mut self, spares: &mut Spares) {
        if self.pipe.is_some() {
            self.give_pipe(spares);
        }
    }

    #[cold]
    fn give_pipe(&mut self, spares: &mut Spares) {
        if let Some(pipe) = self.pipe.take_if(|pipe| pipe.held() == 0) {
            spares.pipes.give(pipe);
        }
    }
}
