//! Times as httpd's logs have them, in local time. A second is spelt once for each thread, not once for each line.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The last second that was spelt, in one form.
#[derive(Debug)]
pub(crate) struct Stamp {
    form: &'static str,
    second: Option<u64>,
    text: String,
}

impl Stamp {
    /// `24/Nov/2026:15:04:05 +0000`, as in the Common Log Format.
    pub(crate) const fn access() -> Self {
        Self::new("%d/%b/%Y:%H:%M:%S %z")
    }

    /// `Tue Nov 24 15:04:05 2026`; microseconds are put before the year.
    pub(crate) const fn error() -> Self {
        Self::new("%a %b %d %H:%M:%S %Y")
    }

    const fn new(form: &'static str) -> Self {
        Self { form, second: None, text: String::new() }
    }

    /// The text for `time`.
    pub(crate) fn at(&mut self, time: SystemTime) -> &str {
        let second = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        if self.second != Some(second) {
            self.spell(second, &TimeZone::system());
        }
        &self.text
    }

    fn spell(&mut self, second: u64, zone: &TimeZone) {
        use std::fmt::Write as _;
        self.second = Some(second);
        self.text.clear();
        let timestamp = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
        let zoned = timestamp.unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(zone.clone());
        // Neither the form nor the target can fail.
        let _ = write!(self.text, "{}", zoned.strftime(self.form));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_httpds() {
        let zone = TimeZone::fixed(jiff::tz::offset(-7));
        for (mut stamp, wanted) in
            [(Stamp::access(), "10/Oct/2000:13:55:36 -0700"), (Stamp::error(), "Tue Oct 10 13:55:36 2000")]
        {
            stamp.spell(971_211_336, &zone);
            assert_eq!(stamp.text, wanted);
        }
    }
}
