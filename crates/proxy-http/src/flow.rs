//! One direction of an exchange: bytes are read from one socket, freed of their framing, framed anew and written
//! to the other. Backpressure comes from the window: nothing is read while there is no room. Long parts of a body that
//! go out as they came in pass by it, through a pipe (`piped`).

mod piped;

use std::io;
use std::ops::Range;
use std::task::{Context, Poll, ready};

use crate::gather::Gather;
use crate::message::{ChunkedDecoder, Event, Limits, chunk_header, last_chunk};
use crate::pipe::Pipe;
use crate::stream::Stream;
use crate::window::{Spares, Window};

/// How much of a body is still to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    Length(u64),
    Chunked,
    UntilClose,
    /// All of it was read.
    Ended,
}

/// Why a flow stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The socket it comes from failed.
    Read,
    /// The socket it comes from ended in the middle of the body.
    Truncated,
    /// The socket it goes to failed.
    Write,
    /// The body is not framed as it should be.
    Malformed(&'static str),
    /// The body has more content than it may have.
    TooLong,
}

/// The receiver of a body is asked for room whenever it has taken so many bytes: at most one system call more for
/// each of them.
const STRIDE: u64 = 32 * 1024;

/// A receiver that has taken so many bytes reads them: sockets alone hold less.
const PROVEN: u64 = 256 * 1024;

/// See the module. Kept and used again for each request.
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) window: Window,
    /// Goes out before the content: the head, and the size of a chunk.
    pub(crate) text: Vec<u8>,
    text_sent: usize,
    /// Bytes that were in `text` and came to lie at the front of the window's content, and those of them that are sent.
    lead: usize,
    lead_sent: usize,
    /// Goes out behind the content: the end of a chunk, the last chunk and the trailers.
    tail: Vec<u8>,
    tail_sent: usize,
    gather: Gather,
    /// While there is something in it, nothing else is pending.
    pipe: Option<Pipe>,
    /// The body may go through one, as far as is known.
    may_pipe: bool,
    decoder: ChunkedDecoder,
    source: Source,
    /// How much content a body in chunks may have; whether another's length may be is seen before it begins.
    most: u64,
    /// The receiver gets chunks.
    chunks: bool,
    /// The receiver takes trailers.
    trailers: bool,
    /// Chunks, if any, are ended.
    closed: bool,
    /// Nothing is read until the receiver has room.
    held: bool,
    /// The receiver is asked for room once so many bytes are written.
    ask_at: u64,
    /// Bytes read, framing included.
    pub(crate) read: u64,
    /// Bytes written, framing included.
    pub(crate) written: u64,
    /// Bytes of content taken from the body.
    pub(crate) content: u64,
    /// Bytes of content written.
    pub(crate) delivered: u64,
}

impl Flow {
    pub(crate) fn new() -> Self {
        Self {
            window: Window::default(),
            text: Vec::new(),
            text_sent: 0,
            lead: 0,
            lead_sent: 0,
            tail: Vec::new(),
            tail_sent: 0,
            gather: Gather::default(),
            pipe: None,
            may_pipe: false,
            decoder: ChunkedDecoder::new(&Limits::default()),
            source: Source::Ended,
            most: u64::MAX,
            chunks: false,
            trailers: false,
            closed: true,
            held: false,
            ask_at: STRIDE,
            read: 0,
            written: 0,
            content: 0,
            delivered: 0,
        }
    }

    /// Begins a body: what is raw in the window is its beginning. What goes before it is in `text` already.
    pub(crate) fn begin(&mut self, source: Source, chunks: bool, trailers: bool, limits: &Limits) {
        if source == Source::Chunked {
            self.decoder.reset(limits);
        }
        self.source = if source == Source::Length(0) { Source::Ended } else { source };
        self.most = u64::MAX;
        self.chunks = chunks;
        self.trailers = trailers;
        self.closed = !chunks;
        self.may_pipe = !chunks;
    }

