use std::fmt;

use http::request::Parts;

use crate::{Asked, Authenticator, Challenges, Granted, Part, Rejection, Visit};

/// Replaces the identity: what [`Authenticator::map`] makes.
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Tokens, scheme::Bearer};
///
/// let by_name = Bearer::new("api").validated_by(Tokens::<u64>::new()).map(|id| format!("user {id}"));
/// # let _ = by_name;
/// ```
#[derive(Clone)]
#[must_use]
pub struct Map<A, F> {
    inner: A,
    f: F,
}

impl<A, F> Map<A, F> {
    pub(crate) const fn new(inner: A, f: F) -> Self {
        Self { inner, f }
    }
}

impl<A, F, T> Authenticator for Map<A, F>
where
    A: Authenticator,
    F: Fn(A::Identity) -> T + Send + Sync + 'static,
    T: Clone + Send + Sync + 'static,
{
    type Credentials = A::Credentials;
    type Identity = T;

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<A::Credentials>, Rejection> {
        self.inner.extract(head, asked)
    }

    async fn validate(
        &self,
        credentials: A::Credentials,
        visit: &mut Visit,
    ) -> Result<Granted<T>, Rejection> {
        Ok(self.inner.validate(credentials, visit).await?.map(&self.f))
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        self.inner.challenge(rejection, challenges);
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        self.inner.each_part(show);
    }
}

impl<A: fmt::Debug, F> fmt::Debug for Map<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Map").field("inner", &self.inner).finish_non_exhaustive()
    }
}
