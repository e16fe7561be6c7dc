//! The signature itself: one prepared key, one algorithm, one of two libraries.
//!
//! With both features on, aws-lc does the work: what is accepted is the same, and it is the faster by far. Neither
//! library is asked through a process-wide default, which another crate might have set, or not.

#[cfg(feature = "jwt-aws-lc")]
mod aws_lc;
#[cfg(all(feature = "jwt-rust-crypto", any(test, not(feature = "jwt-aws-lc"))))]
mod rust_crypto;

#[cfg(feature = "jwt-aws-lc")]
pub(crate) use aws_lc::{LONGEST_MODULUS, Prepared};
#[cfg(all(feature = "jwt-rust-crypto", not(feature = "jwt-aws-lc")))]
pub(crate) use rust_crypto::{LONGEST_MODULUS, Prepared};

/// A key as it is written in a PEM text or a JWK, taken apart.
#[derive(Clone, Copy)]
pub(crate) enum Material<'a> {
    Secret(&'a [u8]),
    /// Modulus and exponent, big-endian, without leading zeros.
    Rsa {
        modulus: &'a [u8],
        exponent: &'a [u8],
    },
    /// An uncompressed point (SEC 1): `4`, x, y.
    Point(&'a [u8]),
    Ed25519(&'a [u8]),
}

/// The longest signature there is, in bytes: that of the longest RSA key.
pub(crate) const LONGEST_SIGNATURE: usize = 1_024;

#[cfg(all(test, feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]
mod tests {
    use aws_lc_rs::hmac;
    use aws_lc_rs::rand::SystemRandom;
    use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
    use aws_lc_rs::signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};

    use super::{Material, aws_lc, rust_crypto};
    use crate::validator::jwt::Algorithm;
    use crate::validator::jwt::key::trimmed;
    use crate::validator::jwt::pem::{self, Public};

    const SIGNED: &[u8] = b"header.payload";

    /// Both libraries accept the signature, and neither accepts it changed, cut, or over something else.
    #[track_caller]
    fn agree(algorithm: Algorithm, material: Material<'_>, signature: &[u8]) {
        let one = aws_lc::Prepared::new(algorithm, material).unwrap();
        let other = rust_crypto::Prepared::new(algorithm, material).unwrap();
        let both = |signed: &[u8], signature: &[u8]| {
            (one.verifies(signed, signature), other.verifies(signed, signature))
        };
        assert_eq!(both(SIGNED, signature), (true, true), "{algorithm}");
        let mut changed = signature.to_vec();
        changed[signature.len() / 2] ^= 1;
        assert_eq!(both(SIGNED, &changed), (false, false), "{algorithm}");
        assert_eq!(both(SIGNED, &signature[1..]), (false, false), "{algorithm}");
        assert_eq!(both(SIGNED, b""), (false, false), "{algorithm}");
        assert_eq!(both(b"header.other", signature), (false, false), "{algorithm}");
    }

    #[test]
    fn both_libraries_agree_on_every_algorithm() {
        let random = SystemRandom::new();
        let secret = [7; 64];
        for (algorithm, hash) in [
            (Algorithm::HS256, hmac::HMAC_SHA256),
            (Algorithm::HS384, hmac::HMAC_SHA384),
            (Algorithm::HS512, hmac::HMAC_SHA512),
        ] {
            let tag = hmac::sign(&hmac::Key::new(hash, &secret), SIGNED);
            agree(algorithm, Material::Secret(&secret), tag.as_ref());
        }

        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let Some(Public::Rsa { modulus, exponent }) = pem::rsa(key.public_key().as_ref()) else {
            panic!("no key")
        };
        let (modulus, exponent) = (trimmed(&modulus), trimmed(&exponent));
        for (algorithm, padding) in [
            (Algorithm::RS256, &signature::RSA_PKCS1_SHA256 as &'static dyn signature::RsaEncoding),
            (Algorithm::RS384, &signature::RSA_PKCS1_SHA384),
            (Algorithm::RS512, &signature::RSA_PKCS1_SHA512),
            (Algorithm::PS256, &signature::RSA_PSS_SHA256),
            (Algorithm::PS384, &signature::RSA_PSS_SHA384),
            (Algorithm::PS512, &signature::RSA_PSS_SHA512),
        ] {
            let mut made = vec![0; key.public_modulus_len()];
            key.sign(padding, &random, SIGNED, &mut made).unwrap();
            agree(algorithm, Material::Rsa { modulus, exponent }, &made);
        }

        for (algorithm, curve) in [
            (Algorithm::ES256, &signature::ECDSA_P256_SHA256_FIXED_SIGNING),
            (Algorithm::ES384, &signature::ECDSA_P384_SHA384_FIXED_SIGNING),
        ] {
            let key = EcdsaKeyPair::generate(curve).unwrap();
            let made = key.sign(&random, SIGNED).unwrap();
            agree(algorithm, Material::Point(key.public_key().as_ref()), made.as_ref());
        }

        let key = Ed25519KeyPair::generate().unwrap();
        agree(Algorithm::EdDSA, Material::Ed25519(key.public_key().as_ref()), key.sign(SIGNED).as_ref());
    }

    #[test]
    fn both_libraries_refuse_a_point_off_the_curve() {
        let mut point = [7; 65];
        point[0] = 4;
        assert!(aws_lc::Prepared::new(Algorithm::ES256, Material::Point(&point)).is_none());
        assert!(rust_crypto::Prepared::new(Algorithm::ES256, Material::Point(&point)).is_none());
    }
}
