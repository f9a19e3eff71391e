//! Forwarding one request: a connection to an endpoint, then the exchange over it, once more on a fresh one if an
//! idle connection turned out to be dead, and at the end the account of it all.

mod ending;
mod exchange;
mod response;
mod silence;

use std::ops::Range;

use proxy_abi as abi;
use proxy_abi::Outcome;
use proxy_core::cluster::{Cluster, Endpoint};
use proxy_core::conf;
use proxy_core::edits::Edits;
use proxy_core::generation::Generation;
use proxy_core::path;
use proxy_core::routing::{Route, Routed};
use proxy_core::trylist::Trylist;
use tracing::info;

use crate::answer::{Answer, Form};
use crate::connection::{After, Client};
use crate::executor::Local;
use crate::flow::Flow;
use crate::message::{
    EndpointConnection, Forwarded, Limits, Method, Request, RequestRewrite, ResponseHead, Via, write_request,
};
use crate::timer::Timer;
use crate::tunnel;
use crate::turn;
use crate::upstream::{self, Dial, Unconnected, Upstream};
use ending::{Ending, Fault};
use exchange::Exchange;

/// A request that is to be forwarded, and what is known about it.
pub(crate) struct Job<'g> {
    pub(crate) local: &'g Local,
    pub(crate) generation: &'g Generation,
    pub(crate) routed: Routed<'g>,
    pub(crate) route: &'g Route,
    pub(crate) request: Request<'g>,
    /// The same, for modules.
    pub(crate) view: &'g abi::Request<'g>,
    /// What modules want changed of its fields.
    pub(crate) edits: &'g Edits<'g>,
    /// The client's address as text.
    pub(crate) peer: &'g str,
    pub(crate) id: u64,
    /// The client's connection may take another request after this one.
    pub(crate) keep_alive: bool,
}

/// The moving parts.
pub(crate) struct Sides<'a> {
    pub(crate) client: &'a mut Client,
    pub(crate) timer: &'a mut Timer,
    /// From the client; the body was begun.
    pub(crate) up: &'a mut Flow,
    /// To the client.
    pub(crate) down: &'a mut Flow,
    pub(crate) response: &'a mut ResponseHead,
    pub(crate) limits: &'a Limits,
}

/// How a request went.
#[derive(Debug)]
pub(crate) struct Report<'g> {
    /// The status that the client got, or 499.
    pub(crate) status: u16,
    pub(crate) after: After,
    pub(crate) endpoint: Option<&'g Endpoint>,
    pub(crate) cluster: Option<&'g Cluster>,
    pub(crate) tries: u32,
    pub(crate) upstream_status: u16,
    pub(crate) client_aborted: bool,
}

impl Report<'_> {
    /// Of an answer that nobody was asked for.
    pub(crate) const fn of(status: u16, after: After) -> Self {
        let (endpoint, cluster) = (None, None);
        Self { status, after, endpoint, cluster, tries: 0, upstream_status: 0, client_aborted: false }
    }
}

/// What nginx's users know as "client closed request"; never sent.
const CLIENT_GONE: u16 = 499;

/// Forwards a request and answers it in any case.
pub(crate) async fn forward<'g>(job: &Job<'g>, sides: &mut Sides<'_>) -> Report<'g> {
    let (settings, local) = (job.routed.settings, job.local);
    // Before an endpoint is chosen, so that it is chosen, and a connection found good, right before it is used. Those who
    // have just connected seldom come together.
    if !sides.client.stream.is_fresh() {
        turn::others_first().await;
    }
    let mut dial = sides.dial(job);
    let created =
        upstream::create_connection(&mut dial, job.generation, job.route, settings, job.view, local).await;
    let (mut trylist, first) = created;
    let mut upstream = match first {
        Ok(upstream) => upstream,
        Err(why) => return unconnected(job, sides, &trylist, why).await,
    };
    write_head(job, sides.up, upstream.connection.endpoint);
    sides.up.bound(settings.body_limit.unwrap_or(u64::MAX));
    loop {
        let endpoint = upstream.connection.endpoint;
        // Staged with the head, so that both leave in one call.
        if let Err(stopped) = sides.up.stage() {
            let ending = Ending::Refuse(Fault::bad_body(stopped));
            return report(job, sides, &mut trylist, endpoint, ending, &exchange::Figures::default()).await;
        }
        let body = sides.up.has_ended().then(|| sides.up.mark());
        let mut exchange = Exchange::new(job, sides, &mut trylist, upstream);
        let ending = exchange.run().await;
        let figures = exchange.figures();
        // Closes the endpoint connection, if it is still there, before the client is told anything.
        drop(exchange);
        let ending = match ending {
            // Rare things are boxed: they must not make the task of each idle connection larger.
            Ending::Stale(fault) => {
                let repeated = repeat(job, sides, &mut trylist, endpoint, body, fault);
                match Box::pin(repeated).await {
                    Ok(fresh) => {
                        upstream = fresh;
                        continue;
                    }
                    Err(ending) => ending,
                }
            }
            Ending::Switched(connection) => {
                let timeout = settings.timeout;
                Box::pin(tunnel::run(local, timeout, sides, connection)).await;
                Ending::Tunnelled
            }
            // What was wrong came with the head: nothing has been said that could not be said otherwise.
            Ending::Cut(fault) if sides.down.written == 0 => Ending::Refuse(fault),
            ending => ending,
        };
        return report(job, sides, &mut trylist, endpoint, ending, &figures).await;
    }
}

