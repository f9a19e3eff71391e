//! What a connection needs while it has requests: the state machine that serves them, with a kit. Both are large, and
//! most connections idle most of the time, so a connection borrows them from its executor and gives them back.
//!
//! The state machine is one future that never ends. It waits for a connection, serves it until that is idle or over,
//! hands it back and waits for the next; so its memory is used again and again.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{Connection, Next};
use crate::kit::Kit;

/// A state machine with its kit, which serves one connection at a time.
pub(crate) struct Coroutine {
    desk: Rc<Desk>,
    serving: Pin<Box<dyn Future<Output = ()>>>,
}

/// Where connections change hands.
#[derive(Default)]
struct Desk {
    /// One to be served, and what there is of it.
    brought: Cell<Option<(Box<Connection>, Next)>>,
    /// One that was served, and whether it goes on.
    served: Cell<Option<(Box<Connection>, bool)>>,
}

impl Coroutine {
    pub(crate) fn new() -> Self {
        let desk = Rc::new(Desk::default());
        Self { serving: Box::pin(serve(Rc::clone(&desk))), desk }
    }

    /// Brings it a connection.
    pub(super) fn begin(&self, connection: Box<Connection>, next: Next) {
        self.desk.brought.set(Some((connection, next)));
    }

    /// Ready with the connection once it has no request any more, and whether it goes on.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<(Box<Connection>, bool)> {
        // It never ends.
        let _ = self.serving.as_mut().poll(cx);
        self.desk.served.take().map_or(Poll::Pending, Poll::Ready)
    }
}

async fn serve(desk: Rc<Desk>) {
    let mut kit = Kit::new();
    loop {
        let brought = || desk.brought.take().map_or(Poll::Pending, Poll::Ready);
        let (mut connection, next) = poll_fn(|_| brought()).await;
        let goes_on = connection.serve(&mut kit, next).await;
        kit.clear(&mut connection.local.spares.borrow_mut());
        desk.served.set(Some((connection, goes_on)));
    }
}
