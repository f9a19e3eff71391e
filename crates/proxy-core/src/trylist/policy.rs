//! A module's policy behind a trylist: the calls, what their answers mean, and what counts as a fault.

mod watch;

use proxy_abi as abi;
use proxy_abi::{
    Failure, LbIn, LbOut, LoadBalance, NextIn, Outcome, OutcomeResult, ResponseIn, Status, Target,
};
use tracing::{error, warn};

use super::{Builtin, Ended, Tried};
use crate::caller::{Caller, Scratch};
use crate::cluster::Cluster;
use crate::containment::{Fault, FaultKind, OnPanic, Site};
use crate::hash_key::hash;
use crate::hooks::Member;
use crate::observe::{self, Field};
use watch::Owned;
pub(crate) use watch::{Unwatched, Watch, Watched, Watching};

/// What asking the implementations of `proxy.load_balance` came to.
#[derive(Debug)]
pub(crate) enum Begun<'g, W: Watch<'g>> {
    /// A trylist.
    Policy(Policy<'g, W>),
    /// A fault: the built-in round robin answers.
    Builtin(&'g Builtin),
    /// An orderly error.
    Error,
    /// Nobody wants this request.
    Declined,
}

/// What `next` came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Pick {
    /// Try this one.
    Endpoint(u32),
    /// Nothing more.
    Ended(Ended),
    /// The policy is not to be asked again: it broke its contract, or panicked, which is logged already.
    Fault(Fault),
}

/// A module's trylist with all that its calls need.
#[derive(Debug)]
pub(crate) struct Policy<'g, W: Watch<'g>> {
    // Dropped first: the module's `drop` may still use the scratch.
    trylist: Owned<'g, W>,
    member: &'g Member<LoadBalance>,
    /// The load_balancer_module_id asked for.
    key: &'g str,
    trace_id: u64,
    builtin: &'g Builtin,
    watch: W,
    scratch: Lent<'g>,
}

/// Scratch that goes back to the executor's pool.
#[derive(Debug)]
struct Lent<'g> {
    caller: &'g Caller,
    memory: Scratch,
}

impl<'g, W: Watch<'g>> Drop for Policy<'g, W> {
    /// The module's `drop` comes next; the scratch, which goes last, marks its end.
    #[inline]
    fn drop(&mut self) {
        self.scratch.caller.mark().enter(&self.member.door);
    }
}

impl Drop for Lent<'_> {
    #[inline]
    fn drop(&mut self) {
        self.caller.mark().leave();
        self.caller.give_scratch(std::mem::take(&mut self.memory));
    }
}

/// Whom to ask for a trylist, and what with.
#[derive(Debug)]
pub(crate) struct Question<'g> {
    /// The load_balancer_module_id.
    pub(crate) module_id: &'g str,
    /// The cluster.
    pub(crate) cluster: &'g Cluster,
    /// Who answers after a fault.
    pub(crate) builtin: &'g Builtin,
    /// The request; keeps its address until the trylist is dropped.
    pub(crate) request: &'g abi::Request<'g>,
    /// What LBHashKey takes from it, or empty.
    pub(crate) hash_key: &'g [u8],
    /// How often the server will ask at most.
    pub(crate) max_attempts: u32,
}

