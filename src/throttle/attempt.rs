use std::{fmt, sync::Arc};

use super::{FailureKey, FailureStore, Quota};

/// An attempt to sign in, of which nobody knows yet what comes: made by [`Throttle::attempt`](super::Throttle::attempt).
///
/// One that is dropped counts as a failure.
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
    store: Arc<S>,
    /// Of the address, and of the address with the user.
    keys: [Option<(FailureKey, Quota)>; 2],
}

impl<S: FailureStore> Attempt<S> {
    pub(super) const fn new(store: Arc<S>, keys: [Option<(FailureKey, Quota)>; 2]) -> Self {
        Self { store, keys }
    }

    /// One that counts nothing, whatever comes of it.
    pub(super) const fn rehearsed(store: Arc<S>) -> Self {
        Self::new(store, [None; 2])
    }

    /// Wipes out what was counted of the address against the user; what was counted of the address stays, lest whoever has
    /// an account of his own buys guesses at others with it.
    pub fn succeeded(mut self) {
        let [_, of_user] = std::mem::take(&mut self.keys);
        if let Some((key, _)) = of_user {
            self.store.clear(&key);
        }
    }

    /// Counts a failure.
    pub fn failed(self) {
        drop(self);
    }

    /// Counts nothing: it was not found out whether the credentials are good.
    pub fn undecided(mut self) {
        self.keys = [None; 2];
    }
}

impl<S: FailureStore> Drop for Attempt<S> {
    fn drop(&mut self) {
        for (key, quota) in self.keys.into_iter().flatten() {
            self.store.fail(&key, quota);
        }
    }
}

impl<S: FailureStore> fmt::Debug for Attempt<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Attempt(..)")
    }
}
