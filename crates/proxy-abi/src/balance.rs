//! `proxy.load_balance`, revision 1: the seed's hook and the structs of its trylist.

use core::ffi::c_void;
use core::mem::offset_of;

use crate::{Bytes, EndpointSet, HookFn, HookKind, HookSpec, Request};

/// The hook. Its key is the `load_balancer_module_id`.
#[derive(Debug)]
pub struct LoadBalance;

impl HookSpec for LoadBalance {
    const NAME: &'static str = "proxy.load_balance";
    const REVISION: u32 = 1;
    const KIND: HookKind = HookKind::KEYED;
    const DOC: &'static str = "chooses the endpoints to try for a request, in order";
    type In = LbIn<'static>;
    type Out = LbOut;
}

crate::crossing! {
    /// What the seed's hook is given, and the snapshot of endpoints to choose from.
    ///
    /// `request`, `unparsed_uri`, `set` and `scratch` keep their addresses until the trylist is dropped.
    pub struct LbIn<'a> {
        /// Bytes of this struct.
        pub size: u32,
        /// How often the server will ask at most.
        pub max_attempts: u32,
        /// Who is asked.
        pub load_balancer_module_id: Bytes<'a>,
        /// The target of the request line, byte for byte.
        pub unparsed_uri: Bytes<'a>,
        /// The request.
        pub request: &'a Request<'a>,
        /// The endpoints; an index means a place in it.
        pub set: &'a EndpointSet,
        /// Of `hash_key`, the same in every process; 0 without a key.
        pub hash: u64,
        /// What the cluster's `LBHashKey` takes from the request; empty without one, or if the request has no such thing.
        pub hash_key: Bytes<'a>,
        /// Reserved, null.
        pub cfg: *const c_void,
        /// `scratch_size` bytes for this trylist, as asked for in the [`HookImpl`](crate::HookImpl); not zeroed.
        pub scratch: *mut u8,
        /// How many.
        pub scratch_size: u32,
        /// Their alignment.
        pub scratch_align: u32,
    }
}

crate::crossing! {
    /// The answer: a trylist. Filled by the module; read by [`Trylist::new`](crate::Trylist::new).
    pub struct LbOut {
        pub(crate) size: u32,
        pub(crate) reserved: u32,
        pub(crate) vt: *const TryVt,
        pub(crate) ctx: *mut c_void,
    }
}

impl LbOut {
    /// Where its private fields lie, in order; for the layout test.
    #[doc(hidden)]
    pub const OFFSETS: [usize; 4] =
        [offset_of!(Self, size), offset_of!(Self, reserved), offset_of!(Self, vt), offset_of!(Self, ctx)];

    /// An empty answer for the module to fill.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            size: size_of::<Self>() as u32,
            reserved: 0,
            vt: core::ptr::null(),
            ctx: core::ptr::null_mut(),
        }
    }

    /// Fills in the trylist; for modules written in Rust.
    ///
    /// # Safety
    /// The functions of `vt` obey the contract of their places, stay callable with `ctx` until its `drop` was
    /// called, and `vt` lives as long as the module.
    pub const unsafe fn fill(&mut self, vt: *const TryVt, ctx: *mut c_void) {
        self.vt = vt;
        self.ctx = ctx;
    }
}

impl Default for LbOut {
    fn default() -> Self {
        Self::new()
    }
}

/// The calls of a trylist. All of them are for one request at a time, maybe from changing threads.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct TryVt {
    /// Bytes of this struct: what lies beyond is missing.
    pub size: u32,
    /// Reserved, zero.
    pub reserved: u32,
    /// `NextIn` to `Target`: OK, DONE or ERROR. Required.
    pub next: Option<HookFn>,
    /// `Failure`: no connection to that target could be made. Required.
    pub report_failure: Option<HookFn>,
    /// Exactly once, the last of all calls. Required.
    pub drop: Option<unsafe extern "C" fn(ctx: *mut c_void)>,
    /// `Outcome`: exactly once per target handed out, also on cancel; not after a fault. Optional.
    pub done: Option<HookFn>,
    /// `ResponseIn`: the head of the response came. Optional.
    pub response_head: Option<HookFn>,
}

