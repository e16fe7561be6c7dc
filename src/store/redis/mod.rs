//! Sessions and failures in Redis (feature `redis`).

use std::{
    fmt,
    sync::{Arc, LazyLock},
    time::{Duration, Instant},
};

use ::redis::{
    Client, FromRedisValue, RedisError, RedisResult, Script, ScriptInvocation,
    aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig},
};
use arc_swap::ArcSwapOption;

use crate::{Reason, Rejection, observe::Outage, timer};

mod failures;
mod sessions;

/// Keeps sessions, and the failures that a [`Throttle`](crate::throttle::Throttle) counts, in Redis 6.2 or later, or what speaks its
/// protocol (feature `redis`).
///
/// Each call is one script, and so one round trip and atomic; a request with a session is one call. Sessions have a time to live,
/// after which Redis removes them itself. Identities are kept as JSON, and go when the session ends. What Redis gets of a session is the
/// SHA-256 of its id, and so signs nobody in.
///
/// A call that is not answered within a second is given up: the client sees 503 with `Retry-After`. The connection is opened at the first
/// call, and again whenever it breaks or falls silent; a server that starts before its Redis needs no restart. In a tokio runtime without
/// timers the client sees 500.
///
/// # Security
///
/// What Redis loses cannot be ended any more. If it may evict keys, it can drop the index of a subject, and `revoke_all` and `list` then miss
/// sessions that are live, until their next use is written down: set `maxmemory-policy noeviction`. A write that is lost in a crash or a failover, with `appendfsync
/// everysec` the last second, may be a sign-out.
///
/// # Throttles
///
/// Processes that share a Redis share quotas: of guesses at the same time, no more are looked at than may
/// fail. A guess costs one call before its credentials are looked at, and one in the background after the
/// answer. Time is Redis's own. A guess that cannot be written down is not looked at: while Redis is full
/// (under `noeviction`), a read-only replica, or unable to save, the client sees 503. A failure that
/// cannot be written down later is tried again until its [lease](crate::throttle::LEASE) ends; the log
/// says so at warn if it is lost. A Redis that may evict keys may forget failures.
///
/// # Keys
///
/// All keys of sessions begin with `{tower-authn}`, one hash slot, so that a call is atomic in a cluster too; give each app that shares
/// a Redis a [`prefix`](Self::prefix) of its own. What a throttle counts begins with `tower-authn:{…}`, one hash slot for
/// each client's address, of which a digest stands in the braces. For a cluster, hand a connection to it over with [`over`](Self::over). For `rediss://`, depend on
/// the crate redis with one of its TLS features.
///
/// ```
/// use tower_authn::{scheme::SessionCookie, store::RedisStore, throttle::Throttle, validator::session::Sessions};
///
/// let redis = RedisStore::open("redis://127.0.0.1/")?.prefix("shop");
/// let sessions = Sessions::<String, _>::new(&SessionCookie::new("web"), redis.clone());
/// let throttle = Throttle::new(redis);
/// # let _ = (sessions, throttle);
/// # Ok::<(), redis::RedisError>(())
/// ```
#[must_use]
pub struct RedisStore<C = ConnectionManager> {
    connection: Arc<Connection<C>>,
    prefix: Arc<str>,
    timeout: Duration,
}

/// A connection that is opened when it is first needed, in the runtime that needs it.
struct Connection<C> {
    opened: ArcSwapOption<Opened<C>>,
    open: Box<dyn Fn() -> RedisResult<C> + Send + Sync>,
    /// Failures that could not be written down.
    lost: Outage,
}

struct Opened<C> {
    connection: C,
    since: Instant,
}

const TIMEOUT: Duration = Duration::from_secs(1);

impl RedisStore {
    /// Takes the URL of a Redis: `redis://[user]:[password]@host:port/database`.
    ///
    /// # Errors
    ///
    /// A URL that is none. Whether anybody answers shows at the first call.
    pub fn open(url: &str) -> Result<Self, RedisError> {
        let client = Client::open(url)?;
        let open = move || {
            let config = ConnectionManagerConfig::new()
                .set_connection_timeout(Some(TIMEOUT))
                .set_response_timeout(None) // each call has its own
                // Where nobody listens, the client learns it at once. The next call tries again.
                .set_number_of_retries(1)
                .set_min_delay(Duration::from_millis(20));
            ConnectionManager::new_lazy_with_config(client.clone(), config)
        };
        Ok(Self::with(Box::new(open)))
    }
}

