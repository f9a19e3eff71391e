//! Who was told of requests that ended, until all that ended together have: what an access log puts off is then done
//! once for all of them, as one write to its file.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::Notify;

use super::{Local, Pinned};
use crate::transaction::{Transaction, TransactionLog};

/// The logs that are to be flushed. Requests of two generations may end together.
#[derive(Default)]
pub(super) struct Told {
    logs: RefCell<Vec<Arc<dyn TransactionLog>>>,
    /// The first of them is there.
    first: Notify,
}

impl Local {
    /// Tells the log of a request's generation that it is over.
    pub(crate) fn log(&self, pinned: &Pinned, transaction: &Transaction<'_>) {
        let log = &pinned.transactions;
        if !log.log(self.number, transaction) {
            return;
        }
        let mut logs = self.told.logs.borrow_mut();
        if logs.is_empty() {
            self.told.first.notify_one();
        }
        if !logs.iter().any(|other| Arc::ptr_eq(other, log)) {
            logs.push(Arc::clone(log));
        }
    }

    /// Has the logs do what they put off.
    pub(super) fn flush(&self) {
        self.told.logs.borrow_mut().drain(..).for_each(|log| log.flush(self.number));
    }
}

/// Flushes for as long as the executor runs: behind all tasks that were ready when the first request ended, so that
/// what came from the reactor together is flushed together.
pub(super) async fn flush_together(local: Rc<Local>) {
    loop {
        local.told.first.notified().await;
        local.flush();
    }
}
