use std::{
    fmt,
    hash::{BuildHasher as _, RandomState},
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use super::{FailureKey, Quota, waiting::Wake};

/// One set of credentials that somebody tries, and what its failure would be counted by: the
/// address it came from, and that address with the user, if there is one.
///
/// ```
/// use tower_authn::throttle::{FailureKey, Guess, Quota};
///
/// let (address, often) = ([203, 0, 113, 7].into(), Quota::new(100, std::time::Duration::from_secs(6)));
/// let guess = Guess::new(FailureKey::of_address(address), often);
/// let seldom = Quota::new(10, std::time::Duration::from_secs(30));
/// let guess = guess.against(FailureKey::of_user(address, "alice"), seldom);
/// assert_eq!(guess.counters().count(), 2);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Guess {
    id: u128,
    address: (FailureKey, Quota),
    user: Option<(FailureKey, Quota)>,
    #[expect(dead_code, reason = "it is dropped")]
    wake: Option<Wake>,
}

impl Guess {
    /// Makes a guess with an id of its own, counted by an address.
    pub fn new(address: FailureKey, quota: Quota) -> Self {
        Self { id: next_id(), address: (address, quota), user: None, wake: None }
    }

    /// Counts it by the address with a user too.
    pub fn against(self, user: FailureKey, quota: Quota) -> Self {
        Self { user: Some((user, quota)), ..self }
    }

    /// Returns the id, different from that of every other guess, in every process.
    ///
    /// A store knows a held guess by it, and so can repeat a call of which it does not know whether
    /// it arrived.
    pub const fn id(&self) -> u128 {
        self.id
    }

    /// Returns the address, and how many failures it may have.
    pub const fn address(&self) -> (FailureKey, Quota) {
        self.address
    }

    /// Returns the address with the user, and how many failures it may have.
    pub const fn user(&self) -> Option<(FailureKey, Quota)> {
        self.user
    }

    /// Returns what the guess is counted by: the address, then the address with the user.
    pub fn counters(&self) -> impl Iterator<Item = (FailureKey, Quota)> + use<> {
        [Some(self.address), self.user].into_iter().flatten()
    }

    /// Wakes whoever waits for the guess once it is dropped.
    pub(super) fn waking(self, wake: Wake) -> Self {
        Self { wake: Some(wake), ..self }
    }
}

/// A random number of this process, and then how many came before.
fn next_id() -> u128 {
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one("guesses"));
    static BEFORE: AtomicU64 = AtomicU64::new(0);
    u128::from(*PROCESS) << 64 | u128::from(BEFORE.fetch_add(1, Relaxed))
}

impl fmt::Debug for Guess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Guess(..)")
    }
}
