use std::{
    cmp::Ordering,
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{Mutex, MutexGuard},
    time::Duration,
};

use super::{FailureKey, FailureStore, Guess, Hold, LEASE, Quota, Settlement};
use crate::{Clock, Inspection, Rejection, lock::lock};

/// Counts failures in a table of fixed size, by default of 65,536 places in some two megabytes.
///
/// When it is full, the entry with the smallest debt is forgotten first. What failed once is the first
/// to go, so a table that is sprayed from a million addresses keeps those that failed often.
///
/// Guesses that are held until they are decided are kept beside the table, and so push out no failure.
/// They take some 100 bytes for each request that is being validated.
///
/// ```
/// use tower_authn::throttle::{MemoryFailures, Throttle};
///
/// let throttle = Throttle::new(MemoryFailures::new(1_000_000)); // 28 MB
/// # let _ = throttle;
/// ```
pub struct MemoryFailures {
    sets: Box<[Mutex<Set>]>,
    /// Keyed at random, so that nobody can choose names that meet in one set.
    hash: RandomState,
    clock: Clock,
}

const WAYS: usize = 8;

#[derive(Default)]
struct Set {
    places: [Place; WAYS],
    /// In no order. There are as many as requests in flight, and no more for one key than its quota.
    held: Vec<Held>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    tag: u64,
    /// When the debt is paid off, in the clock's time; a place whose time has passed is free.
    until: Duration,
}

struct Held {
    tag: u64,
    guess: u128,
    since: Duration,
}

/// How long a hold is remembered that nobody settled, so that it still counts if somebody does.
const REMEMBERED: Duration = Duration::from_secs(600);

/// How many holds a set keeps room for while there are none.
const ROOM: usize = 16;

impl MemoryFailures {
    /// Makes a table of at least so many places, of some 28 bytes each.
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

    /// Returns how many places have a failure counted against somebody now; an address and each of its
    /// users count apart. Guesses that are held are no failures.
    pub fn used(&self) -> usize {
        let now = self.clock.monotonic();
        let used = |set: &Mutex<Set>| lock(set).places.iter().filter(|place| now < place.until).count();
        self.sets.iter().map(used).sum()
    }

    fn lock(&self, guess: &Guess) -> Locked<'_> {
        let (address, user) = (guess.address(), guess.user());
        let (tag, first) = self.find(&address.0);
        let of_address = Counter { key: address.0, quota: address.1, tag, set: 0 };
        let Some((key, quota)) = user else {
            return Locked {
                sets: [Some(lock(&self.sets[first])), None],
                counters: [Some(of_address), None],
            };
        };
        let (tag, second) = self.find(&key);
        // Always in the order of the table: two guesses never wait for each other.
        let sets = match first.cmp(&second) {
            Ordering::Equal => [Some(lock(&self.sets[first])), None],
            Ordering::Less => {
                let first = lock(&self.sets[first]);
                [Some(first), Some(lock(&self.sets[second]))]
            }
            Ordering::Greater => {
                let second = lock(&self.sets[second]);
                [Some(lock(&self.sets[first])), Some(second)]
            }
        };
        let of_user = Counter { key, quota, tag, set: usize::from(first != second) };
        Locked { sets, counters: [Some(of_address), Some(of_user)] }
    }

    /// Returns the tag of a key, and which set it belongs to.
    fn find(&self, key: &FailureKey) -> (u64, usize) {
        let tag = self.hash.hash_one(key);
        // The remainder is below a length, which is a usize.
        (tag, usize::try_from(tag % self.sets.len() as u64).unwrap_or_default())
    }
}

/// What a guess is counted by: the address, and the address with the user. Both are locked, and may be in one set.
struct Locked<'a> {
    sets: [Option<MutexGuard<'a, Set>>; 2],
    counters: [Option<Counter>; 2],
}

#[derive(Clone, Copy)]
struct Counter {
    key: FailureKey,
    quota: Quota,
    tag: u64,
    /// Which of the locked sets it is in.
    set: usize,
}

impl Locked<'_> {
    fn each(&mut self, mut visit: impl FnMut(&mut Set, Counter)) {
        for counter in self.counters.into_iter().flatten() {
            if let Some(set) = &mut self.sets[counter.set] {
                visit(set, counter);
            }
        }
    }
}

impl Set {
    fn debt(&self, tag: u64, now: Duration) -> Duration {
        let place = self.places.iter().find(|place| place.tag == tag);
        place.map_or(Duration::ZERO, |place| place.until.saturating_sub(now))
    }

    fn fail(&mut self, tag: u64, quota: Quota, now: Duration) {
        let debt = quota.fail(self.debt(tag, now));
        // Its own place, or else the one with the least debt.
        let place = self.places.iter_mut().min_by_key(|place| (place.tag != tag, place.until));
        if let Some(place) = place {
            *place = Place { tag, until: now.saturating_add(debt) };
        }
    }

    fn clear(&mut self, tag: u64) {
        self.places.iter_mut().filter(|place| place.tag == tag).for_each(|place| *place = Place::default());
    }

    /// Says whether one more guess can be held.
    fn answer(&self, counter: Counter, guess: &Guess, now: Duration) -> Hold {
        let debt = self.debt(counter.tag, now);
        if let Some(wait) = counter.quota.wait(debt) {
            return Hold::Refused(wait);
        }
        let is_other = |held: &&Held| {
            held.tag == counter.tag && held.guess != guess.id() && now < held.since.saturating_add(LEASE)
        };
        if counter.quota.allows(debt, self.held.iter().filter(is_other).count()) {
            Hold::Held
        } else {
            Hold::Busy(counter.key)
        }
    }

    fn hold(&mut self, tag: u64, guess: u128, now: Duration) {
        let is_same = |held: &Held| held.tag == tag && held.guess == guess;
        self.held.retain(|held| !is_same(held) && now < held.since.saturating_add(REMEMBERED));
        self.held.push(Held { tag, guess, since: now });
    }

    /// Returns whether it was held.
    fn release(&mut self, tag: u64, guess: u128) -> bool {
        let Some(place) = self.held.iter().position(|held| held.guess == guess && held.tag == tag) else {
            return false;
        };
        self.held.swap_remove(place);
        if self.held.is_empty() {
            self.held.shrink_to(ROOM);
        }
        true
    }
}

impl FailureStore for MemoryFailures {
    async fn ask(&self, guess: &Guess) -> Result<Option<Duration>, Rejection> {
        let now = self.clock.monotonic();
        let mut longest = None;
        self.lock(guess).each(|set, Counter { tag, quota, .. }| {
            longest = longest.max(quota.wait(set.debt(tag, now)));
        });
        Ok(longest)
    }

    async fn hold(&self, guess: &Guess) -> Result<Hold, Rejection> {
        let now = self.clock.monotonic();
        let mut locked = self.lock(guess);
        let mut answer = Hold::Held;
        locked.each(|set, counter| answer = answer.and(set.answer(counter, guess, now)));
        if answer == Hold::Held {
            locked.each(|set, counter| set.hold(counter.tag, guess.id(), now));
        }
        Ok(answer)
    }

    fn settle(&self, guess: Guess, settlement: Settlement) {
        let now = self.clock.monotonic();
        let address = guess.address().0;
        self.lock(&guess).each(|set, Counter { key, quota, tag, .. }| {
            if !set.release(tag, guess.id()) {
                return;
            }
            match settlement {
                Settlement::Failed => set.fail(tag, quota, now),
                Settlement::Succeeded if key != address => set.clear(tag),
                Settlement::Succeeded | Settlement::Undecided => {}
            }
        });
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
