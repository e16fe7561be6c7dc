use std::{
    fmt,
    num::NonZeroUsize,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    thread::available_parallelism,
    time::Duration,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{
    HashError, PasswordHash,
    hash::{Scratch, TODAY},
};
use crate::{Inspection, Reason, Rejection, lock::lock, timer, visit::Purpose};

/// Where hashes are computed: tokio's blocking threads, behind a bounded number of permits and a short, bounded queue.
/// Clones share the permits.
///
/// By default half the cores compute (at least one), 64 sign-ins for each of them may wait, for at most half a second;
/// more see 503 with `Retry-After: 1` at once. The memory is at most the permits times the costliest hash (19 MiB for
/// those made here), and is kept for the next sign-in. A client that goes away while its hash is computed gives the
/// permit back when it is done, and one that waits at once.
///
/// What is only [tried out](crate::AuthenticateLayer::report_only) or [explained](crate::AuthenticateLayer::explain) takes no permit
/// and no place in the queue from a sign-in: it has one permit of its own, and so the memory of one hash more.
///
/// ```
/// use std::{num::NonZeroUsize, time::Duration};
/// use tower_authn::validator::passwords::{Hasher, PasswordMap, Passwords};
///
/// let hasher = Hasher::new(NonZeroUsize::MIN).queue(8, Duration::from_millis(250));
/// let site = Passwords::new(PasswordMap::<u32>::default()).hashed_by(hasher.clone());
/// let forum = Passwords::new(PasswordMap::<u32>::default()).hashed_by(hasher); // both together: one at a time
/// # let _ = (site, forum);
/// ```
#[derive(Clone)]
#[must_use]
pub struct Hasher(Arc<Pool>);

struct Pool {
    limits: Limits,
    permits: Arc<Semaphore>,
    /// The one permit of what is only tried out.
    trials: Arc<Semaphore>,
    waiting: AtomicUsize,
    scratch: Mutex<Vec<Scratch>>,
    hashes: AtomicU64,
    work: AtomicU64,
    turned_away: AtomicU64,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
}

#[derive(Clone, Copy, Debug)]
struct Limits {
    permits: NonZeroUsize,
    waiting: usize,
    longest: Duration,
}

impl Hasher {
    /// Makes a hasher that computes so many hashes at a time. The queue holds 64 for each, for at most half a second.
    pub fn new(permits: NonZeroUsize) -> Self {
        let permits = permits.min(NonZeroUsize::new(Semaphore::MAX_PERMITS).unwrap_or(NonZeroUsize::MIN));
        let waiting = permits.get().saturating_mul(64);
        Self::limited(Limits { permits, waiting, longest: Duration::from_millis(500) })
    }

    /// Sets how many sign-ins may wait, and for how long. Clones that were made before keep their own queue and permits.
    pub fn queue(self, waiting: usize, longest: Duration) -> Self {
        Self::limited(Limits { waiting, longest, ..self.0.limits })
    }

    /// Hashes a password with today's parameters, for an account that is made or changed.
    ///
    /// # Errors
    ///
    /// [`Rejection::unavailable`] when there is too much to do, as for a sign-in; [`Rejection::invalid`] for a password
    /// that is longer than 1,024 bytes or has a NUL in it.
    pub async fn hash(&self, password: impl Into<String>) -> Result<PasswordHash, Rejection> {
        let password = crate::scheme::Password::new(password);
        let permit = self.permit(Purpose::Real).await?;
        self.run(permit, TODAY.work(), move |scratch| PasswordHash::new(password.expose(), scratch))
            .await?
            .map_err(|error| match error {
                HashError::NoRandomness => Rejection::from(error),
                _ => Rejection::invalid().because(error),
            })
    }

    /// Returns what was done since the hasher was made, for metrics.
    pub fn stats(&self) -> HasherStats {
        let Pool { hashes, work, turned_away, most_at_once, .. } = &*self.0;
        HasherStats {
            hashes: hashes.load(Relaxed),
            work: work.load(Relaxed),
            turned_away: turned_away.load(Relaxed),
            most_at_once: most_at_once.load(Relaxed),
        }
    }

    fn limited(limits: Limits) -> Self {
        Self(Arc::new(Pool {
            limits,
            permits: Arc::new(Semaphore::new(limits.permits.get())),
            trials: Arc::new(Semaphore::new(1)),
            waiting: AtomicUsize::new(0),
            scratch: Mutex::default(),
            hashes: AtomicU64::new(0),
            work: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
        }))
    }
}

// ===== inside the module =====

impl Hasher {
    pub(super) fn inspect(&self, inspection: &mut Inspection) {
        let permits = self.0.limits.permits.get();
        let free = self.0.permits.available_permits().min(permits);
        inspection.count("tower_authn_hash_permits", permits);
        inspection.count("tower_authn_hash_permits_used", permits - free);
        inspection.count("tower_authn_hash_queue", self.0.waiting.load(Relaxed));
        inspection.total("tower_authn_hashes_total", self.0.hashes.load(Relaxed));
        inspection.total("tower_authn_hashes_turned_away_total", self.0.turned_away.load(Relaxed));
    }

    /// Waits for a permit, if the queue is not full, and for as long as allowed.
    pub(super) async fn permit(&self, purpose: Purpose) -> Result<OwnedSemaphorePermit, Rejection> {
        if purpose == Purpose::Trial {
            return self.wait(&self.0.trials).await?.ok_or_else(overloaded);
        }
        if let Some(permit) = self.permit_at_once() {
            return Ok(permit);
        }
        let turned_away = || {
            self.0.turned_away.fetch_add(1, Relaxed);
            overloaded()
        };
        let _place = Counted::add(&self.0.waiting, self.0.limits.waiting).ok_or_else(turned_away)?;
        self.wait(&self.0.permits).await?.ok_or_else(turned_away)
    }

    async fn wait(&self, permits: &Arc<Semaphore>) -> Result<Option<OwnedSemaphorePermit>, Rejection> {
        let permit = timer::timeout(self.0.limits.longest, Arc::clone(permits).acquire_owned())?.await;
        Ok(permit.ok().and_then(Result::ok))
    }

    pub(super) fn permit_at_once(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0.permits).try_acquire_owned().ok()
    }

    /// Computes on a blocking thread. The permit goes with the computation, which ends even if nobody waits for it.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        permit: OwnedSemaphorePermit,
        work: u64,
        compute: impl FnOnce(&mut Scratch) -> T + Send + 'static,
    ) -> Result<T, Rejection> {
        let pool = Arc::clone(&self.0);
        let computed = timer::runtime()?.spawn_blocking(move || {
            pool.hashes.fetch_add(1, Relaxed);
            pool.work.fetch_add(work, Relaxed);
            let running = Counted::add(&pool.running, usize::MAX);
            pool.most_at_once.fetch_max(pool.running.load(Relaxed), Relaxed);
            let mut scratch = pool.scratch().pop().unwrap_or_default();
            let result = compute(&mut scratch);
            pool.scratch().push(scratch);
            drop(running);
            drop(permit);
            result
        });
        Ok(computed.await?)
    }
}

