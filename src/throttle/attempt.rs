use std::{fmt, sync::Arc, time::Duration};

use super::{FailureStore, Guess, Hold, Settlement, Shared, waiting};
use crate::Rejection;

/// A sign-in attempt whose outcome is not yet known: made by
/// [`Throttle::attempt`](super::Throttle::attempt). Until it is known, the attempt is held against
/// the quota.
///
/// An attempt that is dropped counts as a failure.
///
/// ```
/// # async fn form(throttle: tower_authn::throttle::Throttle) -> Result<(), tower_authn::Rejection> {
/// let attempt = throttle.attempt([203, 0, 113, 7].into(), Some("alice")).await?;
/// attempt.failed();
/// # Ok(())
/// # }
/// ```
#[must_use = "an attempt that is dropped counts as a failure"]
pub struct Attempt<S: FailureStore> {
    shared: Arc<Shared<S>>,
    /// `None` where nothing is held: it is only tried out, or over.
    guess: Option<Guess>,
    if_dropped: Settlement,
}

impl<S: FailureStore> Attempt<S> {
    /// Holds a guess, and waits for others if need be.
    ///
    /// # Errors
    ///
    /// Too many failures: 429. Too many others wait, or for too long: 503.
    pub(super) async fn held(shared: &Arc<Shared<S>>, guess: Guess) -> Result<Self, Rejection> {
        // Whether the guess is held is not known if this future is dropped half-way. Nobody looked at
        // the credentials, so it is given back.
        let mut asking =
            Self { shared: Arc::clone(shared), guess: Some(guess), if_dropped: Settlement::Undecided };
        let refused = match asking.ask().await {
            Ok(None) => {
                asking.if_dropped = Settlement::Failed;
                return Ok(asking);
            }
            Ok(Some(wait)) => Rejection::throttled(wait),
            Err(rejection) => rejection,
        };
        asking.guess = None; // it is known that nothing is held
        Err(refused)
    }

    /// Returns for how long failures refuse the guess, or `None` once it is held.
    async fn ask(&self) -> Result<Option<Duration>, Rejection> {
        let Some(guess) = &self.guess else { return Ok(None) };
        match self.shared.store.hold(guess).await? {
            Hold::Held => Ok(None),
            Hold::Refused(wait) => Ok(Some(wait)),
            Hold::Busy(key) => waiting::hold(&self.shared.lines, &self.shared.store, guess, key).await,
        }
    }

    /// An attempt that counts nothing, whatever comes of it.
    pub(super) const fn tried_out(shared: Arc<Shared<S>>) -> Self {
        Self { shared, guess: None, if_dropped: Settlement::Undecided }
    }

    /// Clears what was counted of the address against the user. What was counted of the address
    /// stays, so that an attacker cannot reset it by signing in to an account of their own.
    pub fn succeeded(self) {
        self.settled(Settlement::Succeeded);
    }

    /// Counts a failure.
    pub fn failed(self) {
        self.settled(Settlement::Failed);
    }

    /// Counts nothing: it was not found out whether the credentials are good.
    pub fn undecided(self) {
        self.settled(Settlement::Undecided);
    }

    fn settled(mut self, settlement: Settlement) {
        self.if_dropped = settlement;
    }
}

impl<S: FailureStore> Drop for Attempt<S> {
    fn drop(&mut self) {
        if let Some(guess) = self.guess.take() {
            let wake = waiting::Wake::of(&self.shared.lines, &guess);
            self.shared.store.settle(guess.waking(wake), self.if_dropped);
        }
    }
}

impl<S: FailureStore> fmt::Debug for Attempt<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(..)")
    }
}
