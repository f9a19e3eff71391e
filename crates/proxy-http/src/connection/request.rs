//! One request: routed, shown to the request hooks, forwarded or answered, and logged.

use std::rc::Rc;
use std::time::Duration;

use proxy_abi as abi;
use proxy_abi::{Bytes, FieldAccess, Fields, LogIn, RequestIn, RequestParts, Unit};
use proxy_core::edits::{Edits, Notes};
use proxy_core::generation::RequestHooks;
use proxy_core::hooks::Answer as HookAnswer;
use proxy_core::observe::Finished;
use proxy_core::routing::{Route, Routed};
use tracing::info;

use super::{After, Connection};
use crate::answer::{Answer, Form};
use crate::clock::nanoseconds;
use crate::executor::Local;
use crate::flow::Source;
use crate::forward::{self, Job, Report, Sides};
use crate::kit::Kit;
use crate::message::{Body, Method, Reject, Request, Version};
use crate::transaction::Transaction;

/// A request's fields as modules reach them.
struct RequestFields<'b>(Request<'b>);

impl FieldAccess for RequestFields<'_> {
    fn field(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.0.fields().nth(index)
    }
}

impl Connection {
    /// Serves the request whose head is the first `len` raw bytes.
    pub(super) async fn request(&mut self, kit: &mut Kit, len: usize) -> After {
        let Kit { text, head, response, up, down } = kit;
        text.extend_from_slice(&up.window.raw()[..len]);
        up.window.skip(len);
        self.repin();
        let pinned = Rc::clone(&self.pinned);
        let generation = &*pinned.generation;
        let local = &*self.local;
        let (id, started) = (local.next_request(), (local.clock.now(), local.clock.wall()));
        let request = head.view(text);
        let fields = RequestFields(request);
        let (notes, edits) = (Notes::default(), Edits::new(&local.caller));
        let view = view(&fields, &notes, id, &self.peer_text);
        local.caller.begins(&view);
        let source = match request.body() {
            Body::None => Source::Ended,
            Body::Length(length) => Source::Length(length),
            Body::Chunked => Source::Chunked,
        };
        up.begin(source, source == Source::Chunked, true, &self.terms.limits);
        let routed = generation.servers().route(self.here, request.host_name(), request.canonical_path());
        let (client, timer) = (&mut self.client, &mut self.timer);
        let mut sides = Sides { client, timer, up, down, response, limits: &self.terms.limits };
        let client_limits = routed.server.client();
        self.served = self.served.saturating_add(1);
        self.patience = nanoseconds(client_limits.keep_alive_timeout);
        let keep_alive = request.keep_alive()
            && client_limits.keep_alive
            && client_limits.keep_alive_requests.is_none_or(|most| self.served < most);
        let report = match decide(generation.hooks(), &request, &view, &edits, &routed, local) {
            Ok(route) => {
                let peer = &*self.peer_text;
                let job = Job {
                    local,
                    generation,
                    routed,
                    route,
                    request,
                    view: &view,
                    edits: &edits,
                    peer,
                    id,
                    keep_alive,
                };
                forward::forward(&job, &mut sides).await
            }
            Err(answer) => answer_request(answer, &request, keep_alive, local, &mut sides).await,
        };
        let transaction = Transaction {
            generation,
            server: routed.server.number,
            id,
            client: self.peer,
            client_text: &self.peer_text,
            local: self.here,
            line: logged(request.line()),
            request: Some(request),
            status: report.status,
            sent: sides.down.delivered,
            received: sides.up.content,
            started: started.1,
            elapsed: Duration::from_nanos(local.clock.now().saturating_sub(started.0)),
            endpoint: report.endpoint,
            cluster: report.cluster,
            tries: report.tries,
            upstream_status: report.upstream_status,
            client_aborted: report.client_aborted,
        };
        local.log(&pinned, &transaction);
        log_hooks(generation.hooks(), &transaction, &view, local);
        let (status, elapsed) = (transaction.status, transaction.elapsed);
        local.caller.ends(&Finished { request: id, status, elapsed });
        report.after
    }

    /// Answers what is no request.
    pub(super) async fn refuse(&mut self, kit: &mut Kit, reject: Reject) -> After {
        self.repin();
        let local = &*self.local;
        let (id, started) = (local.next_request(), (local.clock.now(), local.clock.wall()));
        let Reject { status, reason } = reject;
        info!(event = "bad_request", client = %self.peer, req = id, "{status}: {reason}");
        kit.text.clear();
        kit.text.extend_from_slice(first_line(kit.up.window.raw()));
        let form = Form { head: false, client: Version::Http11, close: true };
        let answer = Answer { status, detail: reason };
        let taken = answer.send(form, local, &mut self.client, &mut self.timer, &mut kit.down).await;
        let generation = &*self.pinned.generation;
        local.log(
            &self.pinned,
            &Transaction {
                generation,
                server: generation.servers().server(self.here, None).number,
                id,
                client: self.peer,
                client_text: &self.peer_text,
                local: self.here,
                line: &kit.text,
                request: None,
                status,
                sent: kit.down.delivered,
                received: 0,
                started: started.1,
                elapsed: Duration::from_nanos(local.clock.now().saturating_sub(started.0)),
                endpoint: None,
                cluster: None,
                tries: 0,
                upstream_status: 0,
                client_aborted: !taken,
            },
        );
        After::Close
    }
}

