//! Heads of responses: interim ones passed on, the final one shown to the hooks and written anew.

use proxy_abi as abi;
use proxy_abi::{Bytes, FieldAccess, Fields, ResponseIn, Unit};
use proxy_core::cluster::Endpoint;
use proxy_core::edits::Edits;
use proxy_core::routing::ReverseRule;
use proxy_core::trylist::Trylist;

use super::ending::{Ending, Fault};
use super::exchange::{Exchange, Stage, Upload};
use super::{Job, via};
use crate::flow::Source;
use crate::message::{
    Asked, Limits, Method, Parsed, Response, ResponseBody, ResponseRewrite, Reverse, ReversePair, Version,
    write_interim, write_response,
};
use crate::pool::Tail;

/// What a response may have; what a request may have is the operator's choice.
pub(super) const ENDPOINT_LIMITS: Limits =
    Limits { line: 8192, field: 8192, fields: 100, head: 65_536, method: 32, chunk_extensions: 4096 };

/// Interim responses to one request that are borne.
const MOST_INTERIM: u32 = 16;

/// A response's fields as modules reach them.
struct ResponseFields<'b>(Response<'b>);

impl FieldAccess for ResponseFields<'_> {
    fn field(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.0.fields().nth(index)
    }
}

impl<'g> Exchange<'_, '_, 'g> {
    /// Takes one head from the raw bytes, if a whole one is there, and says what comes next.
    pub(super) fn take_head(&mut self) -> Result<Option<Stage>, Ending<'g>> {
        let request = &self.job.request;
        let asked = Asked { head: request.method() == Method::Head, websocket: request.wants_websocket() };
        let raw = self.sides.down.window.raw();
        let len = match self.sides.response.parse(raw, &ENDPOINT_LIMITS, asked) {
            Ok(Parsed::Complete(len)) => len,
            Ok(Parsed::Partial) => return Ok(None),
            Err(bad) => return Err(self.malformed(bad.reason)),
        };
        if self.sides.response.view(&raw[..len]).is_interim() {
            self.interim(len)?;
            self.sides.down.window.skip(len);
            return Ok(Some(Stage::Head));
        }
        let (source, chunks) = self.final_head(len);
        let down = &mut *self.sides.down;
        down.window.skip(len);
        down.begin(source, chunks, self.job.request.te_trailers(), &ENDPOINT_LIMITS);
        self.stage = Stage::Body;
        Ok(Some(Stage::Body))
    }

    /// What came is no head. On a connection that has served before, it may be the rest of an earlier response.
    fn malformed(&self, reason: &'static str) -> Ending<'g> {
        if self.reused
            && let Some(endpoint) = self.endpoint()
        {
            self.job.local.pool.borrow_mut().spoke_unasked(endpoint);
        }
        if is_limit(reason) {
            return Ending::Refuse(Fault { reason, ..Fault::HEAD_LIMIT });
        }
        Ending::Refuse(Fault::bad_response(reason))
    }

    /// Passes on the interim head of `len` bytes.
    fn interim(&mut self, len: usize) -> Result<(), Ending<'g>> {
        self.interim += 1;
        if self.interim > MOST_INTERIM {
            return Err(Ending::Refuse(Fault::INTERIM_LIMIT));
        }
        let request = &self.job.request;
        let down = &mut *self.sides.down;
        let response = self.sides.response.view(&down.window.raw()[..len]);
        let wanted = response.status() != 100 || request.expect_continue();
        if wanted && request.version() == Version::Http11 {
            write_interim(&mut down.text, &response);
        }
        Ok(())
    }

    /// Shows the head of `len` bytes to whoever wants to see it, and writes the client's; gives how the body is read,
    /// and whether the client gets it in chunks.
    fn final_head(&mut self, len: usize) -> (Source, bool) {
        let endpoint = self.endpoint();
        let (job, down) = (self.job, &mut *self.sides.down);
        let response = self.sides.response.view(&down.window.raw()[..len]);
        self.figures.status = response.status();
        self.reusable = response.keep_alive();
        self.tail = tail(job, &response, self.upload == Upload::Running);
        let fields = ResponseFields(response);
        let edits = Edits::new(&job.local.caller);
        self.trylist.response_head(response.status(), job.view, Fields::new(&fields));
        if let Some(endpoint) = endpoint {
            run_hook(job, self.trylist, endpoint, response.status(), (Fields::new(&fields), &edits));
        }
        self.close = !job.keep_alive
            || !self.sides.up.has_ended()
            || self.sides.client.has_finished(self.sides.up)
            || job.local.is_draining();
        let mut few = [ReversePair { internal: b"", public: b"" }; FEW];
        let mut many = Vec::new();
        let renames = job.routed.reverse;
        let pairs = pairs(&renames.places, &mut few, &mut many);
        let host =
            job.request.host().unwrap_or_else(|| job.routed.server.name().unwrap_or_default().as_bytes());
        let reverse = Reverse { pairs, scheme: b"http", host, cookies: &renames.cookies };
        let edits = edits.list();
        let rewrite = ResponseRewrite {
            client: job.request.version(),
            close: self.close,
            via: via(&job.routed),
            reverse: (!pairs.is_empty() || !renames.cookies.is_empty()).then_some(reverse),
            date: &job.local.date(),
            edits: &edits,
        };
        let framing = write_response(&mut down.text, &response, &rewrite);
        self.close |= framing == ResponseBody::UntilClose;
        (source(response.body()), framing == ResponseBody::Chunked)
    }
}

