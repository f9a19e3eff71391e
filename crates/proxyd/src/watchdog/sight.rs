//! What the watchdog has seen of one executor.

use proxy_core::containment::Look;

/// Samples that were of the same call, in a row.
#[derive(Debug, Default)]
pub(super) struct Sight {
    look: Option<Look>,
    samples: u32,
    /// Of those, the last ones that were of the same innermost call too.
    inner_samples: u32,
    /// Nanoseconds that the thread had run for when the call was seen for the second time.
    pub(super) ran_ns: Option<u64>,
    /// No new call enters the module.
    pub(super) is_fenced: bool,
    /// Another executor has taken the place of this one.
    pub(super) is_replaced: bool,
    /// The clients of its executor were ended.
    pub(super) is_lost: bool,
    /// The call was counted as a slow one.
    pub(super) is_slow: bool,
}

/// What a sample says of the one before.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The executor is in no call, or in another one.
    Moved,
    /// It is in the same one, in so many samples.
    Same(u32),
    /// It is not in the same one any more, for which it had been fenced; that was seen in so many samples.
    Back(u32),
}

impl Sight {
    /// Takes note of a sample.
    pub(super) fn see(&mut self, look: Option<Look>) -> Seen {
        let before = self.look.as_ref();
        if let Some(look) = look.filter(|look| before.is_some_and(|before| before.is_same_call(look))) {
            let is_same_inner = self.look == Some(look);
            self.look = Some(look);
            self.samples += 1;
            self.inner_samples = if is_same_inner { self.inner_samples + 1 } else { 1 };
            return Seen::Same(self.samples);
        }
        let (samples, was_fenced) = (self.samples, self.is_fenced);
        *self = Self { look, samples: 1, inner_samples: 1, is_replaced: self.is_replaced, ..Self::default() };
        if was_fenced { Seen::Back(samples) } else { Seen::Moved }
    }

    /// The call that is seen.
    pub(super) const fn look(&self) -> Option<&Look> {
        self.look.as_ref()
    }

    /// Whether it is the innermost call that lasts, seen in so many samples, and not the one around it that makes many.
    pub(super) const fn is_innermost_to_blame(&self, samples: u32) -> bool {
        self.inner_samples >= samples
    }
}
