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
