//! Reading a request's head.

use std::future::poll_fn;
use std::task::{Context, Poll};

use super::Connection;
use crate::kit::Kit;
use crate::message::{Parsed, Reject};

/// What came.
pub(super) enum Head {
    /// Nothing, or the beginning of one, which is parked.
    None,
    /// The client has ended the connection.
    Ended,
    /// A head of so many bytes.
    Complete(usize),
    /// Something that is no request.
    Refused(Reject),
}

impl Connection {
    /// Reads a head, if a whole one is there.
    pub(super) async fn read_head(&mut self, kit: &mut Kit) -> Head {
        let head = poll_fn(|cx| {
            self.presence.join(cx);
            Poll::Ready(self.head(cx, kit))
        })
        .await;
        if !matches!(head, Head::None) {
            self.parked.clear();
        }
        head
    }

    fn head(&mut self, cx: &mut Context<'_>, kit: &mut Kit) -> Head {
        loop {
            let raw = kit.up.window.raw();
            if !raw.is_empty() {
                match kit.head.parse(raw, &self.terms.limits) {
                    Ok(Parsed::Complete(len)) => return Head::Complete(len),
                    Ok(Parsed::Partial) => {}
                    Err(reject) => return Head::Refused(reject),
                }
            }
            if self.client.closed {
                return Head::Ended;
            }
            let mut spares = self.local.spares.borrow_mut();
            kit.up.window.widen(self.terms.limits.head, &mut spares);
            match kit.up.poll_fill(cx, &mut self.client.stream, &mut spares) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Head::Ended,
                Poll::Pending => {
                    let raw = kit.up.window.raw();
                    if !raw.is_empty() {
                        self.parked.hold(raw, self.local.clock.now());
                    }
                    return Head::None;
                }
            }
        }
    }
}
