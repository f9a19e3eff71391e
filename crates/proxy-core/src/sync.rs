//! What threads share is made of these types: the standard library's, or loom's in a build with `--cfg loom`, where
//! `tests/loom` tries all interleavings of the code that uses them. The counters of endpoints, which modules read, are
//! `proxy-abi`'s and are exchanged there.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
#[cfg(not(loom))]
pub(crate) use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize};
#[cfg(loom)]
pub(crate) use loom::sync::{Arc, Mutex, MutexGuard};
#[cfg(loom)]
pub(crate) use modelled::OnceLock;

/// What loom has no model of.
#[cfg(loom)]
mod modelled {
    use loom::sync::Mutex;
    use loom::sync::atomic::AtomicBool;
    use loom::sync::atomic::Ordering::{Acquire, Release};

    /// A cell that is written once. Who reads it may see late that it was.
    #[derive(Debug)]
    pub(crate) struct OnceLock<T> {
        value: std::sync::OnceLock<T>,
        is_written: AtomicBool,
        writing: Mutex<()>,
    }

    impl<T> OnceLock<T> {
        pub(crate) fn new() -> Self {
            Self {
                value: std::sync::OnceLock::new(),
                is_written: AtomicBool::new(false),
                writing: Mutex::new(()),
            }
        }

        pub(crate) fn get(&self) -> Option<&T> {
            if self.is_written.load(Acquire) { self.value.get() } else { None }
        }

        pub(crate) fn set(&self, value: T) -> Result<(), T> {
            let _writing = self.writing.lock().unwrap();
            self.value.set(value)?;
            self.is_written.store(true, Release);
            Ok(())
        }
    }
}
