//! Reads the host's configuration values.

use crate::abi::{Bytes, Host, Status, Value, ValueKind};

/// A configuration value with the functions that read it. Valid until `init` returns.
#[derive(Clone, Copy)]
pub(crate) struct Tree<'v> {
    host: &'v Host,
    value: &'v Value,
}

impl<'v> Tree<'v> {
    pub(crate) const fn new(host: &'v Host, value: &'v Value) -> Self {
        Self { host, value }
    }

    pub(crate) fn kind(self) -> ValueKind {
        // SAFETY: F1, a value of the tree.
        unsafe { (self.host.value_kind)(Some(self.value)) }
    }

    pub(crate) fn text(self) -> Option<&'v [u8]> {
        let mut text = Bytes::EMPTY;
        // SAFETY: F1, a value of the tree; its text lives as long as the tree, until `init` returns.
        let answer = unsafe { (self.host.value_text)(Some(self.value), Some(&mut text)) };
        (answer == Status::OK).then(|| text.as_slice())
    }

    pub(crate) fn len(self) -> usize {
        // SAFETY: F1, a value of the tree.
        unsafe { (self.host.value_len)(Some(self.value)) }
    }

    /// The `index`th value of a list or a map, with its key.
    pub(crate) fn at(self, index: usize) -> Option<(&'v [u8], Self)> {
        let mut key = Bytes::EMPTY;
        // SAFETY: F1, a value of the tree; the key lives as long as the tree.
        let value = unsafe { (self.host.value_at)(Some(self.value), index, Some(&mut key)) };
        // SAFETY: F1, null or a value of the tree, which lives until `init` returns.
        let value: &'v Value = unsafe { value.as_ref() }?;
        Some((key.as_slice(), Self::new(self.host, value)))
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = (&'v [u8], Self)> {
        (0..self.len()).map_while(move |index| self.at(index))
    }

    /// What names this value to the host.
    pub(crate) const fn pointer(self) -> *const Value {
        self.value
    }

    pub(crate) fn address(self) -> usize {
        self.pointer().addr()
    }
}
