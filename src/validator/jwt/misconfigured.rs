//! What is wrong with a configuration, all at once.

use std::fmt;

use super::{Algorithm, KeyError, KeySetError};

/// Everything that is wrong with a [`JwtBuilder`](super::JwtBuilder), found when it is built: never at request time.
///
/// `Display` lists each mistake with its remedy.
///
/// # Examples
///
/// ```
/// use tower_authn::validator::jwt::{Algorithm, Jwt, Mistake};
///
/// let error = Jwt::<()>::issuer("idp.example").secret(Algorithm::HS256, b"short").build().unwrap_err();
/// assert_eq!(error.mistakes().len(), 3);
/// assert!(error.mistakes().contains(&Mistake::NoAudience { issuer: "idp.example".into() }));
/// assert!(error.to_string().contains("give 32 random bytes or more"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JwtError(pub(crate) Vec<Mistake>);

impl JwtError {
    /// Returns the mistakes in the order of the configuration.
    pub fn mistakes(&self) -> &[Mistake] {
        &self.0
    }
}

impl fmt::Display for JwtError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the JWT validator is misconfigured")?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n- {mistake}"))
    }
}

impl std::error::Error for JwtError {}

/// One mistake in a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are the issuer, and the value that is wrong")]
pub enum Mistake {
    /// The issuer has no scheme, so that no issuer can have sent it (RFC 8414 §2).
    IssuerWithoutScheme { issuer: String },
    /// One issuer is configured twice.
    IssuerTwice { issuer: String },
    /// Without an audience, tokens for any other service would be accepted (RFC 8725 §3.9).
    NoAudience { issuer: String },
    /// The list of algorithms is empty, so that no token could be accepted.
    NoAlgorithm { issuer: String },
    /// Symmetric and asymmetric algorithms on one list (RFC 8725 §3.1).
    MixedAlgorithms { issuer: String },
    /// No keys, nor a place to find them.
    NoKeys { issuer: String },
    /// More than one place for keys.
    SeveralSources { issuer: String },
    /// A secret beside keys from the network, or an algorithm with secrets for them.
    SecretBesideRemote { issuer: String },
    /// An algorithm on the list that none of the keys serves.
    UnservedAlgorithm { issuer: String, algorithm: Algorithm },
    /// A key that serves an algorithm that is not on the list.
    UnlistedAlgorithm { issuer: String, algorithm: Algorithm },
    /// A key that cannot be used.
    Key { issuer: String, error: KeyError },
    /// A key set that cannot be used.
    KeySet { issuer: String, error: KeySetError },
    /// A file that cannot be read.
    File { issuer: String, error: String },
    /// A URL that is none, or whose port is no number from 1 to 65535.
    Url { issuer: String, url: String },
    /// A URL without TLS; keys that anybody on the way can replace verify nothing.
    Insecure { issuer: String, url: String },
    /// A leeway of more than five minutes.
    LongLeeway,
    /// A bound of zero, so that no token could be accepted.
    NothingFits { setting: &'static str },
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IssuerWithoutScheme { issuer } => {
                write!(
                    f,
                    "issuer {issuer:?} has no scheme; write it as tokens do in `iss`, such as \"https://…\""
                )
            }
            Self::IssuerTwice { issuer } => write!(f, "issuer {issuer:?} is configured twice; keep one"),
            Self::NoAudience { issuer } => {
                write!(
                    f,
                    "issuer {issuer:?} has no audience; name this API, as tokens do in `aud`, with `.audience(…)`"
                )
            }
            Self::NoAlgorithm { issuer } => {
                write!(
                    f,
                    "issuer {issuer:?} has an empty list of algorithms; name one, or leave `.algorithms(…)` out"
                )
            }
            Self::MixedAlgorithms { issuer } => write!(
                f,
                "issuer {issuer:?} has symmetric and asymmetric algorithms on one list; make two issuers of it"
            ),
            Self::NoKeys { issuer } => write!(
                f,
                "issuer {issuer:?} has no keys; give `.secret(…)`, `.pem(…)`, `.jwk_set(…)`, `.jwks_uri(…)` or `.discover(…)`"
            ),
            Self::SeveralSources { issuer } => {
                write!(f, "issuer {issuer:?} has more than one source of keys; keep one")
            }
            Self::SecretBesideRemote { issuer } => write!(
                f,
                "issuer {issuer:?} mixes a shared secret with keys from the network; keep one, since who publishes keys \
                 could else publish the secret's replacement"
            ),
            Self::UnservedAlgorithm { issuer, algorithm } => {
                write!(
                    f,
                    "issuer {issuer:?} allows {algorithm}, which none of its keys serves; add a key or strike it out"
                )
            }
            Self::UnlistedAlgorithm { issuer, algorithm } => write!(
                f,
                "issuer {issuer:?} has a key for {algorithm}, which is not on its list; add it, or take the key away"
            ),
            Self::Key { issuer, error } => write!(f, "issuer {issuer:?}: {error}"),
            Self::KeySet { issuer, error } => write!(f, "issuer {issuer:?}: {error}"),
            Self::File { issuer, error } => {
                write!(f, "issuer {issuer:?}: the key set's file cannot be read: {error}")
            }
            Self::Url { issuer, url } => {
                write!(
                    f,
                    "issuer {issuer:?}: {url:?} is no absolute URL, or its port is no number from 1 to 65535"
                )
            }
            Self::Insecure { issuer, url } => write!(
                f,
                "issuer {issuer:?}: {url:?} is not https; for a provider on this machine say `.allow_loopback_http()`"
            ),
            Self::LongLeeway => f.write_str("a leeway of more than five minutes; set the clocks instead"),
            Self::NothingFits { setting } => {
                write!(f, "{setting} is zero, so that no token would be accepted")
            }
        }
    }
}
