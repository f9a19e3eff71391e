//! The generation in force, shared by all executors.

use std::sync::PoisonError;
use std::sync::atomic::Ordering::{Acquire, Release};

use super::Generation;
use crate::sync::{Arc, AtomicU64, Mutex};

/// Which generation new requests belong to. A connection compares [`number`](Self::number) before each request,
/// one atomic load, and takes the lock only when it has changed. Who sees a number sees what was done before it was put
/// in force.
#[derive(Debug)]
pub struct Published {
    number: AtomicU64,
    current: Mutex<Arc<Generation>>,
}

impl Published {
    /// Publishes the first one.
    #[must_use]
    pub fn new(first: Arc<Generation>) -> Self {
        first.set_number(1);
        Self { number: AtomicU64::new(1), current: Mutex::new(first) }
    }

    /// The number of the generation in force.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.number.load(Acquire)
    }

    /// The generation in force, with its number.
    #[must_use]
    pub fn current(&self) -> (u64, Arc<Generation>) {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        (self.number.load(Acquire), Arc::clone(&current))
    }

    /// Puts the next generation in force and gives back the old one, which requests may still use.
    pub fn publish(&self, next: Arc<Generation>) -> Arc<Generation> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Only who holds the lock changes it.
        next.set_number(self.number.load(Acquire) + 1);
        let old = std::mem::replace(&mut *current, next);
        self.number.fetch_add(1, Release);
        old
    }
}
