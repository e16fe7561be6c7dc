//! A brake on guessing, for every scheme: failures are counted by where they come from, before anything is validated.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use http::request::Parts;

use crate::{
    Inspection, Rejection,
    scheme::{ClientAddr, Scheme as _},
    visit::Purpose,
};

mod attempt;
mod key;
mod memory;
mod quota;
mod store;
mod throttled;

pub use attempt::Attempt;
pub use key::FailureKey;
pub use memory::MemoryFailures;
pub use quota::Quota;
pub use store::FailureStore;
pub use throttled::{ByUser, NoUser, Throttled, ThrottledCredentials, UserOf};

/// Counts failed sign-ins by where they come from, and turns away what comes after too many: the client sees 429 and
/// `Retry-After`, before its credentials are looked at, be they right or wrong, the user known or unknown.
///
/// Two things are counted: the failures of one address, 100 at once and then one every six seconds; and those of one address
/// against one user, 10 at once and then one every 30 seconds. An IPv6 address counts by its first 64 bits. Nothing is
/// counted by user alone, so nobody can lock somebody else out from elsewhere. A success wipes out what was counted of
/// this address against this user.
///
/// A request that is dropped before it is decided counts as a failure, since whoever guesses could hang up early.
/// Outages and missing rights do not count, nor do credentials that were good once: an expired token is no guess. Nothing counts that
/// is only [tried out](crate::AuthenticateLayer::report_only) or [explained](crate::AuthenticateLayer::explain).
///
/// Clones share what they count. Use it by [`Authenticator::throttled`](crate::Authenticator::throttled), or in a
/// sign-in form by [`attempt`](Self::attempt).
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
    store: Arc<S>,
    address: ClientAddr,
    by_address: Quota,
    by_user: Quota,
}

impl<S: FailureStore> Throttle<S> {
    /// Counts in a store, by the peer's address.
    pub fn new(store: S) -> Self {
        Self {
            store: Arc::new(store),
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

    /// Begins an attempt to sign in, where no scheme is around; say what came of it.
    ///
    /// # Errors
    ///
    /// [`Rejection::throttled`] after too many failures; what the store says of an outage of its own.
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
        let keys = [
            Some((FailureKey::of_address(address), self.by_address)),
            user.map(|user| (FailureKey::of_user(address, user), self.by_user)),
        ];
        let mut longest = None;
        for (key, quota) in keys.into_iter().flatten() {
            longest = longest.max(self.store.wait(&key, quota).await?);
        }
        match longest {
            Some(wait) => Err(Rejection::throttled(wait)),
            None if purpose == Purpose::Trial => Ok(Attempt::rehearsed(Arc::clone(&self.store))),
            None => Ok(Attempt::new(Arc::clone(&self.store), keys)),
        }
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.address.inspect(inspection);
        self.store.inspect(inspection);
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
        Self { store: Arc::clone(&self.store), address: self.address.clone(), ..*self }
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
