//! How often an outage is logged while it lasts.

use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    time::Duration,
};

/// The first line at once, then at most one in so long.
const EVERY: Duration = Duration::from_secs(5);

/// One line in a while, with the number of those that were left out.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    /// In milliseconds of the monotonic clock.
    quiet_until: AtomicU64,
    left_out: AtomicU64,
}

impl Outage {
    /// Returns how many were left out since the last line, if it is time for one.
    pub(crate) fn line(&self, now: Duration) -> Option<u64> {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let until = self.quiet_until.load(Relaxed);
        let next = millis(now.saturating_add(EVERY));
        let is_time =
            millis(now) >= until && self.quiet_until.compare_exchange(until, next, Relaxed, Relaxed).is_ok();
        if is_time {
            return Some(self.left_out.swap(0, Relaxed));
        }
        self.left_out.fetch_add(1, Relaxed);
        None
    }
}