/// A reused connection died before a byte of the response came: the request goes once more, to the same endpoint
/// over a fresh connection, if nothing of it was written, or if it is idempotent and all of it is still here. If
/// that endpoint cannot be connected to any more, the next one of the trylist is asked.
async fn repeat<'g>(
    job: &Job<'g>,
    sides: &mut Sides<'_>,
    trylist: &mut Trylist<'g>,
    endpoint: &'g Endpoint,
    body: Option<Range<usize>>,
    fault: Fault,
) -> Result<Upstream<'g>, Ending<'g>> {
    let untouched = sides.up.written == 0;
    let mark = match body {
        _ if untouched => sides.up.mark(),
        Some(body) if job.request.method().is_idempotent() => body,
        _ => return Err(Ending::Refuse(fault)),
    };
    info!(
        event = "reuse_stale",
        endpoint = %endpoint.addr,
        req = job.id,
        "an idle connection to {} was dead; trying a fresh one",
        endpoint.addr
    );
    let mut dial = sides.dial(job);
    let fresh = match upstream::connect_to(&mut dial, trylist, endpoint).await {
        // Nobody has answered it, and it may be sent again: the trylist goes on as it does for any failed connect.
        Ok(Err(())) => upstream::next_connection(&mut dial, trylist).await,
        Ok(Ok(upstream)) => Ok(upstream),
        Err(why) => Err(why),
    };
    let upstream = fresh.map_err(|why| match why {
        Unconnected::ClientGone => Ending::ClientGone,
        Unconnected::AllFailed if untouched => Ending::Refuse(Fault::NO_ENDPOINT),
        Unconnected::Exhausted if untouched => Ending::Refuse(Fault::DESCRIPTORS),
        // A 503 would say that the request has reached nobody.
        Unconnected::AllFailed | Unconnected::Exhausted => Ending::Refuse(fault),
    })?;
    sides.up.rewind(mark);
    sides.up.written = 0;
    write_head(job, sides.up, upstream.connection.endpoint);
    sides.up.frame_again();
    Ok(upstream)
}

async fn unconnected<'g>(
    job: &Job<'g>,
    sides: &mut Sides<'_>,
    trylist: &Trylist<'g>,
    why: Unconnected,
) -> Report<'g> {
    let report =
        Report { cluster: Some(trylist.cluster()), tries: trylist.attempts(), ..Report::of(0, After::Reset) };
    match why {
        Unconnected::ClientGone => {
            client_gone(job, None);
            Report { status: CLIENT_GONE, client_aborted: true, ..report }
        }
        Unconnected::AllFailed | Unconnected::Exhausted => {
            let exhausted = why == Unconnected::Exhausted;
            let fault = if exhausted { Fault::DESCRIPTORS } else { Fault::NO_ENDPOINT };
            let (after, taken) = answer(job, sides, fault.status, fault.detail).await;
            Report { status: fault.status, after, client_aborted: !taken, ..report }
        }
    }
}

