//! What is tried out, or explained to a developer, leaves nothing behind.
#![cfg(feature = "testing")]

mod support;

use std::{
    future::pending,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use http::Request;
use support::{Body, secrets::*, send, whoami};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator, Rejection, Scheme as _,
    observe::Event,
    scheme::{Basic, UserPassword},
    throttle::{FailureStore, Quota, Throttle},
};

/// A layer with a trial, and what is reported of it.
struct Watched<A> {
    layer: AuthenticateLayer<A>,
    reports: Arc<Mutex<Vec<String>>>,
}

fn watched<A: Authenticator>(real: A, trial: impl Authenticator) -> Watched<A> {
    let reports = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&reports);
    let layer = AuthenticateLayer::new(real).report_only(trial).observe(move |event: &Event<'_>| {
        if let Event::ReportOnly(report) = event {
            lines.lock().unwrap().push(report.to_string());
        }
    });
    Watched { layer, reports }
}

impl<A: Authenticator<Identity = &'static str>> Watched<A> {
    /// Asks from one address, with one header.
    async fn ask(&self, name: &str, value: &str) -> u16 {
        let service = self.layer.layer(service_fn(whoami));
        send(service, head(name, value)).await.status.as_u16()
    }

    async fn sign_in(&self, password: &str) -> u16 {
        self.ask("authorization", &basic("alice", password)).await
    }

    fn reports(&self) -> Vec<String> {
        std::mem::take(&mut self.reports.lock().unwrap())
    }
}

fn head(name: &str, value: &str) -> Request<Body> {
    let mut request = support::request(&[(name, value)]);
    request.extensions_mut().insert(SocketAddr::from(([203, 0, 113, 7], 4711)));
    request
}

/// Lets everybody in who brings a password, after a wait for long enough that a trial is decided.
#[cfg(any(feature = "passwords", feature = "redis"))]
fn slow() -> impl Authenticator<Identity = &'static str> {
    Basic::new("r").validated_by(async |_: UserPassword| {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok::<_, Rejection>(Some("alice"))
    })
}

// ===== throttles =====

/// Three failures at once, and none more for an hour.
fn quota() -> Quota {
    Quota::new(3, Duration::from_secs(3600))
}

fn throttled<S: FailureStore>(
    throttle: &Throttle<S>,
) -> impl Authenticator<Identity = &'static str> + use<S> {
    Basic::new("r").validated_by(users()).throttled(throttle.clone()).by_user(UserPassword::user)
}

fn unable(throttle: &Throttle) -> impl Authenticator<Identity = &'static str> + use<> {
    let refuses = async |_: UserPassword| Ok::<Option<&'static str>, Rejection>(None);
    Basic::new("r").validated_by(refuses).throttled(throttle.clone()).by_user(UserPassword::user)
}

#[tokio::test]
async fn a_trial_that_shares_the_throttle_does_not_bring_429_closer() {
    let throttle = Throttle::default().by_user(quota());
    let site = watched(throttled(&throttle), throttled(&throttle));
    for status in [401, 401, 401, 429] {
        assert_eq!(site.sign_in("wrong").await, status);
    }
    let invalid = "refused, report-only would_refuse: invalid (Basic: wrong_password)";
    let throttled = "refused, report-only would_refuse: throttled (too_many_failures)";
    assert_eq!(site.reports(), [invalid, invalid, throttled, throttled]);
}

#[tokio::test]
async fn a_trial_beside_one_that_waits_looks_at_the_throttle_before_it_counts() {
    let throttle = Throttle::default().by_user(quota());
    let waits = Basic::new("r").validated_by(async |_: UserPassword| {
        tokio::task::yield_now().await;
        Ok::<Option<&'static str>, Rejection>(None)
    });
    let real = waits.throttled(throttle.clone()).by_user(UserPassword::user);
    let site = watched(real, throttled(&throttle));
    for status in [401, 401, 401, 429] {
        assert_eq!(site.sign_in("wrong").await, status);
    }
    let verdicts: Vec<_> = site.reports().iter().map(|report| report.contains("throttled")).collect();
    assert_eq!(verdicts, [false, false, false, true]);
}

