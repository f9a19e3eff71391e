//! One request's trylist, walked as the server walks it.

use std::fmt;
use std::rc::Rc;

use proxy_module::abi::{
    Bytes, CacheLine, ErrSink, Failure, FailureKind, FieldAccess, Fields, LbIn, LbOut, NextIn, Outcome,
    OutcomeResult, ResponseIn, Status, Target, Trylist,
};
use proxy_module::testing::Asked as Request;

use crate::cluster::Set;
use crate::host::Host;
use crate::quiet;

/// Why there is no trylist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoTrylist {
    /// The module leaves the request to others.
    Declined,
    /// It refused with this text.
    Error(String),
    /// It panicked, or broke the contract.
    Fault(String),
}

impl fmt::Display for NoTrylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Declined => f.write_str("it declined"),
            Self::Error(text) | Self::Fault(text) => f.write_str(text),
        }
    }
}

/// What `next` answered, before anything is made of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// This index, which may be one that was tried, is not usable, or does not exist.
    Endpoint(u32),
    /// This index, even if it was tried.
    Again(u32),
    /// Nothing is left.
    Exhausted,
    /// An orderly error.
    Error(String),
    /// It panicked, or broke the contract. Only `drop` is called from here on.
    Fault(String),
}

/// A trylist. What is still out when the next one is asked for, or when this is dropped, counts as cancelled.
#[derive(Debug)]
pub struct Trial<'h> {
    host: &'h Host,
    // None while it is dropped, which comes before what it may look at.
    list: Option<Trylist>,
    set: Rc<Set>,
    request: Rc<Request>,
    _hash_key: Option<Vec<u8>>,
    _scratch: Vec<CacheLine>,
    err: ErrSink,
    tried: Vec<u64>,
    attempts: u32,
    out: Option<u32>,
    /// What is out was tried before, and not meant to be tried again.
    repeats: bool,
    faulted: bool,
}

impl<'h> Trial<'h> {
    pub(crate) fn begin(
        host: &'h Host,
        set: Rc<Set>,
        request: Rc<Request>,
        hash_key: Option<Vec<u8>>,
        hash: u64,
    ) -> Result<Self, NoTrylist> {
        let (balancer, scratch_size) = host.balancer();
        let scratch: Vec<_> = (0..scratch_size.div_ceil(64)).map(|_| CacheLine::new()).collect();
        let view = request.get();
        let input = LbIn {
            size: size_of::<LbIn<'_>>() as u32,
            max_attempts: set.len() as u32,
            load_balancer_module_id: Bytes::of(host.ident()),
            unparsed_uri: view.unparsed_uri,
            request: view,
            set: set.header(),
            hash,
            hash_key: hash_key.as_deref().map_or(Bytes::NULL, Bytes::new),
            cfg: std::ptr::null(),
            scratch: CacheLine::address(&scratch),
            scratch_size,
            scratch_align: 64,
        };
        let (err, mut out) = (ErrSink::new(), LbOut::new());
        let status = quiet::inside(|| balancer.call(&host.call(&err, view.id), &input, &mut out));
        host.keep_lines();
        match status {
            Status::OK => {}
            Status::DECLINED => return Err(NoTrylist::Declined),
            Status::ERROR => return Err(NoTrylist::Error(err.to_string())),
            other => return Err(NoTrylist::Fault(format!("begin answered {other:?}: {err}"))),
        }
        let list = Trylist::new(out).map_err(|breach| NoTrylist::Fault(format!("begin: {breach:?}")))?;
        let tried = vec![0; set.len().div_ceil(64)];
        Ok(Self {
            host,
            list: Some(list),
            set,
            request,
            _hash_key: hash_key,
            _scratch: scratch,
            err,
            tried,
            attempts: 0,
            out: None,
            repeats: false,
            faulted: false,
        })
    }

    /// The next endpoint to try, as the server finds it: one that was tried already is asked for again, unless the
    /// module means it; and there are at most as many tries as endpoints.
    ///
    /// # Panics
    /// If the module answers an error or an index that does not exist, or panics.
    #[allow(clippy::should_implement_trait, reason = "a trylist is told of failures between two calls")]
    pub fn next(&mut self) -> Option<u32> {
        self.finish(Outcome::of(OutcomeResult::CANCELLED));
        if self.attempts as usize >= self.set.len() {
            return None;
        }
        for _ in 0..=self.set.usable().len() {
            let ident = self.host.ident();
            match self.ask() {
                Asked::Endpoint(index) | Asked::Again(index) if index as usize >= self.set.len() => {
                    panic!("{ident} answered index {index} of {} endpoints", self.set.len());
                }
                Asked::Endpoint(_) if self.repeats => self.finish(Outcome::of(OutcomeResult::CANCELLED)),
                Asked::Endpoint(index) | Asked::Again(index) => return Some(index),
                Asked::Exhausted => return None,
                Asked::Error(text) => panic!("{ident} answered an error in next: {text}"),
                Asked::Fault(text) => panic!("{ident}: {text}"),
            }
        }
        None
    }

    /// The next answer of the module, whatever it is.
    pub fn ask(&mut self) -> Asked {
        self.finish(Outcome::of(OutcomeResult::CANCELLED));
        let Some(list) = self.list.as_mut().filter(|_| !self.faulted) else { return Asked::Exhausted };
        let mut target = Target::default();
        let tried = self.tried.clone();
        let mut input = NextIn::new(self.attempts, self.set.header(), &tried);
        if tried.is_empty() {
            input.tried = std::ptr::null();
        }
        self.err.clear();
        let call = self.host.call(&self.err, self.request.get().id);
        let status = quiet::inside(|| list.next(&call, &input, &mut target));
        self.host.keep_lines();
        match status {
            Status::OK => self.hand_out(&target),
            Status::DONE => Asked::Exhausted,
            Status::ERROR => Asked::Error(self.err.to_string()),
            other => {
                self.faulted = true;
                Asked::Fault(format!("next answered {other:?}: {}", self.err))
            }
        }
    }