    /// Bounds the content of the body that has begun. What is beyond is never written, nor an end to it.
    pub(crate) const fn bound(&mut self, most: u64) {
        self.most = most;
    }

    /// Ends the exchange: counters and texts are as new; raw bytes stay.
    pub(crate) fn reset(&mut self) {
        self.drop_pending();
        self.source = Source::Ended;
        (self.held, self.ask_at) = (false, STRIDE);
        (self.read, self.written, self.content, self.delivered) = (0, 0, 0, 0);
    }

    /// Whether a head is half sent: whatever came next would be taken for the rest of it.
    pub(crate) const fn is_torn(&self) -> bool {
        self.text_sent > 0 || self.lead_sent > 0
    }

    /// Gives up what was to be written.
    pub(crate) fn drop_pending(&mut self) {
        self.text.clear();
        self.tail.clear();
        self.text_sent = 0;
        self.tail_sent = 0;
        (self.lead, self.lead_sent) = (0, 0);
        let pending = self.window.content().len();
        self.window.sent(pending);
        self.drop_piped();
        self.closed = true;
    }

    /// The place of the content, for [`Flow::rewind`].
    pub(crate) fn mark(&self) -> Range<usize> {
        let mark = self.window.mark();
        mark.start + (self.lead - self.lead_sent)..mark.end
    }

    /// Goes back to where `mark` is the content and nothing of it is written; the head has to be put into `text`
    /// anew, and then [`Flow::frame_again`] called.
    pub(crate) fn rewind(&mut self, mark: Range<usize>) {
        self.drop_pending();
        self.window.recall(mark);
        self.closed = !self.chunks;
    }

    /// Puts the framing around what [`Flow::rewind`] made content.
    pub(crate) fn frame_again(&mut self) {
        if self.chunks {
            self.frame(self.window.content().len() as u64);
        }
    }

    /// Whether the whole body was read.
    pub(crate) fn has_ended(&self) -> bool {
        self.source == Source::Ended
    }

    /// Whether the body may have been read to its end, though not taken apart yet. Chunks are not counted here.
    pub(crate) fn may_be_whole(&self) -> bool {
        match self.source {
            Source::Ended => true,
            Source::Length(left) => self.window.raw().len() as u64 >= left,
            Source::Chunked => self.window.has_raw(),
            Source::UntilClose => false,
        }
    }

    /// Whether all is read and all is written.
    pub(crate) fn is_done(&self) -> bool {
        self.has_ended() && self.closed && !self.is_pending()
    }

    /// Whether something waits to be written.
    pub(crate) fn is_pending(&self) -> bool {
        !self.text.is_empty() || self.window.has_content() || !self.tail.is_empty() || self.has_piped()
    }

    /// Whether the receiver is waited for.
    pub(crate) fn waits_for_receiver(&self) -> bool {
        self.held || self.is_pending()
    }

    /// Moves bytes until both sockets would block, or all is done.
    pub(crate) fn poll_pump(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        to: &mut Stream,
        spares: &mut Spares,
    ) -> Poll<Result<(), Stopped>> {
        loop {
            self.stage()?;
            let written = self.poll_write(cx, to).map_err(|_| Stopped::Write)?;
            if written.is_ready() {
                if self.is_done() {
                    return Poll::Ready(Ok(()));
                }
                if self.can_stage() {
                    continue;
                }
            }
            if self.has_ended() {
                return Poll::Pending;
            }
            ready!(self.poll_room(cx, to, spares));
            let read = if self.find_pipe(to, spares) {
                self.poll_fill_pipe(cx, from, spares)
            } else {
                self.poll_fill(cx, from, spares)
            };
            match ready!(read) {
                Ok(0) if self.source == Source::UntilClose => self.source = Source::Ended,
                Ok(0) => return Poll::Ready(Err(Stopped::Truncated)),
                Ok(_) => {}
                Err(_) => return Poll::Ready(Err(Stopped::Read)),
            }
        }
    }

