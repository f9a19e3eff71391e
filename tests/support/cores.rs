//! Two processor cores apart: one for the server, the other for everybody else, so that neither takes the other's time.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Two cores that this process may use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cores {
    pub(crate) server: usize,
    pub(crate) others: usize,
}

impl Cores {
    /// None where there are less than two.
    pub(crate) fn apart() -> Option<Self> {
        let all = sched_getaffinity(None).unwrap();
        let mut cores = (0..CpuSet::MAX_CPU).filter(|core| all.is_set(*core));
        Some(Self { server: cores.next()?, others: cores.next()? })
    }
}

/// Does something on one core; threads and processes that are begun there stay there.
pub(crate) fn on<T>(core: usize, act: impl FnOnce() -> T) -> T {
    let before = sched_getaffinity(None).unwrap();
    let mut only = CpuSet::new();
    only.set(core);
    sched_setaffinity(None, &only).unwrap();
    let done = act();
    sched_setaffinity(None, &before).unwrap();
    done
}
