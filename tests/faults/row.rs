//! A row of the fault matrix: what goes wrong, and what everybody is told.

use crate::support::misbehaving::Script;

/// See `tests/data/fault_matrix.rs`.
#[derive(Debug)]
pub(super) struct Row {
    /// Of its test.
    pub(super) name: &'static str,
    /// Rows of one number are forms of one fault.
    pub(super) number: u32,
    /// The fault, in words.
    pub(super) fault: &'static str,
    /// The endpoint that is asked first, A.
    pub(super) first: First,
    /// Whom else the balancer may name.
    pub(super) others: Others,
    pub(super) asks: Asks,
    pub(super) gets: Gets,
    /// What becomes of the client's connection.
    pub(super) after: After,
    pub(super) goes: Goes,
    /// How often A and B have seen the request.
    pub(super) seen: [usize; 2],
    /// The calls of the trylist that the balancer answered with, but for its drop, which is always the last.
    pub(super) balancer: &'static str,
    /// The events in the error log, in their order; one in brackets may be missing.
    pub(super) events: &'static str,
    /// What the access log has of it: status, endpoint, tries.
    pub(super) access: &'static str,
}

/// What is wrong.
#[derive(Clone, Copy, Debug)]
pub(super) enum First {
    /// Nobody listens.
    Refuses,
    /// The backlog is full.
    Drops,
    /// It does to its connections what these scripts say.
    Plays(&'static [Script]),
    /// It is well, and connecting to it fails with this error.
    Connecting(&'static str),
    /// It is well, and accepting the client's connection fails with this error.
    Accepting(&'static str),
    /// It is well, and the server may not open anything.
    NoDescriptors,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    /// B, which is well.
    Well,
    /// Nobody.
    None,
}

/// What the client does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    Get,
    Head,
    /// With a body of five bytes.
    Put,
    /// With a body of five bytes.
    Post,
    /// After the endpoint's connection has served another request.
    ReusedGet,
    ReusedPost,
    /// A POST of so many bytes.
    Upload(usize),
    /// Resets its connection once the endpoint has the request.
    AbortedGet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gets {
    /// An answer of the server's own, whole.
    Ours(u16),
    /// An endpoint's answer, whole.
    Theirs(u16, &'static str),
    /// The beginning of an endpoint's answer, which is seen to be broken off.
    Cut(u16),
    /// It has left.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It serves the next request.
    Kept,
    /// It ends in the ordinary way.
    Closed,
    /// It ends with a reset.
    Reset,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    /// The request goes nowhere else.
    Nowhere,
    /// On to the next endpoint.
    Next,
    /// Once more to the same endpoint, over a fresh connection.
    Again,
}
