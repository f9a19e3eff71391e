//! The request, as modules read it.

use std::fmt;

use crate::abi;

/// A request. All text is borrowed bytes, as received, and never promised to be UTF-8.
#[derive(Clone, Copy)]
pub struct Request<'a>(&'a abi::Request<'a>);

impl<'a> From<&'a abi::Request<'a>> for Request<'a> {
    fn from(request: &'a abi::Request<'a>) -> Self {
        Self(request)
    }
}

impl<'a> Request<'a> {
    pub(crate) const fn of(request: &'a abi::Request<'a>) -> Self {
        Self(request)
    }

    /// `GET`.
    #[must_use]
    pub const fn method(&self) -> &'a [u8] {
        self.0.method.as_slice()
    }

    /// The path.
    #[must_use]
    pub const fn path(&self) -> &'a [u8] {
        self.0.path.as_slice()
    }

    /// The query, without its question mark.
    #[must_use]
    pub const fn query(&self) -> &'a [u8] {
        self.0.query.as_slice()
    }

    /// The target of the request line, byte for byte.
    #[must_use]
    pub const fn unparsed_uri(&self) -> &'a [u8] {
        self.0.unparsed_uri.as_slice()
    }

    /// Host and port as the client named them; empty in HTTP/1.0 without Host.
    #[must_use]
    pub const fn authority(&self) -> &'a [u8] {
        self.0.authority.as_slice()
    }

    /// Address of the client, `192.0.2.7` or `2001:db8::7`.
    #[must_use]
    pub const fn client(&self) -> &'a [u8] {
        self.0.client.as_slice()
    }

    /// 10 or 11.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.0.version
    }

    /// The request's number in this process.
    #[must_use]
    pub const fn id(&self) -> u64 {
        self.0.id
    }

    /// The value of the first field of that name, letter case aside.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.0.fields.named(name)
    }

    /// All fields, name and value, in the order received.
    pub fn fields(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        self.0.fields.iter()
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({} {})", self.method().escape_ascii(), self.unparsed_uri().escape_ascii())
    }
}
