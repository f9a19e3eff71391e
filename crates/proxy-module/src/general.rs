//! The general form of a module: any hooks, in any number.

use std::fmt;
use std::ptr::NonNull;

use crate::abi::{self, Bytes, Call, HookSpec, In, Out, ProviderSpec, Status};
use crate::ffi::{hook, provider};
use crate::init::{Site, accepted, implementation_of};
use crate::slot::{InitNumber, Instance};
use crate::{Directives, Error, Init, Provides, Result};

/// A module of any kind. One instance serves one generation of the configuration, on all executors at once. See
/// [threads and time](crate::guide::threads_and_time), and [declare a hook](crate::guide::declare_a_hook).
pub trait Module: Send + Sync + Sized + 'static {
    /// The module's directives; `()` for none.
    type Config: Directives;

    /// Makes the instance of a generation, on the server's main thread. Has no effect outside memory: no sockets, threads
    /// or files; a configuration that is only checked makes one as well.
    ///
    /// # Errors
    /// Refuses the configuration, which then is not put in force.
    fn new(config: Self::Config, init: &mut Init<'_>) -> Result<Self>;

    /// Lists the hooks that the module implements: `hooks.implement::<AccessChecker>()?`.
    ///
    /// # Errors
    /// Refuses the configuration.
    fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()>;
}

/// Implements the hook `H`. Counts once it is listed by [`Hooks::implement`].
pub trait Implements<H: HookSpec>: Send + Sync + Sized + 'static {
    /// Place among the implementations, see [`order`](abi::order).
    const ORDER: i32 = abi::order::MIDDLE;
    /// Idents of modules that come later than this one.
    const BEFORE: &'static [&'static str] = &[];
    /// Idents of modules that come earlier.
    const AFTER: &'static [&'static str] = &[];

    /// One run of the hook, on any executor, and for other requests on others at the same time; must not block.
    ///
    /// # Errors
    /// Ends the request with 500 in an ALL hook of the server, which may refuse; in a VOID one it is a line in the log. Of a
    /// hook that modules run, the one who runs it decides. A panic counts as an error.
    fn call(&self, cx: &Cx<'_>, input: &In<'_, H>, out: &mut Out<'_, H>) -> Result<Answer>;
}

/// What a hook answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done as asked. In a FIRST or KEYED hook nobody else is asked.
    Ok,
    /// Nothing to say: ask the next one. If all decline, the request goes on as if nobody implemented the hook.
    Decline,
    /// Answer the request with this HTTP status, 100 to 599. Any other number is an error: the request is refused
    /// and the log says why.
    Http(u16),
}

impl Answer {
    pub(crate) fn status(self) -> Result<Status> {
        match self {
            Self::Ok => Ok(Status::OK),
            Self::Decline => Ok(Status::DECLINED),
            Self::Http(code @ 100..=599) => Ok(Status::http(code)),
            Self::Http(code) => {
                Err(Error::msg(format!("answered {code}, which is no HTTP status: use 100 to 599")))
            }
        }
    }
}

/// The circumstances of one run of a hook.
#[derive(Clone, Copy, Debug)]
pub struct Cx<'a> {
    call: &'a Call<'a>,
    owner: InitNumber,
}

impl<'a> Cx<'a> {
    pub(crate) const fn new(call: &'a Call<'a>, owner: InitNumber) -> Self {
        Self { call, owner }
    }

    /// Whose call it is.
    pub(crate) const fn owner(&self) -> InitNumber {
        self.owner
    }

    pub(crate) const fn call(&self) -> &'a Call<'a> {
        self.call
    }

    /// Monotonic nanoseconds, read once when the executor woke up.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.call.now_ns
    }

    /// The executor that calls; `u32::MAX` outside of any.
    #[must_use]
    pub const fn executor(&self) -> u32 {
        self.call.executor
    }

    /// The request's number, 0 outside of requests.
    #[must_use]
    pub const fn trace_id(&self) -> u64 {
        self.call.trace_id
    }
}

/// Lists the hooks that the instance of `T` implements, and what it provides.
pub struct Hooks<'a, T> {
    instance: NonNull<Instance<T>>,
    site: Site<'a>,
}

impl<'a, T> Hooks<'a, T> {
    pub(crate) const fn new(instance: NonNull<Instance<T>>, site: Site<'a>) -> Self {
        Self { instance, site }
    }

    /// Registers the implementation of `H`. One of a hook that no server and no module declares is never run.
    ///
    /// # Errors
    /// The server refuses it: the hook is declared with another signature.
    pub fn implement<H: HookSpec>(&mut self) -> Result<()>
    where
        T: Implements<H>,
    {
        let names = |idents: &[&'static str]| idents.iter().map(|ident| Bytes::of(ident)).collect::<Vec<_>>();
        let (before, after) = (names(T::BEFORE), names(T::AFTER));
        let answer = hook::register::<T, H>(self.instance, &self.site, &before, &after);
        accepted(answer, implementation_of::<H>)
    }

    /// Provides a function of the kind `P` under `name`, for other modules to look up:
    /// `hooks.provide::<Country>("table")?`.
    ///
    /// # Errors
    /// The server refuses the name. One that another module provides too refuses the configuration later, when all
    /// modules have begun.
    pub fn provide<P: ProviderSpec>(&mut self, name: &str) -> Result<()>
    where
        T: Provides<P>,
    {
        let answer = provider::register::<T, P>(self.instance, &self.site, name);
        accepted(answer, || format!("the provider {} '{name}'", P::GROUP))
    }
}

impl<T> fmt::Debug for Hooks<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hooks({})", self.site.module.ident.as_slice().escape_ascii())
    }
}
