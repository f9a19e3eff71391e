//! Ending a connection whose client may still be sending: were it closed at once, the reset that its bytes provoke
//! could destroy the answer that it has not read yet.

use std::future::poll_fn;
use std::task::Poll;

use super::Connection;
use crate::kit::Kit;

/// How long, in nanoseconds, what comes is read and forgotten.
const LINGER: u64 = 1_000_000_000;

impl Connection {
    /// Says that nothing more comes and waits for the client to agree; at once where it has sent all it wanted to.
    pub(super) async fn linger(&mut self, kit: &mut Kit) {
        if self.client.closed || (kit.up.has_ended() && kit.up.window.raw().is_empty()) {
            return;
        }
        self.client.stream.close_write();
        self.timer.set(self.local.clock.now() + LINGER);
        kit.up.drop_pending();
        poll_fn(|cx| {
            if self.timer.poll(cx).is_ready() {
                return Poll::Ready(());
            }
            loop {
                let unread = kit.up.window.raw().len();
                kit.up.window.skip(unread);
                let mut spares = self.local.spares.borrow_mut();
                match kit.up.poll_fill(cx, &mut self.client.stream, &mut spares) {
                    Poll::Ready(Ok(count)) if count > 0 => {}
                    done => return done.map(|_| ()),
                }
            }
        })
        .await;
    }
}
