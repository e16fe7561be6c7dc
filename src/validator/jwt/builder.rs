//! How a validator is configured.

use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::jwk::Origin;
use super::key_set::KeySet;
use super::registered::Terms;
use super::remote::{HttpClient, Location, RemoteKeys};
use super::source::{DynKeySource, KeySource, Source};
use super::verify::{Shared, Trusted};
use super::{Algorithm, Jwt, JwtError, Key, KeyError, KeySetError, Mistake, Profile};
use crate::{Clock, Observe, observe::Observers};

/// Collects the issuers that are trusted, each with its own keys, audience and algorithms: what [`Jwt::issuer`] begins.
///
/// All settings but [`leeway`](Self::leeway), [`max_len`](Self::max_len), [`cache`](Self::cache) and
/// [`clock`](Self::clock) are those of the issuer named last.
///
/// # Examples
///
/// ```
/// use tower_authn::validator::jwt::{Algorithm, Jwt, Profile, StandardClaims};
///
/// let jwt = Jwt::<StandardClaims>::issuer("https://a.example")
///     .audience("orders")
///     .secret(Algorithm::HS256, b"a secret of 32 bytes, or longer.")
///     .issuer("https://b.example")
///     .audience("orders")
///     .profile(Profile::AnyJwt)
///     .jwk_set(r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#)
///     .build()?;
/// # let _ = jwt;
/// # Ok::<(), tower_authn::validator::jwt::JwtError>(())
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct JwtBuilder<C> {
    issuers: Vec<Draft>,
    leeway: Duration,
    max_len: usize,
    cache: Option<usize>,
    clock: Clock,
    observers: Observers,
    claims: PhantomData<fn() -> C>,
}

/// One issuer, not yet checked.
struct Draft {
    issuer: String,
    audiences: Vec<Box<str>>,
    algorithms: Option<Vec<Algorithm>>,
    profile: Profile,
    max_age: Option<Duration>,
    allows_http: bool,
    keys: Vec<Result<Key, KeyError>>,
    sources: Vec<Given>,
}

enum Given {
    Set(Arc<KeySet>),
    Text(Result<String, String>),
    Custom(Box<dyn DynKeySource>),
    Remote(Location, Arc<dyn super::remote::DynClient>),
}

impl<C> JwtBuilder<C> {
    pub(crate) fn new(issuer: String) -> Self {
        let builder = Self {
            issuers: Vec::new(),
            leeway: Duration::from_secs(30),
            max_len: 16 * 1024,
            cache: None,
            clock: Clock::default(),
            observers: Observers::standard(),
            claims: PhantomData,
        };
        builder.issuer(issuer)
    }

