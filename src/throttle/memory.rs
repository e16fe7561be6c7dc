use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use super::{FailureKey, FailureStore, Quota};
use crate::{Clock, Inspection, Rejection, lock::lock};

/// Counts failures in a table of fixed size, by default of 65,536 places in some two megabytes.
///
/// When it is full, whoever has the least against him is forgotten first. Since what failed once is the first to go, a table
/// that is sprayed from a million addresses keeps those who failed often.
///
/// ```
/// use tower_authn::throttle::{MemoryFailures, Throttle};
///
/// let throttle = Throttle::new(MemoryFailures::new(1_000_000)); // 25 MB
/// # let _ = throttle;
/// ```
pub struct MemoryFailures {
    sets: Box<[Mutex<Set>]>,
    /// Keyed at random, so that nobody can choose names that meet in one set.
    hash: RandomState,
    clock: Clock,
}

const WAYS: usize = 8;

type Set = [Place; WAYS];

#[derive(Clone, Copy, Default)]
struct Place {
    tag: u64,
    /// When the debt is paid off, in the clock's time; a place whose time has passed is free.
    until: Duration,
}

impl MemoryFailures {
    /// Makes a table of at least so many places, of some 25 bytes each.
    pub fn new(places: usize) -> Self {
        let sets = places.div_ceil(WAYS).max(1);
        Self {
            sets: (0..sets).map(|_| Mutex::default()).collect(),
            hash: RandomState::new(),
            clock: Clock::default(),
        }
    }

    /// Sets the clock, for tests.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Returns how many places the table has. It never grows.
    pub fn places(&self) -> usize {
        self.sets.len() * WAYS
    }

    /// Returns how many places have a failure held against somebody now; an address and each of its users count apart.
    pub fn used(&self) -> usize {
        let now = self.clock.monotonic();
        let used = |set: &Mutex<Set>| lock(set).iter().filter(|place| now < place.until).count();
        self.sets.iter().map(used).sum()
    }

    fn find(&self, key: &FailureKey) -> (u64, MutexGuard<'_, Set>) {
        let tag = self.hash.hash_one(key);
        // The remainder is below a length, which is a usize.
        let set = usize::try_from(tag % self.sets.len() as u64).unwrap_or_default();
        (tag, lock(&self.sets[set]))
    }
}

impl FailureStore for MemoryFailures {
    async fn wait(&self, key: &FailureKey, quota: Quota) -> Result<Option<Duration>, Rejection> {
        let now = self.clock.monotonic();
        let (tag, set) = self.find(key);
        let until = set.iter().find(|place| place.tag == tag).map_or(Duration::ZERO, |place| place.until);
        Ok(quota.wait(until.saturating_sub(now)))
    }

    fn fail(&self, key: &FailureKey, quota: Quota) {
        let now = self.clock.monotonic();
        let (tag, mut set) = self.find(key);
        // Its own place, or else the one with the least debt.
        let Some(place) = set.iter_mut().min_by_key(|place| (place.tag != tag, place.until)) else { return };
        let debt = if place.tag == tag { place.until.saturating_sub(now) } else { Duration::ZERO };
        *place = Place { tag, until: now.saturating_add(quota.fail(debt)) };
    }

    fn clear(&self, key: &FailureKey) {
        let (tag, mut set) = self.find(key);
        set.iter_mut().filter(|place| place.tag == tag).for_each(|place| *place = Place::default());
    }

    fn inspect(&self, inspection: &mut Inspection) {
        inspection.count("tower_authn_throttle_places_used", self.used());
        inspection.count("tower_authn_throttle_places", self.places());
    }
}

impl Default for MemoryFailures {
    fn default() -> Self {
        Self::new(65_536)
    }
}

impl fmt::Debug for MemoryFailures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryFailures({} places)", self.places())
    }
}
