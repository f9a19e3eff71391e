//! The trait of a policy: where a request's trylist begins, and what it offers next.

use crate::endpoints::{Endpoint, Endpoints};
use crate::slot::InitNumber;
use crate::untried::{Untried, is_marked};
use crate::{Cx, Directives, Failure, Hooks, Init, Outcome, Request, ResponseHead, Result, abi, inject};

/// A policy: answers `proxy.load_balance` for the locations that name its module.
///
/// One instance serves one generation of the configuration, on all executors at once. The calls for one
/// request never overlap, though they may come from changing threads. No call may block: its executor serves nobody
/// else meanwhile. See [write a balancer](crate::guide::write_a_balancer) and
/// [threads and time](crate::guide::threads_and_time).
///
/// A panic is caught and costs no request: the server finishes that trylist by its own round robin. The exception is
/// the language's: a destructor that panics while another panic unwinds, as two fields of one walk that both panic
/// in `Drop`, ends the process.
pub trait Balancer: Send + Sync + Sized + 'static {
    /// The module's directives.
    type Config: Directives;
    /// What one request's trylist remembers. Lives in memory that the server lends: nothing is allocated.
    type Walk: Send + 'static;

    /// Makes the instance of a generation, on the server's main thread. Has no effect outside memory: no sockets, threads
    /// or files; a configuration that is only checked makes one as well.
    ///
    /// # Errors
    /// Refuses the configuration, which then is not put in force.
    fn new(config: Self::Config, init: &mut Init<'_>) -> Result<Self>;

    /// Begins the trylist of `request` over `set`, or leaves the request to others. Called once for each request, on the
    /// executor that serves it.
    ///
    /// # Errors
    /// Ends the request with 503; the text is in the log, and nobody else is asked.
    fn begin(&self, request: &Request<'_>, set: &Endpoints<'_>) -> Result<Begin<Self::Walk>>;

    /// Chooses the next endpoint to try. Called at most once for each endpoint, and again for each answer that was tried
    /// already.
    ///
    /// # Errors
    /// Ends the request with 503; the text is in the log, and no further endpoint is tried.
    fn next(&self, walk: &mut Self::Walk, attempt: &Attempt<'_>) -> Result<Next>;

    /// No connection to an endpoint handed out could be made, so nothing was sent to it; `done` and then `next` follow.
    fn failed(&self, walk: &mut Self::Walk, failure: &Failure<'_>) {
        let _ = (walk, failure);
    }

    /// The end of an endpoint handed out: once for each, also on cancel and after `failed`; not after a panic,
    /// so what is in flight is better read from the server's count than kept by hand.
    fn done(&self, walk: &mut Self::Walk, outcome: &Outcome<'_>) {
        let _ = (walk, outcome);
    }

    /// The head of the response came, before any of it goes to the client; after it, no other endpoint is tried.
    fn response_head(&self, walk: &mut Self::Walk, head: &ResponseHead<'_>) {
        let _ = (walk, head);
    }

    /// Implements further hooks, see [`Hooks::implement`].
    ///
    /// # Errors
    /// Refuses the configuration.
    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
        let _ = hooks;
        Ok(())
    }
}

/// The answer of [`Balancer::begin`].
#[derive(Debug)]
pub enum Begin<Walk> {
    /// Not for this policy: the next balancer that answers for the cluster is asked. If there is none, the request ends
    /// with 503.
    Decline,
    /// The trylist begins.
    Trylist(Walk),
}

/// The answer of [`Balancer::next`]. Indexes are places in [`Attempt::endpoints`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Try this one; if it was tried already, the server asks again instead.
    Endpoint(u32),
    /// Try this one even if it was tried already.
    Again(u32),
    /// Nothing is left: the request ends with 503, and `next` is not called again.
    Exhausted,
}

/// That endpoint, or nothing is left.
impl From<Option<Endpoint<'_>>> for Next {
    #[inline]
    fn from(chosen: Option<Endpoint<'_>>) -> Self {
        chosen.map_or(Self::Exhausted, |endpoint| Self::Endpoint(endpoint.index()))
    }
}

/// One call of [`Balancer::next`].
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    pub(crate) call: &'a abi::Call<'a>,
    pub(crate) input: &'a abi::NextIn<'a>,
    pub(crate) owner: InitNumber,
}

impl<'a> Attempt<'a> {
    /// The endpoints; the same in all calls for one request.
    #[must_use]
    #[inline]
    pub const fn endpoints(&self) -> Endpoints<'a> {
        Endpoints::of(self.input.set, self.owner)
    }

    /// The circumstances of this call, to run hooks with.
    #[must_use]
    #[inline]
    pub const fn cx(&self) -> Cx<'a> {
        Cx::new(self.call, self.owner)
    }

    /// 0 for the first target of the request.
    #[must_use]
    #[inline]
    pub const fn number(&self) -> u32 {
        self.input.attempt
    }

    /// Whether the endpoint at `index` was tried already in this request.
    #[must_use]
    #[inline]
    pub fn tried(&self, index: u32) -> bool {
        inject::point();
        is_marked(crate::ffi::set::tried(self.input), index)
    }

    /// The endpoints that may take traffic and were not tried yet in this request, in the order of their indexes:
    /// those that a policy chooses among.
    #[inline]
    pub fn untried(&self) -> Untried<'a> {
        inject::point();
        Untried::of(self.endpoints(), crate::ffi::set::tried(self.input))
    }

    /// Monotonic nanoseconds, read once when the executor woke up.
    #[must_use]
    #[inline]
    pub const fn now_ns(&self) -> u64 {
        self.call.now_ns
    }

    /// A random number below `bound`, all equally likely; 0 if `bound` is 0. From the server, so that a test or a
    /// replay can repeat it.
    #[must_use]
    #[inline]
    pub fn random_below(&self, bound: u32) -> u32 {
        inject::point();
        self.call.random.below(bound)
    }

    /// The executor that asks. A number for this call only: the next one may come from another.
    #[must_use]
    #[inline]
    pub const fn executor(&self) -> u32 {
        self.call.executor
    }
}
