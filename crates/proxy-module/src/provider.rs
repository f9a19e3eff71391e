//! Providers: functions that one module offers by group and name, and another calls if it is there.

use std::fmt;

use crate::abi::{ProviderIn, ProviderOut, ProviderSpec, Status};
use crate::ffi::provider::{self, Found, LookedUp};
use crate::slot::InitNumber;
use crate::{Answer, Cx, Error, Result};

/// Provides a function of the kind `P`. Counts once it is listed by [`Hooks::provide`](crate::Hooks::provide).
pub trait Provides<P: ProviderSpec>: Send + Sync + Sized + 'static {
    /// One call, on any executor; must not block. Its caller is told the answer and, of a failure, the words.
    ///
    /// # Errors
    /// What the caller makes of it.
    fn call(&self, cx: &Cx<'_>, input: &ProviderIn<'_, P>, out: &mut ProviderOut<'_, P>) -> Result<Answer>;
}

/// A function of the kind `P` that was looked up by name, whether anybody provides it or not; from
/// [`Init::provider`](crate::Init::provider). Keep it in the instance that asked for it: it serves that one alone.
pub struct Provider<P: ProviderSpec> {
    pub(crate) looked_up: LookedUp<P>,
    pub(crate) owner: InitNumber,
}

impl<P: ProviderSpec> Provider<P> {
    /// The function, to be called in the circumstances `cx`. `None` if nobody provides it; if its provider means
    /// other structs by that group, of which the log tells when the configuration is put in force; and in a call of
    /// another instance than the one that looked it up.
    #[must_use]
    pub fn get<'a>(&'a self, cx: &Cx<'a>) -> Option<Provided<'a, P>> {
        if cx.owner() != self.owner {
            return None;
        }
        provider::found(&self.looked_up, cx.call()).map(|found| Provided { found, cx: *cx })
    }
}

impl<P: ProviderSpec> fmt::Debug for Provider<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provider({})", P::GROUP)
    }
}

/// A function that another module provides; from [`Provider::get`].
pub struct Provided<'a, P: ProviderSpec> {
    found: Found<'a, P>,
    cx: Cx<'a>,
}

impl<P: ProviderSpec> Provided<'_, P> {
    /// Calls it, on the same thread, allocating nothing.
    ///
    /// # Errors
    /// It failed or panicked, or it is running already further up. Passed on as it is, the server's log has its words.
    pub fn call(&self, input: &ProviderIn<'_, P>, output: &mut ProviderOut<'_, P>) -> Result<Answer> {
        match provider::call(&self.found, self.cx.call(), input, output) {
            Status::OK => Ok(Answer::Ok),
            Status::DECLINED => Ok(Answer::Decline),
            Status::LIMIT => {
                Err(Error::msg(format!("{} is being called already: it must not call itself", P::GROUP)))
            }
            status => match status.as_http() {
                Some(code) => Ok(Answer::Http(code)),
                None => Err(Error::refused(format!("{} ended with {status:?}", P::GROUP))),
            },
        }
    }
}

impl<P: ProviderSpec> fmt::Debug for Provided<'_, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provided({})", P::GROUP)
    }
}