    /// Ready when more may be read of a long body. A receiver that takes nothing would leave us with what was read
    /// for it; what is not read stays with the sender.
    fn poll_room(&mut self, cx: &mut Context<'_>, to: &mut Stream, spares: &mut Spares) -> Poll<()> {
        if self.written < self.ask_at {
            return Poll::Ready(());
        }
        let room = to.poll_room(cx);
        self.held = room.is_pending();
        if self.held {
            self.window.rest(spares);
            self.rest_pipe(spares);
        } else {
            self.ask_at = self.written + STRIDE;
        }
        room
    }

    /// Reads and forgets what is left of the body.
    pub(crate) fn poll_discard(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        spares: &mut Spares,
    ) -> Poll<Result<(), Stopped>> {
        loop {
            self.discard_buffered()?;
            if self.has_ended() {
                return Poll::Ready(Ok(()));
            }
            match ready!(self.poll_fill(cx, from, spares)) {
                Ok(0) => return Poll::Ready(Err(Stopped::Truncated)),
                Ok(_) => {}
                Err(_) => return Poll::Ready(Err(Stopped::Read)),
            }
        }
    }

    /// Forgets what is there of the body.
    pub(crate) fn discard_buffered(&mut self) -> Result<(), Stopped> {
        self.drop_pending();
        self.chunks = false;
        while !self.has_ended() && self.window.has_raw() {
            self.stage()?;
            self.drop_pending();
        }
        Ok(())
    }

    /// Takes the next content out of the raw bytes and puts its framing around it, if the last is all written.
    /// A head that still waits in `text` goes out with it.
    pub(crate) fn stage(&mut self) -> Result<(), Stopped> {
        if !self.can_stage() {
            return Ok(());
        }
        match self.source {
            Source::Length(left) => {
                let take = self.window.raw().len().min(usize::try_from(left).unwrap_or(usize::MAX));
                self.window.adopt(0..take, take);
                let left = left - take as u64;
                self.source = if left == 0 { Source::Ended } else { Source::Length(left) };
            }
            Source::UntilClose => {
                let all = self.window.raw().len();
                self.window.adopt(0..all, all);
            }
            Source::Chunked => {
                self.decode()?;
                if self.content + self.window.content().len() as u64 > self.most {
                    return Err(Stopped::TooLong);
                }
            }
            Source::Ended => {}
        }
        let content = self.window.content().len() as u64;
        self.content += content;
        if self.chunks {
            self.frame(content);
        }
        Ok(())
    }

    fn can_stage(&self) -> bool {
        let free = !self.window.has_content() && self.tail.is_empty();
        let more = if self.has_ended() { !self.closed } else { self.window.has_raw() };
        free && more
    }

    /// All chunks that are there become one.
    fn decode(&mut self) -> Result<(), Stopped> {
        loop {
            let step =
                self.decoder.decode(self.window.raw()).map_err(|error| Stopped::Malformed(error.reason))?;
            match step.event {
                Event::Data(range) => self.window.adopt(range, step.consumed),
                Event::More => {
                    self.window.skip(step.consumed);
                    return Ok(());
                }
                Event::End => {
                    self.window.skip(step.consumed);
                    self.source = Source::Ended;
                    return Ok(());
                }
            }
        }
    }

    fn frame(&mut self, content: u64) {
        if content > 0 {
            self.text.extend_from_slice(chunk_header(content).as_ref());
            self.tail.extend_from_slice(b"\r\n");
        }
        if self.has_ended() && !self.closed {
            self.closed = true;
            let trailers = if self.trailers { self.decoder.trailers() } else { b"" };
            last_chunk(&mut self.tail, trailers);
        }
    }

