//! The request, as modules read it.

use std::fmt;

use crate::abi::{self, Status};
use crate::{Cx, Error, Result};

/// A request. All text is borrowed bytes, as received, and never promised to be UTF-8; valid until the call returns. Reading
/// costs no allocation; only [`field`](Self::field), [`fields`](Self::fields) and notes call the server.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    request: &'a abi::Request<'a>,
    hash: u64,
    cx: Option<Cx<'a>>,
    hash_key: &'a [u8],
}

impl<'a> From<&'a abi::Request<'a>> for Request<'a> {
    fn from(request: &'a abi::Request<'a>) -> Self {
        Self::of(request)
    }
}

impl<'a> Request<'a> {
    pub(crate) const fn of(request: &'a abi::Request<'a>) -> Self {
        Self { request, hash: 0, hash_key: &[], cx: None }
    }

    /// The request that a trylist is for.
    pub(crate) const fn hashed(cx: Cx<'a>, input: &abi::LbIn<'a>) -> Self {
        Self { cx: Some(cx), request: input.request, hash: input.hash, hash_key: input.hash_key.as_slice() }
    }

    /// The circumstances of the call, to run hooks with: in [`Balancer::begin`](crate::Balancer::begin). Nothing for a
    /// request that a hook was given, which has its own [`Cx`].
    #[must_use]
    pub const fn cx(&self) -> Option<Cx<'a>> {
        self.cx
    }

    /// What the cluster's `LBHashKey` takes from the request, in [`Balancer::begin`](crate::Balancer::begin); empty
    /// without that directive, or if the request has no such thing.
    #[must_use]
    pub const fn hash_key(&self) -> &'a [u8] {
        self.hash_key
    }

    /// The hash of [`hash_key`](Self::hash_key), the same in every process and version; 0 without a key.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// `GET`.
    #[must_use]
    pub const fn method(&self) -> &'a [u8] {
        self.request.method.as_slice()
    }

    /// The path as received. Where the server compares paths (ProxyPass, Location), `/a//%62` counts as `/a/b`; whoever
    /// compares this one has to see to that.
    #[must_use]
    pub const fn path(&self) -> &'a [u8] {
        self.request.path.as_slice()
    }

    /// The query, without its question mark.
    #[must_use]
    pub const fn query(&self) -> &'a [u8] {
        self.request.query.as_slice()
    }

    /// The target of the request line, byte for byte.
    #[must_use]
    pub const fn unparsed_uri(&self) -> &'a [u8] {
        self.request.unparsed_uri.as_slice()
    }

    /// Host and port as the client named them; empty in HTTP/1.0 without Host.
    #[must_use]
    pub const fn authority(&self) -> &'a [u8] {
        self.request.authority.as_slice()
    }

    /// Address of the client, `192.0.2.7` or `2001:db8::7`.
    #[must_use]
    pub const fn client(&self) -> &'a [u8] {
        self.request.client.as_slice()
    }

    /// 10 or 11.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.request.version
    }

    /// The request's number in this process.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.request.id
    }

    /// The value of the first field of that name, letter case aside.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.request.fields.named(name)
    }

    /// The last value that a module noted on the request under `key`, in whatever hook; valid as long as the request.
    #[must_use]
    pub fn note(&self, key: &str) -> Option<&'a [u8]> {
        self.request.notes.note(key.as_bytes())
    }

    /// Notes `value` under `key` for the modules that come later, balancers among them. The server keeps copies, for
    /// this request alone. By convention a key begins with the name of the module.
    ///
    /// # Errors
    /// There is room for 64 notes of 16 KiB together.
    pub fn set_note(&self, key: &str, value: impl AsRef<[u8]>) -> Result<()> {
        match self.request.notes.set_note(key.as_bytes(), value.as_ref()) {
            Status::OK => Ok(()),
            _ => Err(Error::msg(format!("no room for a note '{key}': 64 of 16 KiB together are the most"))),
        }
    }

    /// All fields, name and value, in the order received.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.request.fields.iter()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method().escape_ascii(), self.unparsed_uri().escape_ascii())
    }
}
