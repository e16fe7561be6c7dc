//! The keys of an issuer, and which of them a token means.

use std::collections::HashMap;
use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Algorithm;
use super::algorithm::Family;
use super::jwk::{self, Origin};
use super::key::{Key, KeyError, KeyFlaw, LONGEST_ID};

/// The keys of one issuer; looking one up costs the same for one and for a thousand.
///
/// A token with a `kid` is verified with the key of that name; a key without a name stands in if it is the only nameless
/// one for the token's algorithm. A token without a `kid` is verified only if exactly one key serves its algorithm.
///
/// # Examples
///
/// ```
/// use tower_authn::validator::jwt::KeySet;
///
/// let keys = KeySet::from_jwks(r#"{"keys": [
///     {"kty": "OKP", "crv": "Ed25519", "kid": "a", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty": "RSA", "kid": "b", "use": "enc", "n": "…", "e": "AQAB"}
/// ]}"#)?;
/// assert_eq!(keys.len(), 1);
/// assert_eq!(keys.passed_over()[0].id(), Some("b"));
/// # Ok::<(), tower_authn::validator::jwt::KeySetError>(())
/// ```
pub struct KeySet {
    keys: Box<[Key]>,
    by_id: HashMap<Box<str>, Named>,
    unnamed: [Only; ALGORITHMS],
    all: [Only; ALGORITHMS],
    passed_over: Vec<KeyError>,
    generation: u64,
    recognised: [OnceLock<Recognised>; 4],
}

/// A header, in base64, that a good signature went with: all tokens of a key begin alike.
struct Recognised {
    header: Box<str>,
    key: usize,
    kind: Option<Box<str>>,
}

const ALGORITHMS: usize = Algorithm::EdDSA as usize + 1;

/// The keys that bear one name: one for each key type at most.
#[derive(Default)]
struct Named {
    keys: Vec<usize>,
    ambiguous: Vec<&'static str>,
}

#[derive(Clone, Copy)]
enum Only {
    None,
    One(usize),
    Several,
}

/// The key a token means.
pub(crate) enum Found<'a> {
    Key(&'a Key),
    Unknown,
    Ambiguous,
}

