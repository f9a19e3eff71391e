//! One exchange over one endpoint connection. A single task drives both sockets: the request goes up and the
//! response comes down at the same time, each as fast as its receiver takes it.

use std::future::poll_fn;
use std::task::{Context, Poll};

use proxy_abi::{Outcome, OutcomeResult};
use proxy_core::cluster::Endpoint;
use proxy_core::trylist::Trylist;
use tracing::{info, warn};

use super::ending::{Ending, Fault};
use super::response::ENDPOINT_LIMITS;
use super::silence::Silence;
use super::{Job, Sides};
use crate::flow::Stopped;
use crate::pool::Tail;
use crate::upstream::{EndpointConnection, Upstream};

/// See the module.
pub(super) struct Exchange<'x, 's, 'g> {
    pub(super) job: &'x Job<'g>,
    pub(super) sides: &'x mut Sides<'s>,
    pub(super) trylist: &'x mut Trylist<'g>,
    /// None once the response has been read whole and the connection given back.
    connection: Option<EndpointConnection<'g>>,
    pub(super) reused: bool,
    pub(super) upload: Upload,
    pub(super) stage: Stage,
    /// Interim responses seen.
    pub(super) interim: u32,
    /// The client's connection ends with this response.
    pub(super) close: bool,
    /// The endpoint keeps its connection.
    pub(super) reusable: bool,
    /// What may follow its response.
    pub(super) tail: Tail,
    pub(super) figures: Figures,
    pub(super) silence: Silence,
}

/// What is measured, in nanoseconds of the executor's clock.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Figures {
    /// The status of the endpoint's final response; 0 before.
    pub(super) status: u16,
    /// How long connecting took; 0 for a reused connection.
    pub(super) connect: u64,
    /// When the request began to be sent.
    pub(super) began: u64,
    /// From there to the first byte of the response, at least 1; 0 before.
    pub(super) first_byte: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Upload {
    Running,
    /// All of it was written.
    Done,
    /// The endpoint takes no more; the rest is read and forgotten, since an answer may be there all the same.
    Refused,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Head,
    Body,
}

impl<'x, 's, 'g> Exchange<'x, 's, 'g> {
    pub(super) fn new(
        job: &'x Job<'g>,
        sides: &'x mut Sides<'s>,
        trylist: &'x mut Trylist<'g>,
        upstream: Upstream<'g>,
    ) -> Self {
        let Upstream { connection, reused, connect } = upstream;
        let began = job.local.clock.now();
        sides.response.clear();
        Self {
            job,
            sides,
            trylist,
            connection: Some(connection),
            reused,
            upload: Upload::Running,
            stage: Stage::Head,
            interim: 0,
            close: false,
            reusable: false,
            tail: Tail::Certain,
            figures: Figures { connect, began, ..Figures::default() },
            silence: Silence::default(),
        }
    }

    pub(super) const fn figures(&self) -> Figures {
        self.figures
    }

