//! JSON Web Tokens (RFC 7519): strict, fast, and alive while keys rotate.

mod algorithm;
mod backend;
mod builder;
mod cache;
mod compact;
mod header;
mod json;
mod jwk;
mod key;
mod key_set;
mod misconfigured;
mod pem;
mod registered;
pub mod remote;
mod scopes;
mod source;
mod status;
mod verified;
mod verify;

use std::fmt;
use std::sync::Arc;

use serde::de::DeserializeOwned;

pub use algorithm::{Algorithm, UnknownAlgorithm};
pub use builder::JwtBuilder;
pub use header::Profile;
pub use key::{Key, KeyError};
pub use key_set::{KeySet, KeySetError};
pub use misconfigured::{JwtError, Mistake};
pub use scopes::Scopes;
pub use source::KeySource;
pub use status::KeyStatus;
pub use verified::{StandardClaims, Verified};

use cache::Cache;
use compact::refused;
use verify::{Proven, Shared, Verdict};

use crate::{BearerToken, Inspection, Reason, Rejection, Validator, Visit};

/// Validates JSON Web Tokens of the issuers it trusts; cheap to clone.
///
/// `C` is what the claims are read into: a type of your own that implements [`serde::Deserialize`], or
/// [`StandardClaims`]. A handler finds [`Verified<C>`].
///
/// The client sees 401 `error="invalid_token"` for every token that is refused, with one text for all of them, and a
/// second one if the token has expired; the operator sees the [`Reason`]. While an issuer's keys cannot be had, the client
/// sees 503 with `Retry-After`, never 401: a well-behaved client would throw a good token away.
///
/// # Examples
///
/// ```
/// use serde::Deserialize;
/// use tower_authn::validator::jwt::{Algorithm, Jwt, Scopes, Verified};
/// use tower_authn::{AuthenticateLayer, Authenticated, Authenticator, Scheme, scheme::Bearer};
///
/// #[derive(Deserialize)]
/// struct Claims {
///     sub: String,
///     scope: Scopes,
/// }
///
/// let jwt = Jwt::<Claims>::issuer("https://idp.example")
///     .audience("orders")
///     .secret(Algorithm::HS256, b"a secret of 32 bytes, or longer.")
///     .build()?;
/// let api = Bearer::new("api")
///     .validated_by(jwt)
///     .require(|token: &Verified<Claims>| token.scope.demand("orders:read"));
/// let layer = AuthenticateLayer::new(api);
///
/// async fn me(token: Authenticated<Verified<Claims>>) -> String {
///     token.sub.clone()
/// }
/// # let _ = (layer, me);
/// # Ok::<(), tower_authn::validator::jwt::JwtError>(())
/// ```
#[must_use]
pub struct Jwt<C = StandardClaims> {
    shared: Arc<Shared>,
    cache: Option<Arc<Cache<C>>>,
}

impl<C> Jwt<C> {
    /// Begins with an issuer to trust, exactly as its tokens write it in `iss`.
    pub fn issuer(issuer: impl Into<String>) -> JwtBuilder<C> {
        JwtBuilder::new(issuer.into())
    }

    pub(crate) fn new(shared: Shared, cache: Option<usize>) -> Self {
        Self { shared: Arc::new(shared), cache: cache.map(|tokens| Arc::new(Cache::new(tokens))) }
    }

    /// Waits until the keys of every issuer have been loaded; returns at once where none are fetched, or none can be: in a tokio
    /// runtime without timers, where clients see 500.
    ///
    /// A server need not wait: until then its clients see 503. It should not wait for ever, in any case: bound it with a
    /// timeout.
    pub async fn ready(&self) {
        for issuer in &self.shared.issuers {
            issuer.source.ready().await;
        }
    }

    /// Returns the state of each issuer's keys, for health checks. It fetches nothing: let the server call
    /// [`ready`](Self::ready) when it starts.
    pub fn keys(&self) -> Vec<KeyStatus> {
        self.shared.key_status()
    }
}

impl<C: DeserializeOwned> Jwt<C> {
    /// Waits for the keys that a verdict lacks.
    async fn wait(&self, mut verdict: Verdict<C>, token: &BearerToken) -> Result<Proven<C>, Rejection> {
        if let Verdict::NoKeys { issuer, .. } = verdict {
            let waited = self.shared.issuers[issuer].source.first().await;
            waited.map_err(|rejection| rejection.about(&self.shared.details(issuer)))?;
            verdict = self.shared.verify(token.expose())?;
        }
        if let Verdict::UnknownKey { issuer, id } = verdict {
            let refreshed = self.shared.issuers[issuer].source.refresh(&id).await;
            refreshed.map_err(|rejection| rejection.about(&self.shared.details(issuer)))?;
            verdict = self.shared.verify(token.expose())?;
        }
        match verdict {
            Verdict::Verified(proven) => Ok(proven),
            Verdict::NoKeys { rejection, .. } => Err(rejection),
            Verdict::UnknownKey { issuer, .. } => {
                Err(refused(Reason::UnknownKey).with_details(self.shared.details(issuer)))
            }
        }
    }
}

impl<C> Validator<BearerToken> for Jwt<C>
where
    C: DeserializeOwned + Send + Sync + 'static,
{
    type Identity = Verified<C>;

    async fn validate(
        &self,
        token: BearerToken,
        visit: &mut Visit,
    ) -> Result<Option<Verified<C>>, Rejection> {
        let known = self.cache.as_ref().map(|cache| (cache, cache.digest(token.expose())));
        if let Some(proven) = known.and_then(|(cache, digest)| cache.find(digest, &self.shared)) {
            visit.about(|| proven.token.details());
            return Ok(Some(proven.token));
        }
        let proven = match self.shared.verify(token.expose())? {
            Verdict::Verified(proven) => proven,
            // In a box, since hardly any token waits, and every other's future would be as large as this one.
            verdict => Box::pin(self.wait(verdict, &token)).await?,
        };
        let verified = proven.token.clone();
        if let Some((cache, digest)) = known {
            cache.remember(digest, proven);
        }
        visit.about(|| verified.details());
        Ok(Some(verified))
    }

    fn inspect(&self, inspection: &mut Inspection) {
        self.shared.inspect(inspection);
        if let Some(cache) = &self.cache {
            cache.inspect(inspection);
        }
    }
}

impl<C> Clone for Jwt<C> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared), cache: self.cache.clone() }
    }
}

impl<C> fmt::Debug for Jwt<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Jwt").field("issuers", &self.shared.issuers.len()).finish_non_exhaustive()
    }
}
