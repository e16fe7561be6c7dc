use std::fmt;

use http::request::Parts;

use crate::{Asked, Authenticator, Challenges, Granted, Part, Rejection, Visit};

/// Replaces the identity by what an async function finds for it: what [`Authenticator::and_then`] makes.
///
/// ```
/// use tower_authn::{Authenticator, Rejection, Scheme, Tokens, scheme::Bearer};
///
/// async fn user(id: u64) -> Result<Option<String>, Rejection> {
///     Ok((id == 1).then(|| "alice".to_owned())) // a database, with `?`
/// }
/// let users = Bearer::new("api").validated_by(Tokens::<u64>::new()).and_then(user);
/// # let _ = users;
/// ```
#[derive(Clone)]
#[must_use]
pub struct AndThen<A, F> {
    inner: A,
    f: F,
}

impl<A, F> AndThen<A, F> {
    pub(crate) const fn new(inner: A, f: F) -> Self {
        Self { inner, f }
    }
}

impl<A, F, Fut, T> Authenticator for AndThen<A, F>
where
    A: Authenticator,
    F: Fn(A::Identity) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<T>, Rejection>> + Send,
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
        let (granted, identity) = self.inner.validate(credentials, visit).await?.split();
        match (self.f)(identity).await {
            Ok(Some(identity)) => Ok(granted.map(|()| identity)),
            Ok(None) => Err(granted.file(Rejection::invalid())),
            Err(rejection) => Err(granted.file(rejection)),
        }
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        self.inner.challenge(rejection, challenges);
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        self.inner.each_part(show);
    }
}

impl<A: fmt::Debug, F> fmt::Debug for AndThen<A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AndThen").field("inner", &self.inner).finish_non_exhaustive()
    }
}
