use std::{fmt, ops::Deref, sync::Arc, time::SystemTime};

use super::SessionKey;
use crate::store::{Lifetime, SessionRecord, Times};

/// A live session; it derefs to the app's identity, and is cheap to clone.
///
/// ```
/// use tower_authn::{Authenticated, Rejection, validator::session::{Session, Sessions}};
///
/// async fn rename(session: Authenticated<Session<String>>, sessions: Sessions<String>) -> Result<String, Rejection> {
///     let others = sessions.list(&*session).await?;
///     Ok(format!("{} is signed in {} times", **session, others.len()))
/// }
/// # let _ = rename;
/// ```
pub struct Session<I>(Arc<Inner<I>>);

struct Inner<I> {
    key: SessionKey,
    record: SessionRecord<I>,
}

impl<I> Session<I> {
    pub(super) fn new(key: SessionKey, record: SessionRecord<I>) -> Self {
        Self(Arc::new(Inner { key, record }))
    }

    /// Assumes a session that was created just now, for tests of handlers (feature `testing`).
    #[cfg(any(test, feature = "testing"))]
    pub fn assume(identity: I) -> Self
    where
        I: super::Subject,
    {
        let now = SystemTime::now();
        let times = Times { created: now, seen: now, lifetime: Lifetime::Ordinary };
        Self::new(SessionKey::from_bytes([0; 32]), super::recorded(identity, times, None))
    }

    /// Returns what the session is known by in the store.
    pub fn key(&self) -> &SessionKey {
        &self.0.key
    }

    /// Returns when its user signed in; for what wants a recent sign-in, see
    /// [`Rejection::step_up`](crate::Rejection::step_up). A rotation leaves it as it is: who gives the password once more gets a new
    /// session by [`create_in_place_of`](super::Sessions::create_in_place_of).
    pub fn created_at(&self) -> SystemTime {
        self.0.record.times.created
    }

    /// Returns whether its user stays signed in; for who gives the password once more, and is to keep that.
    pub fn lifetime(&self) -> Lifetime {
        self.0.record.times.lifetime
    }

    /// Returns the identity.
    pub fn identity(&self) -> &Arc<I> {
        &self.0.record.identity
    }

    pub(super) fn record(&self) -> &SessionRecord<I> {
        &self.0.record
    }
}

impl<I> Deref for Session<I> {
    type Target = I;

    fn deref(&self) -> &I {
        &self.0.record.identity
    }
}

impl<I> Clone for Session<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Shows no identity.
impl<I> fmt::Debug for Session<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("key", &self.0.key).finish_non_exhaustive()
    }
}

/// One of a subject's sessions, for a page on which somebody ends them one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionInfo {
    /// What it is known by; [`Sessions::revoke`](super::Sessions::revoke) takes it.
    pub key: SessionKey,
    /// When it was created and last seen, and whether its user stays signed in.
    pub times: Times,
}