/// Tells everybody how it ended, and the client if it has heard nothing yet.
async fn report<'g>(
    job: &Job<'g>,
    sides: &mut Sides<'_>,
    trylist: &mut Trylist<'g>,
    endpoint: &'g Endpoint,
    ending: Ending<'g>,
    figures: &exchange::Figures,
) -> Report<'g> {
    ending.log(endpoint, trylist, job.id);
    let mut outcome = Outcome::of(ending.result());
    outcome.http_status = u32::from(figures.status);
    outcome.connect_us = figures.connect / 1000;
    outcome.ttfb_us = figures.first_byte / 1000;
    outcome.total_us = job.local.clock.now().saturating_sub(figures.began) / 1000;
    outcome.sent = sides.up.written;
    outcome.received = sides.down.read;
    // Does nothing where the endpoint was done with before the client was.
    trylist.finish(outcome);
    let report = Report {
        status: figures.status,
        after: After::Reset,
        endpoint: Some(endpoint),
        cluster: Some(trylist.cluster()),
        tries: trylist.attempts(),
        upstream_status: figures.status,
        client_aborted: false,
    };
    match ending {
        Ending::Complete { close: false } => Report { after: After::Keep, ..report },
        Ending::Complete { close: true } | Ending::Tunnelled => Report { after: After::Close, ..report },
        Ending::Refuse(fault) | Ending::Stale(fault) => {
            let (after, taken) = answer(job, sides, fault.status, fault.detail).await;
            Report { status: fault.status, after, client_aborted: !taken, ..report }
        }
        Ending::Cut(_) | Ending::Switched(_) => report,
        Ending::ClientGone | Ending::ClientSlow => {
            let status = if sides.down.written == 0 { CLIENT_GONE } else { figures.status };
            Report { status, client_aborted: true, ..report }
        }
    }
}

/// Answers in the endpoint's place; and whether the client took it.
async fn answer(job: &Job<'_>, sides: &mut Sides<'_>, status: u16, detail: &'static str) -> (After, bool) {
    // An interim response that the client has a part of cannot be taken back.
    if sides.down.is_torn() {
        return (After::Reset, false);
    }
    let whole = sides.up.discard_buffered().is_ok() && sides.up.has_ended();
    let close = !whole
        || status == 400
        || !job.keep_alive
        || sides.client.has_finished(sides.up)
        || job.local.is_draining();
    let form = Form { head: job.request.method() == Method::Head, client: job.request.version(), close };
    let answer = Answer { status, detail };
    match answer.send(form, job.local, sides.client, sides.timer, sides.down).await {
        false => (After::Reset, false),
        true if close => (After::Close, true),
        true => (After::Keep, true),
    }
}

fn client_gone(job: &Job<'_>, endpoint: Option<&Endpoint>) {
    let endpoint = endpoint.map_or("-", |endpoint| &endpoint.addr);
    info!(event = "client_abort", endpoint, req = job.id, "the client went away before it was answered");
}

impl Sides<'_> {
    fn dial<'a>(&'a mut self, job: &Job<'a>) -> Dial<'a> {
        Dial {
            local: job.local,
            timer: self.timer,
            client: self.client,
            up: self.up,
            timeout: job.routed.settings.connect_timeout,
            request: job.id,
            repeatable: job.request.method().is_idempotent(),
        }
    }
}

/// Puts the request's head, as this endpoint gets it, where it goes out first.
fn write_head(job: &Job<'_>, up: &mut Flow, endpoint: &Endpoint) {
    let (request, settings) = (&job.request, job.routed.settings);
    let replaced = job.route.replace.as_ref();
    let edits = job.edits.list();
    let rewrite = RequestRewrite {
        host: endpoint.authority.as_bytes(),
        preserve_host: settings.preserve_host,
        path: replaced.map(|new| [&new[..], path::rest_after(request.path(), job.route.prefix.len())]),
        body: request.body(),
        forwarded: settings.add_headers.then_some(Forwarded { client: job.peer.as_bytes(), proto: b"http" }),
        trusted: false,
        via: via(&job.routed),
        edits: &edits,
        expect_continue: request.expect_continue(),
        connection: if request.wants_websocket() {
            EndpointConnection::Upgrade
        } else if request.body_is_unusual() {
            EndpointConnection::Close
        } else {
            EndpointConnection::Keep
        },
    };
    write_request(&mut up.text, request, &rewrite);
}

fn via<'g>(routed: &Routed<'g>) -> Via<'g> {
    let name = routed.server.name().unwrap_or("proxyd").as_bytes();
    match routed.settings.via {
        conf::Via::Off => Via::Off,
        conf::Via::On => Via::On(name),
        conf::Via::Full => Via::Full(name),
        conf::Via::Block => Via::Block,
    }
}
