//! The fields of a message on its way, as modules change them.

use std::fmt;

use crate::abi::{self, Status};
use crate::{Error, Result};

/// Changes the fields of the message that a hook is about: in `proxy.fixups` those of the request as the endpoint
/// gets it, in `proxy.response_head` those of the response as the client gets it. Valid for one call.
///
/// Names are tokens, values hold no control character. What frames or routes a message (`Host`, `Content-Length`,
/// `Transfer-Encoding`, `Connection`, `Via`, `X-Forwarded-For` and their like) is the server's own, and refused.
///
/// ```
/// use proxy_module::abi::{RequestIn, Unit};
/// use proxy_module::prelude::*;
///
/// struct Marked;
///
/// impl Implements<Fixups> for Marked {
///     fn call(&self, _cx: &Cx<'_>, input: &RequestIn<'_>, _out: &mut Unit) -> Result<Answer> {
///         Edits::of(input.edits)?.set("X-Marked", "yes")?;
///         Ok(Answer::Ok)
///     }
/// }
/// ```
#[derive(Clone, Copy)]
pub struct Edits<'a>(&'a abi::Edits<'a>);

impl<'a> Edits<'a> {
    /// Those of a hook's input.
    ///
    /// # Errors
    /// Nothing may be changed there.
    pub fn of(edits: Option<&'a abi::Edits<'a>>) -> Result<Self> {
        edits.map(Self).ok_or_else(|| Error::msg("no field can be changed in this hook"))
    }

    /// Sets the field `name` in place of all of that name, letter case aside.
    ///
    /// # Errors
    /// The server refuses the name or the value; its reason reaches the log if the hook answers the error.
    pub fn set(&self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        accepted(self.0.set(name.as_ref(), value.as_ref()))
    }

    /// Adds a field to those of that name.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn add(&self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        accepted(self.0.add(name.as_ref(), value.as_ref()))
    }

    /// Removes all fields of that name.
    ///
    /// # Errors
    /// As [`set`](Self::set).
    pub fn unset(&self, name: impl AsRef<[u8]>) -> Result<()> {
        accepted(self.0.unset(name.as_ref()))
    }

    /// What [`set`](Self::set) would refuse, while a module reads its configuration.
    ///
    /// # Errors
    /// Why such a field can never be set.
    pub fn check(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        let name = name.as_ref();
        match abi::edit_refusal(name, value.as_ref()) {
            None => Ok(()),
            Some(why) => Err(Error::msg(format!("field '{}': {why}", name.escape_ascii()))),
        }
    }
}

impl fmt::Debug for Edits<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Edits")
    }
}

/// The host has put its reason into the error sink already.
fn accepted(status: Status) -> Result<()> {
    if status == Status::OK { Ok(()) } else { Err(Error::refused("the server refused a field".to_owned())) }
}
