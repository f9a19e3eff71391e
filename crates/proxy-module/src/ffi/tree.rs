//! Reads the host's configuration values, and the other raw pointers of its table.

use std::sync::atomic::Ordering::Relaxed;

use crate::abi::{Bytes, Host, Level, Module, Status, Value, ValueKind};

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
        (self.host.value_kind)(self.value)
    }

    pub(crate) fn text(self) -> Option<&'v [u8]> {
        let mut text = Bytes::EMPTY;
        ((self.host.value_text)(self.value, &mut text) == Status::OK).then(|| text.as_slice())
    }

    pub(crate) fn len(self) -> usize {
        (self.host.value_len)(self.value)
    }

    /// The `index`th value of a list or a map, with its key.
    pub(crate) fn at(self, index: usize) -> Option<(&'v [u8], Self)> {
        let mut key = Bytes::EMPTY;
        let value = (self.host.value_at)(self.value, index, &mut key);
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

/// The loudest level that is written.
#[inline]
pub(crate) fn max_level(host: &Host) -> Level {
    // SAFETY: F7, null or an atomic that lives as long as the process.
    let level = unsafe { host.max_level.as_ref() };
    level.map_or(Level::INFO, |level| Level(u32::from(level.load(Relaxed))))
}

/// The server's table, which lives longer than the call it came with.
pub(crate) fn forever(host: &Host) -> &'static Host {
    let host: *const Host = host;
    // SAFETY: F7, the table lives as long as the process.
    unsafe { &*host }
}

/// The module's own record, likewise.
pub(crate) fn forever_module(module: &Module) -> &'static Module {
    let module: *const Module = module;
    // SAFETY: F7, records stay mapped.
    unsafe { &*module }
}
