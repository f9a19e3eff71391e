//! A module's directives: the table that the server's parser reads, and their values as typed fields.

mod read;
mod text;

use serde::Deserialize;

use crate::abi::Directive;
use crate::ffi::tree::Tree;
use crate::{Error, Result};

use read::{Absent, ValueError, Written};

/// The directives of a module, as a struct with a field for each. Derived, see
/// [`derive@Directives`](derive@crate::Directives).
pub trait Directives: Sized {
    /// What the server's parser knows of them.
    const TABLE: &'static [Directive];

    /// Reads the fields.
    ///
    /// # Errors
    /// Names the directive and what is wrong with its value; the server adds file, line and column.
    fn read(values: &Values<'_>) -> Result<Self>;
}

/// No directives at all.
impl Directives for () {
    const TABLE: &'static [Directive] = &[];

    fn read(_: &Values<'_>) -> Result<Self> {
        Ok(())
    }
}

/// The field of a `route` directive. The server parses it as ProxyPass and maps it to this module; the module
/// sees none of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Routes;

/// What was written of a module's directives.
#[derive(Clone, Copy)]
pub struct Values<'v> {
    tree: Tree<'v>,
}

impl<'v> Values<'v> {
    pub(crate) const fn new(tree: Tree<'v>) -> Self {
        Self { tree }
    }

    /// Whether the directive was written.
    #[must_use]
    pub fn given(&self, name: &str) -> bool {
        self.find(name).is_some()
    }

    /// The value of a directive. One that was not written is an empty `Option`, list or map, and an error for
    /// any other type.
    ///
    /// # Errors
    /// The value does not fit `T`, or is missing.
    pub fn field<T: Deserialize<'v>>(&self, name: &str) -> Result<T> {
        let read = match self.find(name) {
            Some(tree) => T::deserialize(Written(tree)),
            None => T::deserialize(Absent),
        };
        read.map_err(|error| self.error(name, &error))
    }

    /// The value of a directive, or `default` if it was not written.
    ///
    /// # Errors
    /// The value does not fit `T`.
    pub fn field_or<T: Deserialize<'v>>(&self, name: &str, default: impl FnOnce() -> T) -> Result<T> {
        match self.find(name) {
            Some(tree) => T::deserialize(Written(tree)).map_err(|error| self.error(name, &error)),
            None => Ok(default()),
        }
    }

    fn find(&self, name: &str) -> Option<Tree<'v>> {
        let named = |key: &[u8]| key.eq_ignore_ascii_case(name.as_bytes());
        self.tree.iter().find(|(key, _)| named(key)).map(|(_, value)| value)
    }

    fn error(&self, name: &str, error: &ValueError) -> Error {
        Error::about(format!("{name}: {}", error.message), error.at.unwrap_or_else(|| self.tree.address()))
    }
}

impl std::fmt::Debug for Values<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.tree.iter().map(|(key, _)| String::from_utf8_lossy(key))).finish()
    }
}
