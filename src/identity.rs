//! The proof that a request was authenticated.

use std::{any::type_name, fmt, ops::Deref};

use http::Extensions;

use crate::{Granted, Reason, Rejection, draw::Around, granted::Schemes};

/// The identity of an authenticated request. Only the layer makes one, so that whoever holds it need not check again.
///
/// It is an extension of the request; in axum it is an extractor, and so is `Option<Authenticated<I>>`. Elsewhere
/// [`of`](Self::of) finds it. Take it in every handler, be it as `_: Authenticated<User>`: a route that was added outside the
/// layer then fails closed, with 500.
///
/// ```
/// use tower_authn::{Authenticated, Rejection};
///
/// fn whoami<B>(request: &http::Request<B>) -> Result<String, Rejection> {
///     match Authenticated::<String>::of(request.extensions())? {
///         Some(user) => Ok(format!("{} by {}", *user, user.schemes().join(" and "))),
///         None => Err(Rejection::missing()), // only under `optional`
///     }
/// }
/// # assert!(whoami(&http::Request::new(())).is_err());
/// ```
#[derive(Clone)]
pub struct Authenticated<I> {
    identity: I,
    schemes: Schemes,
}

impl<I> Authenticated<I> {
    /// Splits a grant into what goes to the inner service and what waits for its response.
    pub(crate) fn by(granted: Granted<I>) -> (Self, Granted<()>) {
        let Granted { identity, schemes, details } = granted;
        let rest = Granted { identity: (), schemes: schemes.clone(), details };
        (Self { identity, schemes }, rest)
    }

    /// Assumes an identity, for tests of handlers (feature `testing`).
    #[cfg(any(test, feature = "testing"))]
    pub const fn assume(identity: I) -> Self {
        Self { identity, schemes: Schemes::None }
    }

    /// Returns the names of the schemes that granted the identity.
    pub fn schemes(&self) -> &[&'static str] {
        self.schemes.as_slice()
    }

    /// Returns the identity.
    pub fn into_inner(self) -> I {
        self.identity
    }
}

impl<I: Clone + Send + Sync + 'static> Authenticated<I> {
    /// Puts it into a request. The nearest layer wins: one that demands an identity takes the place of one further out
    /// that did not, and the other way round [`of`](Self::of) looks for the optional one first.
    pub(crate) fn insert_into(self, extensions: &mut Extensions) {
        extensions.remove::<Authenticated<Option<I>>>();
        extensions.insert(self);
    }

    /// Finds the identity of a request, by the nearest layer, or `None` if it passed as nobody under
    /// [`optional`](crate::Authenticator::optional).
    ///
    /// # Errors
    ///
    /// No layer that grants an `I` is around the service: 500, whose cause names the type.
    pub fn of(extensions: &Extensions) -> Result<Option<Self>, Rejection> {
        if let Some(found) = extensions.get::<Authenticated<Option<I>>>() {
            return Ok(found.clone().transpose());
        }
        if let Some(found) = extensions.get::<Self>() {
            return Ok(Some(found.clone()));
        }
        let rejection = Rejection::misconfigured(format!(
            "no AuthenticateLayer that grants `{}` is around this service; add it outside, or correct the type",
            type_name::<I>()
        ));
        let rejection = rejection.with_reason(Reason::LayerMissing);
        // A layer that grants something else is around, and tells of it.
        Err(if Around::is_in(extensions) { rejection.told_by_a_layer() } else { rejection })
    }
}

impl<I> Authenticated<Option<I>> {
    fn transpose(self) -> Option<Authenticated<I>> {
        let schemes = self.schemes;
        self.identity.map(|identity| Authenticated { identity, schemes })
    }
}

impl<I> Deref for Authenticated<I> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.identity
    }
}

/// Shows no identity.
impl<I> fmt::Debug for Authenticated<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authenticated").field("schemes", &self.schemes()).finish_non_exhaustive()
    }
}
