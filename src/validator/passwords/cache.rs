//! Passwords that were verified a moment ago, so that a client which sends one with each request pays for one hash.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::SeqCst},
    },
    time::Duration,
};

use hmac::{Hmac, KeyInit as _, Mac as _};
use quick_cache::sync::Cache as Table;
use sha2::Sha256;
use tokio::sync::watch;

use super::{PasswordHash, Remembering};
use crate::{Clock, Inspection, lock::lock, tally::Tally};

/// How long, and how many, verified passwords are remembered; see [`Passwords::cached`](super::Passwords::cached).
///
/// ```
/// use std::time::Duration;
/// use tower_authn::validator::passwords::Remember;
///
/// let an_hour = Remember { ttl: Duration::from_secs(3600), ..Remember::default() };
/// assert_eq!(an_hour.most, 10_000);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Remember {
    /// For how long a success is remembered: by default five minutes.
    pub ttl: Duration,
    /// How many at most: by default 10,000, about one megabyte.
    pub most: usize,
}

impl Default for Remember {
    fn default() -> Self {
        Self { ttl: Duration::from_secs(300), most: 10_000 }
    }
}

type Mac = Hmac<Sha256>;

/// A keyed digest of user, password and stored hash. Nothing of them can be told from it without the key, which lives as
/// long as the process.
type Key = [u8; 32];

pub(super) struct Verified {
    mac: Mac,
    ttl: Duration,
    clock: Clock,
    table: Table<Key, Entry>,
    flights: Mutex<HashMap<Key, watch::Receiver<Option<bool>>>>,
    /// Counts calls of `forget`, lest a sign-in that was under way is remembered after one.
    forgotten: AtomicU64,
    hits: Tally,
    misses: Tally,
}

#[derive(Clone, Copy)]
struct Entry {
    user: Key,
    until: Duration,
}

/// How a sign-in goes on that is not remembered.
pub(super) enum Turn {
    /// The same sign-in is under way: wait for what comes of it.
    Wait(watch::Receiver<Option<bool>>),
    /// It is the first.
    Compute(Flight),
}

impl Verified {
    pub(super) fn new(remember: Remember, clock: Clock) -> Result<Self, getrandom::Error> {
        let mut key = zeroize::Zeroizing::new([0; 64]);
        getrandom::fill(&mut *key)?;
        let mac = Mac::new(&(*key).into());
        let (ttl, table) = (remember.ttl, Table::new(remember.most.max(1)));
        Ok(Self {
            mac,
            ttl,
            clock,
            table,
            flights: Mutex::default(),
            forgotten: AtomicU64::new(0),
            hits: Tally::default(),
            misses: Tally::default(),
        })
    }

    /// The stored hash is part of the key: once it changes, what was verified against the old one is no longer found.
    pub(super) fn key(&self, user: &str, password: &str, hash: &PasswordHash) -> Key {
        self.digest(&[user.as_bytes(), password.as_bytes(), hash.as_str().as_bytes()])
    }

    pub(super) fn knows(&self, key: &Key) -> bool {
        let is_known = self.table.get(key).is_some_and(|entry| self.clock.monotonic() < entry.until);
        if is_known {
            self.hits.add();
        } else {
            self.misses.add();
        }
        is_known
    }

    pub(super) fn turn(self: &Arc<Self>, key: Key, user: &str) -> Turn {
        let mut flights = lock(&self.flights);
        if let Some(flight) = flights.get(&key) {
            return Turn::Wait(flight.clone());
        }
        let (result, receiver) = watch::channel(None);
        flights.insert(key, receiver);
        let (user, forgotten) = (self.digest(&[user.as_bytes()]), self.forgotten.load(SeqCst));
        Turn::Compute(Flight { verified: Arc::clone(self), key, user, forgotten, result })
    }

    pub(super) fn forget(&self, user: &str) {
        self.forgotten.fetch_add(1, SeqCst);
        let user = self.digest(&[user.as_bytes()]);
        self.table.retain(|_, entry| entry.user != user);
    }

    pub(super) fn inspect(&self, inspection: &mut Inspection) {
        inspection.total("tower_authn_cache_hits_total", self.hits.sum());
        inspection.total("tower_authn_cache_misses_total", self.misses.sum());
        inspection.count("tower_authn_cache_entries", self.len());
    }

    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    /// Each part is preceded by its length, so that no two lists of parts are one text.
    fn digest(&self, parts: &[&[u8]]) -> Key {
        let mut mac = self.mac.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }
}

/// A sign-in under way, for which equal ones wait. If it is dropped without a result, one of them takes over.
pub(super) struct Flight {
    verified: Arc<Verified>,
    key: Key,
    user: Key,
    forgotten: u64,
    result: watch::Sender<Option<bool>>,
}

impl Flight {
    /// Remembers a success, and tells the result to all who wait.
    pub(super) fn land(self, fits: bool, remember: Remembering) {
        let Self { verified, key, user, forgotten, result } = &self;
        if fits && remember == Remembering::Yes {
            let until = verified.clock.monotonic().saturating_add(verified.ttl);
            verified.table.insert(*key, Entry { user: *user, until });
            if verified.forgotten.load(SeqCst) != *forgotten {
                verified.table.remove(key);
            }
        }
        result.send_replace(Some(fits));
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        lock(&self.verified.flights).remove(&self.key);
    }
}
