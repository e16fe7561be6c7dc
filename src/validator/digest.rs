//! SHA-256 digests of secrets, which are compared and looked up in place of them.

use std::hash::{BuildHasherDefault, Hasher};

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

pub(crate) type Digest = [u8; 32];

pub(crate) fn of(secret: impl AsRef<[u8]>) -> Digest {
    #[cfg(test)]
    count(|work| work.digested += secret.as_ref().len());
    Sha256::digest(secret).into()
}

/// Compares all of two digests, wherever they differ; eight bytes at a time, since each step is paid for.
pub(crate) fn are_equal(one: &Digest, other: &Digest) -> bool {
    #[cfg(test)]
    count(|work| work.compared += 1);
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

#[cfg(test)]
pub(crate) use counted::{Work, work};

#[cfg(test)]
use counted::count;

#[cfg(test)]
mod counted {
    use std::cell::Cell;

    /// What this thread did with secrets: bytes that were digested, and digests that were compared.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct Work {
        pub(crate) digested: usize,
        pub(crate) compared: usize,
    }

    thread_local! {
        static WORK: Cell<Work> = const { Cell::new(Work { digested: 0, compared: 0 }) };
    }

    pub(super) fn count(add: impl FnOnce(&mut Work)) {
        let mut work = WORK.get();
        add(&mut work);
        WORK.set(work);
    }

    /// Returns the work that something takes.
    pub(crate) fn work(of: impl FnOnce()) -> Work {
        WORK.take();
        of();
        WORK.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_compared_in_every_bit() {
        let digest = of("a secret");
        assert!(are_equal(&digest, &of("a secret")));
        for bit in 0..8 * digest.len() {
            let mut other = digest;
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!are_equal(&digest, &other) && !are_equal(&other, &digest), "bit {bit}");
        }
    }

    #[test]
    fn digests_are_looked_up_by_every_bit() {
        let digest = of("a secret");
        let map = DigestMap::from_iter([(digest, "known")]);
        assert_eq!(map.get(&of("a secret")), Some(&"known"));
        for bit in 0..8 * digest.len() {
            let mut other = digest;
            other[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(map.get(&other), None, "bit {bit}");
        }
    }
}
