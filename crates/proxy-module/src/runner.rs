//! Running a hook from within a module: one that this module, another or the server declares.

use std::fmt;

use crate::abi::{Bytes, HookSpec, In, Out, Status};
use crate::ffi::host::{self, Runs};
use crate::slot::InitNumber;
use crate::{Answer, Cx, Error, Result};

/// Runs the hook `H`, on any executor; from [`Init::runs`](crate::Init::runs). Keep it in the instance that asked for it: it serves
/// that one alone, since what it runs ends with it.
pub struct Runner<H: HookSpec> {
    pub(crate) runs: Runs<H>,
    pub(crate) owner: InitNumber,
}

impl<H: HookSpec> Runner<H> {
    /// Runs the hook as its kind says, in the circumstances `cx`; on the same thread, allocating nothing. Answers
    /// [`Answer::Decline`] if nobody has anything to say: nobody declares the hook, implements it, or all decline.
    ///
    /// # Errors
    /// An implementation failed or panicked, or it is running already further up. Passed on as it is, the
    /// server's log has its words.
    pub fn run(&self, cx: &Cx<'_>, input: &In<'_, H>, output: &mut Out<'_, H>) -> Result<Answer> {
        self.run_keyed(cx, b"", input, output)
    }

    /// The same for a KEYED hook: those who answer for `key`, then those who answer for any.
    ///
    /// # Errors
    /// See [`run`](Self::run).
    pub fn run_keyed(
        &self,
        cx: &Cx<'_>,
        key: &[u8],
        input: &In<'_, H>,
        output: &mut Out<'_, H>,
    ) -> Result<Answer> {
        if cx.owner() != self.owner {
            return Err(Error::msg(format!("{} is run by a runner of another instance", H::NAME)));
        }
        match host::run(&self.runs, cx.call(), Bytes::new(key), input, output) {
            Status::OK => Ok(Answer::Ok),
            Status::DECLINED => Ok(Answer::Decline),
            Status::LIMIT => {
                Err(Error::msg(format!("{} is running already: it must not run itself", H::NAME)))
            }
            status => match status.as_http() {
                Some(code) => Ok(Answer::Http(code)),
                None => Err(Error::refused(format!("{} ended with {status:?}", H::NAME))),
            },
        }
    }
}

impl<H: HookSpec> fmt::Debug for Runner<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Runner({})", H::NAME)
    }
}
