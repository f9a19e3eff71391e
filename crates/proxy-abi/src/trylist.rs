//! A trylist as the host holds it: the module's functions behind calls that are safe to make.

use core::ffi::c_void;
use core::fmt;
use core::mem::offset_of;
use core::ptr::null_mut;

use crate::{Call, Failure, HookFn, LbOut, NextIn, Outcome, ResponseIn, Status, Target, TryVt};

/// What is wrong with a trylist that a module answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Breach {
    /// OK, but no function table.
    NoTable,
    /// The table ends before its required functions.
    TableTooShort,
    /// `next`, `report_failure` or `drop` is null.
    MissingFunction,
}

/// One request's trylist. Dropping it calls the module's `drop`, which thus comes exactly once.
pub struct Trylist {
    /// Not null, and with all required functions.
    vt: *const TryVt,
    ctx: *mut c_void,
    size: usize,
}

// SAFETY: F6, a trylist may move between threads, one call at a time.
unsafe impl Send for Trylist {}

/// A function of the table at `$vt`, none if the module's table of `$size` bytes ends before the function does.
macro_rules! function {
    ($vt:expr, $size:expr, $name:ident) => {
        if $size < offset_of!(TryVt, $name) + size_of::<Option<HookFn>>() {
            None
        } else {
            // SAFETY: F2, the table has these bytes, and a null function pointer is `None`.
            unsafe { (&raw const (*$vt).$name).read() }
        }
    };
}

impl Trylist {
    /// Takes over the trylist that a `load_balance` implementation answered with OK.
    ///
    /// # Errors
    /// A contract breach of the module: then nothing of it is ever called.
    #[inline]
    pub fn new(out: LbOut) -> Result<Self, Breach> {
        let vt = out.vt;
        if vt.is_null() {
            return Err(Breach::NoTable);
        }
        // SAFETY: F2, a non-null `vt` points to a table that begins with its size.
        let size = unsafe { (*vt).size } as usize;
        if size < offset_of!(TryVt, done) {
            return Err(Breach::TableTooShort);
        }
        if function!(vt, size, next).is_none()
            || function!(vt, size, report_failure).is_none()
            || function!(vt, size, drop).is_none()
        {
            return Err(Breach::MissingFunction);
        }
        Ok(Self { vt, ctx: out.ctx, size })
    }

    /// Whether the module wants to know how targets did.
    #[inline]
    #[must_use]
    pub fn has_done(&self) -> bool {
        function!(self.vt, self.size, done).is_some()
    }

    /// Whether the module wants to see heads of responses.
    #[inline]
    #[must_use]
    pub fn has_response_head(&self) -> bool {
        function!(self.vt, self.size, response_head).is_some()
    }

    /// Asks for the next target.
    #[inline]
    pub fn next(&mut self, call: &Call<'_>, input: &NextIn<'_>, target: &mut Target) -> Status {
        self.call(function!(self.vt, self.size, next), call, input, (&raw mut *target).cast())
    }

    /// Tells that no connection could be made.
    pub fn report_failure(&mut self, call: &Call<'_>, failure: &Failure) -> Status {
        self.call(function!(self.vt, self.size, report_failure), call, failure, null_mut())
    }

    /// Tells how a target did; nothing if the module does not want to know.
    #[inline]
    pub fn done(&mut self, call: &Call<'_>, outcome: &Outcome) -> Status {
        self.call(function!(self.vt, self.size, done), call, outcome, null_mut())
    }

    /// Shows the head of the response; nothing if the module does not want to see it.
    #[inline]
    pub fn response_head(&mut self, call: &Call<'_>, head: &ResponseIn<'_>) -> Status {
        self.call(function!(self.vt, self.size, response_head), call, head, null_mut())
    }

    #[inline]
    fn call<I>(&self, func: Option<HookFn>, call: &Call<'_>, input: &I, output: *mut c_void) -> Status {
        // Only optional ones can be missing.
        let Some(func) = func else { return Status::OK };
        let input: *const I = input;
        // SAFETY: F2, F3 and F6, the table's places say which structs they take, and `drop` was not called yet.
        unsafe { func(self.ctx, call, input.cast(), output) }
    }
}

impl Drop for Trylist {
    #[inline]
    fn drop(&mut self) {
        if let Some(drop) = function!(self.vt, self.size, drop) {
            // SAFETY: F6, the last call, once.
            unsafe { drop(self.ctx) }
        }
    }
}

impl fmt::Debug for Trylist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trylist")
            .field("done", &function!(self.vt, self.size, done))
            .field("response_head", &function!(self.vt, self.size, response_head))
            .field("ctx", &self.ctx)
            .finish_non_exhaustive()
    }
}
