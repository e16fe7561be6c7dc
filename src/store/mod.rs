//! Where sessions are kept: in memory, or where several processes share them (feature `session`).
//!
//! The manual's chapter on [sessions](crate::manual::sessions) compares them.

use std::{fmt, sync::Arc, time::SystemTime};

use crate::{
    Inspection, Reason, Rejection,
    validator::session::{Limits, SessionInfo, SessionKey},
};

mod memory;
#[cfg(feature = "redis")]
mod redis;

pub use memory::MemorySessions;
#[cfg(feature = "redis")]
pub use redis::RedisStore;

/// Keeps sessions. [`MemorySessions`] and `RedisStore` (feature `redis`) are here; implement it for a database of your own.
///
/// What every store guarantees:
///
/// - It knows a session by its [`SessionKey`], a digest; the id that signs in never gets here.
/// - Each call is atomic: what two processes do at the same time happens one after the other.
/// - A session that ended stays ended. `load` must not bring it back by writing down that it was used.
/// - It answers in bounded time, or fails: the client then sees 503, and no cookie is expired. `?` on any error does that.
/// - A call that is dropped before it is ready has happened wholly or not at all.
/// - After [`Limits::forget_at`] it may forget a session, and should.
/// - It returns the keys of all sessions that a call ended: of those that signed somebody in until then.
///
/// `I` is the app's identity; a store that writes it down asks for `serde`.
///
/// ```
/// use std::{collections::HashMap, sync::{Mutex, PoisonError}};
/// use tower_authn::{Reason, Rejection, store::{SessionRecord, SessionStore, Stored}};
/// use tower_authn::validator::session::{Limits, SessionInfo, SessionKey};
///
/// /// One map. No example to follow in that it never shrinks, knows no grace, and needs two steps to replace one.
/// #[derive(Default)]
/// struct Everything(Mutex<HashMap<SessionKey, Stored<String>>>);
///
/// impl SessionStore<String> for Everything {
///     async fn create(&self, key: SessionKey, record: SessionRecord<String>, _: Limits) -> Result<Option<Vec<SessionKey>>, Rejection> {
///         let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let is_new = !all.contains_key(&key) && all.insert(key, Stored::Live(record)).is_none();
///         Ok(is_new.then(Vec::new))
///     }
///
///     async fn load(&self, key: &SessionKey, limits: Limits) -> Result<Option<Stored<String>>, Rejection> {
///         let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let found = all.get(key).cloned();
///         if let Some(Stored::Live(record)) = all.get_mut(key) && limits.must_touch(record.times) {
///             record.times.seen = limits.now;
///         }
///         Ok(found)
///     }
///
///     async fn replace(&self, old: &SessionKey, key: SessionKey, record: SessionRecord<String>, limits: Limits) -> Result<Option<Vec<SessionKey>>, Rejection> {
///         if self.end(old, Reason::Replaced, limits).await?.is_empty() {
///             return Ok(None);
///         }
///         self.create(key, record, limits).await
///     }
///
///     async fn end(&self, key: &SessionKey, reason: Reason, limits: Limits) -> Result<Vec<SessionKey>, Rejection> {
///         let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let Some(stored @ Stored::Live(_)) = all.get_mut(key) else { return Ok(Vec::new()) };
///         let before = std::mem::replace(stored, Stored::Ended(reason));
///         let was_live = matches!(before, Stored::Live(record) if limits.ended(record.times).is_none());
///         Ok(was_live.then_some(*key).into_iter().collect())
///     }
///
///     async fn end_all(&self, subject: &str, limits: Limits) -> Result<Vec<SessionKey>, Rejection> {
///         let mut ended = Vec::new();
///         for session in self.list(subject, limits).await? {
///             ended.extend(self.end(&session.key, Reason::Revoked, limits).await?);
///         }
///         Ok(ended)
///     }
///
///     async fn list(&self, subject: &str, limits: Limits) -> Result<Vec<SessionInfo>, Rejection> {
///         let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
///         let of = |(key, stored): (&SessionKey, &Stored<String>)| match stored {
///             Stored::Live(record) if *record.subject == *subject && limits.ended(record.times).is_none() => {
///                 Some(SessionInfo { key: *key, times: record.times })
///             }
///             _ => None,
///         };
///         Ok(all.iter().filter_map(of).collect())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` keeps no sessions of `{I}`",
    label = "must be a `SessionStore<{I}>`",
    note = "`RedisStore` keeps identities that are `serde::Serialize` and `serde::Deserialize`"
)]
pub trait SessionStore<I>: Send + Sync + 'static {
    /// Adds a session; `None` if there is one under this key, which then stays as it is. Ends the subject's oldest ones with
    /// [`Reason::Revoked`] where it has more than [`Limits::per_subject`] by then, and returns these.
    ///
    /// # Errors
    ///
    /// An outage, as for all methods; or that the store is full.
    fn create(
        &self,
        key: SessionKey,
        record: SessionRecord<I>,
        limits: Limits,
    ) -> impl Future<Output = Result<Option<Vec<SessionKey>>, Rejection>> + Send;

    /// Returns a session as it was before this use, and writes down that it was used, if
    /// [`Limits::must_touch`] says so. Of a key that is not known nothing is kept.
    fn load(
        &self,
        key: &SessionKey,
        limits: Limits,
    ) -> impl Future<Output = Result<Option<Stored<I>>, Rejection>> + Send;

    /// Adds a session in place of another; `None`, and nothing happens, if the other is no longer live or was replaced
    /// before. The other stays as it is for [`Limits::grace`], and ends then with [`Reason::Replaced`]. Returns what
    /// [`create`](Self::create) does: the other is not among these.
    fn replace(
        &self,
        old: &SessionKey,
        key: SessionKey,
        record: SessionRecord<I>,
        limits: Limits,
    ) -> impl Future<Output = Result<Option<Vec<SessionKey>>, Rejection>> + Send;

    /// Ends a session, and returns it; nothing if it was not live.
    ///
    /// As long as both can be used, one that took another's place and that other are one: unless the reason is
    /// [`Reason::CredentialsChanged`], they end together, and all of them are returned.
    fn end(
        &self,
        key: &SessionKey,
        reason: Reason,
        limits: Limits,
    ) -> impl Future<Output = Result<Vec<SessionKey>, Rejection>> + Send;

    /// Ends all sessions of a subject with [`Reason::Revoked`], also those that are being replaced, and returns them.
    fn end_all(
        &self,
        subject: &str,
        limits: Limits,
    ) -> impl Future<Output = Result<Vec<SessionKey>, Rejection>> + Send;

    /// Returns the live sessions of a subject, in any order.
    fn list(
        &self,
        subject: &str,
        limits: Limits,
    ) -> impl Future<Output = Result<Vec<SessionInfo>, Rejection>> + Send;

    /// Says what is risky about the store, and what there is to measure. Nothing unless implemented.
    fn inspect(&self, inspection: &mut Inspection) {
        let _ = inspection;
    }
}

