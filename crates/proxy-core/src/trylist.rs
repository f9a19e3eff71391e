//! The trylist of one request: the server's side of the seed's hook.
//!
//! `proxy.load_balance` is asked once for a trylist; then `next`, and `report_failure` for each connection that
//! could not be made, until one stands or nothing is left. This is the state machine that keeps the promises
//! towards the module: `done` exactly once per target handed out, `drop` exactly once and last, nothing but `drop`
//! after a fault. And the one towards the client: after a fault of the module the request goes on over the same
//! cluster by a built-in round robin that leaves out what was tried already.

mod builtin;
mod policy;
mod tried;

use proxy_abi as abi;
use proxy_abi::{Failure, FailureKind, Outcome, OutcomeResult, ResponseIn};

pub(crate) use builtin::Builtin;
use policy::{Begun, Pick, Watching};
pub(crate) use policy::{Policy, Question, Unwatched, Watch, Watched};

use crate::caller::Caller;
use crate::cluster::{Cluster, Endpoint};
use crate::containment::Fault;
use tried::Tried;

/// Why a trylist has nothing more to offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All endpoints were tried, or as many as the policy offers.
    Exhausted,
    /// `MaxTries` is reached, and there are more endpoints.
    TriesUsedUp,
    /// The policy answered an orderly error, or met a fault where `ModuleOnPanic fail` holds; its text went to the log.
    PolicyError,
    /// Nobody answered for the cluster.
    Declined,
}

/// One request's walk over the endpoints of a cluster.
#[derive(Debug)]
pub struct Trylist<'g> {
    cluster: &'g Cluster,
    caller: &'g Caller,
    source: Source<'g>,
    tried: Tried,
    attempts: u32,
    max_attempts: u32,
    current: Option<Handed<'g>>,
    ended: Option<Ended>,
}

