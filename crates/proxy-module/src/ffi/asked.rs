//! A request of `testing`, in one piece with the text it is a view of.

use std::sync::Arc;

use crate::abi::{self, FieldAccess, Fields, RequestParts};
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
    request: abi::Request<'static>,
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
        Self { request: abi::Request::new(&parts, Fields::new(kept)), _text: text }
    }

    /// The view.
    #[must_use]
    pub const fn get(&self) -> &abi::Request<'_> {
        &self.request
    }
}
