use std::fmt;

use http::request::Parts;

use super::{
    Scheme,
    authorization::{MAX_TOKEN_LEN, token},
};
use crate::{
    Asked, Challenge, ChallengeError, Demand, Finding, IntoRealm, Realm, Reason, Rejection, RejectionKind,
};

/// Bearer tokens in the `Authorization` header (RFC 6750). Tokens in forms and queries are ignored: they end up in logs.
///
/// | the request has | the client sees |
/// |---|---|
/// | no token | 401 `Bearer realm="…"` |
/// | something that is no token68, or two `Authorization` lines | 400 `error="invalid_request"` |
/// | a token that is not accepted | 401 `error="invalid_token"` |
/// | a token without a scope that is needed | 403 `error="insufficient_scope", scope="…"` |
///
/// ```
/// use tower_authn::{Rejection, Scheme, scheme::{Bearer, BearerToken}};
///
/// async fn find(token: BearerToken) -> Result<Option<String>, Rejection> {
///     Ok((token.expose().len() == 64).then(|| "somebody".to_owned()))
/// }
/// let api = Bearer::new("api").scope("read write")?.validated_by(find);
/// # Ok::<(), tower_authn::ChallengeError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Bearer {
    realm: Realm,
    scope: Option<String>,
    resource_metadata: Option<String>,
    max_len: usize,
    rendered: Rendered,
}

/// The challenges that do not depend on the request.
#[derive(Clone, Debug)]
struct Rendered {
    bare: Option<Challenge>,
    malformed: Option<Challenge>,
    invalid: Option<Challenge>,
    expired: Option<Challenge>,
}

const INVALID: &str = "The access token is not valid for this resource";
const EXPIRED: &str = "The access token has expired";

impl Bearer {
    /// Makes the scheme, with tokens of up to 8 KiB.
    ///
    /// # Panics
    ///
    /// A literal that is no [`Realm`].
    #[track_caller]
    pub fn new(realm: impl IntoRealm) -> Self {
        let rendered = Rendered { bare: None, malformed: None, invalid: None, expired: None };
        let bearer = Self {
            realm: realm.into_realm(),
            scope: None,
            resource_metadata: None,
            max_len: MAX_TOKEN_LEN,
            rendered,
        };
        bearer.rendered()
    }

    /// Names the scopes that are needed, separated by blanks, in every challenge that asks for a token.
    ///
    /// # Errors
    ///
    /// A text that holds anything but scope tokens (RFC 6749 §3.3).
    pub fn scope(mut self, scope: &str) -> Result<Self, ChallengeError> {
        Challenge::new("Bearer").param("scope", scope).build()?;
        self.scope = Some(scope.to_owned());
        Ok(self.rendered())
    }

    /// Names the URL of the protected resource's metadata (RFC 9728 §5.1) in every challenge. It is never derived from
    /// the request.
    ///
    /// # Errors
    ///
    /// A text that cannot be a URL in a header.
    pub fn resource_metadata(mut self, url: &str) -> Result<Self, ChallengeError> {
        if url.is_empty() || url.bytes().any(|byte| matches!(byte, b' ' | b'"' | b'\\')) {
            return Err(ChallengeError::BadValue("resource_metadata".to_owned()));
        }
        Challenge::new("Bearer").param("resource_metadata", url).build()?;
        self.resource_metadata = Some(url.to_owned());
        Ok(self.rendered())
    }

    /// Sets the longest token that is looked at, in bytes; a longer one is answered like a wrong one.
    pub fn max_len(self, bytes: usize) -> Self {
        Self { max_len: bytes, ..self }
    }

    fn rendered(mut self) -> Self {
        self.rendered = Rendered {
            bare: self.render(&[], self.scope.as_deref(), None),
            malformed: self.render(&[("error", "invalid_request")], None, None),
            invalid: self.render(&[("error", "invalid_token")], self.scope.as_deref(), Some(INVALID)),
            expired: self.render(&[("error", "invalid_token")], self.scope.as_deref(), Some(EXPIRED)),
        };
        self
    }

    /// Parameters in the one order that clients with regular expressions can read: error, scope, metadata, realm,
    /// description.
    fn render(
        &self,
        first: &[(&str, &str)],
        scope: Option<&str>,
        description: Option<&str>,
    ) -> Option<Challenge> {
        let mut challenge = Challenge::new("Bearer");
        for (name, value) in first {
            challenge = challenge.filtered(name, value);
        }
        if let Some(scope) = scope {
            challenge = challenge.filtered("scope", scope);
        }
        if let Some(url) = &self.resource_metadata {
            challenge = challenge.param("resource_metadata", url);
        }
        challenge = challenge.param("realm", self.realm.as_str());
        if let Some(description) = description {
            challenge = challenge.filtered("error_description", description);
        }
        challenge.build().ok()
    }
}

impl Scheme for Bearer {
    type Credentials = BearerToken;

    fn name(&self) -> &'static str {
        "Bearer"
    }

    fn extract(&self, head: &mut Parts, _: &Asked) -> Result<Option<BearerToken>, Rejection> {
        token(head, "Bearer", self.max_len)
    }

    fn challenge(&self, finding: Option<&Finding>) -> Option<Challenge> {
        let Some(finding) = finding else { return self.rendered.bare.clone() };
        let step_up = ("error", "insufficient_user_authentication");
        match (finding.kind(), finding.demand()) {
            (RejectionKind::Malformed, _) => self.rendered.malformed.clone(),
            (RejectionKind::Invalid, _) if finding.reason() == Reason::Expired => {
                self.rendered.expired.clone()
            }
            (RejectionKind::Invalid, _) => self.rendered.invalid.clone(),
            (RejectionKind::Insufficient, Some(Demand::Scope(scope))) => {
                self.render(&[("error", "insufficient_scope")], Some(scope), None)
            }
            (RejectionKind::StepUp, Some(Demand::Scope(scope))) => self.render(&[step_up], Some(scope), None),
            (RejectionKind::StepUp, Some(Demand::Acr(acr))) => {
                self.render(&[step_up, ("acr_values", acr)], None, None)
            }
            (RejectionKind::StepUp, Some(Demand::MaxAge(age))) => {
                self.render(&[step_up, ("max_age", &age.as_secs().to_string())], None, None)
            }
            _ => self.rendered.bare.clone(),
        }
    }

    fn realm(&self) -> Option<&str> {
        Some(self.realm.as_str())
    }
}

// ===== impl BearerToken =====

/// A bearer token as it was sent. `Debug` does not show it.
///
/// ```
/// use tower_authn::BearerToken;
///
/// let token = BearerToken::new("mF_9.B5f-4.1JqM");
/// assert_eq!(token.expose(), "mF_9.B5f-4.1JqM");
/// assert_eq!(format!("{token:?}"), "BearerToken(..)");
/// ```
#[derive(Clone)]
pub struct BearerToken(Box<str>);

impl BearerToken {
    /// Makes a token, for tests of validators and for schemes of one's own.
    pub fn new(token: impl Into<Box<str>>) -> Self {
        Self(token.into())
    }

    /// Returns the secret text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(..)")
    }
}