fn overloaded() -> Rejection {
    let rejection = Rejection::unavailable().with_reason(Reason::Overloaded);
    rejection.with_retry_after(Duration::from_secs(1))
}

impl Pool {
    fn scratch(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        lock(&self.scratch)
    }
}

/// Half the cores, at least one.
impl Default for Hasher {
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, NonZeroUsize::get);
        Self::new(NonZeroUsize::new(cores / 2).unwrap_or(NonZeroUsize::MIN))
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hasher").field("limits", &self.0.limits).field("stats", &self.stats()).finish()
    }
}

/// One of a number, until it is dropped.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    /// Adds one, unless there are `most` already.
    fn add(count: &'a AtomicUsize, most: usize) -> Option<Self> {
        let next = |count| (count < most).then_some(count + 1);
        count.fetch_update(Relaxed, Relaxed, next).ok().map(|_| Self(count))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// What a [`Hasher`] has done.
///
/// ```
/// use tower_authn::validator::passwords::Hasher;
///
/// assert_eq!(Hasher::default().stats().hashes, 0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HasherStats {
    /// How many hashes were computed.
    pub hashes: u64,
    /// What they cost, in a measure that compares hashes of one kind: KiB filled (argon2, scrypt), or rounds.
    pub work: u64,
    /// How many were computed at the same time, at most.
    pub most_at_once: usize,
    /// How many sign-ins saw 503 since there was too much to do.
    pub turned_away: u64,
}
