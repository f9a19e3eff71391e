//! Providers: functions that one module offers by group and name, and another calls if it is there.

use std::fmt;

use crate::abi::{ProviderIn, ProviderOut, ProviderSpec, Status};
use crate::ffi::provider::{self, Found, LookedUp};
use crate::slot::InitNumber;
use crate::{Answer, Cx, Error, Result};

/// Provides a function of the kind `P`. Counts once it is listed by [`Hooks::provide`](crate::Hooks::provide).
///
/// The kind stands in a crate that provider and user share, as a hook does:
///
/// ```
/// use proxy_module::abi::crossing;
/// use proxy_module::prelude::*;
///
/// crossing! {
///     /// A price.
///     pub struct Price {
///         /// In cents.
///         pub cents: u64,
///     }
/// }
///
/// /// What of a price is tax.
/// pub struct Tax;
///
/// impl ProviderSpec for Tax {
///     const GROUP: &'static str = "com.example.tax";
///     const REVISION: u32 = 1;
///     const DOC: &'static str = "says what of a price is tax";
///     type In = Price;
///     type Out = Price;
/// }
///
/// struct French;
///
/// impl Module for French {
///     type Config = ();
///
///     fn new((): (), _init: &mut Init<'_>) -> Result<Self> {
///         Ok(Self)
///     }
///
///     fn hooks(hooks: &mut Hooks<'_, Self>) -> Result<()> {
///         hooks.provide::<Tax>("fr")
///     }
/// }
///
/// impl Provides<Tax> for French {
///     fn call(&self, _cx: &Cx<'_>, input: &Price, out: &mut Price) -> Result<Answer> {
///         out.cents = input.cents / 5;
///         Ok(Answer::Ok)
///     }
/// }
///
/// /// In another module, which has `init.provider("fr")?` from its `new`.
/// fn tax(provider: &Provider<Tax>, cx: &Cx<'_>, cents: u64) -> Result<Option<u64>> {
///     let Some(tax) = provider.get(cx) else { return Ok(None) };
///     let mut found = Price { cents: 0 };
///     Ok((tax.call(&Price { cents }, &mut found)? == Answer::Ok).then_some(found.cents))
/// }
/// # fn main() {}
/// ```
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