/// Some endpoints send a body where none may be. Those that answer `early`, before they have the whole request, may take
/// the rest of it for another; those that were asked for an interim response or for another protocol may still give it.
fn tail(job: &Job<'_>, response: &Response<'_>, early: bool) -> Tail {
    let request = &job.request;
    let bodiless = response.body() == ResponseBody::None;
    if bodiless || early || request.expect_continue() || request.wants_websocket() {
        return Tail::Doubtful;
    }
    Tail::Certain
}

const fn source(body: ResponseBody) -> Source {
    match body {
        ResponseBody::None => Source::Ended,
        ResponseBody::Length(length) => Source::Length(length),
        ResponseBody::Chunked => Source::Chunked,
        ResponseBody::UntilClose => Source::UntilClose,
    }
}

/// Whether a head is refused for its size; only the name of the event depends on it.
fn is_limit(reason: &str) -> bool {
    reason.ends_with("too long") || reason == "too many fields"
}

fn run_hook(
    job: &Job<'_>,
    trylist: &Trylist<'_>,
    endpoint: &Endpoint,
    status: u16,
    (fields, edits): (Fields<'_>, &Edits<'_>),
) {
    let chain = &job.generation.hooks().response_head;
    if chain.is_empty() {
        return;
    }
    let edits = abi::Edits::new(edits);
    let input = ResponseIn {
        size: size_of::<ResponseIn<'_>>() as u32,
        status: u32::from(status),
        index: endpoint.index,
        tries: trylist.attempts(),
        id: endpoint.id,
        request: job.view,
        fields,
        edits: Some(&edits),
        endpoint: Bytes::of(&endpoint.addr),
        cluster: Bytes::of(&trylist.cluster().name),
    };
    // A VOID hook has nothing to say.
    let _ = chain.run(&job.local.caller, job.id, &input, Unit::default());
}

/// Rules that need no memory of their own.
const FEW: usize = 16;

fn pairs<'p, 'g: 'p>(
    rules: &'g [ReverseRule],
    few: &'p mut [ReversePair<'g>; FEW],
    many: &'p mut Vec<ReversePair<'g>>,
) -> &'p [ReversePair<'g>] {
    let pair = |rule: &'g ReverseRule| ReversePair {
        internal: rule.internal.as_bytes(),
        public: rule.public.as_bytes(),
    };
    if rules.len() > FEW {
        many.extend(rules.iter().map(pair));
        return many;
    }
    for (place, rule) in few.iter_mut().zip(rules) {
        *place = pair(rule);
    }
    &few[..rules.len()]
}
