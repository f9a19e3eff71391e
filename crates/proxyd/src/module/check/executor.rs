//! One executor of the checks, and the trylists it holds: each call with its answer in words where it is not a plain
//! one, and the counts that the server would keep.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::Ordering::Relaxed;

use proxy_abi::{
    Bytes, CacheLine, Call, Failure, FailureKind, FieldAccess, Fields, LbIn, LbOut, NextIn, Outcome,
    OutcomeResult, Request, RequestParts, ResponseIn, Status, Target, Trylist,
};
use proxy_core::caller::Caller;
use proxy_core::hash_key::hash;
use proxy_core::hooks::Member;

use super::rig::Rig;
use super::set::Set;

/// A message without fields.
pub(in crate::module) struct NoFields;

impl FieldAccess for NoFields {
    fn field(&self, _index: usize) -> Option<(&[u8], &[u8])> {
        None
    }
}

/// A thread's side of a rig.
pub(super) struct Executor<'r> {
    rig: &'r Rig,
    caller: Caller,
    number: Cell<u32>,
    requests: Cell<u64>,
    nulls: Cell<bool>,
}

/// What `next` offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer {
    /// Its index.
    pub(super) index: u32,
    /// Whether it was flagged as one to be tried again.
    pub(super) again: bool,
}

impl<'r> Executor<'r> {
    /// An executor whose random numbers follow from `seed`.
    pub(super) fn new(rig: &'r Rig, seed: u64) -> Self {
        let (number, requests) = (Cell::new(0), Cell::new(0));
        Self { rig, caller: Caller::seeded(0, seed), number, requests, nulls: Cell::new(false) }
    }

    /// Calls from now on as executor `number`.
    pub(super) fn become_number(&self, number: u32) {
        self.number.set(number);
    }

    /// Hands over null pointers for what is empty from now on, as a server in C might.
    pub(super) fn nulls(&self) {
        self.nulls.set(true);
    }

    fn bytes<'b>(&self, bytes: &'b [u8]) -> Bytes<'b> {
        if self.nulls.get() && bytes.is_empty() { Bytes::NULL } else { Bytes::new(bytes) }
    }

    /// Sets the clock that the module sees.
    pub(super) fn set_now(&self, now_ns: u64) {
        self.caller.set_now(now_ns);
    }

    fn call<'a>(&'a self, member: &'a Member<proxy_abi::LoadBalance>, request: u64) -> Call<'a> {
        let mut call = self.caller.call(member.host, request);
        call.executor = self.number.get();
        call
    }

    /// Asks for a trylist over `set`, for a request whose target and hash key are `key`.
    ///
    /// # Errors
    /// What the module answered instead of one.
    pub(super) fn begin<'s>(&'s self, set: &'s Set, key: &'s [u8]) -> Result<Walk<'s>, String> {
        self.ask(set, key)?.ok_or_else(|| "load_balance answered DECLINED".to_owned())
    }

    /// The same, where the module may decline.
    ///
    /// # Errors
    /// What the module answered instead.
    pub(super) fn ask<'s>(&'s self, set: &'s Set, key: &'s [u8]) -> Result<Option<Walk<'s>>, String> {
        let member = self.rig.member().ok_or("nobody implements load_balance")?;
        self.requests.set(self.requests.get() + 1);
        let parts = RequestParts {
            version: 11,
            id: self.requests.get(),
            method: b"GET",
            authority: b"check.example",
            path: key,
            query: b"",
            unparsed_uri: key,
            client: b"192.0.2.7",
        };
        let mut request = Request::new(&parts, Fields::new(&NoFields));
        (request.path, request.query) = (self.bytes(parts.path), self.bytes(parts.query));
        request.unparsed_uri = self.bytes(parts.unparsed_uri);
        let request = Rc::new(request);
        let lines = member.scratch.div_ceil(size_of::<CacheLine>()).max(1);
        let scratch: Rc<[CacheLine]> = std::iter::repeat_with(CacheLine::new).take(lines).collect();
        let input = LbIn {
            size: size_of::<LbIn<'_>>() as u32,
            max_attempts: set.len() as u32,
            load_balancer_module_id: Bytes::of(self.rig.ident()),
            unparsed_uri: request.unparsed_uri,
            request: &request,
            set: set.header(),
            hash: if key.is_empty() { 0 } else { hash(key) },
            hash_key: self.bytes(key),
            cfg: std::ptr::null(),
            scratch: CacheLine::address(&scratch),
            scratch_size: (scratch.len() * size_of::<CacheLine>()) as u32,
            scratch_align: 64,
        };
        let mut output = LbOut::new();
        let call = self.call(member, parts.id);
        match member.entry.call(&call, &input, &mut output) {
            Status::DECLINED => Ok(None),
            Status::OK => {
                let trylist = Trylist::new(output)
                    .map_err(|breach| format!("load_balance answered OK with a bad trylist: {breach:?}"))?;
                Ok(Some(Walk {
                    trylist,
                    executor: self,
                    member,
                    set,
                    tried: vec![0; set.len().div_ceil(64).max(1)],
                    attempt: 0,
                    out: None,
                    request,
                    _scratch: scratch,
                }))
            }
            other => Err(answered("load_balance", other, &call)),
        }
    }

    /// One request that succeeds at once: the endpoint that served it, if any.
    ///
    /// # Errors
    /// What the module answered instead.
    pub(super) fn pick(&self, set: &Set, key: &[u8]) -> Result<Option<u32>, String> {
        let mut walk = self.begin(set, key)?;
        let offer = walk.next()?;
        walk.done(OutcomeResult::OK)?;
        Ok(offer.and_then(|offer| set.place(offer.index)))
    }

    /// So many requests one after the other: who served them.
    ///
    /// # Errors
    /// What the module answered instead of an endpoint.
    pub(super) fn picks(&self, set: &Set, count: usize) -> Result<Vec<u32>, String> {
        let pick = |number: usize| {
            let picked = self.pick(set, format!("/{number}").as_bytes())?;
            picked.ok_or_else(|| format!("request {number} got no endpoint"))
        };
        (0..count).map(pick).collect()
    }
}

