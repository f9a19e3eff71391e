//! Reads sets, statistics and bit maps.

use crate::abi;

pub(crate) const fn usable(set: &abi::EndpointSet) -> &[u32] {
    if set.usable_len == 0 || set.usable.is_null() {
        return &[];
    }
    // SAFETY: F1 and F5, `usable_len` indexes stand there, unchanged for as long as the set is borrowed.
    unsafe { std::slice::from_raw_parts(set.usable, set.usable_len) }
}

pub(crate) const fn endpoint(set: &abi::EndpointSet, index: usize) -> Option<&abi::Endpoint> {
    if index >= set.len || set.ptr.is_null() {
        return None;
    }
    // SAFETY: F1 and F2, `len` endpoints stand there, `stride` bytes apart and aligned, for as long as the set.
    Some(unsafe { &*set.ptr.byte_add(index * set.stride as usize) })
}

pub(crate) const fn stats(endpoint: &abi::Endpoint) -> Option<&abi::Stats> {
    // SAFETY: F5, null or atomics that live at least as long as the set of the endpoint.
    unsafe { endpoint.stats.as_ref() }
}

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