    /// Reads once. Pending also where there is no room.
    pub(crate) fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut Stream,
        spares: &mut Spares,
    ) -> Poll<io::Result<usize>> {
        // One read used up all the room, and the receiver takes what it gets: the body is a long one.
        let takes_all = !self.window.has_content() && self.written >= PROVEN;
        if takes_all && self.window.is_full() && self.is_long() {
            self.window.grow(spares);
        }
        let room = self.window.room(spares);
        if room.is_empty() {
            return Poll::Pending;
        }
        let read = from.poll_read(cx, room);
        if read.is_pending() {
            // Who waits holds no memory.
            self.window.rest(spares);
        }
        let count = ready!(read)?;
        self.window.filled(count);
        self.read += count as u64;
        Poll::Ready(Ok(count))
    }

    fn is_long(&self) -> bool {
        match self.source {
            Source::Length(left) => left > self.window.raw().len() as u64,
            Source::Chunked | Source::UntilClose => true,
            Source::Ended => false,
        }
    }

    /// Writes all that is pending, together as far as the socket takes it.
    pub(crate) fn poll_write(&mut self, cx: &mut Context<'_>, to: &mut Stream) -> Poll<io::Result<()>> {
        while self.is_pending() {
            if self.has_piped() {
                ready!(self.poll_drain_pipe(cx, to))?;
                continue;
            }
            self.join();
            let parts = [&self.text[self.text_sent..], self.window.content(), &self.tail[self.tail_sent..]];
            let written = ready!(self.gather.poll_write(cx, to, parts))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Puts what goes before the content where the content is, if it can: what lies in one piece is cheaper to send.
    fn join(&mut self) {
        let is_new = !self.text.is_empty() && self.text_sent == 0;
        if is_new && self.window.has_content() && self.lead == 0 && self.window.precede(&self.text) {
            self.lead = self.text.len();
            self.text.clear();
        }
    }

    fn advance(&mut self, written: usize) {
        self.written += written as u64;
        let mut rest = written;
        let text = rest.min(self.text.len() - self.text_sent);
        self.text_sent += text;
        rest -= text;
        let lead = rest.min(self.lead - self.lead_sent);
        self.lead_sent += lead;
        if self.lead_sent == self.lead {
            (self.lead, self.lead_sent) = (0, 0);
        }
        let content = rest.min(self.window.content().len());
        self.window.sent(content);
        self.delivered += (content - lead) as u64;
        rest -= content;
        self.tail_sent += rest;
        if self.text_sent == self.text.len() {
            self.text.clear();
            self.text_sent = 0;
        }
        if self.tail_sent == self.tail.len() {
            self.tail.clear();
            self.tail_sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_lies_before_its_body_is_none_of_it() {
        let (mut flow, mut spares) = (Flow::new(), Spares::default());
        flow.window.room(&mut spares)[..13].copy_from_slice(b"old head|body");
        flow.window.filled(13);
        flow.window.skip(9);
        flow.begin(Source::Length(4), false, false, &Limits::default());
        assert_eq!(flow.stage(), Ok(()));
        let mark = flow.mark();
        for _ in 0..2 {
            flow.text.extend_from_slice(b"a new head|");
            flow.join();
            assert_eq!((flow.window.content(), flow.text.len()), (&b"a new head|body"[..], 0));
            assert_eq!((flow.mark(), flow.is_torn()), (mark.clone(), false));
            flow.advance(3);
            assert_eq!((flow.mark(), flow.is_torn(), flow.delivered), (mark.clone(), true, 0));
            // Once more, over another connection.
            flow.rewind(mark.clone());
            assert_eq!((flow.window.content(), flow.is_torn()), (&b"body"[..], false));
        }
        flow.text.extend_from_slice(b"head|");
        flow.join();
        flow.advance(7);
        assert_eq!((flow.window.content(), flow.is_torn(), flow.delivered), (&b"dy"[..], false, 2));
        flow.advance(2);
        assert!(flow.is_done());
    }
}