/// One request's trylist. Dropped, it drops the module's, without `done` for what is out.
pub(super) struct Walk<'s> {
    trylist: Trylist,
    executor: &'s Executor<'s>,
    member: &'s Member<proxy_abi::LoadBalance>,
    set: &'s Set,
    tried: Vec<u64>,
    attempt: u32,
    out: Option<u32>,
    request: Rc<Request<'s>>,
    _scratch: Rc<[CacheLine]>,
}

impl Walk<'_> {
    /// Asks for the next endpoint. One that is still out must be failed or done first.
    ///
    /// # Errors
    /// What the module answered instead of an endpoint or the end.
    pub(super) fn next(&mut self) -> Result<Option<Offer>, String> {
        let input = NextIn::new(self.attempt, self.set.header(), &self.tried);
        let mut target = Target::default();
        let call = self.executor.call(self.member, self.request.id);
        match self.trylist.next(&call, &input, &mut target) {
            Status::DONE => Ok(None),
            Status::OK => {
                let offer = Offer { index: target.index, again: target.flags & Target::AGAIN != 0 };
                self.take(offer.index);
                Ok(Some(offer))
            }
            other => Err(answered("next", other, &call)),
        }
    }

    fn take(&mut self, index: u32) {
        self.attempt += 1;
        self.out = Some(index);
        if let Some(place) = self.set.place(index) {
            self.tried[index as usize / 64] |= 1 << (index % 64);
            let stats = self.executor.rig.stats(self.set.which(), place);
            stats.in_flight.fetch_add(1, Relaxed);
            stats.total.fetch_add(1, Relaxed);
        }
    }

    /// No connection could be made: tells so, and the outcome.
    ///
    /// # Errors
    /// What the module answered.
    pub(super) fn fail(&mut self, kind: FailureKind) -> Result<(), String> {
        let Some(index) = self.out else { return Ok(()) };
        let failure = Failure {
            size: size_of::<Failure>() as u32,
            index,
            id: self.set.id(index),
            kind,
            os_error: 111,
            elapsed_us: 100,
        };
        let call = self.executor.call(self.member, self.request.id);
        let status = self.trylist.report_failure(&call, &failure);
        orderly("report_failure", status, &call)?;
        self.done(OutcomeResult::CONNECT)
    }

    /// Shows the head of a response.
    ///
    /// # Errors
    /// What the module answered.
    pub(super) fn response_head(&mut self, status: u32) -> Result<(), String> {
        let Some(index) = self.out else { return Ok(()) };
        let head = ResponseIn {
            size: size_of::<ResponseIn<'_>>() as u32,
            status,
            index,
            tries: 1,
            id: self.set.id(index),
            request: &self.request,
            fields: Fields::new(&NoFields),
            edits: None,
            endpoint: Bytes::EMPTY,
            cluster: Bytes::EMPTY,
        };
        let call = self.executor.call(self.member, self.request.id);
        let status = self.trylist.response_head(&call, &head);
        orderly("response_head", status, &call)
    }

    /// What is out is over.
    ///
    /// # Errors
    /// What the module answered.
    pub(super) fn done(&mut self, result: OutcomeResult) -> Result<(), String> {
        let Some(index) = self.out.take() else { return Ok(()) };
        self.lower(index);
        let mut outcome = Outcome::of(result);
        outcome.index = index;
        outcome.id = self.set.id(index);
        if result == OutcomeResult::OK {
            (outcome.http_status, outcome.ttfb_us, outcome.total_us) = (200, 800, 1000);
        }
        let call = self.executor.call(self.member, self.request.id);
        let status = self.trylist.done(&call, &outcome);
        orderly("done", status, &call)
    }

    fn lower(&self, index: u32) {
        if let Some(place) = self.set.place(index) {
            self.executor.rig.stats(self.set.which(), place).in_flight.fetch_sub(1, Relaxed);
        }
    }

    /// Which endpoint is out.
    pub(super) fn out(&self) -> Option<u32> {
        self.out.and_then(|index| self.set.place(index))
    }

    /// The module's trylist, its set, and the host's table for a call from elsewhere.
    pub(super) fn parts(&mut self) -> (&mut Trylist, &Set, &'static proxy_abi::Host) {
        (&mut self.trylist, self.set, self.member.host)
    }
}

impl Drop for Walk<'_> {
    fn drop(&mut self) {
        if let Some(index) = self.out {
            self.lower(index);
        }
    }
}

fn orderly(function: &str, status: Status, call: &Call<'_>) -> Result<(), String> {
    match status {
        Status::OK | Status::DECLINED | Status::DONE => Ok(()),
        other => Err(answered(function, other, call)),
    }
}

fn answered(function: &str, status: Status, call: &Call<'_>) -> String {
    let text = call.err.to_string();
    let colon = if text.is_empty() { "" } else { ": " };
    format!("{function} answered {status:?}{colon}{text}")
}
