//! A generation that is no longer in force and may still be used.

use super::Generation;
use crate::sync::Arc;

/// Kept so that it does not end, with its modules, on a thread that happens to be its last user.
#[derive(Debug)]
pub struct Retired {
    generation: Arc<Generation>,
}

impl Retired {
    /// `old` as [`Published::publish`](super::Published::publish) gave it back: nobody can begin to use it any more.
    #[must_use]
    pub const fn new(old: Arc<Generation>) -> Self {
        Self { generation: old }
    }

    /// Ends it on this thread, which may have to wait for its modules, if nobody else uses it.
    ///
    /// # Errors
    /// Itself, if somebody does.
    pub fn end(self) -> Result<(), Self> {
        match Arc::try_unwrap(self.generation) {
            Ok(generation) => {
                drop(generation);
                Ok(())
            }
            Err(generation) => Err(Self { generation }),
        }
    }
}
