//! What the layer runs: schemes with their validators, and what combines them.

use http::request::Parts;

use crate::{
    Asked, Challenges, Granted, Part, Rejection, Visit,
    throttle::{FailureStore, Throttle, Throttled},
};

mod and;
mod and_then;
mod any_of;
mod boxed;
mod map;
mod optional;
mod or;
mod require;
mod validated_by;

pub use and::And;
pub use and_then::AndThen;
pub use any_of::{AnyOf, AnyOfError};
pub use boxed::{BoxAuthenticator, BoxCredentials};
pub use map::Map;
pub use optional::Optional;
pub use or::{Or, OrCredentials};
pub use require::{RequireFuture, RequireLayer, Required, RequiredService, Verdict};
pub use validated_by::ValidatedBy;

/// Finds credentials, validates them, and knows what to ask for: what an [`AuthenticateLayer`](crate::AuthenticateLayer) runs.
///
/// Most come from [`Scheme::validated_by`](crate::Scheme::validated_by), and are combined by the methods here:
///
/// ```
/// use tower_authn::{Authenticator, Scheme, Tokens, Users, scheme::{Basic, Bearer}};
///
/// let tokens = Tokens::<String>::new();
/// let users = Users::<String>::new();
/// let either = Bearer::new("api").validated_by(tokens)
///     .or(Basic::new("api").validated_by(users))
///     .require(|user: &String| user != "guest");
/// # let _ = either;
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no authenticator",
    label = "needs a scheme and a validator for the scheme's credentials",
    note = "a scheme becomes an authenticator by `.validated_by(validator)`"
)]
pub trait Authenticator: Send + Sync + 'static {
    /// What was found and is still to be validated.
    type Credentials: Send + 'static;
    /// Who the credentials stand for.
    type Identity: Clone + Send + Sync + 'static;

    /// Finds credentials in a request's head: `None` if there are none.
    ///
    /// # Errors
    ///
    /// Credentials that cannot be read.
    fn extract(&self, head: &mut Parts, asked: &Asked) -> Result<Option<Self::Credentials>, Rejection>;

    /// Validates credentials. A wrapper hands the visit on as it is.
    ///
    /// # Errors
    ///
    /// Whatever turns the request away.
    fn validate(
        &self,
        credentials: Self::Credentials,
        visit: &mut Visit,
    ) -> impl Future<Output = Result<Granted<Self::Identity>, Rejection>> + Send;

    /// Adds, for every scheme, what it has to offer to a client that was turned away. A scheme without a challenge
    /// adds its name with `None`.
    fn challenge(&self, rejection: &Rejection, challenges: &mut Challenges);

    /// Shows every scheme with its validator, in the order in which they are tried. Whatever looks at a stack, such as
    /// [`check`](crate::AuthenticateLayer::check), sees what is shown here; a wrapper hands it through.
    fn each_part(&self, show: &mut dyn FnMut(&Part<'_>));

    /// Accepts what either accepts, trying this one first.
    ///
    /// Bad credentials of one never hide good ones of the other; what was passed over is kept for the operator
    /// ([`PassedOver`](crate::PassedOver)). If none is good, the finding that ranks highest answers
    /// ([`RejectionKind`](crate::RejectionKind)), and all challenges are offered.
    fn or<B>(self, other: B) -> Or<Self, B>
    where
        Self: Sized,
        B: Authenticator<Identity = Self::Identity>,
    {
        Or::new(self, other)
    }

    /// Demands both, in order; the identity is the pair. The first that turns away is all the client learns.
    fn and<B: Authenticator>(self, other: B) -> And<Self, B>
    where
        Self: Sized,
    {
        And::new(self, other)
    }

    /// Lets a request without credentials pass as `None`. Bad credentials, and one half of an [`and`](Self::and), stay refused.
    ///
    /// A dead session counts as no credentials, and its cookie is expired in the response.
    fn optional(self) -> Optional<Self>
    where
        Self: Sized,
    {
        Optional::new(self)
    }

    /// Replaces the identity.
    fn map<F, T>(self, f: F) -> Map<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Identity) -> T + Send + Sync + 'static,
        T: Clone + Send + Sync + 'static,
    {
        Map::new(self, f)
    }

    /// Replaces the identity by what an async function finds for it, for example a user for a token's subject.
    /// `Ok(None)` refuses (401); `?` on any error is 503.
    fn and_then<F, Fut, T>(self, f: F) -> AndThen<Self, F>
    where
        Self: Sized,
        F: Fn(Self::Identity) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Option<T>, Rejection>> + Send,
        T: Clone + Send + Sync + 'static,
    {
        AndThen::new(self, f)
    }

    /// Lets only identities in that meet a requirement: `false` is 403.
    fn require<F, V>(self, requirement: F) -> Required<Self, F>
    where
        Self: Sized,
        F: Fn(&Self::Identity) -> V + Send + Sync + 'static,
        V: Verdict,
    {
        Required::new(self, requirement)
    }

    /// Turns requests away before they are validated, whose sender failed too often (429); see [`Throttle`].
    fn throttled<S: FailureStore>(self, throttle: Throttle<S>) -> Throttled<Self, S>
    where
        Self: Sized,
    {
        Throttled::new(self, throttle)
    }

    /// Hides the type, for stacks that are put together at run time; see [`AnyOf`].
    fn boxed(self) -> BoxAuthenticator<Self::Identity>
    where
        Self: Sized,
    {
        BoxAuthenticator::new(self)
    }
}

/// Validates what was extracted: what is not there is missing, and what cannot be read stays what it is.
pub(crate) async fn validated<A: Authenticator>(
    authenticator: &A,
    extracted: Result<Option<A::Credentials>, Rejection>,
    visit: &mut Visit,
) -> Result<Granted<A::Identity>, Rejection> {
    match extracted {
        Ok(Some(credentials)) => authenticator.validate(credentials, visit).await,
        Ok(None) => Err(Rejection::missing()),
        Err(rejection) => Err(rejection),
    }
}