/// The request as modules see it.
fn view<'a>(fields: &'a RequestFields<'a>, notes: &'a Notes, id: u64, peer: &'a str) -> abi::Request<'a> {
    let request = &fields.0;
    let parts = RequestParts {
        version: if request.version() == Version::Http10 { 10 } else { 11 },
        id,
        method: request.method_name(),
        authority: request.host().unwrap_or_default(),
        path: request.path(),
        query: request.query().unwrap_or_default(),
        unparsed_uri: request.target(),
        client: peer.as_bytes(),
    };
    abi::Request::new(&parts, Fields::new(fields)).with_notes(abi::Notes::new(notes))
}

/// Runs the hooks that come before forwarding; gives the route, or what to answer instead.
fn decide<'g>(
    hooks: &RequestHooks,
    request: &Request<'_>,
    view: &abi::Request<'_>,
    edits: &Edits<'_>,
    routed: &Routed<'g>,
    local: &Local,
) -> Result<&'g Route, Answer> {
    let (caller, id, input) = (&local.caller, view.id, RequestIn::new(view));
    refused(hooks.post_read_request.run(caller, id, &input, Unit::default()))?;
    refused(hooks.access_checker.run(caller, id, &input, Unit::default()))?;
    if routed.server.is_nobody() {
        return Err(Answer { status: 400, detail: "no server has the name of this host" });
    }
    // RFC 9110 section 7.6.2: the answer is that of the last hop, and `*` means nobody behind us.
    if request.method() == Method::Options && (request.path() == b"*" || request.max_forwards() == Some(0)) {
        return Err(Answer { status: 200, detail: "" });
    }
    let route = routed.route.ok_or(Answer { status: 404, detail: "nothing is mapped to this path" })?;
    if let Body::Length(length) = request.body()
        && routed.settings.body_limit.is_some_and(|limit| length > limit)
    {
        return Err(Answer { status: 413, detail: "the body is larger than LimitRequestBody allows" });
    }
    let edits = abi::Edits::new(edits);
    refused(hooks.fixups.run(caller, id, &input.with_edits(&edits), Unit::default()))?;
    Ok(route)
}

fn refused(answer: HookAnswer) -> Result<(), Answer> {
    match answer {
        HookAnswer::Continue => Ok(()),
        // An interim status is no answer.
        HookAnswer::Refuse(refusal) if refusal.status < 200 => Err(Answer { status: 500, detail: "" }),
        HookAnswer::Refuse(refusal) => Err(Answer { status: refusal.status, detail: "" }),
    }
}

/// Answers a request ourselves. The connection is kept only if nothing of its body is still to come.
async fn answer_request<'g>(
    answer: Answer,
    request: &Request<'_>,
    keep_alive: bool,
    local: &Local,
    sides: &mut Sides<'_>,
) -> Report<'g> {
    let framed = sides.up.discard_buffered().is_ok() && sides.up.has_ended();
    let close = !framed || !keep_alive || sides.client.has_finished(sides.up) || local.is_draining();
    let form = Form { head: request.method() == Method::Head, client: request.version(), close };
    let taken = answer.send(form, local, sides.client, sides.timer, sides.down).await;
    let after = match (taken, close) {
        (false, _) => After::Reset,
        (true, true) => After::Close,
        (true, false) => After::Keep,
    };
    Report { client_aborted: !taken, ..Report::of(answer.status, after) }
}

fn log_hooks(hooks: &RequestHooks, transaction: &Transaction<'_>, view: &abi::Request<'_>, local: &Local) {
    if hooks.log_transaction.is_empty() {
        return;
    }
    let endpoint = transaction.endpoint;
    let input = LogIn {
        size: size_of::<LogIn<'_>>() as u32,
        status: u32::from(transaction.status),
        tries: transaction.tries,
        reserved: 0,
        id: endpoint.map_or(0, |endpoint| endpoint.id),
        sent: transaction.sent,
        received: transaction.received,
        total_us: u64::try_from(transaction.elapsed.as_micros()).unwrap_or(u64::MAX),
        request: view,
        endpoint: endpoint.map_or(Bytes::EMPTY, |endpoint| Bytes::of(&endpoint.addr)),
    };
    // A VOID hook has nothing to say.
    let _ = hooks.log_transaction.run(&local.caller, transaction.id, &input, Unit::default());
}

/// The first line without its end of what should have been a head.
fn first_line(head: &[u8]) -> &[u8] {
    let head = head.strip_prefix(b"\r\n").unwrap_or(head);
    let line = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    logged(line.strip_suffix(b"\r").unwrap_or(line))
}

/// As much of a first line as is logged.
fn logged(line: &[u8]) -> &[u8] {
    const MOST: usize = 8192;
    &line[..line.len().min(MOST)]
}