impl<'g, W: Watch<'g>> Policy<'g, W> {
    /// Asks `members` in order until one does not decline.
    #[inline]
    pub(crate) fn begin(
        caller: &'g Caller,
        question: &Question<'g>,
        members: impl Iterator<Item = &'g Member<LoadBalance>>,
    ) -> Begun<'g, W> {
        for member in members {
            match Self::ask(caller, question, member) {
                Begun::Declined => {}
                begun => return begun,
            }
        }
        Begun::Declined
    }

    #[inline]
    fn ask(caller: &'g Caller, question: &Question<'g>, member: &'g Member<LoadBalance>) -> Begun<'g, W> {
        if !member.door.admits(|| caller.now_ns()) {
            return Begun::Builtin(question.builtin);
        }
        let scratch = Lent { caller, memory: caller.take_scratch(member.scratch) };
        let input = LbIn {
            size: size_of::<LbIn<'_>>() as u32,
            max_attempts: question.max_attempts,
            load_balancer_module_id: abi::Bytes::of(question.module_id),
            unparsed_uri: question.request.unparsed_uri,
            request: question.request,
            set: question.cluster.set(),
            hash: if question.hash_key.is_empty() { 0 } else { hash(question.hash_key) },
            hash_key: abi::Bytes::new(question.hash_key),
            cfg: std::ptr::null(),
            scratch: abi::CacheLine::address(&scratch.memory),
            scratch_size: (scratch.memory.len() * size_of::<abi::CacheLine>()) as u32,
            scratch_align: 64,
        };
        let mut output = LbOut::new();
        let trace_id = question.request.id;
        let call = caller.call(member.host, trace_id);
        let watch = W::new(trace_id, question.cluster, &member.ident);
        watch.enter();
        let status = caller.mark().during(&member.door, || member.entry.call(&call, &input, &mut output));
        watch.leave("load_balance", Some((status, &call)), |cluster| {
            [observe::load_balance(&input, cluster), Vec::new()]
        });
        let fault = |kind: FaultKind, what: &dyn std::fmt::Display| {
            let fault = count_fault(member, caller, kind, question.module_id, trace_id, "load_balance", what);
            if fault.is_fatal { Begun::Error } else { Begun::Builtin(question.builtin) }
        };
        match status {
            Status::DECLINED => Begun::Declined,
            Status::ERROR => {
                log_error(&member.ident, question.module_id, trace_id, "load_balance", &call.err);
                Begun::Error
            }
            Status::OK => match abi::Trylist::new(output) {
                Ok(trylist) => Begun::Policy(Self {
                    trylist: Owned::new(trylist, watch),
                    member,
                    key: question.module_id,
                    trace_id,
                    builtin: question.builtin,
                    watch,
                    scratch,
                }),
                Err(breach) => {
                    fault(FaultKind::Breach, &format_args!("answered OK with a bad trylist: {breach:?}"))
                }
            },
            other => fault(FaultKind::of(other), &format_args!("answered {other:?}: {}", call.err)),
        }
    }

    /// Who answers after a fault.
    pub(super) const fn builtin(&self) -> &'g Builtin {
        self.builtin
    }

    /// Asks for the next target, passing over those already tried.
    pub(super) fn next(
        &mut self,
        caller: &Caller,
        cluster: &Cluster,
        attempt: u32,
        tried: &mut Tried,
    ) -> Pick {
        // A policy that offers what was tried already is asked again, but it cannot spin.
        let patience = cluster.usable().len().saturating_add(1);
        for _ in 0..patience {
            if !self.member.door.lets_go_on() {
                return Pick::Fault(Fault::SHUT);
            }
            let input = NextIn::new(attempt, cluster.set(), tried.words());
            let mut target = Target::default();
            let call = caller.call(self.member.host, self.trace_id);
            self.watch.enter();
            let status = caller
                .mark()
                .during(&self.member.door, || self.trylist.calls.next(&call, &input, &mut target));
            self.watch.leave("next", Some((status, &call)), |cluster| {
                let output = if status == Status::OK { observe::next(&target, cluster) } else { Vec::new() };
                [vec![Field::number("attempt", attempt)], output]
            });
            match status {
                Status::OK if target.index as usize >= cluster.endpoints().len() => {
                    let fault = self.fault(
                        caller,
                        FaultKind::Breach,
                        "next",
                        &format_args!(
                            "answered index {} of {} endpoints of cluster '{}'",
                            target.index,
                            cluster.endpoints().len(),
                            cluster.name
                        ),
                    );
                    return Pick::Fault(fault);
                }
                Status::OK if tried.contains(target.index) && target.flags & Target::AGAIN == 0 => {
                    if let Err(fault) = self.pass_over(caller, cluster, target.index) {
                        return Pick::Fault(fault);
                    }
                }
                Status::OK => return Pick::Endpoint(target.index),
                Status::DONE => return Pick::Ended(Ended::Exhausted),
                Status::ERROR => {
                    log_error(&self.member.ident, self.key, self.trace_id, "next", &call.err);
                    return Pick::Ended(Ended::PolicyError);
                }
                other => {
                    let what = format_args!("answered {other:?}: {}", call.err);
                    return Pick::Fault(self.fault(caller, FaultKind::of(other), "next", &what));
                }
            }
        }
        self.repeats(caller, cluster, tried)
    }

    /// What becomes of a policy that offers only what was tried already: it is done, unless something is left.
    #[cold]
    #[inline(never)]
    fn repeats(&self, caller: &Caller, cluster: &Cluster, tried: &Tried) -> Pick {
        let what = "offers only endpoints that were tried already";
        if cluster.usable().iter().any(|index| !tried.contains(*index)) {
            return Pick::Fault(self.fault(caller, FaultKind::Breach, "next", &what));
        }
        warn!(
            event = "trylist_limit",
            module = &*self.member.ident,
            key = self.key,
            trace_id = self.trace_id,
            "{what}: trylist ended"
        );
        Pick::Ended(Ended::Exhausted)
    }

    /// A target that is not tried has an outcome all the same: each OK of `next` is followed by one `done`.
    fn pass_over(&mut self, caller: &Caller, cluster: &Cluster, index: u32) -> Result<(), Fault> {
        let mut outcome = Outcome::of(OutcomeResult::CANCELLED);
        outcome.index = index;
        outcome.id = cluster.endpoints().get(index as usize).map_or(0, |endpoint| endpoint.id);
        self.done(caller, &outcome)
    }

    fn fault(&self, caller: &Caller, kind: FaultKind, function: &str, what: &dyn std::fmt::Display) -> Fault {
        count_fault(self.member, caller, kind, self.key, self.trace_id, function, what)
    }

    /// Tells of a connection that could not be made.
    pub(super) fn report_failure(&mut self, caller: &Caller, failure: &Failure) -> Result<(), Fault> {
        self.go_on()?;
        let call = caller.call(self.member.host, self.trace_id);
        self.watch.enter();
        let status =
            caller.mark().during(&self.member.door, || self.trylist.calls.report_failure(&call, failure));
        let fields = |cluster: &Cluster| [observe::failure(failure, cluster), Vec::new()];
        self.watch.leave("report_failure", Some((status, &call)), fields);
        self.check(caller, "report_failure", status, &call)
    }

    /// Shows the head of a response.
    pub(super) fn response_head(&mut self, caller: &Caller, head: &ResponseIn<'_>) -> Result<(), Fault> {
        if W::SHOWS && !self.trylist.calls.has_response_head() {
            return Ok(());
        }
        self.go_on()?;
        let call = caller.call(self.member.host, self.trace_id);
        self.watch.enter();
        let status =
            caller.mark().during(&self.member.door, || self.trylist.calls.response_head(&call, head));
        let fields = |_: &Cluster| [observe::response(head), Vec::new()];
        self.watch.leave("response_head", Some((status, &call)), fields);
        self.check(caller, "response_head", status, &call)
    }

    /// Tells how a target did.
    pub(super) fn done(&mut self, caller: &Caller, outcome: &Outcome) -> Result<(), Fault> {
        if W::SHOWS && !self.trylist.calls.has_done() {
            return Ok(());
        }
        self.go_on()?;
        let call = caller.call(self.member.host, self.trace_id);
        self.watch.enter();
        let status = caller.mark().during(&self.member.door, || self.trylist.calls.done(&call, outcome));
        let fields = |cluster: &Cluster| [observe::done(outcome, cluster), Vec::new()];
        self.watch.leave("done", Some((status, &call)), fields);
        self.check(caller, "done", status, &call)
    }

    /// Whether a call may be made: not if the module was shut out since the trylist began.
    #[inline]
    fn go_on(&self) -> Result<(), Fault> {
        if self.member.door.lets_go_on() { Ok(()) } else { Err(Fault::SHUT) }
    }

    #[inline]
    fn check(
        &self,
        caller: &Caller,
        function: &str,
        status: Status,
        call: &abi::Call<'_>,
    ) -> Result<(), Fault> {
        if status == Status::OK { Ok(()) } else { self.look_into(caller, function, status, call) }
    }

    /// An orderly error in a report changes nothing; a fault ends the trylist.
    #[cold]
    #[inline(never)]
    fn look_into(
        &self,
        caller: &Caller,
        function: &str,
        status: Status,
        call: &abi::Call<'_>,
    ) -> Result<(), Fault> {
        match status {
            Status::OK | Status::DECLINED | Status::DONE => Ok(()),
            Status::ERROR => {
                log_error(&self.member.ident, self.key, self.trace_id, function, &call.err);
                Ok(())
            }
            other => {
                let what = format_args!("answered {other:?}: {}", call.err);
                Err(self.fault(caller, FaultKind::of(other), function, &what))
            }
        }
    }
}

#[cold]
fn log_error(module: &str, key: &str, trace_id: u64, function: &str, text: &dyn std::fmt::Display) {
    error!(module, key, trace_id, function, "{text}");
}

#[cold]
fn count_fault(
    member: &Member<LoadBalance>,
    caller: &Caller,
    kind: FaultKind,
    key: &str,
    trace_id: u64,
    function: &str,
    what: &dyn std::fmt::Display,
) -> Fault {
    let site = Site { function: Some(function), key: Some(key), trace_id };
    let instead = match member.door.gate().on_panic() {
        OnPanic::Quarantine(_) => "the built-in round robin answers instead",
        OnPanic::Fail | OnPanic::Abort => "the request fails, as ModuleOnPanic says",
    };
    member.door.fault(kind, caller.now_ns(), site, &format_args!("{what}; {instead}"))
}
