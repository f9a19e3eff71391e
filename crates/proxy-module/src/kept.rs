//! State that outlives a reload.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed};

/// State beside a cluster or an endpoint that goes on after a reload where it was, also in another build of the module;
/// from [`Init::per_cluster_kept`](crate::Init::per_cluster_kept) and
/// [`Init::per_endpoint_kept`](crate::Init::per_endpoint_kept).
///
/// A cluster is the same as before if it has its name, an endpoint if it has its id, which stays as long as the URL does
/// and the cluster's name. Both calls come on the thread that reloads, `keep` while requests go on: what they change
/// after it stays behind with the old instance. A panic costs what was kept, nothing else.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use proxy_module::Kept;
///
/// /// Requests and errors of an endpoint.
/// #[derive(Default)]
/// struct Tally {
///     requests: AtomicU64,
///     errors: AtomicU64,
/// }
///
/// impl Kept for Tally {
///     const VERSION: u32 = 2; // version 1 had no errors
///
///     fn keep(&self, out: &mut Vec<u8>) {
///         self.requests.keep(out);
///         self.errors.keep(out);
///     }
///
///     fn resume(&mut self, version: u32, kept: &[u8]) -> bool {
///         let Some((requests, errors)) = kept.split_at_checked(8) else { return false };
///         self.requests.resume(1, requests) && (version == 1 || self.errors.resume(1, errors))
///     }
/// }
/// # let old = Tally { requests: AtomicU64::new(3), errors: AtomicU64::new(1) };
/// # let (mut new, mut bytes) = (Tally::default(), Vec::new());
/// # old.keep(&mut bytes);
/// # assert!(new.resume(2, &bytes) && new.errors.load(Relaxed) == 1);
/// ```
pub trait Kept: Default + Send + Sync + 'static {
    /// Of what [`keep`](Self::keep) writes; another number whenever that changes.
    const VERSION: u32 = 1;

    /// Appends what is to be kept, at most 64 KiB; nothing, and the next one begins as `default` made it.
    fn keep(&self, out: &mut Vec<u8>);

    /// Goes on from what the `keep` of `version` wrote, of this build or of another one; called on a fresh value before
    /// any request sees it. False if it cannot be used: then the value must be as `default` made it.
    fn resume(&mut self, version: u32, kept: &[u8]) -> bool;
}

macro_rules! kept_atomics {
    ($($atomic:ty = $number:ty),*) => {$(
        /// Eight bytes, the lowest first, on every machine.
        impl Kept for $atomic {
            fn keep(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&(self.load(Relaxed) as u64).to_le_bytes());
            }

            fn resume(&mut self, version: u32, kept: &[u8]) -> bool {
                let (1, Ok(bytes)) = (version, kept.try_into()) else { return false };
                *self.get_mut() = u64::from_le_bytes(bytes) as $number;
                true
            }
        }
    )*};
}

kept_atomics!(AtomicU32 = u32, AtomicU64 = u64, AtomicUsize = usize, AtomicI64 = i64);

/// As a number.
impl Kept for AtomicBool {
    fn keep(&self, out: &mut Vec<u8>) {
        AtomicU32::new(u32::from(self.load(Relaxed))).keep(out);
    }

    fn resume(&mut self, version: u32, kept: &[u8]) -> bool {
        let mut number = AtomicU32::default();
        let is_taken = Kept::resume(&mut number, version, kept);
        *self.get_mut() = *number.get_mut() != 0;
        is_taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_flags_go_on_where_they_were() {
        let mut bytes = Vec::new();
        AtomicI64::new(-7).keep(&mut bytes);
        assert_eq!(bytes.len(), 8);
        let mut number = AtomicI64::default();
        assert!(Kept::resume(&mut number, 1, &bytes));
        assert_eq!(*number.get_mut(), -7);
        let mut flag = AtomicBool::default();
        assert!(Kept::resume(&mut flag, 1, &[1, 0, 0, 0, 0, 0, 0, 0]) && *flag.get_mut());
    }

    #[test]
    fn what_another_build_wrote_otherwise_is_declined() {
        let mut number = AtomicU64::new(0);
        assert!(!Kept::resume(&mut number, 1, &[1; 7]) && !Kept::resume(&mut number, 2, &[1; 8]));
        assert_eq!(*number.get_mut(), 0);
    }
}
