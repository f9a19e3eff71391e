//! Reading a request's head.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::{Connection, HEAD};
use crate::kit::Kit;
use crate::message::{Parsed, Reject};

/// What came.
pub(super) enum Head {
    /// Nothing, and nothing is under way.
    None,
    /// The client has ended the connection, or was too slow to say anything.
    Ended,
    /// A head of so many bytes.
    Complete(usize),
    /// Something that is no request.
    Refused(Reject),
}

const TOO_SLOW: Reject = Reject { status: 408, reason: "head was not complete in time" };

impl Connection {
    /// Reads a head; its time counts from its first byte, whatever comes in between.
    pub(super) async fn read_head(&mut self, kit: &mut Kit) -> Head {
        let mut timed = false;
        poll_fn(|cx| {
            self.presence.join(cx);
            let read = self.poll_head(cx, kit);
            if read.is_ready() {
                return read;
            }
            if !timed {
                timed = true;
                self.timer.set(self.local.clock.now() + HEAD);
            }
            self.timer.poll(cx).map(|()| Head::Refused(TOO_SLOW))
        })
        .await
    }

    fn poll_head(&mut self, cx: &mut Context<'_>, kit: &mut Kit) -> Poll<Head> {
        loop {
            let raw = kit.up.window.raw();
            if !raw.is_empty() {
                match kit.head.parse(raw, &self.limits) {
                    Ok(Parsed::Complete(len)) => return Poll::Ready(Head::Complete(len)),
                    Ok(Parsed::Partial) => {}
                    Err(reject) => return Poll::Ready(Head::Refused(reject)),
                }
            }
            if self.client.closed {
                return Poll::Ready(Head::Ended);
            }
            let mut spares = self.local.spares.borrow_mut();
            if kit.up.window.is_full() && !kit.up.window.raw().is_empty() {
                kit.up.window.grow(&mut spares);
            }
            match kit.up.poll_fill(cx, &mut self.client.stream, &mut spares) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(Head::Ended),
                Poll::Pending if kit.up.window.raw().is_empty() => return Poll::Ready(Head::None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}
