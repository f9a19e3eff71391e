//! Connections that have just begun: each is woken when its youth is over, if it is still there. One tick for all of
//! them costs less than a timer each, which most that bring one request would never see fire.

use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use super::Local;

/// How long a connection is young, in nanoseconds: most that bring one request are over by then.
pub(crate) const YOUTH: u64 = 10_000_000;
/// How often is looked whose youth is over.
const TICK: Duration = Duration::from_millis(5);

/// The young ones in the order in which they began.
#[derive(Debug, Default)]
pub(super) struct Young {
    began: VecDeque<Beginning>,
    count: u64,
}

/// A connection's beginning.
#[derive(Debug)]
struct Beginning {
    /// The number of this beginning.
    number: u64,
    slot: usize,
    until: u64,
}

impl Young {
    /// A connection begins at `slot`: its number, and whether it is the only one.
    pub(super) fn begin(&mut self, slot: usize, now: u64) -> (u64, bool) {
        let is_only = self.began.is_empty();
        self.count += 1;
        self.began.push_back(Beginning { number: self.count, slot, until: now + YOUTH });
        (self.count, is_only)
    }

    /// The next one whose youth is over, by slot and number.
    fn grown_up(&mut self, now: u64) -> Option<(usize, u64)> {
        let first = self.began.pop_front_if(|first| first.until <= now)?;
        Some((first.slot, first.number))
    }
}

/// Wakes those whose youth is over, for as long as the executor runs.
pub(super) async fn watch(local: Rc<Local>) {
    loop {
        local.began.notified().await;
        while !local.young.borrow().began.is_empty() {
            tokio::time::sleep(TICK).await;
            let now = local.clock.now();
            while let Some((slot, number)) = local.young.borrow_mut().grown_up(now) {
                local.present.borrow().wake(slot, number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_grow_up_in_the_order_in_which_they_began() {
        let mut young = Young::default();
        assert_eq!(young.begin(7, 0), (1, true));
        assert_eq!(young.begin(8, 5), (2, false));
        assert_eq!(young.grown_up(YOUTH - 1), None);
        assert_eq!(young.grown_up(YOUTH), Some((7, 1)));
        assert_eq!(young.grown_up(YOUTH), None);
        assert_eq!(young.grown_up(YOUTH + 5), Some((8, 2)));
    }
}
