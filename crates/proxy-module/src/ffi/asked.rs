//! A request of `testing`, in one piece with the text it is a view of.

use std::sync::Arc;

use crate::abi::{Bytes, FieldAccess, Fields, Request, RequestParts};
use crate::testing::RequestText;

impl FieldAccess for RequestText {
    fn field(&self, index: usize) -> Option<(&[u8], &[u8])> {
        self.fields.get(index).map(|(name, value)| (name.as_slice(), value.as_slice()))
    }
}

/// A request that owns its text.
#[derive(Debug)]
pub struct Asked {
    // Read through `request`, which is dropped first.
    request: Request<'static>,
    _text: Arc<RequestText>,
}

impl Asked {
    /// The request that says `text`.
    #[must_use]
    pub fn new(text: RequestText) -> Self {
        let text = Arc::new(text);
        // SAFETY: F1, nobody changes or drops the text while this struct, which lends the view, lives.
        let kept: &'static RequestText = unsafe { &*Arc::as_ptr(&text) };
        let uri = kept.uri.as_slice();
        let mark = uri.iter().position(|byte| *byte == b'?').unwrap_or(uri.len());
        let parts = RequestParts {
            version: 11,
            id: kept.id,
            method: &kept.method,
            authority: kept.field_named("Host"),
            path: &uri[..mark],
            query: uri.get(mark + 1..).unwrap_or_default(),
            unparsed_uri: uri,
            client: &kept.client,
        };
        Self { request: Request::new(&parts, Fields::new(kept)), _text: text }
    }

    /// The same with null pointers for what is empty, as a host in C may hand it over.
    #[must_use]
    pub const fn with_nulls(mut self) -> Self {
        let request = &mut self.request;
        let Request { method, scheme, authority, path, query, unparsed_uri, client, .. } = request;
        null_if_empty(method);
        null_if_empty(scheme);
        null_if_empty(authority);
        null_if_empty(path);
        null_if_empty(query);
        null_if_empty(unparsed_uri);
        null_if_empty(client);
        self
    }

    /// The view.
    #[must_use]
    pub const fn get(&self) -> &Request<'_> {
        &self.request
    }
}

const fn null_if_empty(bytes: &mut Bytes<'_>) {
    if bytes.as_slice().is_empty() {
        *bytes = Bytes::NULL;
    }
}
