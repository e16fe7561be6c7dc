use std::{fmt, net::IpAddr};

use http::request::Parts;

use super::{FailureStore, MemoryFailures, Throttle};
use crate::{
    Asked, Authenticator, Challenges, Details, Granted, Part, Reason, Rejection, RejectionKind, Visit,
};

/// Validates credentials only while their sender has not failed too often: what [`Authenticator::throttled`] makes.
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Tokens, scheme::ApiKey, throttle::Throttle};
///
/// let keys = ApiKey::new("api").validated_by(Tokens::<u32>::new()).throttled(Throttle::default());
/// # let _ = keys;
/// ```
#[must_use]
pub struct Throttled<A, S = MemoryFailures, U = NoUser> {
    inner: A,
    throttle: Throttle<S>,
    user: U,
}

impl<A, S> Throttled<A, S> {
    pub(crate) const fn new(inner: A, throttle: Throttle<S>) -> Self {
        Self { inner, throttle, user: NoUser }
    }

    /// Counts by address and user too, and says what the user is in the credentials.
    pub fn by_user<F>(self, user: F) -> Throttled<A, S, ByUser<F>>
    where
        A: Authenticator,
        F: Fn(&A::Credentials) -> &str + Send + Sync + 'static,
    {
        Throttled { inner: self.inner, throttle: self.throttle, user: ByUser(user) }
    }
}

/// Credentials with what failures are counted by.
pub struct ThrottledCredentials<C> {
    inner: C,
    address: IpAddr,
    user: Option<Box<str>>,
}

impl<A: Authenticator, S: FailureStore, U: UserOf<A::Credentials>> Authenticator for Throttled<A, S, U> {
    type Credentials = ThrottledCredentials<A::Credentials>;
    type Identity = A::Identity;

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<Self::Credentials>, Rejection> {
        let Some(inner) = self.inner.extract(head, asked)? else { return Ok(None) };
        let address = self.throttle.address_of(head)?;
        let user = self.user.user_of(&inner).map(Box::from);
        Ok(Some(ThrottledCredentials { inner, address, user }))
    }

    async fn validate(
        &self,
        credentials: Self::Credentials,
        visit: &mut Visit,
    ) -> Result<Granted<A::Identity>, Rejection> {
        let ThrottledCredentials { inner, address, user } = credentials;
        visit.set_client(address);
        let details = Details::new().with_client(address);
        let attempt = self
            .throttle
            .attempt_for(visit.purpose(), address, user.as_deref())
            .await
            .map_err(|turned| turned.about(&details))?;
        let result = self.inner.validate(inner, visit).await;
        match &result {
            Ok(_) => attempt.succeeded(),
            Err(rejection) if is_guess(rejection) => attempt.failed(),
            Err(_) => attempt.undecided(),
        }
        match result {
            Err(rejection) => Err(rejection.about(&details)),
            Ok(granted) if visit.is_watched() => Ok(granted.with_details(details)),
            Ok(granted) => Ok(granted),
        }
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        self.inner.challenge(rejection, challenges);
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        let throttle = |inspection: &mut crate::Inspection| self.throttle.inspect(inspection);
        self.inner.each_part(&mut |part| show(&part.behind(&throttle)));
    }
}

/// Whether credentials were refused that never were good.
fn is_guess(rejection: &Rejection) -> bool {
    rejection.findings().iter().any(|finding| {
        finding.kind() == RejectionKind::Invalid
            && !matches!(
                finding.reason(),
                Reason::Expired
                    | Reason::NotYetValid
                    | Reason::TooOld
                    | Reason::Revoked
                    | Reason::IdleTimeout
                    | Reason::AbsoluteTimeout
                    | Reason::CredentialsChanged
            )
    })
}

/// Shares the throttle, whatever keeps its failures.
impl<A: Clone, S, U: Clone> Clone for Throttled<A, S, U> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), throttle: self.throttle.clone(), user: self.user.clone() }
    }
}

impl<A: fmt::Debug, S, U> fmt::Debug for Throttled<A, S, U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttled")
            .field("inner", &self.inner)
            .field("throttle", &self.throttle)
            .finish_non_exhaustive()
    }
}

impl<C> fmt::Debug for ThrottledCredentials<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ThrottledCredentials(..)")
    }
}

// ===== who the user is =====

/// Whether failures are counted by user too: [`NoUser`] or [`ByUser`].
pub trait UserOf<C>: sealed::Sealed + Send + Sync + 'static {
    /// Returns the user in the credentials.
    fn user_of<'a>(&self, credentials: &'a C) -> Option<&'a str>;
}

/// Failures are counted by address.
#[derive(Clone, Copy, Debug)]
pub struct NoUser;

/// Failures are counted by address, and by address and user; see [`Throttled::by_user`].
#[derive(Clone, Copy)]
pub struct ByUser<F>(F);

impl<C> UserOf<C> for NoUser {
    fn user_of<'a>(&self, _: &'a C) -> Option<&'a str> {
        None
    }
}

impl<C, F> UserOf<C> for ByUser<F>
where
    F: Fn(&C) -> &str + Send + Sync + 'static,
{
    fn user_of<'a>(&self, credentials: &'a C) -> Option<&'a str> {
        Some((self.0)(credentials))
    }
}

impl<F> fmt::Debug for ByUser<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ByUser(..)")
    }
}

mod sealed {
    #[allow(unreachable_pub)]
    pub trait Sealed {}

    impl Sealed for super::NoUser {}
    impl<F> Sealed for super::ByUser<F> {}
}