    /// Runs it to its end. Cancel-safe: dropped half-way, the endpoint connection is closed.
    pub(super) async fn run(&mut self) -> Ending<'g> {
        poll_fn(|cx| match self.poll(cx) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(ending)) | Err(ending) => Poll::Ready(ending),
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Result<Poll<Ending<'g>>, Ending<'g>> {
        let uploaded = self.upload != Upload::Running;
        if !uploaded {
            self.poll_upload(cx)?;
        }
        let download = self.poll_download(cx)?;
        if download.is_ready() {
            return Ok(download);
        }
        // A client that only waits is looked at only where its answer is not there.
        if uploaded {
            self.poll_upload(cx)?;
        }
        self.poll_silence(cx)?;
        Ok(Poll::Pending)
    }

    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), Ending<'g>> {
        if self.upload == Upload::Running {
            let sides = &mut *self.sides;
            let Some(endpoint) = self.connection.as_mut().and_then(EndpointConnection::stream) else {
                return Ok(());
            };
            let mut spares = self.job.local.spares.borrow_mut();
            match sides.up.poll_pump(cx, &mut sides.client.stream, endpoint, &mut spares) {
                Poll::Pending => {}
                Poll::Ready(Ok(())) => self.upload = Upload::Done,
                Poll::Ready(Err(Stopped::Write)) => self.upload = Upload::Refused,
                Poll::Ready(Err(Stopped::Read | Stopped::Truncated)) => return Err(Ending::ClientGone),
                Poll::Ready(Err(bad)) => return Err(self.spoilt(Fault::bad_body(bad))),
            }
        }
        match self.upload {
            Upload::Running => Ok(()),
            Upload::Refused if !self.may_repeat_later() => self.poll_discard(cx),
            Upload::Done | Upload::Refused => self.poll_client(cx),
        }
    }

    /// Whether the request must be kept since it may have to go once more.
    fn may_repeat_later(&self) -> bool {
        self.reused && self.sides.down.read == 0
    }

    fn poll_discard(&mut self, cx: &mut Context<'_>) -> Result<(), Ending<'g>> {
        let sides = &mut *self.sides;
        let mut spares = self.job.local.spares.borrow_mut();
        match sides.up.poll_discard(cx, &mut sides.client.stream, &mut spares) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                drop(spares);
                self.poll_client(cx)
            }
            Poll::Ready(Err(bad @ (Stopped::Malformed(_) | Stopped::TooLong))) => {
                Err(self.spoilt(Fault::bad_body(bad)))
            }
            Poll::Ready(Err(_)) => Err(Ending::ClientGone),
        }
    }

    /// Watches a client that has nothing more to send.
    fn poll_client(&mut self, cx: &mut Context<'_>) -> Result<(), Ending<'g>> {
        let sides = &mut *self.sides;
        // Registering it with the reactor costs more than to serve on in vain for a moment, should it be gone.
        if sides.client.stream.is_fresh() && sides.timer.is_young() {
            return Ok(());
        }
        if sides.client.poll_gone(cx, sides.up, self.job.local).is_ready() {
            return Err(Ending::ClientGone);
        }
        if self.stage == Stage::Body || sides.up.content == 0 {
            // No body has to be kept for sending it once more: who waits holds no memory.
            sides.up.window.rest(&mut self.job.local.spares.borrow_mut());
        }
        Ok(())
    }

    fn poll_download(&mut self, cx: &mut Context<'_>) -> Result<Poll<Ending<'g>>, Ending<'g>> {
        if self.stage == Stage::Head && self.poll_response_head(cx)?.is_pending() {
            return Ok(Poll::Pending);
        }
        if self.figures.status == 101 {
            return self.poll_switch(cx);
        }
        self.poll_body(cx)
    }

    /// Ready when the final head is there.
    fn poll_response_head(&mut self, cx: &mut Context<'_>) -> Result<Poll<()>, Ending<'g>> {
        loop {
            while !self.sides.down.window.raw().is_empty() {
                match self.take_head()? {
                    None => break,
                    Some(Stage::Head) => {}
                    Some(Stage::Body) => return Ok(Poll::Ready(())),
                }
            }
            let sides = &mut *self.sides;
            // Interim responses go out at once; whether the client takes them is seen with the final one.
            if let Poll::Ready(Err(_)) = sides.down.poll_write(cx, &mut sides.client.stream) {
                return Err(Ending::ClientGone);
            }
            let Some(endpoint) = self.connection.as_mut().and_then(EndpointConnection::stream) else {
                return Ok(Poll::Pending);
            };
            let mut spares = self.job.local.spares.borrow_mut();
            sides.down.window.widen(ENDPOINT_LIMITS.head, &mut spares);
            match sides.down.poll_fill(cx, endpoint, &mut spares) {
                Poll::Pending => return Ok(Poll::Pending),
                Poll::Ready(Ok(0)) => return Err(self.lost(Fault::CLOSED)),
                Poll::Ready(Err(_)) => return Err(self.lost(Fault::RESET)),
                Poll::Ready(Ok(_)) if self.figures.first_byte == 0 => {
                    let since = self.job.local.clock.now().saturating_sub(self.figures.began);
                    self.figures.first_byte = since.max(1);
                }
                Poll::Ready(Ok(_)) => {}
            }
        }
    }

    /// The endpoint went away before its response began.
    fn lost(&self, fault: Fault) -> Ending<'g> {
        if self.reused && self.sides.down.read == 0 { Ending::Stale(fault) } else { Ending::Refuse(fault) }
    }

    /// Something is wrong with the request or the response, whatever the client has got so far.
    pub(super) fn spoilt(&self, fault: Fault) -> Ending<'g> {
        if self.stage == Stage::Head { Ending::Refuse(fault) } else { Ending::Cut(fault) }
    }

    fn poll_body(&mut self, cx: &mut Context<'_>) -> Result<Poll<Ending<'g>>, Ending<'g>> {
        let sides = &mut *self.sides;
        let client = &mut sides.client.stream;
        let moved = match self.connection.as_mut().and_then(EndpointConnection::stream) {
            Some(endpoint) => {
                sides.down.poll_pump(cx, endpoint, client, &mut self.job.local.spares.borrow_mut())
            }
            None => sides.down.poll_write(cx, client).map_err(|_| Stopped::Write),
        };
        let done = match moved {
            Poll::Pending => false,
            Poll::Ready(Ok(())) => true,
            Poll::Ready(Err(Stopped::Write)) => return Err(Ending::ClientGone),
            Poll::Ready(Err(Stopped::Malformed(reason))) => {
                return Err(Ending::Cut(Fault::bad_response(reason)));
            }
            Poll::Ready(Err(Stopped::Read | Stopped::Truncated | Stopped::TooLong)) => {
                return Err(Ending::Cut(Fault::TRUNCATED));
            }
        };
        if self.sides.down.has_ended() {
            self.release(done);
        }
        if !done {
            return Ok(Poll::Pending);
        }
        if self.upload == Upload::Running || !self.sides.up.has_ended() {
            info!(event = "early_response", req = self.job.id, "answered before the whole request was sent");
            self.close = true;
        }
        let finished = self.sides.client.has_finished(self.sides.up);
        Ok(Poll::Ready(Ending::Complete { close: self.close || finished }))
    }

    /// The response has been read whole: the endpoint is done with, even if the client is slow. Its connection is
    /// kept only if it has taken the whole request and nothing was read behind the response; what comes later is for
    /// the pool to see. With `done`, the client has all of it, and an upload that still runs is not waited for.
    fn release(&mut self, done: bool) {
        if self.connection.is_none() || (self.upload == Upload::Running && !done) {
            return;
        }
        let Some(connection) = self.connection.take() else { return };
        let surplus = !self.sides.down.window.raw().is_empty();
        if surplus {
            let endpoint = &*connection.endpoint.addr;
            warn!(event = "surplus_bytes", endpoint, req = self.job.id, "more bytes than the response has");
            self.job.local.pool.borrow_mut().spoke_unasked(connection.endpoint);
        }
        let clean = self.upload == Upload::Done && self.reusable && !surplus;
        if clean && !self.job.request.body_is_unusual() && !self.job.local.is_draining() {
            connection.keep(self.tail, self.job.local);
        }
        self.trylist.finish(self.outcome());
    }

    fn outcome(&self) -> Outcome {
        let mut outcome = Outcome::of(OutcomeResult::OK);
        outcome.http_status = u32::from(self.figures.status);
        outcome.connect_us = self.figures.connect / 1000;
        outcome.ttfb_us = self.figures.first_byte / 1000;
        outcome.total_us = self.job.local.clock.now().saturating_sub(self.figures.began) / 1000;
        outcome.sent = self.sides.up.written;
        outcome.received = self.sides.down.read;
        outcome
    }

    /// The endpoint, until it is done with.
    pub(super) fn endpoint(&self) -> Option<&'g Endpoint> {
        self.connection.as_ref().map(|connection| connection.endpoint)
    }

    /// The client is told of the new protocol before anything else reaches it.
    fn poll_switch(&mut self, cx: &mut Context<'_>) -> Result<Poll<Ending<'g>>, Ending<'g>> {
        let sides = &mut *self.sides;
        match sides.down.poll_write(cx, &mut sides.client.stream) {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Err(_)) => Err(Ending::ClientGone),
            Poll::Ready(Ok(())) => match self.connection.take() {
                Some(connection) => Ok(Poll::Ready(Ending::Switched(connection))),
                None => Err(Ending::ClientGone),
            },
        }
    }
}
