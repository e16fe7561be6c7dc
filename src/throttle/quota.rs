use std::time::Duration;

/// How many failures are let through: some at once, and then one more each time a while has passed.
///
/// ```
/// use std::time::Duration;
/// use tower_authn::throttle::Quota;
///
/// let ten_then_two_a_minute = Quota::new(10, Duration::from_secs(30));
/// assert_eq!(ten_then_two_a_minute.at_once(), 10);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    at_once: u32,
    every: Duration,
}

/// The most that anybody waits.
const LONGEST: Duration = Duration::from_secs(3600);

impl Quota {
    /// Lets so many failures through at once (at least one), and one more after each `every`. Nobody waits for longer than
    /// an hour after the last failure.
    pub const fn new(at_once: u32, every: Duration) -> Self {
        Self { at_once: if at_once == 0 { 1 } else { at_once }, every }
    }

    /// Returns how many failures are let through at once.
    pub const fn at_once(self) -> u32 {
        self.at_once
    }

    /// Returns after which time one more failure is let through.
    pub const fn every(self) -> Duration {
        self.every
    }

    /// Returns how long to wait where `debt` is still held against somebody; `None`: not at all. Each failure adds
    /// [`every`](Self::every) to a debt, and time pays it off.
    pub fn wait(self, debt: Duration) -> Option<Duration> {
        debt.checked_sub(self.free()).filter(|wait| !wait.is_zero())
    }

    /// Returns the debt after one more failure.
    pub fn fail(self, debt: Duration) -> Duration {
        debt.saturating_add(self.every).min(self.free().saturating_add(LONGEST))
    }

    /// The debt that nobody waits for.
    fn free(self) -> Duration {
        self.every.saturating_mul(self.at_once - 1)
    }
}
