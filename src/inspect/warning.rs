use std::{borrow::Cow, fmt, time::Duration};

use crate::{
    observe::{Occurrence, Severity},
    validator::AddressWarning,
};

/// Something about a stack that is legal, and hardly meant: what [`AuthenticateLayer::check`] returns.
///
/// `Display` says what is wrong and what to do about it; the manual's chapter on [operating](crate::manual::operating)
/// lists all of them.
///
/// ```
/// use tower_authn::{AuthenticateLayer, ConfigurationWarning, Scheme, Users, scheme::Basic};
///
/// let layer = AuthenticateLayer::new(Basic::new("files").validated_by(Users::<u32>::new()));
/// let realm = "files".to_owned();
/// assert!(layer.check().contains(&ConfigurationWarning::BasicWithoutTls { realm }));
/// ```
///
/// [`AuthenticateLayer::check`]: crate::AuthenticateLayer::check
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are what is named in the sentence above them")]
pub enum ConfigurationWarning {
    /// Passwords travel with every request, and nobody has said that TLS is in front.
    BasicWithoutTls { realm: String },
    /// Passwords can be guessed as fast as they can be sent.
    PasswordsUnthrottled { realm: String },
    /// Tokens of an issuer count for as long as they say themselves.
    JwtWithoutMaxAge { issuer: String },
    /// The clock of an issuer and this machine's lie further apart than the leeway.
    ClockSkew { issuer: String, skew: Duration, leeway: Duration },
    /// An algorithm is allowed, and the issuer has no key for it.
    UnservedAlgorithm { issuer: String, algorithm: &'static str },
    /// The keys of an issuer could not be fetched.
    IssuerUnreachable { issuer: String, failure: String },
    /// The cookie of a session also travels without TLS.
    SessionWithoutSecure { realm: String },
    /// The cookie of a session goes along with requests that other sites make.
    SessionSentByOtherSites { realm: String },
    /// Sessions live until their absolute limit, however long they are not used.
    SessionWithoutIdleLimit { idle: Duration, absolute: Duration },
    /// Refused gRPC clients get a status of 200, which a proxy that decides by the status takes for a pass.
    AnswersGrpc { setting: &'static str },
    /// Something about addresses.
    Address(AddressWarning),
    /// Something that the app's own scheme, validator or store says.
    Other(Cow<'static, str>),
}

impl fmt::Display for ConfigurationWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BasicWithoutTls { realm } => write!(
                f,
                "Basic of realm {realm:?} sends passwords with every request: put TLS in front, and say so by \
                 `Basic::over_tls()`"
            ),
            Self::PasswordsUnthrottled { realm } => write!(
                f,
                "passwords of realm {realm:?} can be guessed as fast as they can be sent: add \
                 `.throttled(Throttle::default())`"
            ),
            Self::JwtWithoutMaxAge { issuer } => write!(
                f,
                "tokens of {issuer:?} count for as long as they say themselves: bound it by `.max_age(…)`"
            ),
            Self::ClockSkew { issuer, skew, leeway } => write!(
                f,
                "the clock of {issuer:?} and this machine's lie {} s apart, beyond the leeway of {} s: set this \
                 machine's clock (NTP), or tell the issuer",
                skew.as_secs(),
                leeway.as_secs()
            ),
            Self::UnservedAlgorithm { issuer, algorithm } => write!(
                f,
                "{issuer:?} may sign with {algorithm}, and publishes no key for it: strike it out of `.algorithms(…)`, \
                 or have the issuer publish one"
            ),
            Self::IssuerUnreachable { issuer, failure } => write!(
                f,
                "the keys of {issuer:?} could not be fetched ({failure}): check the URL, DNS, the proxy and \
                 certificates from this machine"
            ),
            Self::SessionWithoutSecure { realm } => write!(
                f,
                "the session of realm {realm:?} also travels without TLS: in production leave out \
                 `SessionCookie::over_plain_http_at`"
            ),
            Self::SessionSentByOtherSites { realm } => write!(
                f,
                "the session of realm {realm:?} goes along with requests that other sites make: put tower-http's `csrf` \
                 layer in front, or leave out `sent_with_requests_of_other_sites`"
            ),
            Self::SessionWithoutIdleLimit { idle, absolute } => write!(
                f,
                "sessions may go unused for {} s, and end after {} s in any case: set a shorter `idle_limit`",
                idle.as_secs(),
                absolute.as_secs()
            ),
            Self::AnswersGrpc { setting } => write!(
                f,
                "refused gRPC clients get status 200: if a proxy asks this service whether requests may pass (nginx \
                 `auth_request`, Envoy `ext_authz`, Traefik, Caddy), leave out `.{setting}()`"
            ),
            Self::Address(warning) => warning.fmt(f),
            Self::Other(text) => f.write_str(text),
        }
    }
}

impl ConfigurationWarning {
    /// How it is told to observers.
    pub(crate) fn occurrence(&self) -> Occurrence<'_> {
        Occurrence::new("configuration_warning", Severity::Warning, self)
    }
}

impl From<AddressWarning> for ConfigurationWarning {
    fn from(warning: AddressWarning) -> Self {
        Self::Address(warning)
    }
}
