//! Chains: the flat, immutable arrays that requests run, and the one place where implementations are called.

use std::fmt;
use std::sync::Arc;

use proxy_abi as abi;
use proxy_abi::{Entry, HookKind, HookSpec, In, Out, Status};
use tracing::error;

use super::ModuleIndex;
use crate::caller::Caller;
use crate::containment::{Door, FaultKind, Site};
use crate::observe::{self, Called, Shown};

/// One implementation in a chain.
pub struct Member<H: HookSpec> {
    /// The module whose it is.
    pub module: ModuleIndex,
    /// Its ident, for the log.
    pub ident: Arc<str>,
    /// What its calls go through.
    pub door: Arc<Door>,
    /// The services for its calls.
    pub host: &'static abi::Host,
    /// The function.
    pub entry: Entry<H>,
    /// For KEYED hooks: the key answered for, empty for any.
    pub key: String,
    /// Bytes of scratch for each trylist.
    pub scratch: usize,
}

impl<H: HookSpec> fmt::Debug for Member<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member").field("hook", &H::NAME).field("module", &self.module).finish_non_exhaustive()
    }
}

impl<H: HookSpec> Member<H> {
    /// Tells of an error; a fault counts besides.
    #[cold]
    fn failed(&self, status: Status, caller: &Caller, call: &abi::Call<'_>) {
        if status == Status::ERROR {
            error!(hook = H::NAME, module = &*self.ident, ?status, "{}", call.err);
            return;
        }
        let site = Site { trace_id: call.trace_id, ..Site::default() };
        let what = format_args!("answered {status:?}: {}", call.err);
        self.door.blame(FaultKind::of(status), caller.now_ns(), site, &what);
    }
}

/// What a chain of implementations came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Nobody objects.
    Continue,
    /// Somebody does.
    Refuse(Refusal),
}

/// An implementation's objection to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status to answer with.
    pub status: u16,
    /// Who refuses.
    pub module: ModuleIndex,
}

/// The implementations of a hook in the order in which they run.
#[derive(Debug)]
pub struct Chain<H: HookSpec> {
    members: Box<[Member<H>]>,
}

impl<H: HookSpec> Chain<H> {
    pub(super) fn new(members: impl Iterator<Item = Member<H>>) -> Self {
        Self { members: members.collect() }
    }

    /// Whether nobody implements it.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Runs an ALL or VOID hook. An implementation's ERROR or fault is logged and answered by 500 in an ALL chain,
    /// where letting a request pass unchecked would be worse than refusing it; in a VOID chain the others still
    /// run.
    pub fn run<'a>(&self, caller: &Caller, trace_id: u64, input: &In<'a, H>, mut output: Out<'a, H>) -> Answer
    where
        H: Shown,
    {
        for member in &self.members {
            if !member.door.admits(|| caller.now_ns()) {
                continue;
            }
            let call = caller.call(member.host, trace_id);
            let is_watched = caller.is_watched();
            if is_watched {
                observe::enter();
            }
            let status = caller.mark().during(&member.door, || member.entry.call(&call, input, &mut output));
            if is_watched {
                observe::leave(|| Called {
                    request: trace_id,
                    hook: H::NAME,
                    function: None,
                    module: &member.ident,
                    status: Some(status),
                    said: call.err.to_string(),
                    input: H::fields(input),
                    output: Vec::new(),
                });
            }
            if status == Status::OK || status == Status::DECLINED {
                continue;
            }
            if status.as_http().is_none() {
                member.failed(status, caller, &call);
            }
            if H::KIND == HookKind::ALL {
                let status = status.as_http().unwrap_or(500);
                return Answer::Refuse(Refusal { status, module: member.module });
            }
        }
        Answer::Continue
    }
}

/// The implementations of a KEYED hook: those for one key, then those for any.
#[derive(Debug)]
pub struct Keyed<H: HookSpec> {
    members: Box<[Member<H>]>,
}

impl<H: HookSpec> Keyed<H> {
    pub(super) fn new(chain: Chain<H>) -> Self {
        Self { members: chain.members }
    }

    /// Who answers for `key`, in order. Found once, when a generation is built.
    #[must_use]
    pub fn answering(&self, key: &str) -> Vec<usize> {
        let of = |wanted: &str| -> Vec<usize> {
            self.members.iter().enumerate().filter(|(_, m)| m.key == wanted).map(|(place, _)| place).collect()
        };
        let mut places = of(key);
        if !key.is_empty() {
            places.extend(of(""));
        }
        places
    }

    /// The member at a place that [`answering`](Self::answering) gave.
    #[must_use]
    pub fn member(&self, place: usize) -> Option<&Member<H>> {
        self.members.get(place)
    }

    /// All keys that are answered for; an empty one means any.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.key.as_str())
    }
}