    fn hand_out(&mut self, target: &Target) -> Asked {
        let Target { index, flags, .. } = *target;
        let again = flags & Target::AGAIN != 0;
        self.repeats = !again && self.tried(index);
        self.out = Some(index);
        self.set.handed_out(index);
        if !self.repeats {
            self.attempts += 1;
        }
        if let Some(word) = self.tried.get_mut(index as usize / 64) {
            *word |= 1 << (index % 64);
        }
        if again { Asked::Again(index) } else { Asked::Endpoint(index) }
    }

    /// No connection to the endpoint that is out could be made.
    ///
    /// # Panics
    /// If the module panics.
    pub fn fail(&mut self, kind: FailureKind) {
        let told = self.try_fail(kind);
        self.expect(told);
    }

    /// The same; what the module did wrong.
    pub(crate) fn try_fail(&mut self, kind: FailureKind) -> Result<(), String> {
        let Some(index) = self.out else { return Ok(()) };
        let failure = Failure {
            size: size_of::<Failure>() as u32,
            index,
            id: self.set.id(index),
            kind,
            os_error: 0,
            elapsed_us: 1_000,
        };
        let told = self.tell("report_failure", |list, call| list.report_failure(call, &failure));
        let mut outcome = Outcome::of(OutcomeResult::CONNECT);
        outcome.connect_us = 1_000;
        outcome.total_us = 1_000;
        let ended = self.try_finish(outcome);
        told.and(ended)
    }

    /// The endpoint that is out has answered with that status, after a millisecond.
    ///
    /// # Panics
    /// If the module panics.
    pub fn done(&mut self, http_status: u32) {
        let mut outcome = Outcome::of(OutcomeResult::OK);
        outcome.http_status = http_status;
        outcome.ttfb_us = 1_000;
        outcome.total_us = 1_000;
        self.finish(outcome);
    }

    /// The request to the endpoint that is out ended like this; index and id are filled in. Nothing if none is out.
    ///
    /// # Panics
    /// If the module panics.
    pub fn finish(&mut self, outcome: Outcome) {
        let told = self.try_finish(outcome);
        self.expect(told);
    }

    /// The same; what the module did wrong.
    pub(crate) fn try_finish(&mut self, mut outcome: Outcome) -> Result<(), String> {
        let Some(index) = self.out.take() else { return Ok(()) };
        outcome.index = index;
        outcome.id = self.set.id(index);
        self.set.finished(&outcome);
        self.tell("done", |list, call| list.done(call, &outcome))
    }

    /// The head of the response came.
    ///
    /// # Panics
    /// If the module panics.
    pub fn response_head(&mut self, status: u32, fields: &[(&str, &str)]) {
        let told = self.try_response_head(status, fields);
        self.expect(told);
    }

    /// The same; what the module did wrong.
    pub(crate) fn try_response_head(&mut self, status: u32, fields: &[(&str, &str)]) -> Result<(), String> {
        let Some(index) = self.out else { return Ok(()) };
        let fields = Head(fields);
        let request = Rc::clone(&self.request);
        let head = ResponseIn {
            size: size_of::<ResponseIn<'_>>() as u32,
            status,
            index,
            tries: self.tried.iter().map(|word| word.count_ones()).sum(),
            id: self.set.id(index),
            request: request.get(),
            fields: Fields::new(&fields),
            edits: None,
            endpoint: Bytes::EMPTY,
            cluster: Bytes::EMPTY,
        };
        self.tell("response_head", |list, call| list.response_head(call, &head))
    }

    /// The client went away.
    pub fn cancel(self) {
        drop(self);
    }

    /// Whether the endpoint was tried.
    #[must_use]
    pub fn tried(&self, index: u32) -> bool {
        self.tried.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
    }

    /// The indexes that may take traffic, in the set that this trylist began with.
    #[must_use]
    pub fn usable(&self) -> &[u32] {
        self.set.usable()
    }

    /// Fails the test, unless it fails already.
    fn expect(&self, told: Result<(), String>) {
        if let Err(text) = told
            && !std::thread::panicking()
        {
            panic!("{}: {text}", self.host.ident());
        }
    }

    fn tell(
        &mut self,
        what: &str,
        tell: impl FnOnce(&mut Trylist, &proxy_module::abi::Call<'_>) -> Status,
    ) -> Result<(), String> {
        let Some(list) = self.list.as_mut().filter(|_| !self.faulted) else { return Ok(()) };
        self.err.clear();
        let call = self.host.call(&self.err, self.request.get().id);
        let status = quiet::inside(|| tell(list, &call));
        self.host.keep_lines();
        if status == Status::OK {
            return Ok(());
        }
        self.faulted = true;
        Err(format!("{what} answered {status:?}: {}", self.err))
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        self.finish(Outcome::of(OutcomeResult::CANCELLED));
        quiet::inside(|| drop(self.list.take()));
        self.host.keep_lines();
    }
}

/// The fields of a response.
struct Head<'a>(&'a [(&'a str, &'a str)]);

impl FieldAccess for Head<'_> {
    fn field(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.0.get(index).map(|(name, value)| (name.as_bytes(), value.as_bytes()))
    }
}
