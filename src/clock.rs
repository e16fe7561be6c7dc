//! The one source of time.

use std::{
    fmt,
    sync::OnceLock,
    time::{Duration, Instant, SystemTime},
};

/// The time, as everything here that depends on it sees it: the system's, or one that a test winds by hand.
///
/// ```
/// let clock = tower_authn::Clock::default();
/// assert!(clock.monotonic() <= clock.monotonic());
/// ```
#[derive(Clone, Default)]
pub struct Clock(Source);

#[derive(Clone, Default)]
enum Source {
    #[default]
    System,
    #[cfg(any(test, feature = "testing"))]
    Manual(std::sync::Arc<std::sync::Mutex<manual::Hands>>),
}

impl Clock {
    /// Returns the wall time, against which expiry dates are held. It may step, in both directions.
    pub fn now(&self) -> SystemTime {
        match &self.0 {
            Source::System => SystemTime::now(),
            #[cfg(any(test, feature = "testing"))]
            Source::Manual(hands) => manual::read(hands).wall,
        }
    }

    /// Returns the time since some moment in the life of this process. It never goes back.
    pub fn monotonic(&self) -> Duration {
        static START: OnceLock<Instant> = OnceLock::new();
        match &self.0 {
            Source::System => START.get_or_init(Instant::now).elapsed(),
            #[cfg(any(test, feature = "testing"))]
            Source::Manual(hands) => manual::read(hands).monotonic,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::System => "Clock(system)",
            #[cfg(any(test, feature = "testing"))]
            Source::Manual(_) => "Clock(manual)",
        })
    }
}

#[cfg(any(test, feature = "testing"))]
pub use manual::ManualClock;

#[cfg(any(test, feature = "testing"))]
mod manual {
    use std::{
        sync::{Arc, Mutex},
        time::{Duration, SystemTime},
    };

    use super::{Clock, Source};
    use crate::lock::lock;

    #[derive(Clone, Copy, Debug)]
    pub(super) struct Hands {
        pub(super) wall: SystemTime,
        pub(super) monotonic: Duration,
    }

    pub(super) fn read(hands: &Mutex<Hands>) -> Hands {
        *lock(hands)
    }

    /// Winds a [`Clock`] by hand, for tests (feature `testing`).
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// let (clock, hand) = tower_authn::Clock::manual(SystemTime::UNIX_EPOCH);
    /// hand.advance(Duration::from_secs(60));
    /// assert_eq!(clock.now(), SystemTime::UNIX_EPOCH + Duration::from_secs(60));
    /// ```
    #[derive(Clone, Debug)]
    pub struct ManualClock(Arc<Mutex<Hands>>);

    impl Clock {
        /// Returns a clock that stands at this wall time, and the hand that moves it (feature `testing`).
        pub fn manual(wall: SystemTime) -> (Self, ManualClock) {
            let hands = Arc::new(Mutex::new(Hands { wall, monotonic: Duration::ZERO }));
            (Self(Source::Manual(Arc::clone(&hands))), ManualClock(hands))
        }
    }

    impl ManualClock {
        /// Moves wall time and monotonic time forward.
        pub fn advance(&self, by: Duration) {
            let mut hands = lock(&self.0);
            hands.wall += by;
            hands.monotonic += by;
        }

        /// Sets the wall time, also back; the monotonic time stays.
        pub fn set_wall(&self, wall: SystemTime) {
            lock(&self.0).wall = wall;
        }
    }
}
