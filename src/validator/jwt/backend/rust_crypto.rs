//! jsonwebtoken with the RustCrypto crates, chosen by name.

use jsonwebtoken::crypto::JwtVerifier;
use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm as Named, DecodingKey};

use super::Material;
use crate::validator::jwt::Algorithm;

/// The longest RSA modulus that is verified, in bits.
#[cfg_attr(feature = "jwt-aws-lc", expect(dead_code, reason = "in a test with both, that of aws-lc counts"))]
pub(crate) const LONGEST_MODULUS: usize = 4_096;

pub(crate) struct Prepared {
    algorithm: Named,
    key: DecodingKey,
}

impl Prepared {
    /// `None`: the material is none of this algorithm, or no key at all.
    pub(crate) fn new(algorithm: Algorithm, material: Material<'_>) -> Option<Self> {
        let key = match material {
            Material::Secret(secret) => DecodingKey::from_secret(secret),
            Material::Rsa { modulus, exponent } => DecodingKey::from_rsa_raw_components(modulus, exponent),
            Material::Point(point) => DecodingKey::from_ec_der(point),
            Material::Ed25519(key) => DecodingKey::from_ed_der(key),
        };
        let prepared = Self { algorithm: named(algorithm), key };
        prepared.verifier().is_some().then_some(prepared)
    }

    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        self.verifier().is_some_and(|verifier| verifier.verify(signed, &signature.to_vec()).is_ok())
    }

    // Made for each call, since its type is neither `Send` nor `Sync`.
    fn verifier(&self) -> Option<Box<dyn JwtVerifier>> {
        (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm, &self.key).ok()
    }
}

fn named(algorithm: Algorithm) -> Named {
    match algorithm {
        Algorithm::HS256 => Named::HS256,
        Algorithm::HS384 => Named::HS384,
        Algorithm::HS512 => Named::HS512,
        Algorithm::RS256 => Named::RS256,
        Algorithm::RS384 => Named::RS384,
        Algorithm::RS512 => Named::RS512,
        Algorithm::PS256 => Named::PS256,
        Algorithm::PS384 => Named::PS384,
        Algorithm::PS512 => Named::PS512,
        Algorithm::ES256 => Named::ES256,
        Algorithm::ES384 => Named::ES384,
        Algorithm::EdDSA => Named::EdDSA,
    }
}
