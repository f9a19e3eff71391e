//! The endpoints that a policy chooses among: those that may take traffic and were not tried yet.
//!
//! A policy that looks at all of them does so for every request, so this walk is made for speed. Nearly always all
//! endpoints are usable and none was tried: then it is one addition from each to the next, and nothing is looked up.

use crate::{Endpoint, Endpoints};

/// The endpoints that may take traffic and were not tried yet, in the order of their indexes; from
/// [`Attempt::untried`](crate::Attempt::untried).
#[derive(Clone, Debug)]
pub struct Untried<'a> {
    set: Endpoints<'a>,
    /// Indexes of the usable endpoints that are still to come.
    usable: std::slice::Iter<'a, u32>,
    tried: &'a [u64],
}

impl<'a> Untried<'a> {
    #[inline]
    pub(crate) fn of(set: Endpoints<'a>, tried: &'a [u64]) -> Self {
        Self { set, usable: set.usable().iter(), tried }
    }
}

impl<'a> Untried<'a> {
    /// `fold` where some are down or were tried. Apart, so that what it keeps in registers is not in the way of the
    /// other.
    #[inline(never)]
    fn fold_some<B, F: FnMut(B, Endpoint<'a>) -> B>(mut self, init: B, fold: F) -> B {
        std::iter::from_fn(|| self.next()).fold(init, fold)
    }
}

impl<'a> Iterator for Untried<'a> {
    type Item = Endpoint<'a>;

    #[inline]
    fn next(&mut self) -> Option<Endpoint<'a>> {
        let Self { set, usable, tried } = self;
        usable.find_map(|&index| if is_marked(tried, index) { None } else { set.get(index) })
    }

    /// What `for_each`, `reduce`, `min_by_key` and their kin are made of: the walk that is made for speed.
    #[inline]
    fn fold<B, F: FnMut(B, Endpoint<'a>) -> B>(self, init: B, fold: F) -> B {
        // As many usable ones as endpoints are all of them, each in the place that its index says.
        let are_all_usable = self.set.usable().len() == self.set.len();
        if are_all_usable && self.tried.iter().all(|word| *word == 0) {
            self.set.iter_from(self.set.len() - self.usable.len()).fold(init, fold)
        } else {
            self.fold_some(init, fold)
        }
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.usable.len()))
    }
}

/// Whether bit `index` is set; bits beyond `words` are not.
#[inline]
pub(crate) fn is_marked(words: &[u64], index: u32) -> bool {
    words.get(index as usize / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use std::ptr::{null, null_mut};

    use super::*;
    use crate::slot::InitNumber;
    use crate::{Next, abi};

    /// An endpoint as a later version may have it: the next one is further away.
    #[repr(C)]
    struct Longer {
        endpoint: abi::Endpoint,
        later: [u64; 3],
    }

    fn endpoints(ids: std::ops::Range<u64>, stats: &abi::Stats) -> Vec<Longer> {
        let endpoint = |id| abi::Endpoint {
            id,
            addr: abi::RawBytes::of(b""),
            weight: 1,
            health: abi::Health::UP,
            flags: 0,
            reserved: 0,
            stats,
            blob: null_mut(),
        };
        ids.map(|id| Longer { endpoint: endpoint(id), later: [u64::MAX; 3] }).collect()
    }

    fn set(endpoints: &[Longer], usable: &[u32]) -> abi::EndpointSet {
        abi::EndpointSet {
            size: size_of::<abi::EndpointSet>() as u32,
            stride: size_of::<Longer>() as u32,
            version: 1,
            cluster: 0,
            reserved: 0,
            name: abi::RawBytes::of(b"c"),
            ptr: if endpoints.is_empty() { null() } else { &raw const endpoints[0].endpoint },
            len: endpoints.len(),
            usable: usable.as_ptr(),
            usable_len: usable.len(),
            blob: null_mut(),
        }
    }

    /// The walk by `fold`, after `skipped` steps by `next`: index and id of each.
    fn walked(set: &abi::EndpointSet, tried: &[u64], skipped: usize) -> Vec<(u32, u64)> {
        let mut untried = Untried::of(Endpoints::of(set, InitNumber::next()), tried);
        let mut seen: Vec<_> = untried.by_ref().take(skipped).collect();
        untried.for_each(|endpoint| seen.push(endpoint));
        seen.iter().map(|endpoint| (endpoint.index(), endpoint.id())).collect()
    }

    #[test]
    fn what_is_down_or_was_tried_is_left_out_in_whatever_way_one_walks() {
        let stats = abi::Stats::default();
        for len in [0_u32, 1, 2, 63, 64, 65, 130] {
            let all = endpoints(1000..1000 + u64::from(len), &stats);
            for usable in [(0..len).collect::<Vec<_>>(), (0..len).filter(|index| index % 3 != 1).collect()] {
                let set = set(&all, &usable);
                for tried in [&[][..], &[0], &[1 << 63 | 1], &[0, 1, 0]] {
                    let is_tried = |index: u32| {
                        tried.get(index as usize / 64).is_some_and(|word: &u64| word >> (index % 64) & 1 == 1)
                    };
                    let left = usable.iter().copied().filter(|index| !is_tried(*index));
                    let expected: Vec<_> = left.map(|index| (index, 1000 + u64::from(index))).collect();
                    for skipped in [0, 1, 64, 1000] {
                        assert_eq!(walked(&set, tried, skipped), expected, "{len} {tried:?} {skipped}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_index_that_no_endpoint_has_is_passed_over() {
        let stats = abi::Stats::default();
        let all = endpoints(7..10, &stats);
        for skipped in [0, 1, 2] {
            assert_eq!(walked(&set(&all, &[1, 5]), &[], skipped), [(1, 8)]);
        }
    }

    #[test]
    fn the_answer_is_the_one_chosen_or_that_none_is_left() {
        let stats = abi::Stats::default();
        let all = endpoints(0..3, &stats);
        stats.in_flight.store(5, std::sync::atomic::Ordering::Relaxed);
        let set = set(&all, &[0, 1, 2]);
        let untried = |tried| Untried::of(Endpoints::of(&set, InitNumber::next()), tried);
        let least = |tried| Next::from(untried(tried).min_by_key(|endpoint| endpoint.in_flight()));
        assert_eq!(least(&[0b01]), Next::Endpoint(1));
        assert_eq!(least(&[0b111]), Next::Exhausted);
    }
}