/// Who says what to try next.
///
/// In two steps, so that the common case is told from all others, and dropped, after one test.
#[derive(Debug)]
pub(crate) enum Source<'g> {
    /// A module's policy.
    Policy(Policy<'g, Unwatched>),
    /// Anything else.
    Other(Other<'g>),
}

/// Who says it where that is no policy, or one that somebody looks at.
#[derive(Debug)]
pub(crate) enum Other<'g> {
    /// A route to one URL: its origin.
    Origin,
    /// A module's policy, while somebody looks on.
    Watched(Watching<'g>),
    /// What answers in a policy's place after a fault.
    Builtin(&'g Builtin),
    /// Nobody.
    Nobody,
}

/// A target handed out whose outcome is still due.
#[derive(Debug)]
struct Handed<'g> {
    endpoint: &'g Endpoint,
    from_policy: bool,
}

impl<'g> Trylist<'g> {
    /// For a route to an URL: that URL's origin, once.
    pub(crate) fn of_origin(cluster: &'g Cluster, caller: &'g Caller) -> Self {
        Self::new(cluster, caller, Source::Other(Other::Origin), 1)
    }

    /// What asking the policy came to.
    #[inline]
    pub(crate) fn of_policy<W: Watch<'g>>(
        cluster: &'g Cluster,
        caller: &'g Caller,
        begun: Begun<'g, W>,
        max_attempts: u32,
    ) -> Self {
        match begun {
            Begun::Policy(policy) => Self::new(cluster, caller, W::source(policy), max_attempts),
            Begun::Builtin(builtin) => {
                Self::new(cluster, caller, Source::Other(Other::Builtin(builtin)), max_attempts)
            }
            Begun::Error => Self::ended(cluster, caller, Ended::PolicyError),
            Begun::Declined => Self::ended(cluster, caller, Ended::Declined),
        }
    }

    #[inline]
    fn new(cluster: &'g Cluster, caller: &'g Caller, source: Source<'g>, max_attempts: u32) -> Self {
        let tried = Tried::default();
        Self { cluster, caller, source, tried, attempts: 0, max_attempts, current: None, ended: None }
    }

    fn ended(cluster: &'g Cluster, caller: &'g Caller, why: Ended) -> Self {
        let mut trylist = Self::new(cluster, caller, Source::Other(Other::Nobody), 0);
        trylist.ended = Some(why);
        trylist
    }

    /// The next endpoint to try. A target that is still out counts as cancelled.
    #[allow(
        clippy::should_implement_trait,
        reason = "the seed's word; a trylist is told of failures between two calls"
    )]
    pub fn next(&mut self) -> Option<&'g Endpoint> {
        self.cancel();
        if self.ended.is_some() {
            return None;
        }
        if self.attempts >= self.max_attempts {
            // Where nobody wrote a MaxTries, as many tries as endpoints are the most.
            let all = self.attempts as usize >= self.cluster.endpoints().len();
            self.ended = Some(if all { Ended::Exhausted } else { Ended::TriesUsedUp });
            return None;
        }
        let (index, from_policy) = self.pick()?;
        let endpoint = self.cluster.endpoints().get(index as usize)?;
        self.attempts += 1;
        self.tried.insert(index);
        endpoint.handed_out();
        self.current = Some(Handed { endpoint, from_policy });
        Some(endpoint)
    }

    /// Asks whoever is in charge; after a fault of the policy, the built-in one.
    fn pick(&mut self) -> Option<(u32, bool)> {
        match &mut self.source {
            Source::Policy(policy) => {
                let pick = policy.next(self.caller, self.cluster, self.attempts, &mut self.tried);
                self.picked(pick)
            }
            Source::Other(_) => self.pick_otherwise(),
        }
    }

    #[inline(never)]
    fn pick_otherwise(&mut self) -> Option<(u32, bool)> {
        let index = match &mut self.source {
            Source::Other(Other::Watched(policy)) => {
                let pick = policy.next(self.caller, self.cluster, self.attempts, &mut self.tried);
                return self.picked(pick);
            }
            Source::Other(Other::Origin) => Some(0),
            Source::Other(Other::Builtin(builtin)) => builtin.next(self.cluster, &self.tried),
            Source::Policy(_) | Source::Other(Other::Nobody) => None,
        };
        if index.is_none() {
            self.ended.get_or_insert(Ended::Exhausted);
        }
        index.map(|index| (index, false))
    }

    /// What becomes of a policy's answer.
    #[inline]
    fn picked(&mut self, pick: Pick) -> Option<(u32, bool)> {
        match pick {
            Pick::Endpoint(index) => Some((index, true)),
            Pick::Ended(why) => {
                self.ended = Some(why);
                None
            }
            Pick::Fault(fault) => {
                self.fall_back(fault);
                self.pick_otherwise()
            }
        }
    }

    /// No connection to the current target could be made: tells the policy.
    pub fn failed(&mut self, kind: FailureKind, os_error: i32, elapsed_us: u64) {
        let Some(handed) = &self.current else { return };
        let failure = Failure {
            size: size_of::<Failure>() as u32,
            index: handed.endpoint.index,
            id: handed.endpoint.id,
            kind,
            os_error,
            elapsed_us,
        };
        if handed.from_policy {
            let told = match &mut self.source {
                Source::Policy(policy) => policy.report_failure(self.caller, &failure),
                Source::Other(Other::Watched(policy)) => policy.report_failure(self.caller, &failure),
                Source::Other(_) => Ok(()),
            };
            if let Err(fault) = told {
                self.fall_back(fault);
            }
        }
        let mut outcome = Outcome::of(OutcomeResult::CONNECT);
        outcome.connect_us = elapsed_us;
        outcome.total_us = elapsed_us;
        self.finish(outcome);
    }

    /// Shows the head of the response to the policy.
    pub fn response_head(&mut self, status: u16, request: &abi::Request<'_>, fields: abi::Fields<'_>) {
        let Some(handed) = self.current.as_ref().filter(|handed| handed.from_policy) else { return };
        let head = ResponseIn {
            size: size_of::<ResponseIn<'_>>() as u32,
            status: u32::from(status),
            index: handed.endpoint.index,
            tries: self.attempts,
            id: handed.endpoint.id,
            request,
            fields,
            edits: None,
            endpoint: abi::Bytes::of(&handed.endpoint.addr),
            cluster: abi::Bytes::of(&self.cluster.name),
        };
        let told = match &mut self.source {
            Source::Policy(policy) => policy.response_head(self.caller, &head),
            Source::Other(Other::Watched(policy)) => policy.response_head(self.caller, &head),
            Source::Other(_) => Ok(()),
        };
        if let Err(fault) = told {
            self.fall_back(fault);
        }
    }

    /// A target that is still out was not gone through with.
    #[inline]
    fn cancel(&mut self) {
        if self.current.is_some() {
            self.finish(Outcome::of(OutcomeResult::CANCELLED));
        }
    }

    /// The request to the current target is over. `index` and `id` of the outcome are filled in here. Comes at most
    /// once per target: a second call does nothing.
    pub fn finish(&mut self, mut outcome: Outcome) {
        let Some(handed) = self.current.take() else { return };
        handed.endpoint.finished(&outcome);
        outcome.index = handed.endpoint.index;
        outcome.id = handed.endpoint.id;
        if handed.from_policy {
            let told = match &mut self.source {
                Source::Policy(policy) => policy.done(self.caller, &outcome),
                Source::Other(Other::Watched(policy)) => policy.done(self.caller, &outcome),
                Source::Other(_) => Ok(()),
            };
            if let Err(fault) = told {
                self.fall_back(fault);
            }
        }
    }

    /// After a fault of the policy: it is asked nothing more.
    #[cold]
    fn fall_back(&mut self, fault: Fault) {
        if fault.is_fatal {
            self.source = Source::Other(Other::Nobody);
            self.ended = Some(Ended::PolicyError);
            return;
        }
        let builtin = match &self.source {
            Source::Policy(policy) => policy.builtin(),
            Source::Other(Other::Watched(policy)) => policy.builtin(),
            Source::Other(_) => return,
        };
        self.source = Source::Other(Other::Builtin(builtin));
    }

    /// How many targets were handed out.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The cluster walked over.
    #[must_use]
    pub const fn cluster(&self) -> &'g Cluster {
        self.cluster
    }

    /// Why nothing more is offered, once that is so.
    #[must_use]
    pub const fn why_ended(&self) -> Option<Ended> {
        self.ended
    }
}

impl Drop for Trylist<'_> {
    fn drop(&mut self) {
        self.cancel();
    }
}