impl<I, S: SessionStore<I>> SessionStore<I> for Arc<S>
where
    I: Send + Sync + 'static,
{
    fn create(
        &self,
        key: SessionKey,
        record: SessionRecord<I>,
        limits: Limits,
    ) -> impl Future<Output = Result<Option<Vec<SessionKey>>, Rejection>> + Send {
        S::create(self, key, record, limits)
    }

    fn load(
        &self,
        key: &SessionKey,
        limits: Limits,
    ) -> impl Future<Output = Result<Option<Stored<I>>, Rejection>> + Send {
        S::load(self, key, limits)
    }

    fn replace(
        &self,
        old: &SessionKey,
        key: SessionKey,
        record: SessionRecord<I>,
        limits: Limits,
    ) -> impl Future<Output = Result<Option<Vec<SessionKey>>, Rejection>> + Send {
        S::replace(self, old, key, record, limits)
    }

    fn end(
        &self,
        key: &SessionKey,
        reason: Reason,
        limits: Limits,
    ) -> impl Future<Output = Result<Vec<SessionKey>, Rejection>> + Send {
        S::end(self, key, reason, limits)
    }

    fn end_all(
        &self,
        subject: &str,
        limits: Limits,
    ) -> impl Future<Output = Result<Vec<SessionKey>, Rejection>> + Send {
        S::end_all(self, subject, limits)
    }

    fn list(
        &self,
        subject: &str,
        limits: Limits,
    ) -> impl Future<Output = Result<Vec<SessionInfo>, Rejection>> + Send {
        S::list(self, subject, limits)
    }

    fn inspect(&self, inspection: &mut Inspection) {
        S::inspect(self, inspection);
    }
}

