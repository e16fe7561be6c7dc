//! One key, prepared for one algorithm.

use std::fmt;
use std::sync::Arc;

use super::Algorithm;
use super::algorithm::Family;
use super::backend::{LONGEST_MODULUS, Material, Prepared};
use super::pem::{self, Public};

/// The longest `kid` that is looked up, in bytes.
pub(crate) const LONGEST_ID: usize = 256;

/// A key that verifies the signatures of one algorithm; parsed once, here.
///
/// # Examples
///
/// ```
/// use tower_authn::validator::jwt::{Algorithm, Key, KeySet};
///
/// let old = Key::secret(Algorithm::HS256, b"a secret of 32 bytes, or longer.")?.with_id("2026-10");
/// let new = Key::secret(Algorithm::HS256, b"another secret of some 32 bytes.")?.with_id("2026-11");
/// let keys = KeySet::new([old, new]);
/// assert_eq!(keys.len(), 2);
/// # Ok::<(), tower_authn::validator::jwt::KeyError>(())
/// ```
///
/// # Security
///
/// The algorithm comes from here, or from the key set, never from the token (RFC 8725 §3.1). `Debug` shows no key.
pub struct Key {
    id: Option<Arc<str>>,
    algorithm: Algorithm,
    prepared: Prepared,
}

impl Key {
    /// Prepares a secret shared with the issuer.
    ///
    /// # Errors
    ///
    /// The algorithm is not symmetric, or the secret is shorter than its hash: 32, 48 or 64 bytes (RFC 7518 §3.2).
    pub fn secret(algorithm: Algorithm, secret: &[u8]) -> Result<Self, KeyError> {
        Self::new(algorithm, Material::Secret(secret)).map_err(|flaw| KeyError::new(None, flaw))
    }

    /// Prepares a public key in PEM: `PUBLIC KEY`, or `RSA PUBLIC KEY`.
    ///
    /// # Errors
    ///
    /// The text is no such key, the key is none of this algorithm, or an RSA key is shorter than 2048 bits or of a kind
    /// known to be weak.
    pub fn pem(algorithm: Algorithm, pem: &str) -> Result<Self, KeyError> {
        let key = pem::public_key(pem).and_then(|public| match (algorithm.family(), &public) {
            (Family::Rsa, Public::Rsa { modulus, exponent }) => {
                Self::new(algorithm, Material::Rsa { modulus: trimmed(modulus), exponent: trimmed(exponent) })
            }
            (Family::P256, Public::P256(point)) | (Family::P384, Public::P384(point)) => {
                Self::new(algorithm, Material::Point(point))
            }
            (Family::Ed25519, Public::Ed25519(key)) => Self::new(algorithm, Material::Ed25519(key)),
            _ => Err(KeyFlaw::OtherAlgorithm),
        });
        key.map_err(|flaw| KeyError::new(None, flaw))
    }

    /// Gives the key the `kid` by which tokens name it; at most 256 bytes of it are ever looked at.
    #[must_use]
    pub fn with_id(mut self, id: impl Into<Box<str>>) -> Self {
        self.id = Some(id.into().into());
        self
    }

    /// Returns the `kid`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    pub(crate) fn shared_id(&self) -> Option<Arc<str>> {
        self.id.clone()
    }

    /// Returns the one algorithm the key serves.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) fn new(algorithm: Algorithm, material: Material<'_>) -> Result<Self, KeyFlaw> {
        let fits = match material {
            Material::Secret(secret) => {
                if algorithm.is_symmetric() && secret.len() < algorithm.shortest_secret() {
                    return Err(KeyFlaw::ShortSecret(algorithm.shortest_secret()));
                }
                algorithm.is_symmetric()
            }
            Material::Rsa { modulus, exponent } => {
                check_rsa(modulus, exponent)?;
                algorithm.family() == Family::Rsa
            }
            Material::Point(point) => {
                matches!((algorithm.family(), point.len()), (Family::P256, 65) | (Family::P384, 97))
            }
            Material::Ed25519(key) => algorithm.family() == Family::Ed25519 && key.len() == 32,
        };
        if !fits {
            return Err(KeyFlaw::OtherAlgorithm);
        }
        let prepared = Prepared::new(algorithm, material).ok_or(KeyFlaw::NotAKey)?;
        Ok(Self { id: None, algorithm, prepared })
    }

    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.prepared.verifies(signed, signature)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

/// A number without its leading zeros.
pub(crate) fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

fn check_rsa(modulus: &[u8], exponent: &[u8]) -> Result<(), KeyFlaw> {
    let Some(first) = modulus.first() else { return Err(KeyFlaw::NotAKey) };
    let bits = modulus.len() * 8 - first.leading_zeros() as usize;
    if bits < 2_048 {
        return Err(KeyFlaw::ShortRsa(bits));
    }
    if bits > LONGEST_MODULUS {
        return Err(KeyFlaw::LongRsa(LONGEST_MODULUS));
    }
    // An even exponent is none; 1 makes every padded hash its own signature; beyond 33 bits the libraries part ways.
    let value = exponent
        .iter()
        .try_fold(0_u64, |value, byte| (value < 1 << 32).then(|| value << 8 | u64::from(*byte)));
    if !value.is_some_and(|value| value >= 3 && !value.is_multiple_of(2) && value < 1 << 33)
        || modulus[modulus.len() - 1].is_multiple_of(2)
    {
        return Err(KeyFlaw::NotAKey);
    }
    if is_roca(modulus) { Err(KeyFlaw::Roca) } else { Ok(()) }
}