    /// Trusts one more issuer, exactly as its tokens write it in `iss`.
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.issuers.push(Draft {
            issuer: issuer.into(),
            audiences: Vec::new(),
            algorithms: None,
            profile: Profile::default(),
            max_age: None,
            allows_http: false,
            keys: Vec::new(),
            sources: Vec::new(),
        });
        self
    }

    /// Names this API as the issuer's tokens do in `aud`; repeated, either name will do. Without one nothing is built.
    pub fn audience(self, audience: impl Into<Box<str>>) -> Self {
        self.last(|draft| draft.audiences.push(audience.into()))
    }

    /// Allows these algorithms alone. By default those that the keys serve; of a key set all but the symmetric ones.
    ///
    /// An RSA key that does not say which algorithm it serves serves the first RSA algorithm on the list, by default
    /// `RS256`.
    pub fn algorithms(self, algorithms: impl IntoIterator<Item = Algorithm>) -> Self {
        self.last(|draft| draft.algorithms = Some(algorithms.into_iter().collect()))
    }

    /// Sets which tokens count as access tokens; by default those that say so (RFC 9068).
    pub fn profile(self, profile: Profile) -> Self {
        self.last(|draft| draft.profile = profile)
    }

    /// Refuses tokens that were issued longer ago than this, and those that do not say when (`iat`). Off by default.
    pub fn max_age(self, age: Duration) -> Self {
        self.last(|draft| draft.max_age = Some(age))
    }

    /// Adds a secret shared with the issuer, 32, 48 or 64 bytes or longer.
    pub fn secret(self, algorithm: Algorithm, secret: &[u8]) -> Self {
        self.last(|draft| draft.keys.push(Key::secret(algorithm, secret)))
    }

    /// Adds a public key in PEM.
    pub fn pem(self, algorithm: Algorithm, pem: &str) -> Self {
        self.last(|draft| draft.keys.push(Key::pem(algorithm, pem)))
    }

    /// Adds a key, for example one with an id.
    pub fn key(self, key: Key) -> Self {
        self.last(|draft| draft.keys.push(Ok(key)))
    }

    /// Takes keys that were collected before.
    pub fn key_set(self, keys: KeySet) -> Self {
        self.last(|draft| draft.sources.push(Given::Set(Arc::new(keys))))
    }

    /// Reads a JWK set (RFC 7517 §5) from a text.
    pub fn jwk_set(self, text: &str) -> Self {
        self.last(|draft| draft.sources.push(Given::Text(Ok(text.to_owned()))))
    }

    /// Reads a JWK set (RFC 7517 §5) from a file, once, now.
    pub fn jwk_set_file(self, path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
        self.last(|draft| draft.sources.push(Given::Text(text)))
    }

    /// Takes the keys from a source of one's own. Secrets among them serve only if [`algorithms`](Self::algorithms) says so.
    pub fn keys(self, source: impl KeySource) -> Self {
        self.last(|draft| draft.sources.push(Given::Custom(Box::new(source))))
    }

    /// Fetches the JWK set at this URL, and keeps it fresh: see [`remote`](super::remote).
    pub fn jwks_uri(self, url: impl Into<String>, client: impl HttpClient) -> Self {
        let location = Location::KeySet(url.into());
        self.last(|draft| draft.sources.push(Given::Remote(location, Arc::new(client))))
    }

    /// Finds the JWK set by the issuer's metadata (OpenID Connect Discovery 1.0 §4, else RFC 8414 §3), and keeps it fresh:
    /// see [`remote`](super::remote).
    pub fn discover(self, client: impl HttpClient) -> Self {
        self.last(|draft| {
            let location = Location::Issuer(draft.issuer.clone());
            draft.sources.push(Given::Remote(location, Arc::new(client)));
        })
    }

    /// Allows `http` to a provider on this machine (`localhost`, `127.0.0.0/8`, `[::1]`), for development and tests.
    pub fn allow_loopback_http(self) -> Self {
        self.last(|draft| draft.allows_http = true)
    }

    /// Sets how far the clocks of issuers and this machine may lie apart; 30 seconds by default, five minutes at most.
    pub fn leeway(self, leeway: Duration) -> Self {
        Self { leeway, ..self }
    }

    /// Sets the longest token that is looked at, in bytes; 16 KiB by default. The scheme has a bound of its own:
    /// [`Bearer::max_len`](crate::scheme::Bearer::max_len).
    pub fn max_len(self, bytes: usize) -> Self {
        Self { max_len: bytes, ..self }
    }

    /// Remembers up to this many verified tokens, so that one that comes again is not verified again. Off by default.
    ///
    /// A token is forgotten when it expires and when its issuer's keys change. Only that it is authentic is remembered:
    /// requirements are held against each request.
    pub fn cache(self, tokens: usize) -> Self {
        Self { cache: Some(tokens), ..self }
    }

    /// Tells an observer of keys that are fetched and of those that could not be, beside those it has. It is told for all issuers.
    pub fn observed_by(self, observer: impl Observe) -> Self {
        Self { observers: self.observers.with(observer), ..self }
    }

    /// Sets the clock, for tests.
    pub fn clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Checks the whole configuration. Nothing is fetched: an issuer's keys are, when the first token names it, or by
    /// [`Jwt::ready`].
    ///
    /// # Errors
    ///
    /// All mistakes at once, each with its remedy.
    pub fn build(self) -> Result<Jwt<C>, JwtError> {
        let mut mistakes = Vec::new();
        if self.leeway > Duration::from_secs(300) {
            mistakes.push(Mistake::LongLeeway);
        }
        for (setting, value) in [("max_len", self.max_len), ("cache", self.cache.unwrap_or(1))] {
            if value == 0 {
                mistakes.push(Mistake::NothingFits { setting });
            }
        }
        let mut issuers = Vec::with_capacity(self.issuers.len());
        let mut by_name = HashMap::with_capacity(self.issuers.len());
        for draft in self.issuers {
            if by_name.insert(Box::from(draft.issuer.as_str()), issuers.len()).is_some() {
                mistakes.push(Mistake::IssuerTwice { issuer: draft.issuer.clone() });
            }
            issuers.extend(draft.check(self.leeway, (&self.clock, &self.observers), &mut mistakes));
        }
        if !mistakes.is_empty() {
            return Err(JwtError(mistakes));
        }
        let shared = Shared { issuers: issuers.into(), by_name, max_len: self.max_len, clock: self.clock };
        Ok(Jwt::new(shared, self.cache))
    }

    fn last(mut self, change: impl FnOnce(&mut Draft)) -> Self {
        if let Some(draft) = self.issuers.last_mut() {
            change(draft);
        }
        self
    }
}

