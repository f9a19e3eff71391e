//! Reads sets, statistics and bit maps.

use std::iter::FusedIterator;
use std::marker::PhantomData;

use crate::abi;

#[inline]
pub(crate) const fn usable(set: &abi::EndpointSet) -> &[u32] {
    if set.usable_len == 0 || set.usable.is_null() {
        return &[];
    }
    // SAFETY: F1 and F5, `usable_len` indexes stand there, unchanged for as long as the set is borrowed.
    unsafe { std::slice::from_raw_parts(set.usable, set.usable_len) }
}

#[inline]
pub(crate) const fn endpoint(set: &abi::EndpointSet, index: usize) -> Option<&abi::Endpoint> {
    if index >= set.len || set.ptr.is_null() {
        return None;
    }
    // SAFETY: F1 and F2, `len` endpoints stand there, `stride` bytes apart and aligned, for as long as the set.
    Some(unsafe { &*set.ptr.byte_add(index * set.stride as usize) })
}

/// The endpoints of a set with their indexes, ascending: one addition from each to the next.
#[derive(Clone, Debug)]
pub(crate) struct All<'a> {
    next: *const abi::Endpoint,
    index: u32,
    len: u32,
    /// Bytes, which may be more than this version's struct has.
    stride: usize,
    set: PhantomData<&'a abi::EndpointSet>,
}

/// Those from index `first` on.
#[inline]
pub(crate) fn all(set: &abi::EndpointSet, first: usize) -> All<'_> {
    let len = if set.ptr.is_null() { 0 } else { set.len };
    // Indexes have 32 bits: beyond 2^32 endpoints there are none.
    let (first, len) = (first.min(len) as u32, u32::try_from(len).unwrap_or(u32::MAX));
    let stride = set.stride as usize;
    let next = set.ptr.wrapping_byte_add((first as usize).wrapping_mul(stride));
    All { next, index: first, len, stride, set: PhantomData }
}

impl<'a> Iterator for All<'a> {
    type Item = (u32, &'a abi::Endpoint);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if self.index >= self.len {
            return None;
        }
        let (index, endpoint) = (self.index, self.next);
        // Less than `len`, so it cannot overflow.
        self.index = index.wrapping_add(1);
        self.next = endpoint.wrapping_byte_add(self.stride);
        // SAFETY: F1 and F2, `len` endpoints stand there, `stride` bytes apart and aligned, for as long as the set.
        Some((index, unsafe { &*endpoint }))
    }

    /// Without the question whether a next one is null, which an `Option` of a borrow comes to.
    #[inline]
    fn fold<B, F: FnMut(B, Self::Item) -> B>(self, init: B, mut fold: F) -> B {
        let (mut folded, mut next) = (init, self.next);
        for index in self.index..self.len {
            // SAFETY: F1 and F2, `len` endpoints stand there, `stride` bytes apart and aligned, as long as the set.
            folded = fold(folded, (index, unsafe { &*next }));
            next = next.wrapping_byte_add(self.stride);
        }
        folded
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = (self.len - self.index) as usize;
        (left, Some(left))
    }
}

impl ExactSizeIterator for All<'_> {}
impl FusedIterator for All<'_> {}

#[inline]
pub(crate) const fn stats(endpoint: &abi::Endpoint) -> &abi::Stats {
    // SAFETY: F5, atomics that live at least as long as the set of the endpoint; never null.
    unsafe { &*endpoint.stats }
}

#[inline]
pub(crate) const fn tried<'a>(input: &'a abi::NextIn<'_>) -> &'a [u64] {
    if input.tried_words == 0 || input.tried.is_null() {
        return &[];
    }
    // SAFETY: F1, `tried_words` words stand there until the call returns.
    unsafe { std::slice::from_raw_parts(input.tried, input.tried_words) }
}

pub(crate) const fn name(set: &abi::EndpointSet) -> &[u8] {
    // SAFETY: F5, the name lives as long as the set.
    unsafe { set.name.as_bytes() }.as_slice()
}

pub(crate) const fn addr(endpoint: &abi::Endpoint) -> &[u8] {
    // SAFETY: F5, the address lives as long as the set of the endpoint.
    unsafe { endpoint.addr.as_bytes() }.as_slice()
}
