//! Sessions in a store that is down, or finds what cannot be used.
#![cfg(all(feature = "session", feature = "testing"))]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use support::session::{Site, User, site};
use tower_authn::{
    Reason, Rejection, Visit,
    scheme::SessionCookie,
    store::{SessionRecord, SessionStore, Stored},
    validator::session::{Limits, SessionInfo, SessionKey, Sessions},
};

/// A store that is down, or finds what it is told to.
struct Broken {
    finds: Option<Reason>,
    calls: AtomicUsize,
}

impl Broken {
    fn answer<T>(&self) -> Result<T, Rejection> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        Err(std::io::Error::other("connection refused").into())
    }
}

impl SessionStore<User> for Broken {
    async fn create(
        &self,
        _: SessionKey,
        _: SessionRecord<User>,
        _: Limits,
    ) -> Result<Option<Vec<SessionKey>>, Rejection> {
        self.answer()
    }

    async fn load(&self, _: &SessionKey, _: Limits) -> Result<Option<Stored<User>>, Rejection> {
        match self.finds {
            Some(Reason::Unreadable) => Ok(Some(Stored::Unreadable)),
            Some(reason) => Ok(Some(Stored::Ended(reason))),
            None => self.answer(),
        }
    }

    async fn replace(
        &self,
        _: &SessionKey,
        _: SessionKey,
        _: SessionRecord<User>,
        _: Limits,
    ) -> Result<Option<Vec<SessionKey>>, Rejection> {
        self.answer()
    }

    async fn end(&self, _: &SessionKey, _: Reason, _: Limits) -> Result<Vec<SessionKey>, Rejection> {
        self.answer()
    }

    async fn end_all(&self, _: &str, _: Limits) -> Result<Vec<SessionKey>, Rejection> {
        self.answer()
    }

    async fn list(&self, _: &str, _: Limits) -> Result<Vec<SessionInfo>, Rejection> {
        self.answer()
    }
}

fn broken(finds: Option<Reason>) -> Site<Broken> {
    let store = Broken { finds, calls: AtomicUsize::new(0) };
    site().with(|_| Sessions::new(&SessionCookie::new("web"), store))
}

#[tokio::test]
async fn row_23_a_store_that_is_down_is_503_and_no_cookie_is_expired() {
    let site = broken(None);
    let answer = site.ask(&format!("__Host-session={}", "A".repeat(43))).await;
    assert_eq!(
        answer.lines(),
        ["cache-control: no-store", "content-type: application/problem+json", "retry-after: 5"]
    );
    assert_eq!(answer.status, 503);
    assert_eq!(site.sessions.store().calls.load(Ordering::SeqCst), 1);
    let cannot_be_read = site.ask("__Host-session=short").await;
    assert_eq!(cannot_be_read.status, 401, "what is no id is not looked up");
    assert_eq!(site.sessions.store().calls.load(Ordering::SeqCst), 1);
    assert_eq!(site.sessions.create("alice").await.unwrap_err().reason(), Reason::BackEndFailed);
    assert!(site.sessions.revoke_all("alice").await.is_err(), "nobody believes to be signed out");
}

#[tokio::test]
async fn a_record_that_can_no_longer_be_read_ends_the_session_without_a_500() {
    let site = broken(Some(Reason::Unreadable));
    site.is_dead(&format!("__Host-session={}", "A".repeat(43)), Reason::Unreadable).await;
}

#[cfg(feature = "redis")]
mod of_redis {
    use std::{future::pending, time::Duration};

    use ::redis::{Cmd, Pipeline, RedisFuture, Value, aio::ConnectionLike};
    use tokio::time::Instant;
    use tower_authn::{Validator as _, scheme::SessionToken, store::RedisStore};

    use super::*;

    /// A connection that is open, and over which nothing ever comes.
    #[derive(Clone)]
    struct Silent;

    impl ConnectionLike for Silent {
        fn req_packed_command<'a>(&'a mut self, _: &'a Cmd) -> RedisFuture<'a, Value> {
            Box::pin(pending())
        }

        fn req_packed_commands<'a>(
            &'a mut self,
            _: &'a Pipeline,
            _: usize,
            _: usize,
        ) -> RedisFuture<'a, Vec<Value>> {
            Box::pin(pending())
        }

        fn get_db(&self) -> i64 {
            0
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_is_given_up_after_a_second_unless_configured_otherwise() {
        let cookie = SessionCookie::new("web");
        let store = || RedisStore::over(Silent);
        for (store, seconds) in [(store(), 1), (store().timeout(Duration::from_secs(7)), 7)] {
            let sessions = Sessions::<String, _>::new(&cookie, store);
            let begun = Instant::now();
            let given_up = sessions.create("alice".to_owned()).await.unwrap_err();
            assert_eq!((given_up.reason(), begun.elapsed().as_secs()), (Reason::TimedOut, seconds));
            let begun = Instant::now();
            let token = SessionToken::new("A".repeat(43), &cookie);
            let given_up = sessions.validate(token, &mut Visit::outside()).await.unwrap_err();
            assert_eq!((given_up.reason(), begun.elapsed().as_secs()), (Reason::TimedOut, seconds));
        }
    }
}
