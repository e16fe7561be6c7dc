use std::time::Duration;

/// How many failures are allowed: some at once, and then one more each time an interval has passed.
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

/// The longest interval, and so the longest that anybody waits.
const LONGEST: Duration = Duration::from_secs(3600);

impl Quota {
    /// Allows so many failures at once (at least one), and one more after each interval.
    ///
    /// An interval of more than an hour counts as an hour: nobody waits for longer than an hour
    /// after the last failure. An interval of zero limits nothing.
    pub const fn new(at_once: u32, every: Duration) -> Self {
        Self {
            at_once: if at_once == 0 { 1 } else { at_once },
            every: if every.as_nanos() > LONGEST.as_nanos() { LONGEST } else { every },
        }
    }

    /// Returns how many failures are allowed at once.
    pub const fn at_once(self) -> u32 {
        self.at_once
    }

    /// Returns the interval after which one more failure is allowed, at most an hour.
    pub const fn every(self) -> Duration {
        self.every
    }

    /// Returns the largest debt with which one more guess is allowed.
    ///
    /// This is the generic cell rate algorithm: each failure adds [`every`](Self::every) to a debt,
    /// and time pays it off.
    pub fn tolerance(self) -> Duration {
        self.every.saturating_mul(self.at_once - 1)
    }

    /// Returns how long it takes until the debt is small enough for another guess, or `None` if it
    /// is already.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_authn::throttle::Quota;
    ///
    /// let quota = Quota::new(2, Duration::from_secs(30));
    /// let twice = quota.fail(quota.fail(Duration::ZERO));
    /// assert_eq!(quota.wait(twice), Some(Duration::from_secs(30)));
    /// ```
    pub fn wait(self, debt: Duration) -> Option<Duration> {
        debt.checked_sub(self.tolerance()).filter(|wait| !wait.is_zero())
    }

    /// Returns whether one more guess is allowed while so many others are held, each of which may
    /// become a failure.
    ///
    /// ```
    /// use std::time::Duration;
    /// use tower_authn::throttle::Quota;
    ///
    /// let quota = Quota::new(2, Duration::from_secs(30));
    /// assert!(quota.allows(Duration::ZERO, 1) && !quota.allows(Duration::ZERO, 2));
    /// ```
    pub fn allows(self, debt: Duration, held: usize) -> bool {
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        debt.saturating_add(self.every.saturating_mul(held)) <= self.tolerance()
    }

    /// Returns the debt after one more failure. It never exceeds the tolerance by more than an hour.
    pub fn fail(self, debt: Duration) -> Duration {
        debt.saturating_add(self.every).min(self.tolerance().saturating_add(LONGEST))
    }
}