impl Draft {
    /// `None` with at least one mistake.
    fn check(
        mut self,
        leeway: Duration,
        (clock, observers): (&Clock, &Observers),
        mistakes: &mut Vec<Mistake>,
    ) -> Option<Trusted> {
        let before = mistakes.len();
        let issuer = self.issuer.clone();
        if !has_scheme(&issuer) {
            mistakes.push(Mistake::IssuerWithoutScheme { issuer: issuer.clone() });
        }
        if self.audiences.is_empty() || self.audiences.iter().any(|audience| audience.is_empty()) {
            mistakes.push(Mistake::NoAudience { issuer: issuer.clone() });
        }
        if let Some(list) = &self.algorithms {
            let symmetric = list.iter().filter(|algorithm| algorithm.is_symmetric()).count();
            if list.is_empty() {
                mistakes.push(Mistake::NoAlgorithm { issuer: issuer.clone() });
            } else if symmetric != 0 && symmetric != list.len() {
                mistakes.push(Mistake::MixedAlgorithms { issuer: issuer.clone() });
            }
        }
        let found = self.source(clock, observers, mistakes);
        if mistakes.len() > before {
            return None;
        }
        let (source, algorithms) = found?;
        let terms = Terms {
            issuer: issuer.into(),
            audiences: self.audiences.into(),
            profile: self.profile,
            leeway,
            max_age: self.max_age,
        };
        Some(Trusted::new(terms, &algorithms, self.algorithms.unwrap_or_default().into(), source))
    }