/// What a store keeps of a session. `Debug` shows neither whose it is nor the identity.
pub struct SessionRecord<I> {
    /// The app's own.
    pub identity: Arc<I>,
    /// Whose session it is; what `end_all` and `list` look for.
    pub subject: Arc<str>,
    /// When it was created and last used.
    pub times: Times,
    /// Which credentials it was created with, where that is checked.
    pub version: Option<u64>,
}

impl<I> Clone for SessionRecord<I> {
    fn clone(&self) -> Self {
        Self { identity: Arc::clone(&self.identity), subject: Arc::clone(&self.subject), ..*self }
    }
}

/// Shows no identity.
impl<I> fmt::Debug for SessionRecord<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRecord").field("times", &self.times).finish_non_exhaustive()
    }
}

/// When a session was created and last used, in wall time, which processes share, and which limits it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When somebody signed in. It stays when the id is replaced, so that no rotation gets around the absolute limit.
    pub created: SystemTime,
    /// When it was last seen, as far as that was written down.
    pub seen: SystemTime,
    /// Whether its user stays signed in. It stays when the id is replaced.
    pub lifetime: Lifetime,
}

/// Whether a session is over soon, or its user stays signed in. How long that is, [`Limits`] say: a store writes down which of both
/// it is, and never until when, so that shorter limits go for sessions that exist.
///
/// It is exhaustive, since a store has to tell all apart.
///
/// ```
/// use tower_authn::store::Lifetime;
///
/// /// A column of the app's own; rows from before it was added have none.
/// fn read(stays_signed_in: Option<bool>) -> Lifetime {
///     if stays_signed_in == Some(true) { Lifetime::StaySignedIn } else { Lifetime::Ordinary }
/// }
/// assert_eq!(read(None), Lifetime::default());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Lifetime {
    /// It ends by `Sessions::idle_limit` and `absolute_limit`; the browser forgets the cookie when it is closed.
    #[default]
    Ordinary,
    /// It ends by `Sessions::stay_signed_in_for`, used or not; the browser keeps the cookie as long.
    StaySignedIn,
}

/// What a store finds under a key.
pub enum Stored<I> {
    /// A session; whether it is too old is for the caller to say.
    Live(SessionRecord<I>),
    /// One that was ended, for as long as the store remembers why.
    Ended(Reason),
    /// One that can no longer be read, say since the identity's type has changed.
    Unreadable,
}

impl<I> Clone for Stored<I> {
    fn clone(&self) -> Self {
        match self {
            Self::Live(record) => Self::Live(record.clone()),
            Self::Ended(reason) => Self::Ended(*reason),
            Self::Unreadable => Self::Unreadable,
        }
    }
}

/// Shows no identity.
impl<I> fmt::Debug for Stored<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(record) => f.debug_tuple("Live").field(record).finish(),
            Self::Ended(reason) => f.debug_tuple("Ended").field(reason).finish(),
            Self::Unreadable => f.write_str("Unreadable"),
        }
    }
}
