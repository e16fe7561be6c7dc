//! Validators: who may come in.

use std::sync::Arc;

use crate::{Inspection, Rejection, Visit};

#[cfg(any(feature = "jwt", feature = "session"))]
pub(crate) mod base64url;
pub(crate) mod digest;
mod entropy;
mod from_service;
#[cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
pub mod jwt;
#[cfg(all(feature = "jwt", not(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))))]
compile_error!(
    "JWT needs a library for signatures: enable the feature `jwt-aws-lc` (recommended) or `jwt-rust-crypto`"
);
mod networks;
#[cfg(feature = "passwords")]
pub mod passwords;
#[cfg(feature = "session")]
pub mod session;
mod tokens;
mod users;
mod with_state;

pub use entropy::WeakToken;
pub use from_service::FromService;
pub use networks::{AddressWarning, IpAllowlist, IpAllowlistLayer, NetworkMistake, Networks, NetworksError};
pub use tokens::Tokens;
pub use users::Users;
pub use with_state::{WithState, with_state};

/// Decides who may come in. It knows nothing of HTTP, and is the place for an app's own look-ups.
///
/// Also every async function of the credentials, [`with_state`] with something to look them up in, every `Arc` of a
/// validator, and [`FromService`] with any tower service.
///
/// A validator that is dropped while it runs, since the client went away, must leave nothing half-done.
///
/// ```
/// use tower_authn::{BearerToken, Rejection, Validator, Visit};
///
/// struct Directory;
///
/// impl Validator<BearerToken> for Directory {
///     type Identity = String;
///
///     async fn validate(&self, token: BearerToken, _: &mut Visit) -> Result<Option<String>, Rejection> {
///         let known = std::fs::read_to_string("/run/tokens")?; // an error: 503, never 401
///         Ok(known.lines().any(|line| line == token.expose()).then(|| "somebody".to_owned())) // None: 401
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not validate `{C}`",
    label = "must be a validator for `{C}`",
    note = "an async function is one if it takes the scheme's credentials by value and returns `Result<Option<Identity>, Rejection>`, where the identity is `Clone + Send + Sync + 'static`",
    note = "its future must not borrow from the credentials or the closure: use `async move`, or `with_state(state, function)`"
)]
pub trait Validator<C>: Send + Sync + 'static {
    /// Who the credentials stand for; cloned into the request, so let it be cheap to clone.
    type Identity: Clone + Send + Sync + 'static;

    /// Validates credentials: `Ok(None)` refuses them.
    ///
    /// # Errors
    ///
    /// Any [`Rejection`]; `?` on any error makes [`Rejection::unavailable`].
    fn validate(
        &self,
        credentials: C,
        visit: &mut Visit,
    ) -> impl Future<Output = Result<Option<Self::Identity>, Rejection>> + Send;

    /// Says what is risky about the validator, and what there is to measure. Nothing unless implemented.
    fn inspect(&self, inspection: &mut Inspection) {
        let _ = inspection;
    }
}

impl<F, C, Fut, I> Validator<C> for F
where
    F: Fn(C) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<I>, Rejection>> + Send,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    fn validate(
        &self,
        credentials: C,
        _: &mut Visit,
    ) -> impl Future<Output = Result<Option<I>, Rejection>> + Send {
        self(credentials)
    }
}

impl<V: Validator<C>, C> Validator<C> for Arc<V> {
    type Identity = V::Identity;

    fn validate(
        &self,
        credentials: C,
        visit: &mut Visit,
    ) -> impl Future<Output = Result<Option<V::Identity>, Rejection>> + Send {
        V::validate(self, credentials, visit)
    }

    fn inspect(&self, inspection: &mut Inspection) {
        V::inspect(self, inspection);
    }
}
