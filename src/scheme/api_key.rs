use std::fmt;

use http::{HeaderName, header, request::Parts};

use super::{Scheme, authorization, read};
use crate::{Asked, Challenge, Finding, IntoRealm, Realm, Reason, Rejection};

/// API keys in a header of one's choice, `X-Api-Key` by default.
///
/// The client sees 401 `ApiKey realm="…"` for a missing, unknown and revoked key alike, and 400 if the header is
/// repeated. The scheme is not registered; it is there since a 401 must have a challenge.
///
/// ```
/// use http::HeaderName;
/// use tower_authn::{Scheme, Tokens, scheme::ApiKey};
///
/// let keys = Tokens::<u32>::new();
/// let api = ApiKey::new("api").header(HeaderName::from_static("x-service-key")).validated_by(keys);
/// # let _ = api;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct ApiKey {
    header: HeaderName,
    realm: Realm,
    challenge: Option<Challenge>,
    max_len: usize,
}

impl ApiKey {
    /// Makes the scheme, with keys of up to 1 KiB in `X-Api-Key`.
    ///
    /// # Panics
    ///
    /// A literal that is no [`Realm`](crate::Realm).
    #[track_caller]
    pub fn new(realm: impl IntoRealm) -> Self {
        let realm = realm.into_realm();
        let challenge = Challenge::new("ApiKey").param("realm", realm.as_str()).build().ok();
        Self { header: HeaderName::from_static("x-api-key"), realm, challenge, max_len: 1024 }
    }

    /// Sets the header. In `Authorization` the key follows the scheme's name: `Authorization: ApiKey …`.
    pub fn header(self, header: HeaderName) -> Self {
        Self { header, ..self }
    }

    /// Sets the longest key that is looked at, in bytes; a longer one is answered like a wrong one.
    pub fn max_len(self, bytes: usize) -> Self {
        Self { max_len: bytes, ..self }
    }
}

impl Scheme for ApiKey {
    type Credentials = ApiKeyValue;

    fn name(&self) -> &'static str {
        "ApiKey"
    }

    fn extract(&self, head: &mut Parts, _: &Asked) -> Result<Option<ApiKeyValue>, Rejection> {
        let value = if self.header == header::AUTHORIZATION {
            authorization::value(head, self.name())?
        } else {
            read::header(head, &self.header)?.map(http::HeaderValue::as_bytes)
        };
        let Some(value) = value else { return Ok(None) };
        if value.len() > self.max_len {
            return Err(Rejection::invalid().with_reason(Reason::TooLong));
        }
        match std::str::from_utf8(value) {
            Ok(key) if !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Ok(Some(ApiKeyValue::new(key)))
            }
            _ => Err(Rejection::invalid().with_reason(Reason::Malformed)),
        }
    }

    fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
        self.challenge.clone()
    }

    fn realm(&self) -> Option<&str> {
        Some(self.realm.as_str())
    }
}

// ===== impl ApiKeyValue =====

/// An API key as it was sent: visible ASCII. `Debug` does not show it.
///
/// ```
/// let key = tower_authn::scheme::ApiKeyValue::new("k-123");
/// assert_eq!(format!("{key:?} {}", key.expose()), "ApiKeyValue(..) k-123");
/// ```
#[derive(Clone)]
pub struct ApiKeyValue(Box<str>);

impl ApiKeyValue {
    /// Makes a key, for tests of validators and for schemes of one's own.
    pub fn new(key: impl Into<Box<str>>) -> Self {
        Self(key.into())
    }

    /// Returns the secret text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for ApiKeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ApiKeyValue(..)")
    }
}