impl KeySet {
    /// Collects keys. Of those with one `kid` and one key type neither is used: the token would not say which it means.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Self {
        Self::collect(keys.into_iter().collect(), Vec::new())
    }

    /// Reads a JWK set (RFC 7517 §5): of each key the one algorithm it names, else `RS256` or `HS256` by its type.
    /// Keys that are not understood, not meant for signatures or too weak are [passed over](Self::passed_over).
    ///
    /// # Errors
    ///
    /// The text is no JWK set, no key in it can be used, or there are secrets beside public keys.
    pub fn from_jwks(text: &str) -> Result<Self, KeySetError> {
        let all: Vec<Algorithm> = Algorithm::ASYMMETRIC.into_iter().chain(Algorithm::SYMMETRIC).collect();
        Self::read(text.as_bytes(), &all, Origin::Local)
    }

    pub(crate) fn read(text: &[u8], algorithms: &[Algorithm], origin: Origin) -> Result<Self, KeySetError> {
        let (keys, passed_over) = jwk::read(text, algorithms, origin).map_err(|_| KeySetError::NotASet)?;
        let set = Self::collect(keys, passed_over);
        if set.is_empty() {
            return Err(KeySetError::NoUsableKey(set.passed_over));
        }
        if set.is_mixed() { Err(KeySetError::Mixed) } else { Ok(set) }
    }

    fn collect(keys: Vec<Key>, mut passed_over: Vec<KeyError>) -> Self {
        let mut claims: HashMap<(Box<str>, &'static str), usize> = HashMap::new();
        let usable = keys.iter().filter_map(|key| Some((key.id()?, key.algorithm())));
        for (id, algorithm) in usable.chain(passed_over.iter().filter_map(KeyError::claim)) {
            *claims.entry((id.into(), kind(algorithm))).or_default() += 1;
        }
        claims.retain(|_, count| *count > 1);
        let is_ambiguous =
            |key: &Key| key.id().is_some_and(|id| claims.contains_key(&(id.into(), kind(key.algorithm()))));
        let (refused, kept): (Vec<Key>, Vec<Key>) = keys.into_iter().partition(is_ambiguous);
        passed_over.extend(refused.iter().map(|key| KeyError::new(key.id(), KeyFlaw::Ambiguous)));

        let mut by_id: HashMap<Box<str>, Named> = HashMap::new();
        for (id, kind) in claims.into_keys() {
            by_id.entry(id).or_default().ambiguous.push(kind);
        }
        let (mut unnamed, mut all) = ([Only::None; ALGORITHMS], [Only::None; ALGORITHMS]);
        for (at, key) in kept.iter().enumerate() {
            all[key.algorithm() as usize].add(at);
            match key.id() {
                Some(id) => by_id.entry(id.into()).or_default().keys.push(at),
                None => unnamed[key.algorithm() as usize].add(at),
            }
        }
        Self {
            keys: kept.into(),
            by_id,
            unnamed,
            all,
            passed_over,
            generation: next_generation(),
            recognised: Default::default(),
        }
    }

    /// Returns the number of keys in use.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there is no key, so that every token is refused.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Returns the keys that are not used, each with the reason.
    pub fn passed_over(&self) -> &[KeyError] {
        &self.passed_over
    }

    /// Whether secrets and public keys are in it at once.
    pub(crate) fn is_mixed(&self) -> bool {
        let secrets = self.keys.iter().filter(|key| key.algorithm().is_symmetric()).count();
        secrets != 0 && secrets != self.keys.len()
    }

    pub(crate) fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.keys.iter().map(Key::algorithm)
    }

    /// Differs between any two sets of a process, so that what was decided with one does not outlive it.
    pub(crate) fn generation(&self) -> u64 {
        self.generation
    }

    /// Returns the key and the `typ` that belong to a header seen before.
    pub(crate) fn recognise(&self, header: &str) -> Option<(&Key, Option<&str>)> {
        let seen = self.recognised.iter().map_while(OnceLock::get).find(|seen| *seen.header == *header)?;
        Some((&self.keys[seen.key], seen.kind.as_deref()))
    }

    /// Remembers the header of a token whose signature is good; the first few only, and no long ones.
    pub(crate) fn remember(&self, header: &str, key: &Key, kind: Option<&str>) {
        let Some(free) = self.recognised.iter().find(|seen| seen.get().is_none()) else { return };
        let Some(key) = self.keys.iter().position(|own| std::ptr::eq(own, key)) else { return };
        if header.len() <= 512 {
            // Another thread may have been faster; it remembered one of its own.
            let _ = free.set(Recognised { header: header.into(), key, kind: kind.map(Box::from) });
        }
    }

    pub(crate) fn find(&self, algorithm: Algorithm, id: Option<&str>) -> Found<'_> {
        let only = match id {
            None => self.all[algorithm as usize],
            Some(id) if id.len() > LONGEST_ID => Only::None,
            Some(id) => match self.by_id.get(id) {
                Some(named) => {
                    if let Some(at) = named.keys.iter().find(|at| self.keys[**at].algorithm() == algorithm) {
                        return Found::Key(&self.keys[*at]);
                    }
                    if named.ambiguous.contains(&kind(algorithm)) { Only::Several } else { Only::None }
                }
                None => self.unnamed[algorithm as usize],
            },
        };
        match only {
            Only::None => Found::Unknown,
            Only::One(at) => Found::Key(&self.keys[at]),
            Only::Several => Found::Ambiguous,
        }
    }
}

impl Only {
    fn add(&mut self, at: usize) {
        *self = if matches!(self, Only::None) { Only::One(at) } else { Only::Several };
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeySet")
            .field("len", &self.len())
            .field("passed_over", &self.passed_over.len())
            .finish_non_exhaustive()
    }
}

/// The key type of RFC 7517 §4.1.
fn kind(algorithm: Algorithm) -> &'static str {
    match algorithm.family() {
        Family::Secret => "oct",
        Family::Rsa => "RSA",
        Family::P256 | Family::P384 => "EC",
        Family::Ed25519 => "OKP",
    }
}