#[tokio::test]
async fn a_trial_that_accepts_wipes_nothing_out() {
    let throttle = Throttle::default().by_user(quota());
    let site = watched(unable(&throttle), throttled(&throttle));
    for status in [401, 401, 401, 429] {
        assert_eq!(site.sign_in(PASSWORD).await, status);
    }
}

#[tokio::test]
async fn a_trial_that_refuses_counts_nothing_against_who_is_let_in() {
    let throttle = Throttle::default().by_address(quota());
    let site = watched(throttled(&throttle), unable(&throttle));
    for _ in 0..10 {
        assert_eq!(site.sign_in(PASSWORD).await, 200);
    }
    assert!(site.reports().iter().all(|report| report.ends_with("would_refuse: invalid (Basic: unknown)")));
}

#[tokio::test]
async fn a_trial_that_is_dropped_undecided_counts_no_failure() {
    let throttle = Throttle::default().by_address(quota());
    let slow = Basic::new("r").validated_by(|_: UserPassword| pending::<Result<Option<()>, Rejection>>());
    let site = watched(throttled(&throttle), slow.throttled(throttle.clone()));
    for _ in 0..10 {
        assert_eq!(site.sign_in(PASSWORD).await, 200);
    }
    assert!(site.reports().iter().all(|report| report == "accepted, report-only undecided"));
}

