//! All that a request needs while it is served, in one piece of memory that goes from request to request: between
//! requests a connection holds nothing but its socket.

use crate::flow::Flow;
use crate::message::{RequestHead, ResponseHead};
use crate::window::Spares;

#[derive(Debug)]
pub(crate) struct Kit {
    /// The bytes of the request's head.
    pub(crate) text: Vec<u8>,
    /// Their index.
    pub(crate) head: RequestHead,
    /// The index of the response's head.
    pub(crate) response: ResponseHead,
    /// From the client to the endpoint.
    pub(crate) up: Flow,
    /// From the endpoint to the client.
    pub(crate) down: Flow,
}

impl Kit {
    pub(crate) fn new() -> Self {
        Self {
            text: Vec::new(),
            head: RequestHead::default(),
            response: ResponseHead::default(),
            up: Flow::new(),
            down: Flow::new(),
        }
    }

    /// Makes it ready for the next request of the same connection, whose beginning may have been read already.
    pub(crate) fn settle(&mut self, spares: &mut Spares) {
        self.text.clear();
        self.response.clear();
        self.up.reset();
        self.up.rest_pipe(spares);
        self.up.window.settle(spares);
        self.down.reset();
        self.down.rest_pipe(spares);
        let surplus = self.down.window.raw().len();
        self.down.window.skip(surplus);
        self.down.window.settle(spares);
    }

    /// Makes it ready for another connection.
    pub(crate) fn clear(&mut self, spares: &mut Spares) {
        let unread = self.up.window.raw().len();
        self.up.window.skip(unread);
        self.head.clear();
        self.settle(spares);
        self.up.window.rest(spares);
        self.down.window.rest(spares);
    }
}
