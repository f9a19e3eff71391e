//! The request as modules see it, and the request hooks.
//!
//! A request is a struct of borrowed bytes: what nearly everybody reads costs no call at all. Only its fields
//! stand behind functions, since filling an array of them for each request would cost those that look at none.

use core::ffi::c_void;
use core::fmt;
use core::marker::PhantomData;
use core::mem::offset_of;

use crate::{Bytes, Edits, HookKind, HookSpec, Notes, RawBytes};

/// Where the host keeps the fields of a message. Implemented by the host; must not panic.
pub trait FieldAccess {
    /// The `index`th field in the order received, name and value.
    fn field(&self, index: usize) -> Option<(&[u8], &[u8])>;
}

/// The fields of a message, in the order received.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Fields<'a> {
    data: *const c_void,
    at: unsafe extern "C" fn(
        data: *const c_void,
        index: u32,
        name: &mut RawBytes,
        value: &mut RawBytes,
    ) -> u32,
    borrow: PhantomData<&'a ()>,
}

impl<'a> Fields<'a> {
    /// Where its private fields lie, in order; for the layout test.
    #[doc(hidden)]
    pub const OFFSETS: [usize; 2] = [offset_of!(Self, data), offset_of!(Self, at)];

    /// The fields that `access` keeps.
    pub const fn new<F: FieldAccess>(access: &'a F) -> Self {
        let data: *const F = access;
        Self { data: data.cast(), at: field_at::<F>, borrow: PhantomData }
    }

    /// The `index`th field: name and value.
    #[must_use]
    pub fn at(&self, index: u32) -> Option<(&'a [u8], &'a [u8])> {
        let (mut name, mut value) = (RawBytes::of(&[]), RawBytes::of(&[]));
        // SAFETY: F1, made by `new`: `data` is what `at` expects.
        let found = unsafe { (self.at)(self.data, index, &mut name, &mut value) };
        // SAFETY: F1, what `at` answers lives as long as `data`, for `'a`.
        let (name, value) = unsafe { (name.as_bytes(), value.as_bytes()) };
        (found != 0).then(|| (name.as_slice(), value.as_slice()))
    }

    /// All of them.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        (0..).map_while(move |index| self.at(index))
    }

    /// The value of the first field of that name, letter case aside.
    #[must_use]
    pub fn named(self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|(n, _)| n.eq_ignore_ascii_case(name.as_bytes())).map(|(_, value)| value)
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields")
    }
}

extern "C" fn field_at<F: FieldAccess>(
    data: *const c_void,
    index: u32,
    name: &mut RawBytes,
    value: &mut RawBytes,
) -> u32 {
    // SAFETY: F1, only `Fields::new` pairs this function with its `data`.
    let access = unsafe { &*data.cast::<F>() };
    let Some((n, v)) = access.field(index as usize) else { return 0 };
    *name = RawBytes::of(n);
    *value = RawBytes::of(v);
    1
}

/// A request; valid until the call that got it returns, in `load_balance` until the trylist is dropped.
#[repr(C)]
#[derive(Debug)]
pub struct Request<'a> {
    /// Bytes of this struct.
    pub size: u32,
    /// 10 or 11.
    pub version: u32,
    /// The request's number in this process.
    pub id: u64,
    /// `GET`.
    pub method: Bytes<'a>,
    /// `http`.
    pub scheme: Bytes<'a>,
    /// Host and port as the client named them; empty in HTTP/1.0 without Host.
    pub authority: Bytes<'a>,
    /// The path as received, in the client's spelling.
    pub path: Bytes<'a>,
    /// The query without its question mark, as received.
    pub query: Bytes<'a>,
    /// The target of the request line, byte for byte.
    pub unparsed_uri: Bytes<'a>,
    /// Address of the client, `192.0.2.7` or `2001:db8::7`.
    pub client: Bytes<'a>,
    /// Its fields.
    pub fields: Fields<'a>,
    /// What modules noted on it.
    pub notes: Notes<'a>,
}

/// What a [`Request`] is made of.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// See [`Request::version`].
    pub version: u32,
    /// See [`Request::id`].
    pub id: u64,
    /// See [`Request::method`].
    pub method: &'a [u8],
    /// See [`Request::authority`].
    pub authority: &'a [u8],
    /// See [`Request::path`].
    pub path: &'a [u8],
    /// See [`Request::query`].
    pub query: &'a [u8],
    /// See [`Request::unparsed_uri`].
    pub unparsed_uri: &'a [u8],
    /// See [`Request::client`].
    pub client: &'a [u8],
}

impl<'a> Request<'a> {
    /// A request over borrowed bytes, without room for notes.
    #[must_use]
    pub const fn new(parts: &RequestParts<'a>, fields: Fields<'a>) -> Self {
        Self {
            size: size_of::<Request<'_>>() as u32,
            version: parts.version,
            id: parts.id,
            method: Bytes::new(parts.method),
            scheme: Bytes::of("http"),
            authority: Bytes::new(parts.authority),
            path: Bytes::new(parts.path),
            query: Bytes::new(parts.query),
            unparsed_uri: Bytes::new(parts.unparsed_uri),
            client: Bytes::new(parts.client),
            fields,
            notes: Notes::none(),
        }
    }

