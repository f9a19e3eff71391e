//! What a policy is told of its endpoints: a failure, an outcome, the head of a response.

use crate::slot::InitNumber;
use crate::{Endpoint, Endpoints, Request, abi};

/// No connection to an endpoint could be made; the index is one of the set that the trylist began with.
#[derive(Clone, Copy, Debug)]
pub struct Failure<'a> {
    pub(crate) failure: &'a abi::Failure,
    pub(crate) set: &'a abi::EndpointSet,
    pub(crate) owner: InitNumber,
    pub(crate) now_ns: u64,
}

impl<'a> Failure<'a> {
    /// The endpoint's index.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.failure.index
    }

    /// The endpoint.
    #[must_use]
    pub const fn endpoint(&self) -> Option<Endpoint<'a>> {
        Endpoints::of(self.set, self.owner).get(self.failure.index)
    }

    /// Why.
    #[must_use]
    pub const fn kind(&self) -> abi::FailureKind {
        self.failure.kind
    }

    /// The system's error number, or 0.
    #[must_use]
    pub const fn os_error(&self) -> i32 {
        self.failure.os_error
    }

    /// How long the try took, in microseconds.
    #[must_use]
    pub const fn elapsed_us(&self) -> u64 {
        self.failure.elapsed_us
    }

    /// Monotonic nanoseconds, read once when the executor woke up.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }
}

/// How a request to an endpoint ended. Times are in microseconds, as the executor measured them; the index is one of the set
/// that the trylist began with.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    pub(crate) outcome: &'a abi::Outcome,
    pub(crate) set: &'a abi::EndpointSet,
    pub(crate) owner: InitNumber,
    pub(crate) now_ns: u64,
}

impl<'a> Outcome<'a> {
    /// The endpoint's index.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.outcome.index
    }

    /// The endpoint.
    #[must_use]
    pub const fn endpoint(&self) -> Option<Endpoint<'a>> {
        Endpoints::of(self.set, self.owner).get(self.outcome.index)
    }

    /// How it ended.
    #[must_use]
    pub const fn result(&self) -> abi::OutcomeResult {
        self.outcome.result
    }

    /// The status of the response, 0 if none came.
    #[must_use]
    pub const fn http_status(&self) -> u32 {
        self.outcome.http_status
    }

    /// Time to the connection in microseconds, 0 for a reused one.
    #[must_use]
    pub const fn connect_us(&self) -> u64 {
        self.outcome.connect_us
    }

    /// Time from there to the first byte of the response in microseconds, 0 if none came.
    #[must_use]
    pub const fn ttfb_us(&self) -> u64 {
        self.outcome.ttfb_us
    }

    /// All of it, in microseconds.
    #[must_use]
    pub const fn total_us(&self) -> u64 {
        self.outcome.total_us
    }

    /// Bytes sent to the endpoint.
    #[must_use]
    pub const fn sent(&self) -> u64 {
        self.outcome.sent
    }

    /// Bytes received from it.
    #[must_use]
    pub const fn received(&self) -> u64 {
        self.outcome.received
    }

    /// Monotonic nanoseconds, read once when the executor woke up.
    #[must_use]
    pub const fn now_ns(&self) -> u64 {
        self.now_ns
    }
}

/// The head of an endpoint's response, as it was received; valid until the call returns.
#[derive(Clone, Copy, Debug)]
pub struct ResponseHead<'a> {
    pub(crate) head: &'a abi::ResponseIn<'a>,
    pub(crate) set: &'a abi::EndpointSet,
    pub(crate) owner: InitNumber,
}

impl<'a> ResponseHead<'a> {
    /// Its status.
    #[must_use]
    pub const fn status(&self) -> u32 {
        self.head.status
    }

    /// The endpoint's index.
    #[must_use]
    pub const fn index(&self) -> u32 {
        self.head.index
    }

    /// The endpoint.
    #[must_use]
    pub const fn endpoint(&self) -> Option<Endpoint<'a>> {
        Endpoints::of(self.set, self.owner).get(self.head.index)
    }

    /// The request.
    #[must_use]
    pub const fn request(&self) -> Request<'a> {
        Request::of(self.head.request)
    }

    /// The value of the first field of that name, letter case aside.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.head.fields.named(name)
    }

    /// All fields, name and value, in the order received.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.head.fields.iter()
    }
}
