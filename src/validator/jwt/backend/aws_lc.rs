//! aws-lc: a key is parsed once.

use aws_lc_rs::hmac;
use aws_lc_rs::signature::{
    self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents, VerificationAlgorithm,
};

use super::Material;
use crate::validator::jwt::Algorithm;

/// The longest RSA modulus that is verified, in bits.
pub(crate) const LONGEST_MODULUS: usize = 8_192;

#[allow(clippy::large_enum_variant)] // one for each key, and no pointer on the way to it
pub(crate) enum Prepared {
    Secret(hmac::Key),
    Public(ParsedPublicKey),
}

impl Prepared {
    /// `None`: the material is none of this algorithm, or no key at all.
    pub(crate) fn new(algorithm: Algorithm, material: Material<'_>) -> Option<Self> {
        match material {
            Material::Secret(secret) => {
                hash(algorithm).map(|hash| Self::Secret(hmac::Key::new(hash, secret)))
            }
            Material::Rsa { modulus: n, exponent: e } => {
                let key = RsaPublicKeyComponents { n, e }.to_parsed_public_key(rsa(algorithm)?);
                key.ok().map(Self::Public)
            }
            Material::Point(bytes) | Material::Ed25519(bytes) => {
                ParsedPublicKey::new(elliptic(algorithm)?, bytes).ok().map(Self::Public)
            }
        }
    }

    pub(crate) fn verifies(&self, signed: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Secret(key) => hmac::verify(key, signed, signature).is_ok(),
            Self::Public(key) => key.verify_sig(signed, signature).is_ok(),
        }
    }
}

fn hash(algorithm: Algorithm) -> Option<hmac::Algorithm> {
    Some(match algorithm {
        Algorithm::HS256 => hmac::HMAC_SHA256,
        Algorithm::HS384 => hmac::HMAC_SHA384,
        Algorithm::HS512 => hmac::HMAC_SHA512,
        _ => return None,
    })
}

fn rsa(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::RS256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::RS384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::RS512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::PS256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::PS384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::PS512 => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    })
}

fn elliptic(algorithm: Algorithm) -> Option<&'static dyn VerificationAlgorithm> {
    Some(match algorithm {
        Algorithm::ES256 => &signature::ECDSA_P256_SHA256_FIXED,
        Algorithm::ES384 => &signature::ECDSA_P384_SHA384_FIXED,
        Algorithm::EdDSA => &signature::ED25519,
        _ => return None,
    })
}
