use std::{any::Any, fmt, pin::Pin, sync::Arc};

use http::request::Parts;

use crate::{Asked, Authenticator, Challenges, Granted, Part, Rejection, Visit};

/// An authenticator whose type is hidden: what [`Authenticator::boxed`] makes.
///
/// ```
/// use tower_authn::{Authenticator, BoxAuthenticator, Scheme, Tokens, scheme::Bearer};
///
/// let boxed: BoxAuthenticator<u32> = Bearer::new("api").validated_by(Tokens::new()).boxed();
/// ```
#[must_use]
pub struct BoxAuthenticator<I>(Arc<dyn Erased<I>>);

/// Credentials whose type is hidden.
pub struct BoxCredentials(Box<dyn Any + Send>);

/// The private twin of [`Authenticator`] that can be a trait object.
trait Erased<I>: Send + Sync {
    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<BoxCredentials>, Rejection>;
    fn validate<'a>(&'a self, credentials: BoxCredentials, visit: &'a mut Visit) -> Validation<'a, I>;
    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges);
    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>));
}

type Validation<'a, I> = Pin<Box<dyn Future<Output = Result<Granted<I>, Rejection>> + Send + 'a>>;

impl<A: Authenticator> Erased<A::Identity> for A {
    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<BoxCredentials>, Rejection> {
        let credentials = Authenticator::extract(self, head, asked)?;
        Ok(credentials.map(|credentials| BoxCredentials(Box::new(credentials))))
    }

    fn validate<'a>(
        &'a self,
        credentials: BoxCredentials,
        visit: &'a mut Visit,
    ) -> Validation<'a, A::Identity> {
        match credentials.0.downcast::<A::Credentials>() {
            Ok(credentials) => Box::pin(Authenticator::validate(self, *credentials, visit)),
            Err(_) => Box::pin(std::future::ready(Err(Rejection::misconfigured(
                "a BoxAuthenticator was handed the credentials of another authenticator",
            )))),
        }
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        Authenticator::challenge(self, rejection, challenges);
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        Authenticator::each_part(self, show);
    }
}

impl<I: Clone + Send + Sync + 'static> BoxAuthenticator<I> {
    pub(crate) fn new(inner: impl Authenticator<Identity = I>) -> Self {
        Self(Arc::new(inner))
    }
}

impl<I: Clone + Send + Sync + 'static> Authenticator for BoxAuthenticator<I> {
    type Credentials = BoxCredentials;
    type Identity = I;

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<BoxCredentials>, Rejection> {
        self.0.extract(head, asked)
    }

    async fn validate(
        &self,
        credentials: BoxCredentials,
        visit: &mut Visit,
    ) -> Result<Granted<I>, Rejection> {
        self.0.validate(credentials, visit).await
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        self.0.challenge(rejection, challenges);
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        self.0.each_part(show);
    }

    fn boxed(self) -> Self {
        self
    }
}

impl<I> Clone for BoxAuthenticator<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> fmt::Debug for BoxAuthenticator<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxAuthenticator")
    }
}

impl fmt::Debug for BoxCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BoxCredentials")
    }
}
