//! How the keys of an issuer are.

use std::sync::Arc;
use std::time::Duration;

use super::Algorithm;
use super::source::Source;
use super::verify::{Shared, Trusted};
use crate::{ConfigurationWarning, Inspection};

/// The state of one issuer's keys, for health checks: what [`Jwt::keys`](super::Jwt::keys) returns.
///
/// # Examples
///
/// ```
/// use tower_authn::validator::jwt::{Algorithm, Jwt, StandardClaims};
///
/// let jwt = Jwt::<StandardClaims>::issuer("https://idp.example")
///     .audience("orders")
///     .secret(Algorithm::HS256, b"a secret of 32 bytes, or longer.")
///     .build()?;
/// let is_healthy = jwt.keys().iter().all(|keys| keys.is_ready());
/// assert!(is_healthy);
/// # Ok::<(), tower_authn::validator::jwt::JwtError>(())
/// ```
#[derive(Clone, Debug)]
pub struct KeyStatus {
    issuer: Arc<str>,
    keys: Option<usize>,
    fetched: Fetched,
}

/// What is known of the fetches of an issuer's keys; nothing where none are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fetched {
    pub(crate) age: Option<Duration>,
    pub(crate) failure: Option<Arc<str>>,
    pub(crate) skew: Option<Duration>,
}

impl KeyStatus {
    /// Returns the issuer, as it was configured.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// Whether there are keys that may be used. Where there are none, clients see 503.
    pub fn is_ready(&self) -> bool {
        self.keys.is_some()
    }

    /// Returns the number of keys that may be used.
    pub fn len(&self) -> usize {
        self.keys.unwrap_or(0)
    }

    /// Whether no key may be used.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns how long ago the keys were last seen to be current; `None` if they never were, or are not fetched.
    pub fn age(&self) -> Option<Duration> {
        self.fetched.age
    }

    /// Returns why the last fetch failed; `None` if it did not.
    pub fn failure(&self) -> Option<&str> {
        self.fetched.failure.as_deref()
    }

    /// Returns how far the issuer's clock, by the `Date` of its last answer, lies from this machine's, in either direction.
    pub fn skew(&self) -> Option<Duration> {
        self.fetched.skew
    }
}

impl Shared {
    pub(crate) fn key_status(&self) -> Vec<KeyStatus> {
        self.issuers.iter().map(Trusted::key_status).collect()
    }

    pub(crate) fn inspect(&self, inspection: &mut Inspection) {
        for issuer in &self.issuers {
            inspection.of_issuer(&issuer.name, |inspection| issuer.inspect(inspection));
        }
    }
}

impl Trusted {
    fn key_status(&self) -> KeyStatus {
        let keys = self.source.peek().map(|keys| keys.len());
        KeyStatus { issuer: Arc::clone(&self.name), keys, fetched: self.source.fetched() }
    }

    fn inspect(&self, inspection: &mut Inspection) {
        let issuer = || self.name.as_ref().to_owned();
        if self.terms.max_age.is_none() {
            inspection.warn(ConfigurationWarning::JwtWithoutMaxAge { issuer: issuer() });
        }
        let status = self.key_status();
        if let Some(failure) = status.failure() {
            let failure = failure.to_owned();
            inspection.warn(ConfigurationWarning::IssuerUnreachable { issuer: issuer(), failure });
        }
        let leeway = self.terms.leeway;
        if let Some(skew) = status.skew().filter(|skew| *skew > leeway) {
            inspection.warn(ConfigurationWarning::ClockSkew { issuer: issuer(), skew, leeway });
        }
        for algorithm in self.unserved() {
            let algorithm = algorithm.name();
            inspection.warn(ConfigurationWarning::UnservedAlgorithm { issuer: issuer(), algorithm });
        }
        inspection.count("tower_authn_key_set_keys", status.len());
        if let Some(age) = status.age() {
            inspection.seconds("tower_authn_key_set_age_seconds", age);
        }
    }

    /// What was configured by name, and has no key among those at hand. Where nothing was configured, the issuer chooses.
    fn unserved(&self) -> Vec<Algorithm> {
        match (&self.source, self.source.peek()) {
            (Source::Local(_), _) | (_, None) => Vec::new(), // found out when it was built; or not known
            (_, Some(keys)) => {
                let is_served =
                    |algorithm: &&Algorithm| keys.algorithms().any(|served| served == **algorithm);
                self.named.iter().filter(|algorithm| !is_served(algorithm)).copied().collect()
            }
        }
    }
}
