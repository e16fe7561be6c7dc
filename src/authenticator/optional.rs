use http::request::Parts;

use super::{or::Extracted, validated};
use crate::{Asked, Authenticator, Challenges, Granted, Part, Rejection, Visit};

/// Lets requests without credentials pass as `None`: what [`Authenticator::optional`] makes.
///
/// ```
/// use tower_authn::{AuthenticateLayer, Authenticator, Scheme, Tokens, scheme::Bearer};
///
/// // Handlers take `Option<Authenticated<String>>`.
/// let layer = AuthenticateLayer::new(Bearer::new("api").validated_by(Tokens::<String>::new()).optional());
/// # let _ = layer;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Optional<A>(A);

impl<A> Optional<A> {
    pub(crate) const fn new(inner: A) -> Self {
        Self(inner)
    }
}

impl<A: Authenticator> Authenticator for Optional<A> {
    /// An absence that was found when it was read, such as a cookie that can be no session's, is told when it is validated.
    type Credentials = Extracted<A::Credentials>;
    type Identity = Option<A::Identity>;

    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<Self::Credentials>, Rejection> {
        match self.0.extract(head, asked) {
            Err(rejection) if !rejection.is_absence() => Err(rejection),
            extracted => Ok(Some(extracted)),
        }
    }

    async fn validate(
        &self,
        credentials: Self::Credentials,
        visit: &mut Visit,
    ) -> Result<Granted<Self::Identity>, Rejection> {
        match validated(&self.0, credentials, visit).await {
            Ok(granted) => Ok(granted.map(Some)),
            Err(rejection) if rejection.is_absence() => {
                visit.pass_over(rejection);
                Ok(Granted::<A::Identity>::nobody())
            }
            Err(rejection) => Err(rejection),
        }
    }

    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges) {
        self.0.challenge(rejection, challenges);
    }

    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>)) {
        self.0.each_part(show);
    }
}