fn next_generation() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Why a text is no key set that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeySetError {
    /// Not a JSON object with an array `keys` (RFC 7517 §5).
    NotASet,
    /// No key can be used; each with the reason.
    NoUsableKey(Vec<KeyError>),
    /// Secrets and public keys in one set, which invites mistaking one for the other (RFC 8725 §3.1).
    Mixed,
}

impl fmt::Display for KeySetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            KeySetError::NotASet => {
                f.write_str("not a JWK set: a JSON object with an array `keys` is expected")
            }
            KeySetError::NoUsableKey(keys) => {
                f.write_str("no key of the set can be used")?;
                keys.iter().try_for_each(|key| write!(f, "; {key}"))
            }
            KeySetError::Mixed => f.write_str("secrets and public keys in one set; keep them apart"),
        }
    }
}

impl std::error::Error for KeySetError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(algorithm: Algorithm, id: Option<&str>) -> Key {
        let key = Key::secret(algorithm, &[7; 64]).unwrap();
        match id {
            Some(id) => key.with_id(id),
            None => key,
        }
    }

    fn found(set: &KeySet, algorithm: Algorithm, id: Option<&str>) -> Result<Option<Box<str>>, &'static str> {
        match set.find(algorithm, id) {
            Found::Key(key) => Ok(key.id().map(Box::from)),
            Found::Unknown => Err("unknown"),
            Found::Ambiguous => Err("ambiguous"),
        }
    }

    #[test]
    fn a_name_finds_its_key_for_its_algorithm_only() {
        let set = KeySet::new([secret(Algorithm::HS256, Some("a")), secret(Algorithm::HS384, Some("b"))]);
        assert_eq!(found(&set, Algorithm::HS256, Some("a")), Ok(Some("a".into())));
        assert_eq!(found(&set, Algorithm::HS384, Some("a")), Err("unknown"));
        assert_eq!(found(&set, Algorithm::HS256, Some("c")), Err("unknown"));
    }

    #[test]
    fn without_a_kid_exactly_one_key_must_fit() {
        let set = KeySet::new([
            secret(Algorithm::HS256, Some("a")),
            secret(Algorithm::HS256, Some("b")),
            secret(Algorithm::HS384, Some("c")),
        ]);
        assert_eq!(found(&set, Algorithm::HS256, None), Err("ambiguous"));
        assert_eq!(found(&set, Algorithm::HS384, None), Ok(Some("c".into())));
        assert_eq!(found(&set, Algorithm::HS512, None), Err("unknown"));
    }

    #[test]
    fn a_nameless_key_stands_in_for_any_name_not_in_the_set() {
        let set = KeySet::new([secret(Algorithm::HS256, None), secret(Algorithm::HS384, Some("c"))]);
        assert_eq!(found(&set, Algorithm::HS256, Some("anything")), Ok(None));
        assert_eq!(found(&set, Algorithm::HS256, Some("c")), Err("unknown"));
    }

    #[test]
    fn one_kid_twice_with_one_key_type_is_ambiguous() {
        let set = KeySet::new([
            secret(Algorithm::HS256, Some("a")),
            secret(Algorithm::HS384, Some("a")),
            secret(Algorithm::HS256, Some("b")),
        ]);
        assert_eq!(found(&set, Algorithm::HS256, Some("a")), Err("ambiguous"));
        assert_eq!(found(&set, Algorithm::HS384, Some("a")), Err("ambiguous"));
        assert_eq!(found(&set, Algorithm::HS256, Some("b")), Ok(Some("b".into())));
        assert_eq!((set.len(), set.passed_over().len()), (1, 2));
    }

    #[test]
    fn a_kid_is_capped() {
        let long = "k".repeat(LONGEST_ID + 1);
        let set = KeySet::new([secret(Algorithm::HS256, Some(&long)), secret(Algorithm::HS384, None)]);
        assert_eq!(found(&set, Algorithm::HS256, Some(&long)), Err("unknown"));
        assert_eq!(found(&set, Algorithm::HS384, Some(&long)), Err("unknown"));
    }

    #[test]
    fn secrets_beside_public_keys_are_refused() {
        let set = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
            {"kty":"oct","k":"hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg"}]}"#;
        assert_eq!(KeySet::from_jwks(set).err(), Some(KeySetError::Mixed));
    }
}
