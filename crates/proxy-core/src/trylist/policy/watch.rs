//! Whether the calls of a trylist are shown to those who look on: decided once, when it begins, and part of its type
//! from then on. So the calls that nobody looks at do not even ask.

use std::marker::PhantomData;
use std::rc::Rc;

use proxy_abi as abi;
use proxy_abi::{Call, Failure, HookSpec, LoadBalance, Outcome, ResponseIn, Status};

use super::super::{Builtin, Other, Source, Tried};
use super::{Pick, Policy};
use crate::caller::Caller;
use crate::cluster::Cluster;
use crate::containment::Fault;
use crate::observe::{self, Called, Field};

/// What comes before and after each call.
pub(crate) trait Watch<'g>: Copy + std::fmt::Debug {
    /// Whether anything is shown.
    const SHOWS: bool;
    /// Over the endpoints of `cluster`, by the module `ident`.
    fn new(request: u64, cluster: &'g Cluster, ident: &'g str) -> Self;
    /// A policy watched so, as what says what to try next.
    fn source(policy: Policy<'g, Self>) -> Source<'g>;
    /// A call is about to be made.
    fn enter(self);
    /// It was: `fields` tells what was handed in and what came back.
    fn leave(
        self,
        function: &'static str,
        answered: Option<(Status, &Call<'_>)>,
        fields: impl FnOnce(&Cluster) -> [Vec<Field>; 2],
    );
}

/// Nobody looks on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unwatched;

impl<'g> Watch<'g> for Unwatched {
    const SHOWS: bool = false;

    #[inline]
    fn new(_: u64, _: &'g Cluster, _: &'g str) -> Self {
        Self
    }

    #[inline]
    fn source(policy: Policy<'g, Self>) -> Source<'g> {
        Source::Policy(policy)
    }

    #[inline]
    fn enter(self) {}

    #[inline]
    fn leave(
        self,
        _: &'static str,
        _: Option<(Status, &Call<'_>)>,
        _: impl FnOnce(&Cluster) -> [Vec<Field>; 2],
    ) {
    }
}

/// Somebody does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watched<'g> {
    request: u64,
    cluster: &'g Cluster,
    ident: &'g str,
}

impl<'g> Watch<'g> for Watched<'g> {
    const SHOWS: bool = true;

    fn new(request: u64, cluster: &'g Cluster, ident: &'g str) -> Self {
        Self { request, cluster, ident }
    }

    fn source(policy: Policy<'g, Self>) -> Source<'g> {
        Source::Other(Other::Watched(Watching(Rc::new(policy))))
    }

    fn enter(self) {
        observe::enter();
    }

    fn leave(
        self,
        function: &'static str,
        answered: Option<(Status, &Call<'_>)>,
        fields: impl FnOnce(&Cluster) -> [Vec<Field>; 2],
    ) {
        observe::leave(|| {
            let [input, output] = fields(self.cluster);
            Called {
                request: self.request,
                hook: LoadBalance::NAME,
                function: Some(function),
                module: self.ident,
                status: answered.map(|(status, _)| status),
                said: answered.map_or_else(String::new, |(_, call)| call.err.to_string()),
                input,
                output,
            }
        });
    }
}

/// A policy's trylist that somebody looks at. Its calls, and its end, are nowhere made part of the code that serves
/// requests at which nobody looks; for the end that is what counting references does, for there is one reference.
#[derive(Debug)]
pub(crate) struct Watching<'g>(Rc<Policy<'g, Watched<'g>>>);

impl<'g> Watching<'g> {
    /// See [`Policy::builtin`].
    pub(crate) fn builtin(&self) -> &'g Builtin {
        self.0.builtin()
    }

    /// See [`Policy::next`].
    #[cold]
    #[inline(never)]
    pub(crate) fn next(
        &mut self,
        caller: &Caller,
        cluster: &Cluster,
        attempt: u32,
        tried: &mut Tried,
    ) -> Pick {
        let policy = Rc::get_mut(&mut self.0);
        policy.map_or(Pick::Fault(Fault::SHUT), |policy| policy.next(caller, cluster, attempt, tried))
    }

    /// See [`Policy::report_failure`].
    #[cold]
    #[inline(never)]
    pub(crate) fn report_failure(&mut self, caller: &Caller, failure: &Failure) -> Result<(), Fault> {
        Rc::get_mut(&mut self.0).map_or(Err(Fault::SHUT), |policy| policy.report_failure(caller, failure))
    }

    /// See [`Policy::response_head`].
    #[cold]
    #[inline(never)]
    pub(crate) fn response_head(&mut self, caller: &Caller, head: &ResponseIn<'_>) -> Result<(), Fault> {
        Rc::get_mut(&mut self.0).map_or(Err(Fault::SHUT), |policy| policy.response_head(caller, head))
    }

    /// See [`Policy::done`].
    #[cold]
    #[inline(never)]
    pub(crate) fn done(&mut self, caller: &Caller, outcome: &Outcome) -> Result<(), Fault> {
        Rc::get_mut(&mut self.0).map_or(Err(Fault::SHUT), |policy| policy.done(caller, outcome))
    }
}

/// A module's trylist, with its `drop` between the two sides of a watch. Fields are dropped in their order.
#[derive(Debug)]
pub(super) struct Owned<'g, W: Watch<'g>> {
    _before: Before<'g, W>,
    pub(super) calls: abi::Trylist,
    _after: After<'g, W>,
}

impl<'g, W: Watch<'g>> Owned<'g, W> {
    #[inline]
    pub(super) fn new(calls: abi::Trylist, watch: W) -> Self {
        Self { _before: Before(watch, PhantomData), calls, _after: After(watch, PhantomData) }
    }
}

#[derive(Debug)]
struct Before<'g, W: Watch<'g>>(W, PhantomData<&'g ()>);

impl<'g, W: Watch<'g>> Drop for Before<'g, W> {
    #[inline]
    fn drop(&mut self) {
        self.0.enter();
    }
}

#[derive(Debug)]
struct After<'g, W: Watch<'g>>(W, PhantomData<&'g ()>);

impl<'g, W: Watch<'g>> Drop for After<'g, W> {
    #[inline]
    fn drop(&mut self) {
        self.0.leave("drop", None, |_| [Vec::new(), Vec::new()]);
    }
}
