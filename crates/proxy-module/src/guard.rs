//! Nothing unwinds out of a module: every entry point runs its body here.

use std::any::Any;
use std::cell::Cell;
use std::fmt::Write as _;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use crate::abi::{Bytes, Call, Status, Value};
use crate::{Error, Result, inject};

/// Runs `body`; its error or its panic becomes the call's error text.
#[inline]
pub(crate) fn status(call: &Call<'_>, body: impl FnOnce() -> Result<Status>) -> Status {
    let body = || {
        inject::point();
        body()
    };
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => refused(call, &error),
        Err(payload) => panicked(call, payload),
    }
}

/// Runs `body` where no error can be told; `None` after a panic.
pub(crate) fn quiet<R>(body: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(body)).map_err(tell).ok()
}

/// Remembers where this thread panics, for the text of the error.
pub(crate) fn remember(location: &Location<'_>) {
    PLACE.set(Some(Place::of(location)));
}

/// The text of a panic's payload.
pub(crate) fn message(payload: &(dyn Any + Send)) -> &str {
    let literal = payload.downcast_ref::<&'static str>().copied();
    literal.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("(no text)")
}

#[cold]
fn refused(call: &Call<'_>, error: &Error) -> Status {
    if !error.is_said_by_host() {
        set_error(call, error.message(), error.at());
    }
    Status::ERROR
}

#[cold]
fn panicked(call: &Call<'_>, payload: Box<dyn Any + Send>) -> Status {
    set_error(call, &account(&*payload), 0);
    discard(payload);
    Status::PANICKED
}

/// Where there is no error sink, the log is told.
#[cold]
fn tell(payload: Box<dyn Any + Send>) {
    tracing::error!("{}", account(&*payload));
    discard(payload);
}

/// What panicked, and where.
fn account(payload: &(dyn Any + Send)) -> String {
    let mut text = "panicked".to_owned();
    if let Some(place) = PLACE.take() {
        let _ = write!(text, " at {}:{}:{}", place.file(), place.line, place.column);
    }
    text.push_str(": ");
    text.push_str(message(payload));
    text
}

fn set_error(call: &Call<'_>, message: &str, at: usize) {
    let at = std::ptr::without_provenance::<Value>(at);
    (call.host.set_error)(call.host, call.err, 0, Bytes::of(message), at);
}

/// The payload's own destructor may panic as well: then the second payload is leaked.
fn discard(payload: Box<dyn Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(second);
    }
}

const FILE: usize = 120;

/// A copy of a location, without a destructor: a thread's end must not need this image.
#[derive(Clone, Copy)]
struct Place {
    file: [u8; FILE],
    len: usize,
    line: u32,
    column: u32,
}

thread_local! {
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

impl Place {
    /// Keeps the end of a long path.
    fn of(location: &Location<'_>) -> Self {
        let path = location.file().as_bytes();
        let tail = &path[path.len().saturating_sub(FILE)..];
        let mut file = [0; FILE];
        file[..tail.len()].copy_from_slice(tail);
        Self { file, len: tail.len(), line: location.line(), column: location.column() }
    }

    fn file(&self) -> &str {
        std::str::from_utf8(&self.file[..self.len]).unwrap_or("?")
    }
}