/// Whether the modulus bears the mark of CVE-2017-15361: modulo each of these primes it is a power of 65537. One in 2^27
/// of the good ones does so too.
fn is_roca(modulus: &[u8]) -> bool {
    const PRIMES: [u32; 38] = [
        3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97, 101,
        103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
    ];
    PRIMES.iter().all(|prime| {
        let rest = modulus.iter().fold(0, |rest, byte| (rest * 256 + u32::from(*byte)) % prime);
        let mut power = 1;
        (0..*prime).any(|_| {
            power = power * (65_537 % prime) % prime;
            power == rest
        })
    })
}

/// Why a key was not prepared, or a key of a set passed over.
///
/// `Display` says what is wrong and what to do; it shows the `kid`, never the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError {
    id: Option<Box<str>>,
    flaw: KeyFlaw,
    /// The algorithm a broken key was meant for: it claims its `kid` all the same.
    meant_for: Option<Algorithm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyFlaw {
    NotPem,
    PrivateKey,
    NotAKey,
    OtherAlgorithm,
    ShortSecret(usize),
    ShortRsa(usize),
    LongRsa(usize),
    Roca,
    NotForSignatures,
    UnknownKind,
    SharedSecret,
    Ambiguous,
}

impl KeyError {
    pub(crate) fn new(id: Option<&str>, flaw: KeyFlaw) -> Self {
        Self { id: id.map(Box::from), flaw, meant_for: None }
    }

    pub(crate) fn meant_for(self, algorithm: Option<Algorithm>) -> Self {
        Self { meant_for: algorithm, ..self }
    }

    /// The `kid` that a broken key claims, and the algorithm it was meant for.
    pub(crate) fn claim(&self) -> Option<(&str, Algorithm)> {
        Some((self.id.as_deref()?, self.meant_for?))
    }

    #[cfg(test)]
    pub(crate) fn flaw(&self) -> KeyFlaw {
        self.flaw
    }

    pub(crate) fn is_ambiguous(&self) -> bool {
        self.flaw == KeyFlaw::Ambiguous
    }

    /// Returns the `kid` of the key, if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = &self.id {
            write!(f, "key {id:?}: ")?;
        }
        match self.flaw {
            KeyFlaw::NotPem => f.write_str(
                "not a public key in PEM; give a text that begins with `-----BEGIN PUBLIC KEY-----`",
            ),
            KeyFlaw::PrivateKey => {
                f.write_str("a private key; give the public half, which `openssl pkey -pubout` prints")
            }
            KeyFlaw::NotAKey => f.write_str("its numbers are not those of a key"),
            KeyFlaw::OtherAlgorithm => f.write_str("not a key of an algorithm that is allowed here"),
            KeyFlaw::ShortSecret(bytes) => {
                write!(f, "the secret is shorter than the hash; give {bytes} random bytes or more")
            }
            KeyFlaw::ShortRsa(bits) => write!(f, "RSA with {bits} bits; 2048 or more are needed"),
            KeyFlaw::LongRsa(bits) => {
                write!(f, "RSA with more than the {bits} bits that can be verified here")
            }
            KeyFlaw::Roca => {
                f.write_str("made by a library whose RSA keys can be broken (CVE-2017-15361); make a new one")
            }
            KeyFlaw::NotForSignatures => f.write_str("not meant for verifying signatures (`use`, `key_ops`)"),
            KeyFlaw::UnknownKind => f.write_str("of a kind that is not known here (`kty`, `crv`, `alg`)"),
            KeyFlaw::SharedSecret => {
                f.write_str("a secret, which a key set beside public keys or from the network must not hold")
            }
            KeyFlaw::Ambiguous => {
                f.write_str("another key of the same kind has this `kid`, so that neither is used")
            }
        }
    }
}

impl std::error::Error for KeyError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(key: Result<Key, KeyError>, flaw: KeyFlaw) {
        assert_eq!(key.err().map(|error| error.flaw()), Some(flaw));
    }

    #[test]
    fn a_secret_is_as_long_as_the_hash() {
        for (algorithm, bytes) in [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)] {
            assert!(Key::secret(algorithm, &vec![7; bytes]).is_ok());
            refused(Key::secret(algorithm, &vec![7; bytes - 1]), KeyFlaw::ShortSecret(bytes));
        }
        refused(Key::secret(Algorithm::RS256, &[7; 64]), KeyFlaw::OtherAlgorithm);
    }

    #[test]
    fn an_rsa_exponent_is_odd_and_not_one() {
        let modulus = [0xff; 256];
        for exponent in
            [&[][..], &[0], &[1], &[2], &[1, 0, 0], &[4, 0, 0, 0, 1], &[1, 0, 0, 0, 0, 0, 0, 0, 0, 3]]
        {
            assert_eq!(check_rsa(&modulus, exponent), Err(KeyFlaw::NotAKey), "{exponent:?}");
        }
        assert_eq!(check_rsa(&modulus, &[1, 0, 1]), Ok(()));
        assert_eq!(check_rsa(&modulus, &[3]), Ok(()));
        assert_eq!(check_rsa(&modulus[..255], &[3]), Err(KeyFlaw::ShortRsa(2_040)));
        assert_eq!(check_rsa(&[], &[3]), Err(KeyFlaw::NotAKey));
    }

    #[test]
    fn debug_shows_no_secret() {
        let key = Key::secret(Algorithm::HS256, b"a secret of 32 bytes, or longer.").unwrap().with_id("one");
        assert_eq!(format!("{key:?}"), "Key { id: Some(\"one\"), algorithm: HS256, .. }");
    }
}
