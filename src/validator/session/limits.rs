use std::time::{Duration, SystemTime};

use crate::{
    Reason,
    store::{Lifetime, Times},
};

/// The moment of a call to a [`SessionStore`](crate::store::SessionStore), and how many sessions live for how long.
///
/// If the clock is set back, no time passes for a session until the clock has caught up: none ends for it, and none is lost.
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use tower_authn::{Reason, store::{Lifetime, Times}, validator::session::Limits};
///
/// let now = SystemTime::now();
/// let hour = Duration::from_secs(3600);
/// let at = Limits { now, ..Limits::default() };
/// let times = Times { created: now, seen: now, lifetime: Lifetime::Ordinary };
/// assert_eq!(at.ended(times), None);
/// assert_eq!(at.ended(Times { seen: now - hour, ..times }), Some(Reason::IdleTimeout));
/// assert_eq!(at.ended(Times { created: now - 12 * hour, ..times }), Some(Reason::AbsoluteTimeout));
///
/// let stays = Times { created: now - 13 * 24 * hour, seen: now - 12 * 24 * hour, lifetime: Lifetime::StaySignedIn };
/// assert_eq!(at.ended(stays), None);
/// assert_eq!(at.ended(Times { created: now - 14 * 24 * hour, ..stays }), Some(Reason::AbsoluteTimeout));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The time of the call.
    pub now: SystemTime,
    /// How long an ordinary session may go unused; 30 minutes by default.
    pub idle: Duration,
    /// How long an ordinary session lives at most; 12 hours by default.
    pub absolute: Duration,
    /// How long one lives whose user stays signed in, used or not; 14 days by default.
    pub stay: Duration,
    /// After which time a use is written down again; a minute by default. [`Sessions`](super::Sessions) gives no more than a tenth of
    /// `idle`; and [`Duration::MAX`], which never passes, where a request is only tried out or explained.
    pub touch: Duration,
    /// How long a replaced session stays usable; 10 seconds by default.
    pub grace: Duration,
    /// How long it is remembered why a session ended; 10 minutes by default.
    pub remember: Duration,
    /// How many live sessions one subject may have; 100 by default. One more ends the oldest. What was replaced, or is too old, does
    /// not count.
    pub per_subject: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            now: SystemTime::UNIX_EPOCH,
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 60 * 60),
            stay: Duration::from_secs(14 * 24 * 60 * 60),
            touch: Duration::from_secs(60),
            grace: Duration::from_secs(10),
            remember: Duration::from_secs(10 * 60),
            per_subject: 100,
        }
    }
}

impl Limits {
    /// Returns whether a session is too old by now, and how: [`Reason::IdleTimeout`] or [`Reason::AbsoluteTimeout`].
    pub fn ended(&self, times: Times) -> Option<Reason> {
        let (idle, absolute) = self.idle_and_absolute(times.lifetime);
        if self.since(times.created) >= absolute {
            Some(Reason::AbsoluteTimeout)
        } else if self.since(times.seen) >= idle {
            Some(Reason::IdleTimeout)
        } else {
            None
        }
    }

    /// Whether this use of a session is to be written down: it is live, and was not seen for a while.
    pub fn must_touch(&self, times: Times) -> bool {
        self.since(times.seen) >= self.touch && self.ended(times).is_none()
    }

    /// Returns how long a session lives that is used now, whenever it was seen before.
    pub fn lives_for(&self, times: Times) -> Duration {
        let (idle, absolute) = self.idle_and_absolute(times.lifetime);
        idle.min(absolute.saturating_sub(self.since(times.created)))
    }

    /// Returns when a session can be forgotten: a while after it ended, until when it is remembered why.
    pub fn forget_at(&self, times: Times) -> Option<SystemTime> {
        let (idle, absolute) = self.idle_and_absolute(times.lifetime);
        let ends = match (times.seen.checked_add(idle), times.created.checked_add(absolute)) {
            (Some(idle), Some(absolute)) => idle.min(absolute),
            (one, other) => one.or(other)?,
        };
        ends.checked_add(self.remember)
    }

    const fn idle_and_absolute(&self, lifetime: Lifetime) -> (Duration, Duration) {
        match lifetime {
            Lifetime::Ordinary => (self.idle, self.absolute),
            Lifetime::StaySignedIn => (self.stay, self.stay),
        }
    }

    /// Whether a moment is still to come; `None` never comes.
    pub(crate) fn is_before(&self, moment: Option<SystemTime>) -> bool {
        moment.is_none_or(|moment| self.now < moment)
    }

    fn since(&self, then: SystemTime) -> Duration {
        self.now.duration_since(then).unwrap_or_default()
    }
}
