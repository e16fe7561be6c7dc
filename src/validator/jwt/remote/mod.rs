//! Keys on the network: fetched by one task for each issuer, kept fresh, kept while the provider is down.
//!
//! | when | what happens |
//! |---|---|
//! | the first token of an issuer arrives, or [`Jwt::ready`](super::Jwt::ready) is called | its keys are fetched |
//! | 80 % of the lifetime have passed (`Cache-Control`, `Age`; 5 minutes unless told, 1 minute to 24 hours) | they are fetched again, with `ETag` |
//! | a token names a key that is not among them | they are fetched at once, but only once in 30 seconds, and once a minute for one name |
//! | a fetch fails | the keys stay for an hour beyond their lifetime, and it is tried again every second until it succeeds |
//! | there are no keys yet, or they are too old | the client sees 503 with `Retry-After` |
//! | there is no tokio runtime with timers | none can be fetched, and the client sees 500 |
//! | a token names an unknown key while the last fetch failed | the client sees 503: it may be a good one |
//!
//! One fetch is in flight at most, so that a late answer cannot replace a newer one; it counts as
//! under way from the moment it is asked for, so that all requests with a new key wait for the same
//! one. No request waits for a fetch but those that need its result: the first ones, and those with
//! an unknown key. A set without any key that can be used counts as a failure; keys that cannot be
//! used are [passed over](super::KeySet::passed_over) one by one, and reported (feature `tracing`).
//! Every request must go to `https` (or this machine, where
//! [allowed](super::JwtBuilder::allow_loopback_http)), is answered within 5 seconds, with 512 KiB at most, and is not
//! redirected to another origin. The task ends with the last copy of the validator.

mod client;
mod date;
mod fetch;
#[cfg(feature = "jwks")]
mod https;
mod lifetime;
mod location;
mod task;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

pub use client::HttpClient;
#[cfg(feature = "jwks")]
pub use https::HttpsClient;

pub(crate) use client::DynClient;
pub(crate) use location::Location;

use super::status::Fetched;
use super::{Algorithm, KeySet};
use crate::observe::{Observers, Outage};
use crate::{Clock, Reason, Rejection, RejectionKind, lock::lock, timer};

/// How long an unknown key waits for the one before it.
const COOL_DOWN: Duration = Duration::from_secs(30);
/// How long a key that was looked for in vain is known to be unknown.
const UNKNOWN_FOR: Duration = Duration::from_secs(60);
/// How long keys outlive their lifetime while the provider is down.
const STALE_FOR: Duration = Duration::from_secs(60 * 60);
/// How long a request waits for a fetch.
const PATIENCE: Duration = Duration::from_secs(5);

/// The keys of one issuer on the network.
pub(crate) struct RemoteKeys {
    shared: Arc<Shared>,
    task: Mutex<Option<JoinHandle<()>>>,
}

/// What requests and the task share. No lock is held across an `await`.
struct Shared {
    location: Location,
    client: Arc<dyn DynClient>,
    algorithms: Vec<Algorithm>,
    allows_http: bool,
    clock: Clock,
    held: RwLock<Option<Held>>,
    asked: Mutex<Asked>,
    attempts: watch::Sender<Attempts>,
    issuer: Arc<str>,
    observers: Observers,
    outage: Outage,
}

/// The keys, when they were last seen to be current, and until when they are (monotonic).
struct Held {
    keys: Arc<KeySet>,
    seen: Duration,
    fresh_until: Duration,
}

/// The unknown keys that were looked for.
#[derive(Default)]
struct Asked {
    last: Option<Duration>,
    unknown: Vec<(Box<str>, Duration)>,
}

/// How the fetches stand. All of it changes at once, so that no request comes between the moment
/// when a fetch is asked for and the moment when it starts.
#[derive(Clone, Default)]
struct Attempts {
    /// A fetch was asked for, and has not started yet. It counts as under way.
    asked_for: bool,
    started: u64,
    finished: u64,
    /// Why the last one failed.
    failure: Option<Arc<str>>,
    /// How far the clocks lay apart when there last was an answer.
    skew: Option<Duration>,
}

impl Attempts {
    /// Returns the number of the fetch that is under way, from 1.
    fn under_way(&self) -> Option<u64> {
        if self.started > self.finished {
            Some(self.started)
        } else {
            self.asked_for.then_some(self.started + 1)
        }
    }

    /// Asks for the first fetch of a new task. One that the task before left unfinished is made
    /// again, under its number.
    fn begin_anew(&mut self) {
        self.asked_for = true;
        self.started = self.finished;
    }

    fn start(&mut self) {
        self.asked_for = false;
        self.started += 1;
    }
}

impl RemoteKeys {
    pub(crate) fn new(
        issuer: Arc<str>,
        location: Location,
        client: Arc<dyn DynClient>,
        algorithms: Vec<Algorithm>,
        allows_http: bool,
        clock: Clock,
        observers: Observers,
    ) -> Self {
        let shared = Shared {
            location,
            client,
            algorithms,
            allows_http,
            clock,
            held: RwLock::default(),
            asked: Mutex::default(),
            attempts: watch::Sender::default(),
            issuer,
            observers,
            outage: Outage::default(),
        };
        Self { shared: Arc::new(shared), task: Mutex::default() }
    }

