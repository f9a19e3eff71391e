//! All unsafe code of the SDK: raw pointers of the boundary become borrows here, and borrows raw pointers.
//! The facts named in `SAFETY:` comments are those of `SAFETY.md` in `proxy-abi`.

pub(crate) mod asked;
pub(crate) mod blob;
pub(crate) mod entry;
pub(crate) mod hook;
pub(crate) mod host;
pub(crate) mod provider;
pub(crate) mod set;
pub(crate) mod testing;
pub(crate) mod tree;
pub(crate) mod trylist;
