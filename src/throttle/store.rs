use std::time::Duration;

use super::{FailureKey, Guess};
use crate::{Inspection, Rejection};

/// Where failures are counted, and guesses are held until they are decided: in the memory of one
/// process, [`MemoryFailures`](super::MemoryFailures), or where several processes share them.
///
/// What every store guarantees:
///
/// - [`hold`](Self::hold) is one atomic step. Of guesses at the same time, no more are held than may
///   fail; whoever is held is counted before anybody looks at the credentials.
/// - A hold ends with its [lease](LEASE), if it was not settled: its owner has vanished. One that is
///   settled later counts all the same, for as long as the store remembers it.
/// - Both calls may be repeated. A guess that is held twice is held once, and one that is settled
///   twice counts once. Settling a guess that is not held does nothing.
/// - A store that cannot write down a hold fails: the client sees 503, and nothing is validated.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex, time::{Duration, Instant}};
/// use tower_authn::Rejection;
/// use tower_authn::throttle::{FailureKey, FailureStore, Guess, Hold, LEASE, Settlement};
///
/// /// All in one map. It never shrinks: do not imitate that.
/// #[derive(Default)]
/// struct Everything(Mutex<HashMap<FailureKey, Counter>>);
///
/// #[derive(Default)]
/// struct Counter {
///     paid_off_at: Option<Instant>,
///     held: HashMap<u128, Instant>,
/// }
///
/// impl Counter {
///     fn debt(&self) -> Duration {
///         self.paid_off_at.map(|at| at.saturating_duration_since(Instant::now())).unwrap_or_default()
///     }
/// }
///
/// impl FailureStore for Everything {
///     async fn ask(&self, guess: &Guess) -> Result<Option<Duration>, Rejection> {
///         let all = self.0.lock().map_err(|_| Rejection::unavailable())?;
///         let debt = |key| all.get(&key).map(Counter::debt).unwrap_or_default();
///         Ok(guess.counters().filter_map(|(key, quota)| quota.wait(debt(key))).max())
///     }
///
///     async fn hold(&self, guess: &Guess) -> Result<Hold, Rejection> {
///         let mut all = self.0.lock().map_err(|_| Rejection::unavailable())?;
///         let mut answer = Hold::Held;
///         for (key, quota) in guess.counters() {
///             let counter = all.entry(key).or_default();
///             counter.held.retain(|_, since| since.elapsed() < LEASE);
///             let others = counter.held.keys().filter(|id| **id != guess.id()).count();
///             answer = answer.and(match quota.wait(counter.debt()) {
///                 Some(wait) => Hold::Refused(wait),
///                 None if quota.allows(counter.debt(), others) => Hold::Held,
///                 None => Hold::Busy(key),
///             });
///         }
///         if answer == Hold::Held {
///             for (key, _) in guess.counters() {
///                 all.entry(key).or_default().held.insert(guess.id(), Instant::now());
///             }
///         }
///         Ok(answer)
///     }
///
///     fn settle(&self, guess: Guess, settlement: Settlement) {
///         let Ok(mut all) = self.0.lock() else { return };
///         for (key, quota) in guess.counters() {
///             let counter = all.entry(key).or_default();
///             if counter.held.remove(&guess.id()).is_none() {
///                 continue;
///             }
///             match settlement {
///                 Settlement::Failed => {
///                     counter.paid_off_at = Some(Instant::now() + quota.fail(counter.debt()));
///                 }
///                 Settlement::Succeeded if key != guess.address().0 => counter.paid_off_at = None,
///                 Settlement::Succeeded | Settlement::Undecided => {}
///             }
///         }
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(message = "`{Self}` counts no failures", label = "must be a `FailureStore`")]
pub trait FailureStore: Send + Sync + 'static {
    /// Returns for how long failures refuse a guess, or `None` if they do not, and holds nothing.
    /// Holds of others make no difference.
    ///
    /// It is called for what is only tried out or explained.
    ///
    /// # Errors
    ///
    /// An outage.
    fn ask(&self, guess: &Guess) -> impl Future<Output = Result<Option<Duration>, Rejection>> + Send;

    /// Holds a guess under all that it is counted by, or under nothing.
    ///
    /// It does not wait for other guesses: the [`Throttle`](super::Throttle) does, and asks again.
    /// The call may be dropped before it is ready; the guess is then settled as undecided.
    ///
    /// # Errors
    ///
    /// An outage, or a store that cannot write: the client sees 503, and nothing is validated.
    fn hold(&self, guess: &Guess) -> impl Future<Output = Result<Hold, Rejection>> + Send;

    /// Turns the hold of a guess into what came of it.
    ///
    /// It is called where nothing can be awaited, since the client may have gone away; a store on the
    /// network starts a task. Drop the guess when this is done, for that wakes whoever waits for it.
    fn settle(&self, guess: Guess, settlement: Settlement);

    /// Says what there is to measure, such as how many clients have failures counted against them.
    /// Nothing unless implemented.
    fn inspect(&self, inspection: &mut Inspection) {
        let _ = inspection;
    }
}

/// How long a guess is held if nobody settles it: a minute.
///
/// It ends so only if its owner vanished (the process died, or a store on the network could not be
/// written to). The guess is then forgotten, be it a success or a failure.
pub const LEASE: Duration = Duration::from_secs(60);

/// What a store answers to a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store has these answers, and a throttle handles all")]
pub enum Hold {
    /// It is held. Look at the credentials, and settle it.
    Held,
    /// Too many failures stand against it; how long to wait. The client sees 429.
    Refused(Duration),
    /// There are not too many failures yet, but there would be if all guesses failed that are held
    /// under this key. It may be asked again once one of them is settled.
    Busy(FailureKey),
}

impl Hold {
    /// Returns what two answers for two keys say together: failures before holds, the longer wait
    /// before the shorter, the first key before the second.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused(one), Self::Refused(two)) => Self::Refused(one.max(two)),
            (Self::Refused(wait), _) | (_, Self::Refused(wait)) => Self::Refused(wait),
            (Self::Busy(key), _) | (_, Self::Busy(key)) => Self::Busy(key),
            (Self::Held, Self::Held) => Self::Held,
        }
    }
}

/// What came of a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a store has to handle all")]
pub enum Settlement {
    /// It was wrong, or its owner gave up before that was known. It counts as a failure.
    Failed,
    /// It was right. It does not count, and what was counted of its address against its user goes;
    /// what was counted of the address stays.
    Succeeded,
    /// Nobody found out. It does not count.
    Undecided,
}