    /// Returns the keys at hand.
    pub(crate) fn current(&self) -> Result<Arc<KeySet>, Rejection> {
        let now = self.shared.clock.monotonic();
        let held = self.shared.held();
        let reason = match &*held {
            Some(held) if now < held.fresh_until => return Ok(Arc::clone(&held.keys)),
            Some(held) if now < held.fresh_until + STALE_FOR => {
                let _ = self.start(); // without timers, the keys are good for as long as these
                return Ok(Arc::clone(&held.keys));
            }
            Some(_) => Reason::KeysStale,
            None => Reason::KeysNotLoaded,
        };
        drop(held);
        self.start()?;
        Err(self.unavailable(reason))
    }

    /// Returns the keys at hand, and leaves it at that.
    pub(crate) fn peek(&self) -> Option<Arc<KeySet>> {
        let now = self.shared.clock.monotonic();
        let held = self.shared.held();
        held.as_ref().filter(|held| now < held.fresh_until + STALE_FOR).map(|held| Arc::clone(&held.keys))
    }

    pub(crate) fn fetched(&self) -> Fetched {
        let now = self.shared.clock.monotonic();
        let held = self.shared.held();
        let age = held.as_ref().map(|held| now.saturating_sub(held.seen));
        drop(held);
        let attempts = self.shared.attempts.borrow();
        Fetched { age, failure: attempts.failure.clone(), skew: attempts.skew }
    }

    /// Waits for the first attempt, if it has not ended yet.
    pub(crate) async fn first(&self) -> Result<(), Rejection> {
        self.start()?;
        let mut attempts = self.shared.attempts.subscribe();
        let _ = timer::timeout(PATIENCE, attempts.wait_for(|attempts| attempts.finished > 0))?.await;
        Ok(())
    }

    /// Waits until there are keys that are not too old, or can be none.
    pub(crate) async fn ready(&self) {
        let mut attempts = self.shared.attempts.subscribe();
        while let Err(rejection) = self.current() {
            if rejection.kind() == RejectionKind::Misconfigured {
                return;
            }
            // The sender lives as long as `self`.
            let _ = attempts.changed().await;
        }
    }

    /// Looks whether there is a key of this name by now: waits for the fetch that is under way, or
    /// for one of its own, if it is time for one.
    pub(crate) async fn refresh(&self, id: &str) -> Result<(), Rejection> {
        self.start()?;
        let mut attempts = self.shared.attempts.subscribe();
        if attempts.borrow().failure.is_some() {
            return Err(self.unavailable(Reason::BackEndFailed));
        }
        let Some(number) = self.shared.ask(id) else { return Ok(()) };
        let ended = timer::timeout(PATIENCE, attempts.wait_for(|now| now.finished >= number))?;
        match ended.await.map(|now| now.is_ok_and(|now| now.failure.is_none())) {
            Ok(true) => Ok(()),
            Ok(false) => Err(self.unavailable(Reason::BackEndFailed)),
            Err(_) => Err(self.unavailable(Reason::TimedOut)),
        }
    }

    fn unavailable(&self, reason: Reason) -> Rejection {
        let rejection = Rejection::unavailable().with_reason(reason);
        match &self.shared.attempts.borrow().failure {
            Some(failure) => rejection.because(String::from(&**failure)),
            None => rejection,
        }
    }

    /// Starts the task, unless it runs. A runtime that ends takes its tasks along; the next one gets a new one.
    ///
    /// # Errors
    ///
    /// It cannot run here, without timers: 500.
    fn start(&self) -> Result<(), Rejection> {
        let mut task = lock(&self.task);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            let runtime = timer::runtime()?;
            self.shared.attempts.send_modify(Attempts::begin_anew);
            *task = Some(runtime.spawn(task::run(Arc::clone(&self.shared))));
        }
        Ok(())
    }
}

impl Shared {
    fn held(&self) -> RwLockReadGuard<'_, Option<Held>> {
        self.held.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of the fetch that may bring a key of this name: the one under way, or
    /// else the next, which the task starts at once; `None` if it is not time for one.
    fn ask(&self, id: &str) -> Option<u64> {
        let mut number = None;
        self.attempts.send_if_modified(|attempts| {
            let is_asked_for = attempts.under_way().is_none() && self.is_time_for(id);
            attempts.asked_for |= is_asked_for;
            number = attempts.under_way();
            is_asked_for
        });
        number
    }

    fn is_time_for(&self, id: &str) -> bool {
        let now = self.clock.monotonic();
        let mut asked = lock(&self.asked);
        asked.unknown.retain(|(_, until)| now < *until);
        let is_known = asked.unknown.iter().any(|(unknown, _)| **unknown == *id);
        if is_known || asked.last.is_some_and(|last| now < last + COOL_DOWN) {
            return false;
        }
        asked.last = Some(now);
        asked.unknown.push((id.into(), now + UNKNOWN_FOR));
        true
    }
}

impl Drop for RemoteKeys {
    fn drop(&mut self) {
        if let Some(task) = lock(&self.task).take() {
            task.abort();
        }
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteKeys").field("location", &self.shared.location).finish_non_exhaustive()
    }
}
