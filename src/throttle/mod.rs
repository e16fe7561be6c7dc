//! A brake on guessing, for every scheme: failures are counted by where they come from, and every guess
//! is held against the quota before it is validated.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use http::request::Parts;

use crate::{
    Inspection, Rejection,
    scheme::{ClientAddr, Scheme as _},
    visit::Purpose,
};

mod attempt;
mod guess;
mod key;
mod memory;
mod quota;
mod store;
mod throttled;
mod waiting;

pub use attempt::Attempt;
pub use guess::Guess;
pub use key::FailureKey;
pub use memory::MemoryFailures;
pub use quota::Quota;
pub use store::{FailureStore, Hold, LEASE, Settlement};
pub use throttled::{ByUser, NoUser, Throttled, ThrottledCredentials, UserOf};

/// Counts failed sign-ins by where they come from, and refuses what comes after too many: the client
/// sees 429 and `Retry-After`, before its credentials are looked at, be they right or wrong, the user
/// known or unknown.
///
/// Two things are counted: the failures of one address, 100 at once and then one every six seconds; and
/// those of one address against one user, 10 at once and then one every 30 seconds. An IPv6 address
/// counts by its first 64 bits. Nothing is counted by user alone, so nobody can lock somebody else out
/// from elsewhere. A success clears what was counted of this address against this user.
///
/// A guess is held against both quotas *before* its credentials are looked at, and given back if it is
/// no failure. So of guesses at the same time no more are looked at than may fail, in all processes that
/// share a store. Where there are not too many failures, but guesses in flight that may become so, the
/// next one waits for them: for five seconds at most, and 64 at most for one address or user at it; else
/// the client sees 503 and `Retry-After: 1` (reason `overloaded`).
///
/// A request that is dropped before it is decided counts as a failure, since an attacker could hang up
/// early. Outages and missing rights do not count, nor do credentials that were good once: an expired
/// token is no guess. Nothing counts that is only [tried out](crate::AuthenticateLayer::report_only) or
/// [explained](crate::AuthenticateLayer::explain), and neither of them waits.
///
/// Waiting takes a tokio runtime with timers, and the feature `tokio`, which `axum` and most others bring
/// along. Without them a request that had to wait sees 500; nothing else needs a runtime.
///
/// Clones share what they count. Use it by
/// [`Authenticator::throttled`](crate::Authenticator::throttled), or in a sign-in form by
/// [`attempt`](Self::attempt).
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Tokens, Users, scheme::{ApiKey, Basic, UserPassword}, throttle::Throttle};
///
/// let throttle = Throttle::default();
/// let users = Basic::new("api").validated_by(Users::<u32>::new());
/// let keys = ApiKey::new("api").validated_by(Tokens::<u32>::new());
/// let either = users.throttled(throttle.clone()).by_user(UserPassword::user).or(keys.throttled(throttle));
/// # let _ = either;
/// ```
#[must_use]
pub struct Throttle<S = MemoryFailures> {
    shared: Arc<Shared<S>>,
    address: ClientAddr,
    by_address: Quota,
    by_user: Quota,
}

/// What the clones of a throttle share.
struct Shared<S> {
    store: S,
    /// Who waits for guesses of others.
    lines: Arc<waiting::Lines>,
}

impl<S: FailureStore> Throttle<S> {
    /// Counts in a store, by the peer's address.
    pub fn new(store: S) -> Self {
        Self {
            shared: Arc::new(Shared { store, lines: Arc::default() }),
            address: ClientAddr::new(),
            by_address: Quota::new(100, Duration::from_secs(6)),
            by_user: Quota::new(10, Duration::from_secs(30)),
        }
    }

    /// Sets how the client's address is found. Credentials without an address are refused, as [`ClientAddr`] refuses.
    ///
    /// # Security
    ///
    /// Behind a proxy, the peer is the proxy, and all clients would be one: say which proxies are
    /// [trusted](ClientAddr::behind).
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use axum::extract::ConnectInfo;
    /// use tower_authn::{scheme::ClientAddr, throttle::Throttle};
    ///
    /// let peer = ClientAddr::new()
    ///     .peer_from(|extensions| extensions.get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip()));
    /// let throttle = Throttle::default().address_from(peer);
    /// # let _ = throttle;
    /// ```
    pub fn address_from(self, address: ClientAddr) -> Self {
        Self { address, ..self }
    }

    /// Sets how many failures an address may have.
    pub fn by_address(self, quota: Quota) -> Self {
        Self { by_address: quota, ..self }
    }

    /// Sets how many failures an address may have against one user.
    pub fn by_user(self, quota: Quota) -> Self {
        Self { by_user: quota, ..self }
    }

    /// Begins an attempt to sign in, for use outside a scheme, such as in the handler of a form. Say
    /// what came of it: until then it is held against the quotas.
    ///
    /// # Errors
    ///
    /// - [`Rejection::throttled`] after too many failures: 429.
    /// - [`Rejection::unavailable`] if the store is down, or cannot write; or, with the reason
    ///   [`Overloaded`](crate::Reason::Overloaded), if 64 others already wait for guesses of this
    ///   address that are not decided yet, or five seconds did not suffice: 503.
    /// - [`Rejection::misconfigured`] if it has to wait and there are no timers: 500.
    ///
    /// ```
    /// # async fn form(address: std::net::IpAddr, throttle: tower_authn::throttle::Throttle) -> Result<(), tower_authn::Rejection> {
    /// let attempt = throttle.attempt(address, Some("alice")).await?;
    /// let right = false; // ask the validator
    /// if right { attempt.succeeded() } else { attempt.failed() }
    /// # Ok(())
    /// # }
    /// ```
    pub async fn attempt(&self, address: IpAddr, user: Option<&str>) -> Result<Attempt<S>, Rejection> {
        self.attempt_for(Purpose::Real, address, user).await
    }

    pub(crate) async fn attempt_for(
        &self,
        purpose: Purpose,
        address: IpAddr,
        user: Option<&str>,
    ) -> Result<Attempt<S>, Rejection> {
        let mut guess = Guess::new(FailureKey::of_address(address), self.by_address);
        if let Some(user) = user {
            guess = guess.against(FailureKey::of_user(address, user), self.by_user);
        }
        if purpose == Purpose::Real {
            return Attempt::held(&self.shared, guess).await;
        }
        match self.shared.store.ask(&guess).await? {
            Some(wait) => Err(Rejection::throttled(wait)),
            None => Ok(Attempt::tried_out(Arc::clone(&self.shared))),
        }
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.address.inspect(inspection);
        self.shared.store.inspect(inspection);
    }

    fn address_of(&self, head: &Parts) -> Result<IpAddr, Rejection> {
        self.address.of(head).map(crate::scheme::ClientIp::addr)
    }
}

/// Counts in memory.
impl Default for Throttle {
    fn default() -> Self {
        Self::new(MemoryFailures::default())
    }
}

impl<S> Clone for Throttle<S> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), address: self.address.clone(), ..*self }
    }
}

impl<S> fmt::Debug for Throttle<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("address", &self.address)
            .field("by_address", &self.by_address)
            .field("by_user", &self.by_user)
            .finish_non_exhaustive()
    }
}