    /// The same, with notes.
    #[must_use]
    pub const fn with_notes(self, notes: Notes<'a>) -> Self {
        Self { notes, ..self }
    }
}

crate::crossing! {
    /// Input of the hooks that see a request.
    pub struct RequestIn<'a> {
        /// Bytes of this struct.
        pub size: u32,
        /// Reserved, zero.
        pub reserved: u32,
        /// The request.
        pub request: &'a Request<'a>,
        /// What may be changed of the request's fields as the endpoint gets them; null where nothing may be: only
        /// `proxy.fixups` changes any.
        pub edits: Option<&'a Edits<'a>>,
    }
}

impl<'a> RequestIn<'a> {
    /// About `request`, of which nothing may be changed.
    #[must_use]
    pub const fn new(request: &'a Request<'a>) -> Self {
        Self { size: size_of::<RequestIn<'_>>() as u32, reserved: 0, request, edits: None }
    }

    /// The same, and its fields may be changed.
    #[must_use]
    pub const fn with_edits(self, edits: &'a Edits<'a>) -> Self {
        Self { edits: Some(edits), ..self }
    }
}

crate::crossing! {
    /// Input of `proxy.response_head` and of a trylist's `response_head`.
    pub struct ResponseIn<'a> {
        /// Bytes of this struct.
        pub size: u32,
        /// The status of the response.
        pub status: u32,
        /// Index of the endpoint that answered in the trylist's set; `u32::MAX` without a trylist.
        pub index: u32,
        /// How many endpoints were tried, the one that answered included.
        pub tries: u32,
        /// The endpoint's id, 0 if nobody was asked.
        pub id: u64,
        /// The request.
        pub request: &'a Request<'a>,
        /// The fields of the response as received.
        pub fields: Fields<'a>,
        /// What may be changed of them as the client gets them; null in a trylist's `response_head`.
        pub edits: Option<&'a Edits<'a>>,
        /// `host:port` of the endpoint that answered.
        pub endpoint: Bytes<'a>,
        /// The cluster's name; for a route to a URL, the URL.
        pub cluster: Bytes<'a>,
    }
}

crate::crossing! {
    /// Input of `proxy.log_transaction`.
    pub struct LogIn<'a> {
        /// Bytes of this struct.
        pub size: u32,
        /// The status sent, 0 if none was.
        pub status: u32,
        /// How many endpoints were tried.
        pub tries: u32,
        /// Reserved, zero.
        pub reserved: u32,
        /// The id of the endpoint that answered, 0 if none did.
        pub id: u64,
        /// Body bytes sent to the client.
        pub sent: u64,
        /// Body bytes received from the client.
        pub received: u64,
        /// From the request's first byte to the end, microseconds.
        pub total_us: u64,
        /// The request.
        pub request: &'a Request<'a>,
        /// `host:port` of the endpoint that answered, or empty.
        pub endpoint: Bytes<'a>,
    }
}

crate::crossing! {
    /// Output of hooks that answer by their status alone.
    pub struct Unit {
        /// Bytes of this struct.
        pub size: u32,
        /// Reserved, zero.
        pub reserved: u32,
    }
}

impl Default for Unit {
    fn default() -> Self {
        Self { size: size_of::<Self>() as u32, reserved: 0 }
    }
}

macro_rules! request_hook {
    ($(#[$doc:meta])* $hook:ident, $name:literal, $kind:ident, $in:ty, $about:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $hook;

        impl HookSpec for $hook {
            const NAME: &'static str = $name;
            const REVISION: u32 = 1;
            const KIND: HookKind = HookKind::$kind;
            const DOC: &'static str = $about;
            type In = $in;
            type Out = Unit;
        }
    };
}

request_hook!(
    /// After the head was read and found well-formed.
    PostReadRequest, "proxy.post_read_request", ALL, RequestIn<'static>,
    "after a well-formed head was read"
);
request_hook!(
    /// May refuse a request by an HTTP status.
    AccessChecker, "proxy.access_checker", ALL, RequestIn<'static>,
    "may refuse a request by an HTTP status"
);
request_hook!(
    /// Last before the request is forwarded; may change its fields.
    Fixups, "proxy.fixups", ALL, RequestIn<'static>,
    "last before the request is forwarded; may change its fields"
);
request_hook!(
    /// After the head of an endpoint's response was read; may change its fields.
    ResponseHead, "proxy.response_head", VOID, ResponseIn<'static>,
    "after the head of an endpoint's response was read; may change its fields"
);
request_hook!(
    /// Once per request, at its end.
    LogTransaction, "proxy.log_transaction", VOID, LogIn<'static>,
    "once per request, at its end"
);
