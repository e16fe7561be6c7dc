//! Tokens that were verified before.

use std::hash::{BuildHasher, Hasher, RandomState};

use quick_cache::UnitWeighter;
use quick_cache::sync::{Cache as Table, DefaultLifecycle};
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use super::verify::{Proven, Shared};
use crate::{Inspection, tally::Tally};

/// A bounded table of verified tokens. It holds no token: each is known by a digest of 128 bits under a key that no one
/// outside this process can learn, so that none can be made to collide.
///
/// A table belongs to one validator, so that what one verified is nothing to another.
pub(crate) struct Cache<C> {
    table: Table<u128, Proven<C>, UnitWeighter, IsDigest>,
    key: (u64, u64),
    hits: Tally,
    misses: Tally,
}

impl<C> Cache<C> {
    pub(crate) fn new(tokens: usize) -> Self {
        // Two outputs of a hash under a random key are as good as random.
        let random = RandomState::new();
        let key = (random.hash_one(0), random.hash_one(1));
        let table = Table::with(tokens, tokens as u64, UnitWeighter, IsDigest, DefaultLifecycle::default());
        Self { table, key, hits: Tally::default(), misses: Tally::default() }
    }

    /// Returns the digest of a whole token, signature included.
    pub(crate) fn digest(&self, token: &str) -> u128 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(token.as_bytes());
        hasher.finish128().as_u128()
    }

    /// Returns what was proven, if it still holds; what does not is forgotten.
    pub(crate) fn find(&self, digest: u128, shared: &Shared) -> Option<Proven<C>> {
        if let Some(proven) = self.table.get(&digest) {
            if shared.holds(&proven) {
                self.hits.add();
                return Some(proven);
            }
            self.table.remove(&digest);
        }
        self.misses.add();
        None
    }

    pub(crate) fn remember(&self, digest: u128, proven: Proven<C>) {
        self.table.insert(digest, proven);
    }

    pub(crate) fn inspect(&self, inspection: &mut Inspection) {
        inspection.total("tower_authn_cache_hits_total", self.hits.sum());
        inspection.total("tower_authn_cache_misses_total", self.misses.sum());
        inspection.count("tower_authn_cache_entries", self.table.len());
    }
}

/// Takes a digest for its own hash.
#[derive(Clone, Default)]
struct IsDigest;

#[derive(Default)]
struct Half(u64);

impl BuildHasher for IsDigest {
    type Hasher = Half;

    fn build_hasher(&self) -> Half {
        Half::default()
    }
}

impl Hasher for Half {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "one half is as random as the other")]
    fn write_u128(&mut self, digest: u128) {
        self.0 = digest as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
