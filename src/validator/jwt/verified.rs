//! What a verified token is worth.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Deserialize;

use super::Scopes;
use crate::Details;

/// The claims of a token whose signature, issuer, audience and dates were verified; cheap to clone.
///
/// # Examples
///
/// ```
/// use tower_authn::Authenticated;
/// use tower_authn::validator::jwt::{StandardClaims, Verified};
///
/// async fn me(token: Authenticated<Verified<StandardClaims>>) -> String {
///     token.subject.clone().unwrap_or_default()
/// }
/// # let _ = me;
/// ```
pub struct Verified<C = StandardClaims>(Arc<Inner<C>>);

struct Inner<C> {
    claims: C,
    issuer: Arc<str>,
    key_id: Option<Arc<str>>,
    expires: u64,
}

impl<C> Verified<C> {
    pub(crate) fn new(claims: C, issuer: Arc<str>, key_id: Option<Arc<str>>, expires: u64) -> Self {
        Self(Arc::new(Inner { claims, issuer, key_id, expires }))
    }

    pub(crate) fn details(&self) -> Details {
        let details = Details::new().with_issuer(Arc::clone(&self.0.issuer));
        match &self.0.key_id {
            Some(id) => details.with_key_id(Arc::clone(id)),
            None => details,
        }
    }

    /// Assumes that a token with these claims was verified, for tests of handlers; it never expires.
    #[cfg(any(test, feature = "testing"))]
    pub fn assume(claims: C) -> Self {
        Self::new(claims, Arc::from("https://issuer.example"), None, 253_402_300_799)
    }

    /// Returns the issuer, as it was configured.
    pub fn issuer(&self) -> &str {
        &self.0.issuer
    }

    /// Returns the id of the key that verified it, if the key has one.
    pub fn key_id(&self) -> Option<&str> {
        self.0.key_id.as_deref()
    }

    /// Returns when the token expires (`exp`), in whole seconds.
    pub fn expires_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(self.0.expires)
    }
}

impl<C> Deref for Verified<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.0.claims
    }
}

impl<C> Clone for Verified<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Shows no claim.
impl<C> fmt::Debug for Verified<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified").field("issuer", &self.issuer()).finish_non_exhaustive()
    }
}

/// The claims that most access tokens have (RFC 7519 §4.1, RFC 9068 §2.2). None of them is demanded: what is verified
/// before (issuer, audience, dates) is not repeated here.
///
/// For claims of your own write a type of your own; a member that is not an `Option` is thereby demanded, and a token
/// without it is refused.
#[derive(Clone, Default, Deserialize)]
#[serde(from = "Written")]
#[non_exhaustive]
pub struct StandardClaims {
    /// `sub`: whom the token speaks for, unique within the issuer only.
    pub subject: Option<String>,
    /// `client_id`: the program that asked for the token.
    pub client_id: Option<String>,
    /// `scope`, or in its absence `scp`: what the token may be used for.
    pub scope: Scopes,
    /// `jti`: the token's own name.
    pub token_id: Option<String>,
    /// `auth_time`: when the user last signed in, in seconds since 1970.
    pub auth_time: Option<u64>,
    /// `acr`: how strongly the user signed in.
    pub acr: Option<String>,
}

/// Shows no claim.
impl fmt::Debug for StandardClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StandardClaims").finish_non_exhaustive()
    }
}

/// The claims by their names on the wire. An issuer may write both `scope` and `scp`.
#[derive(Deserialize)]
struct Written {
    sub: Option<String>,
    client_id: Option<String>,
    scope: Option<Scopes>,
    scp: Option<Scopes>,
    jti: Option<String>,
    auth_time: Option<u64>,
    acr: Option<String>,
}

impl From<Written> for StandardClaims {
    fn from(claims: Written) -> Self {
        Self {
            subject: claims.sub,
            client_id: claims.client_id,
            scope: claims.scope.or(claims.scp).unwrap_or_default(),
            token_id: claims.jti,
            auth_time: claims.auth_time,
            acr: claims.acr,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_claims_are_all_optional_and_may_name_scopes_twice() {
        let read = |json: &str| serde_json::from_str::<StandardClaims>(json).unwrap();
        assert_eq!(read("{}").subject, None);
        assert_eq!(read(r#"{"scp":["a","b"]}"#).scope.to_string(), "a b");
        assert_eq!(read(r#"{"scp":["a"],"scope":"b","sub":"x","other":[1]}"#).scope.to_string(), "b");
    }

    #[test]
    fn debug_shows_no_claim() {
        let claims = StandardClaims { subject: Some("alice".into()), ..StandardClaims::default() };
        assert!(!format!("{:?} {:?}", Verified::assume(claims.clone()), claims).contains("alice"));
    }
}