    fn source(
        &mut self,
        clock: &Clock,
        observers: &Observers,
        mistakes: &mut Vec<Mistake>,
    ) -> Option<(Source, Vec<Algorithm>)> {
        let issuer = self.issuer.clone();
        let mut keys = Vec::new();
        let keys_given = !self.keys.is_empty();
        for key in self.keys.drain(..) {
            match key {
                Ok(key) => keys.push(key),
                Err(error) => mistakes.push(Mistake::Key { issuer: issuer.clone(), error }),
            }
        }
        let is_remote = self.sources.iter().any(|given| matches!(given, Given::Remote(..)));
        let secrets = keys.iter().any(|key| key.algorithm().is_symmetric())
            || self.algorithms.iter().flatten().any(|algorithm| algorithm.is_symmetric());
        if is_remote && secrets {
            mistakes.push(Mistake::SecretBesideRemote { issuer: issuer.clone() });
        } else if self.sources.len() + usize::from(keys_given) > 1 {
            mistakes.push(Mistake::SeveralSources { issuer: issuer.clone() });
        }
        match self.sources.pop() {
            // All of them were mistakes, which are reported by now.
            None if keys_given && keys.is_empty() => None,
            None if keys_given => Some(self.local(KeySet::new(keys), mistakes)),
            None => {
                mistakes.push(Mistake::NoKeys { issuer });
                None
            }
            Some(Given::Set(set)) => Some(self.local_shared(set, mistakes)),
            Some(Given::Text(Err(error))) => {
                mistakes.push(Mistake::File { issuer, error });
                None
            }
            Some(Given::Text(Ok(text))) => {
                let every = || Algorithm::ASYMMETRIC.into_iter().chain(Algorithm::SYMMETRIC).collect();
                let list: Vec<Algorithm> = self.algorithms.clone().unwrap_or_else(every);
                match KeySet::read(text.as_bytes(), &list, Origin::Local) {
                    Ok(set) => Some(self.local(set, mistakes)),
                    Err(error) => {
                        mistakes.push(Mistake::KeySet { issuer, error });
                        None
                    }
                }
            }
            Some(Given::Custom(source)) => Some((Source::Custom(source), self.listed())),
            Some(Given::Remote(location, client)) => {
                mistakes.extend(location.mistake(&issuer, self.allows_http));
                let (name, listed) = (issuer.into(), self.listed());
                let (clock, observers) = (clock.clone(), observers.clone());
                let remote =
                    RemoteKeys::new(name, location, client, listed, self.allows_http, clock, observers);
                Some((Source::Remote(remote), self.listed()))
            }
        }
    }

    fn listed(&self) -> Vec<Algorithm> {
        self.algorithms.clone().unwrap_or_else(|| Algorithm::ASYMMETRIC.to_vec())
    }

    fn local(&self, set: KeySet, mistakes: &mut Vec<Mistake>) -> (Source, Vec<Algorithm>) {
        self.local_shared(Arc::new(set), mistakes)
    }

    /// Holds keys that do not change against the list of algorithms.
    fn local_shared(&self, set: Arc<KeySet>, mistakes: &mut Vec<Mistake>) -> (Source, Vec<Algorithm>) {
        let issuer = || self.issuer.clone();
        let before = mistakes.len();
        for error in set.passed_over().iter().filter(|error| error.is_ambiguous()) {
            mistakes.push(Mistake::Key { issuer: issuer(), error: error.clone() });
        }
        if set.is_mixed() {
            mistakes.push(Mistake::KeySet { issuer: issuer(), error: KeySetError::Mixed });
        }
        if set.is_empty() && mistakes.len() == before {
            let error = KeySetError::NoUsableKey(set.passed_over().to_vec());
            mistakes.push(Mistake::KeySet { issuer: issuer(), error });
        }
        let served: Vec<Algorithm> = set.algorithms().collect();
        let Some(listed) = &self.algorithms else { return (Source::Local(set), served) };
        for algorithm in listed.iter().filter(|algorithm| !served.contains(algorithm)) {
            mistakes.push(Mistake::UnservedAlgorithm { issuer: issuer(), algorithm: *algorithm });
        }
        for algorithm in served.iter().filter(|algorithm| !listed.contains(algorithm)) {
            mistakes.push(Mistake::UnlistedAlgorithm { issuer: issuer(), algorithm: *algorithm });
        }
        (Source::Local(set), listed.clone())
    }
}

impl<C> std::fmt::Debug for JwtBuilder<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JwtBuilder").field("issuers", &self.issuers.len()).finish_non_exhaustive()
    }
}

/// A scheme as in RFC 3986 §3.1, and something after it.
fn has_scheme(issuer: &str) -> bool {
    let Some((scheme, rest)) = issuer.split_once(':') else { return false };
    scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
        && !rest.is_empty()
        && !scheme.contains('.')
}