impl<C> RedisStore<C> {
    /// Takes a connection of the crate redis, for example to a cluster. It should reconnect by itself.
    pub fn over(connection: C) -> Self
    where
        C: Clone + Send + Sync + 'static,
    {
        Self::with(Box::new(move || Ok(connection.clone())))
    }

    fn with(open: Box<dyn Fn() -> RedisResult<C> + Send + Sync>) -> Self {
        Self {
            connection: Arc::new(Connection {
                opened: ArcSwapOption::empty(),
                open,
                lost: Outage::default(),
            }),
            prefix: Arc::from("tower-authn"),
            timeout: TIMEOUT,
        }
    }

    /// Sets what all keys begin with; `tower-authn` by default. Who shares a prefix shares sessions.
    ///
    /// # Panics
    ///
    /// A prefix that is empty or holds a brace.
    #[track_caller]
    pub fn prefix(self, prefix: &str) -> Self {
        assert!(!prefix.is_empty() && !prefix.contains(['{', '}']), "{prefix:?} is no prefix of keys");
        Self { prefix: Arc::from(prefix), ..self }
    }

    /// Sets how long a call may take, connecting included; a second by default.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }
}

impl<C: ConnectionLike + Clone + Send + Sync + 'static> RedisStore<C> {
    /// Runs a script, which is a round trip, and a second one if Redis has forgotten it.
    async fn run<T: FromRedisValue + Send>(&self, call: &ScriptInvocation<'_>) -> Result<T, Rejection> {
        let opened = self.connection.get()?;
        let mut connection = opened.connection.clone();
        match timer::timeout(self.timeout, call.invoke_async(&mut connection))?.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if error.is_io_error() {
                    self.connection.forget(&opened);
                }
                Err(failed(error))
            }
            Err(_) => {
                // What is silent may be so for ever: if the other end has vanished, nobody says so until the operating system
                // gives up, a quarter of an hour later. What was only just opened may still be on its way.
                if opened.since.elapsed() >= TIMEOUT {
                    self.connection.forget(&opened);
                }
                let cause = format!("Redis did not answer within {:?}", self.timeout);
                Err(Rejection::unavailable().with_reason(Reason::TimedOut).because(cause))
            }
        }
    }

    /// Runs a script that may run twice. If the connection broke since the last call, as when Redis was restarted, this one
    /// is the first to notice, and runs over a new one.
    async fn run_again<T: FromRedisValue + Send>(&self, call: &ScriptInvocation<'_>) -> Result<T, Rejection> {
        match self.run(call).await {
            Err(rejection) if rejection.reason() == Reason::BackEndFailed => self.run(call).await,
            outcome => outcome,
        }
    }
}

impl<C> Connection<C> {
    fn get(&self) -> Result<Arc<Opened<C>>, Rejection> {
        if let Some(opened) = self.opened.load_full() {
            return Ok(opened);
        }
        timer::runtime()?;
        let connection = (self.open)().map_err(failed)?;
        let opened = Arc::new(Opened { connection, since: Instant::now() });
        let before = self.opened.compare_and_swap(&None::<Arc<Opened<C>>>, Some(Arc::clone(&opened)));
        // Who comes second closes its own.
        Ok(Option::clone(&before).unwrap_or(opened))
    }

    fn forget(&self, opened: &Arc<Opened<C>>) {
        self.opened.compare_and_swap(opened, None);
    }
}

fn failed(error: RedisError) -> Rejection {
    Rejection::unavailable().with_reason(Reason::BackEndFailed).because(error)
}

/// A script that is made when it is first needed.
type LazyScript = LazyLock<Script>;

/// Whole milliseconds, of which Redis and Lua can count a few thousand years.
fn milliseconds(duration: Duration) -> u64 {
    const LONGEST: u64 = 100_000_000_000_000;
    u64::try_from(duration.as_millis()).unwrap_or(LONGEST).min(LONGEST)
}

impl<C> Clone for RedisStore<C> {
    fn clone(&self) -> Self {
        Self {
            connection: Arc::clone(&self.connection),
            prefix: Arc::clone(&self.prefix),
            timeout: self.timeout,
        }
    }
}

/// Shows no URL: it may hold a password.
impl<C> fmt::Debug for RedisStore<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