#[tokio::test]
async fn explaining_neither_counts_nor_wipes_out() {
    let throttle = Throttle::default().by_user(quota());
    let layer = AuthenticateLayer::new(throttled(&throttle));
    let explain = async |password: &str| {
        let (head, _) = head("authorization", &basic("alice", password)).into_parts();
        layer.explain(&head).await.status().map(|status| status.as_u16())
    };
    let failed = async || throttle.attempt([203, 0, 113, 7].into(), Some("alice")).await.unwrap().failed();
    for _ in 0..5 {
        assert_eq!(explain("wrong").await, Some(401));
    }
    failed().await;
    failed().await;
    assert_eq!(explain(PASSWORD).await, None);
    failed().await;
    assert_eq!(explain(PASSWORD).await, Some(429), "the success before was none");
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread")]
async fn neither_do_they_in_redis() {
    use support::redis::{Redis, comes_true};

    let Some(redis) = Redis::up("no-trace-throttle") else { return };
    let store = tower_authn::store::RedisStore::open(&redis.url).unwrap();
    let throttle = Throttle::new(store).by_user(quota());
    let kept = || redis.cli(&["KEYS", "*:failures:*"]).lines().count();
    let site = watched(slow(), throttled(&throttle));
    let explained = AuthenticateLayer::new(throttled(&throttle));
    for _ in 0..4 {
        assert_eq!(site.sign_in("wrong").await, 200);
        assert_eq!(site.reports(), ["accepted, report-only would_refuse: invalid (Basic: wrong_password)"]);
        let (head, _) = head("authorization", &basic("alice", "wrong")).into_parts();
        assert_eq!(explained.explain(&head).await.status().unwrap(), 401);
    }
    // A failure that counts is written down behind those that do not.
    throttle.attempt([203, 0, 113, 8].into(), None).await.unwrap().failed();
    comes_true(|| kept() > 0);
    assert_eq!(kept(), 1);
}

// ===== sessions =====

#[cfg(feature = "session")]
mod sessions {
    use std::future::ready;

    use support::session::{MINUTE, User, site};
    use tower_authn::{
        Reason,
        scheme::SessionCookie,
        store::SessionStore,
        validator::session::{Sessions, Subject},
    };

    use super::*;

    fn by_session<I, S>(
        cookie: &SessionCookie,
        sessions: &Sessions<I, S>,
    ) -> impl Authenticator<Identity = &'static str> + use<I, S>
    where
        I: Subject + Send + Sync + 'static,
        S: SessionStore<I>,
    {
        cookie.clone().validated_by(sessions.clone()).map(|_| "somebody")
    }

    /// Takes every session for one of credentials that were changed since.
    fn changed<I: Send + Sync + 'static, S>(sessions: &Sessions<I, S>) -> Sessions<I, S> {
        sessions.clone().bound_to(|_: &I| ready(Ok(Some(2))))
    }

    const CHANGED: &str = "would_refuse: missing (Session: credentials_changed)";

    #[tokio::test]
    async fn a_trial_ends_none_for_changed_credentials() {
        let site = site();
        let cookie = site.signed_in("alice").await;
        let trial = by_session(&site.cookie, &changed(&site.sessions));
        let watched = watched(by_session(&site.cookie, &site.sessions), trial);
        for _ in 0..3 {
            assert_eq!(watched.ask("cookie", &cookie).await, 200);
            assert_eq!(watched.reports(), [format!("accepted, report-only {CHANGED}")]);
        }
        assert_eq!(site.sessions.list("alice").await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_trial_keeps_none_alive() {
        let site = site();
        let cookie = site.signed_in("alice").await;
        let watched = watched(by_bearer(), by_session(&site.cookie, &site.sessions).optional());
        site.hand.advance(29 * MINUTE);
        let service = watched.layer.layer(service_fn(whoami));
        let both = support::request(&[("authorization", &bearer()), ("cookie", &cookie)]);
        assert_eq!(send(service, both).await.status, 200);
        assert_eq!(watched.reports(), ["accepted, report-only would_accept by Session"]);
        site.hand.advance(MINUTE);
        site.is_dead(&cookie, Reason::IdleTimeout).await;
    }

    #[tokio::test]
    async fn explaining_ends_none_and_keeps_none_alive() {
        let site = site();
        let cookie = site.signed_in("alice").await;
        let explain = async |sessions: &Sessions<User>| {
            let (head, _) = head("cookie", &cookie).into_parts();
            let explanation = AuthenticateLayer::new(by_session(&site.cookie, sessions)).explain(&head).await;
            explanation.findings().first().map(|finding| finding.reason)
        };
        site.hand.advance(29 * MINUTE);
        assert_eq!(explain(&changed(&site.sessions)).await, Some("credentials_changed"));
        assert_eq!(explain(&site.sessions).await, None);
        site.hand.advance(MINUTE);
        assert_eq!(explain(&site.sessions).await, Some("idle_timeout"));
        site.is_dead(&cookie, Reason::IdleTimeout).await;
    }

    #[cfg(feature = "redis")]
    #[tokio::test]
    async fn neither_ends_one_in_redis_or_keeps_one_alive_there() {
        use support::redis::Redis;
        use tower_authn::store::RedisStore;

        let Some(redis) = Redis::up("no-trace-session") else { return };
        let web = SessionCookie::new("web");
        let sessions = Sessions::<String, _>::new(&web, RedisStore::open(&redis.url).unwrap());
        let sessions = sessions.touch_every(Duration::ZERO);
        let (id, _) = sessions.create("alice".to_owned()).await.unwrap();
        let cookie = format!("__Host-session={}", &*id.expose());
        let seen = || redis.cli(&["HGET", &redis.session_key(), "s"]);
        let before = seen();
        for sessions in [changed(&sessions), sessions.clone()] {
            let watched = watched(slow(), by_session(&web, &sessions));
            let service = watched.layer.layer(service_fn(whoami));
            let both = support::request(&[("authorization", &basic("alice", "x")), ("cookie", &cookie)]);
            assert_eq!(send(service, both).await.status, 200);
            assert!(!watched.reports().concat().contains("undecided"));
            let (head, _) = head("cookie", &cookie).into_parts();
            AuthenticateLayer::new(by_session(&web, &sessions)).explain(&head).await;
            assert_eq!(seen(), before);
        }
        // In earnest it is written down.
        let real = AuthenticateLayer::new(by_session(&web, &sessions));
        let service = real.layer(service_fn(whoami));
        assert_eq!(send(service, head("cookie", &cookie)).await.status, 200);
        assert_ne!(seen(), before);
    }
}

// ===== passwords =====

#[cfg(feature = "passwords")]
mod passwords {
    use std::pin::pin;

    use support::sign_in::{one_at_a_time, passwords, sign_in, started, users, while_no_hash_ends};
    use tower_authn::validator::passwords::{LookUp, Passwords, Remember};

    use super::*;

    /// Explains a sign-in, and returns the status.
    async fn explained<L>(passwords: &Passwords<L>, password: &str) -> Option<u16>
    where
        L: LookUp<Identity = &'static str>,
    {
        let layer = AuthenticateLayer::new(Basic::new("r").validated_by(passwords.clone()));
        let (head, _) = head("authorization", &basic("alice", password)).into_parts();
        layer.explain(&head).await.status().map(|status| status.as_u16())
    }

    #[test]
    fn explaining_takes_no_permit_and_no_place_from_a_sign_in() {
        while_no_hash_ends(async |gate| {
            let passwords = passwords().hashed_by(one_at_a_time(1, Duration::from_millis(20)));
            let mut first = pin!(explained(&passwords, PASSWORD));
            started(first.as_mut());
            let mut second = pin!(explained(&passwords, PASSWORD));
            started(second.as_mut());
            let mut signs_in = pin!(sign_in(&passwords, "alice", PASSWORD));
            started(signs_in.as_mut());
            assert_eq!(second.await, Some(503), "one at a time");
            drop(gate);
            assert_eq!((signs_in.await, first.await), (Ok("alice"), None));
            assert_eq!((passwords.hasher().stats().hashes, passwords.hasher().stats().turned_away), (2, 0));
        });
    }

    #[test]
    fn nor_does_a_trial() {
        while_no_hash_ends(async |gate| {
            let passwords = passwords().hashed_by(one_at_a_time(0, Duration::from_millis(20)));
            let trial = Basic::new("r").validated_by(passwords.clone());
            let layer = AuthenticateLayer::new(by_basic()).report_only(trial).observe(|_: &Event<'_>| {});
            let waits = service_fn(|_: Request<Body>| pending::<Result<http::Response<Body>, Rejection>>());
            let request = head("authorization", &basic("alice", PASSWORD));
            let mut tried = pin!(tower::ServiceExt::oneshot(layer.layer(waits), request));
            started(tried.as_mut());
            let mut signs_in = pin!(sign_in(&passwords, "alice", PASSWORD));
            started(signs_in.as_mut());
            drop(gate);
            assert_eq!(signs_in.await, Ok("alice"));
        });
    }

    #[test]
    fn a_trial_that_waits_too_long_for_its_permit_is_reported_as_overloaded() {
        while_no_hash_ends(async |_gate| {
            let passwords = passwords().hashed_by(one_at_a_time(1, Duration::from_millis(20)));
            let mut first = pin!(explained(&passwords, PASSWORD));
            started(first.as_mut());
            let site = watched(slow(), Basic::new("r").validated_by(passwords.clone()));
            assert_eq!(site.sign_in(PASSWORD).await, 200);
            let report = "accepted, report-only would_refuse: unavailable (Basic: overloaded)";
            assert_eq!(site.reports(), [report]);
            assert_eq!(passwords.hasher().stats().turned_away, 0);
        });
    }

    #[test]
    fn a_sign_in_waits_for_no_equal_one_that_is_explained_but_the_other_way_round() {
        while_no_hash_ends(async |gate| {
            let passwords = passwords().cached(Remember::default()).unwrap();
            let mut before = pin!(explained(&passwords, PASSWORD));
            started(before.as_mut());
            let mut signs_in = pin!(sign_in(&passwords, "alice", PASSWORD));
            started(signs_in.as_mut());
            let mut after = pin!(explained(&passwords, PASSWORD));
            started(after.as_mut());
            drop(gate);
            assert_eq!((before.await, signs_in.await, after.await), (None, Ok("alice"), None));
            assert_eq!(passwords.hasher().stats().hashes, 2);
        });
    }

    #[tokio::test]
    async fn explaining_makes_no_outdated_hash_anew() {
        let hasher = one_at_a_time(8, Duration::from_secs(60));
        let passwords = Passwords::new(users()).hashed_by(hasher.clone());
        let passwords = passwords.upgraded_by(|_, _| async { panic!("nobody signed in") });
        assert_eq!(explained(&passwords, PASSWORD).await, None);
        // It gets the only permit once a hash that is made anew is done.
        hasher.hash("another").await.unwrap();
        assert_eq!(hasher.stats().hashes, 2);
    }
}
