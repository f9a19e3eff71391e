//! How a request is put together, on the executor that serves it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use proxy_abi::{EditOp, Request};
use proxy_core::observe::{Called, Finished, Observer, Watcher, shortened};
use tokio::sync::mpsc;

use super::Filter;
use super::record::{Call, Edit, Record};

/// Requests that an executor has in flight and keeps the calls of, for one reader; further ones are missed.
const MOST_OPEN: usize = 1024;
/// Calls that are kept of one request.
const MOST_CALLS: usize = 256;
/// Edits that are kept of one call.
const MOST_EDITS: usize = 100;

/// Where the executors' requests arrive.
#[derive(Debug)]
pub(super) struct Desk(Arc<Terms>);

/// What all executors know of a reader.
#[derive(Debug)]
struct Terms {
    filter: Filter,
    sender: mpsc::Sender<Record>,
    missed: Arc<AtomicU64>,
}

impl Desk {
    pub(super) fn new(filter: Filter, sender: mpsc::Sender<Record>, missed: Arc<AtomicU64>) -> Self {
        Self(Arc::new(Terms { filter, sender, missed }))
    }
}

impl Observer for Desk {
    fn watcher(&self, executor: u32) -> Box<dyn Watcher> {
        let (open, frames) = (BTreeMap::new(), Vec::new());
        Box::new(Eyes { terms: Arc::clone(&self.0), executor, open, frames })
    }
}

/// One executor's part.
struct Eyes {
    terms: Arc<Terms>,
    executor: u32,
    /// Requests that have begun and not yet ended.
    open: BTreeMap<u64, Open>,
    /// Calls that have been entered and not yet left, outermost first.
    frames: Vec<Frame>,
}

struct Open {
    record: Record,
    /// Calls in it, inner ones included.
    count: usize,
}

#[derive(Default)]
struct Frame {
    edits: Vec<Edit>,
    calls: Vec<Call>,
}

impl Terms {
    fn miss(&self) {
        self.missed.fetch_add(1, Relaxed);
    }

    fn wants_hook(&self, hook: &str) -> bool {
        self.filter.hook.as_deref().is_none_or(|wanted| wanted == hook)
    }
}

impl Watcher for Eyes {
    fn begins(&mut self, request: &Request<'_>) {
        if self.terms.filter.request.is_some_and(|wanted| wanted != request.id) {
            return;
        }
        if self.open.len() == MOST_OPEN {
            self.terms.miss();
            return;
        }
        let record = Record {
            request: request.id,
            executor: self.executor,
            client: shortened(request.client.as_slice()),
            method: shortened(request.method.as_slice()),
            authority: shortened(request.authority.as_slice()),
            target: shortened(request.unparsed_uri.as_slice()),
            status: 0,
            elapsed: Duration::ZERO,
            calls: Vec::new(),
            more: 0,
        };
        self.open.insert(request.id, Open { record, count: 0 });
    }

    fn enters(&mut self) {
        self.frames.push(Frame::default());
    }

    fn edits(&mut self, op: EditOp, name: &[u8], value: &[u8]) {
        if let Some(frame) = self.frames.last_mut()
            && frame.edits.len() < MOST_EDITS
        {
            frame.edits.push(Edit { op: Edit::word(op), name: shortened(name), value: shortened(value) });
        }
    }

    fn leaves(&mut self, called: &Called<'_>, nanoseconds: u64) {
        let Some(frame) = self.frames.pop() else { return };
        // Whatever leads to a call that is wanted is shown too.
        let wanted = self.terms.wants_hook(called.hook) || !frame.calls.is_empty();
        let Some(open) = self.open.get_mut(&called.request).filter(|_| wanted) else { return };
        if open.count >= MOST_CALLS {
            open.record.more += 1;
            return;
        }
        open.count += 1;
        let call = Call {
            hook: called.hook.to_owned(),
            function: called.function,
            module: called.module.to_owned(),
            status: called.status,
            said: called.said.clone(),
            nanoseconds,
            input: called.input.clone(),
            output: called.output.clone(),
            edits: frame.edits,
            calls: frame.calls,
        };
        match self.frames.last_mut() {
            Some(outer) => outer.calls.push(call),
            None => open.record.calls.push(call),
        }
    }

    fn ends(&mut self, finished: &Finished) {
        let Some(Open { mut record, .. }) = self.open.remove(&finished.request) else { return };
        if record.calls.is_empty() && self.terms.filter.hook.is_some() {
            return;
        }
        record.status = finished.status;
        record.elapsed = finished.elapsed;
        if self.terms.sender.try_send(record).is_err() {
            self.terms.miss();
        }
    }
}
