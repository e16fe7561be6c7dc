//! SHA-256 digests of secrets, which are compared and looked up in place of them.

use std::hash::{BuildHasherDefault, Hasher};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub(crate) type Digest = [u8; 32];

pub(crate) fn of(secret: impl AsRef<[u8]>) -> Digest {
    Sha256::digest(secret).into()
}

/// Compares all of two digests, wherever they differ; eight bytes at a time, since each step is paid for.
pub(crate) fn are_equal(one: &Digest, other: &Digest) -> bool {
    let words = |digest: &Digest| {
        let (words, _) = digest.as_chunks();
        std::array::from_fn::<u64, 4, _>(|index| u64::from_ne_bytes(words[index]))
    };
    words(one).ct_eq(&words(other)).into()
}

/// A map by digest. A digest is as good as random already, so its first bytes do for a hash.
pub(crate) type DigestMap<V> = std::collections::HashMap<Digest, V, BuildHasherDefault<FirstBytes>>;

#[derive(Default)]
pub(crate) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 = u64::from_le_bytes(*first);
        }
    }

    fn write_usize(&mut self, _: usize) {} // the length of the array, the same for all

    fn finish(&self) -> u64 {
        self.0
    }
}
