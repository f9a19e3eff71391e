//! How long an exchange may go without a byte, and who is to blame. The endpoint has ProxyTimeout; a client has
//! Timeout for each wait, and RequestReadTimeout and ResponseWriteTimeout for all of them.

use std::task::Context;

use super::ending::{Ending, Fault};
use super::exchange::{Exchange, Stage, Upload};
use crate::clock::nanoseconds;
use crate::connection::Waits;

/// What is known of past silence.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// Bytes moved so far, both ways.
    moved: u64,
    /// When the last of them was, on the executor's clock; 0 before.
    since: u64,
    /// Waiting for the client to send its body.
    body: Waits,
    /// Waiting for the client to take its response.
    response: Waits,
}

impl<'g> Exchange<'_, '_, 'g> {
    /// Ends an exchange in which somebody has been waited for too long.
    pub(super) fn poll_silence(&mut self, cx: &mut Context<'_>) -> Result<(), Ending<'g>> {
        let (uploading, stuck) = (self.waits_for_body(), self.sides.down.waits_for_receiver());
        let (up, down) = (&*self.sides.up, &*self.sides.down);
        let now = self.job.local.clock.now();
        let moved = up.read.wrapping_add(up.written).wrapping_add(down.read).wrapping_add(down.written);
        let silence = &mut self.silence;
        if moved != silence.moved || silence.since == 0 {
            (silence.moved, silence.since) = (moved, now);
        }
        let client = self.job.routed.server.client();
        let timeout = if uploading || stuck { client.timeout } else { self.job.routed.settings.timeout };
        let mut deadline = silence.since.saturating_add(nanoseconds(timeout));
        // Both are none of a request without a body whose response is taken at once.
        deadline = deadline.min(silence.body.deadline(uploading, now, || client.body.allows(up.content)));
        deadline =
            deadline.min(silence.response.deadline(stuck, now, || client.response.allows(down.written)));
        self.sides.timer.set(deadline);
        if self.sides.timer.poll(cx).is_pending() {
            return Ok(());
        }
        Err(self.silent(uploading, stuck))
    }

    /// Whether it is the client's turn to send. One that waits for a 100 has a right to.
    fn waits_for_body(&self) -> bool {
        let up = &*self.sides.up;
        let invited = !self.job.request.expect_continue() || self.interim > 0 || up.content > 0;
        self.upload != Upload::Done && !up.has_ended() && !up.waits_for_receiver() && invited
    }

    fn silent(&self, uploading: bool, stuck: bool) -> Ending<'g> {
        match self.stage {
            _ if stuck => Ending::ClientSlow,
            _ if uploading => self.spoilt(Fault::SLOW_BODY),
            Stage::Head if self.upload == Upload::Running && self.sides.up.waits_for_receiver() => {
                Ending::Refuse(Fault::SEND)
            }
            Stage::Head => Ending::Refuse(Fault::FIRST_BYTE),
            Stage::Body => Ending::Cut(Fault::STALL),
        }
    }
}
