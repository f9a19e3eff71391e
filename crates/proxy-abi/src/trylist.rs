//! A trylist as the host holds it: the module's functions behind calls that are safe to make.

use core::ffi::c_void;
use core::mem::offset_of;

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
#[derive(Debug)]
pub struct Trylist {
    next: HookFn,
    report_failure: HookFn,
    done: Option<HookFn>,
    response_head: Option<HookFn>,
    drop: unsafe extern "C" fn(ctx: *mut c_void),
    ctx: *mut c_void,
}

// SAFETY: F6, a trylist may move between threads, one call at a time.
unsafe impl Send for Trylist {}

impl Trylist {
    /// Takes over the trylist that a `load_balance` implementation answered with OK.
    ///
    /// # Errors
    /// A contract breach of the module: then nothing of it is ever called.
    pub fn new(out: LbOut) -> Result<Self, Breach> {
        if out.vt.is_null() {
            return Err(Breach::NoTable);
        }
        // SAFETY: F2, a non-null `vt` points to a table that begins with its size.
        let size = unsafe { (*out.vt).size } as usize;
        if size < offset_of!(TryVt, done) {
            return Err(Breach::TableTooShort);
        }
        let vt = read_table(out.vt, size);
        let (Some(next), Some(report_failure), Some(drop)) = (vt.next, vt.report_failure, vt.drop) else {
            return Err(Breach::MissingFunction);
        };
        Ok(Self { next, report_failure, drop, done: vt.done, response_head: vt.response_head, ctx: out.ctx })
    }

    /// Asks for the next target.
    #[inline]
    pub fn next(&mut self, call: &Call<'_>, input: &NextIn<'_>, target: &mut Target) -> Status {
        self.call(self.next, call, input, target)
    }

    /// Tells that no connection could be made.
    pub fn report_failure(&mut self, call: &Call<'_>, failure: &Failure) -> Status {
        self.call(self.report_failure, call, failure, &mut ())
    }

    /// Tells how a target did; nothing if the module does not want to know.
    #[inline]
    pub fn done(&mut self, call: &Call<'_>, outcome: &Outcome) -> Status {
        self.done.map_or(Status::OK, |done| self.call(done, call, outcome, &mut ()))
    }

    /// Shows the head of the response; nothing if the module does not want to see it.
    #[inline]
    pub fn response_head(&mut self, call: &Call<'_>, head: &ResponseIn<'_>) -> Status {
        self.response_head.map_or(Status::OK, |response_head| self.call(response_head, call, head, &mut ()))
    }

    #[inline]
    fn call<I, O>(&self, func: HookFn, call: &Call<'_>, input: &I, output: &mut O) -> Status {
        let (input, output): (*const I, *mut O) = (input, output);
        // SAFETY: F2, F3 and F6, the table's places say which structs they take, and `drop` was not called yet.
        unsafe { func(self.ctx, call, input.cast(), output.cast()) }
    }
}

impl Drop for Trylist {
    fn drop(&mut self) {
        // SAFETY: F6, the last call, once.
        unsafe { (self.drop)(self.ctx) }
    }
}

/// Copies as much of the table as the module's header knew of; the rest stays empty.
fn read_table(vt: *const TryVt, size: usize) -> TryVt {
    let mut table = TryVt {
        size: 0,
        reserved: 0,
        next: None,
        report_failure: None,
        drop: None,
        done: None,
        response_head: None,
    };
    let len = size.min(size_of::<TryVt>());
    // SAFETY: F2, `size` bytes are readable at `vt`, and null function pointers are `None`.
    unsafe { core::ptr::copy_nonoverlapping(vt.cast::<u8>(), (&raw mut table).cast::<u8>(), len) };
    table
}