/// What `next` is told.
#[repr(C)]
#[derive(Debug)]
pub struct NextIn<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// 0 for the first target of this trylist.
    pub attempt: u32,
    /// The set of the trylist.
    pub set: &'a EndpointSet,
    /// A bit for each index already tried, lowest bit first; words beyond `tried_words` are zero.
    pub tried: *const u64,
    /// How many words.
    pub tried_words: usize,
}

impl<'a> NextIn<'a> {
    /// Attempt number `attempt` over `set`, after `tried`.
    #[must_use]
    pub const fn new(attempt: u32, set: &'a EndpointSet, tried: &'a [u64]) -> Self {
        Self {
            size: size_of::<NextIn<'_>>() as u32,
            attempt,
            set,
            tried: tried.as_ptr(),
            tried_words: tried.len(),
        }
    }
}

/// What `next` answers.
#[repr(C)]
#[derive(Debug)]
pub struct Target {
    /// Bytes of this struct.
    pub size: u32,
    /// Place in the set.
    pub index: u32,
    /// Reserved, zero.
    pub flags: u32,
    /// Reserved, zero.
    pub reserved: u32,
}

impl Target {
    /// In `flags`: the same endpoint may be tried again.
    pub const AGAIN: u32 = 1;
}

impl Default for Target {
    fn default() -> Self {
        Self { size: size_of::<Self>() as u32, index: u32::MAX, flags: 0, reserved: 0 }
    }
}

/// Why no connection could be made.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FailureKind(pub u32);

impl FailureKind {
    /// Its name has no address.
    pub const RESOLVE: Self = Self(1);
    /// Nobody listens there.
    pub const REFUSED: Self = Self(2);
    /// No answer within the connect timeout.
    pub const TIMEOUT: Self = Self(3);
    /// No way there.
    pub const UNREACHABLE: Self = Self(4);
    /// No local port is left.
    pub const NO_LOCAL_PORT: Self = Self(5);
    /// Anything else, see `os_error`.
    pub const OTHER: Self = Self(6);

    /// The word that the log prints.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::RESOLVE => "unresolved",
            Self::REFUSED => "refused",
            Self::TIMEOUT => "timeout",
            Self::UNREACHABLE => "unreachable",
            Self::NO_LOCAL_PORT => "no local port",
            _ => "failed",
        }
    }
}

/// A connection that could not be made.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Failure {
    /// Bytes of this struct.
    pub size: u32,
    /// Place in the set.
    pub index: u32,
    /// The endpoint's id.
    pub id: u64,
    /// Why.
    pub kind: FailureKind,
    /// The system's error number, or 0.
    pub os_error: i32,
    /// How long it took.
    pub elapsed_us: u64,
}

/// How a request to a target ended.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutcomeResult(pub u32);

impl OutcomeResult {
    /// A whole response was received.
    pub const OK: Self = Self(0);
    /// No connection.
    pub const CONNECT: Self = Self(1);
    /// The endpoint closed, reset, or answered something that is not HTTP.
    pub const UPSTREAM: Self = Self(2);
    /// The endpoint was too slow.
    pub const TIMEOUT: Self = Self(3);
    /// The client went away, or the server gave up on it.
    pub const CANCELLED: Self = Self(4);
}

/// The end of a request to a target.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// Bytes of this struct.
    pub size: u32,
    /// Place in the set.
    pub index: u32,
    /// The endpoint's id.
    pub id: u64,
    /// How it ended.
    pub result: OutcomeResult,
    /// The status of the response, 0 if none came.
    pub http_status: u32,
    /// Time to the connection, 0 for a reused one.
    pub connect_us: u64,
    /// Time from there to the first byte of the response, 0 if none came.
    pub ttfb_us: u64,
    /// All of it.
    pub total_us: u64,
    /// Bytes sent to the endpoint.
    pub sent: u64,
    /// Bytes received from it.
    pub received: u64,
}

impl Outcome {
    /// An outcome of which only the result is known.
    #[must_use]
    pub const fn of(result: OutcomeResult) -> Self {
        Self {
            size: size_of::<Self>() as u32,
            index: u32::MAX,
            id: 0,
            result,
            http_status: 0,
            connect_us: 0,
            ttfb_us: 0,
            total_us: 0,
            sent: 0,
            received: 0,
        }
    }
}
