//! What a session costs, against a bare service in the same run.
//!
//! `cargo bench --bench session --features session` prints nanoseconds, `-- --instructions` counts instructions with valgrind. With the
//! feature `redis` and `REDIS_URL`, the time of a request over Redis is shown beside a bare PING.
#![allow(missing_docs)]

mod support;

use std::{sync::Arc, time::SystemTime};

use support::{Case, Run, calls, inner, now};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Scheme as _,
    respond::ProblemJson,
    scheme::SessionCookie,
    store::{Lifetime, MemorySessions, SessionRecord, SessionStore as _, Times},
    validator::session::{Limits, SessionKey, Sessions},
};

fn cases() -> Vec<Case> {
    let sessions =
        [("one session", 1), ("of 1,000", 1_000), ("of 100,000", 100_000), ("of 1,000,000", 1_000_000)];
    let bare: Case = ("bare service", Box::new(|| calls(service_fn(inner), Some(("cookie", "a=1".into())))));
    let dead: Case = ("a session that is none", Box::new(|| asks(1, Some("A".repeat(43)))));
    let live =
        sessions.into_iter().map(|(name, count)| -> Case { (name, Box::new(move || asks(count, None))) });
    std::iter::once(bare).chain(live).chain([dead]).collect()
}

/// Asks with the cookie of one session among so many, or with this one.
fn asks(count: u32, id: Option<String>) -> Run {
    let cookie = SessionCookie::new("bench");
    let store = MemorySessions::new(2_000_000);
    let now_ = SystemTime::now();
    for number in 1..count {
        let mut key = [0; 32];
        // Spread as digests are.
        let spread = u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes();
        key[..8].copy_from_slice(&spread);
        key[31] = spread[3];
        let record = SessionRecord {
            identity: Arc::new("somebody"),
            subject: format!("user {number}").into(),
            times: Times { created: now_, seen: now_, lifetime: Lifetime::Ordinary },
            version: None,
        };
        let limits = Limits { now: now_, ..Limits::default() };
        let _ = now(std::pin::pin!(store.create(SessionKey::from_bytes(key), record, limits)));
    }
    let sessions = Sessions::new(&cookie, store);
    let created = now(std::pin::pin!(sessions.create("alice")));
    let (known, _) = created.unwrap_or_else(|rejection| panic!("{rejection}"));
    let id = id.unwrap_or_else(|| known.expose().to_string());
    let layer = AuthenticateLayer::new(cookie.validated_by(sessions)).respond_with(ProblemJson);
    calls(
        layer.layer(service_fn(inner)),
        Some(("cookie", format!("theme=dark; __Host-session={id}; lang=en"))),
    )
}

fn main() {
    support::report(cases());
    #[cfg(feature = "redis")]
    if let Ok(url) = std::env::var("REDIS_URL") {
        over_redis(&url);
    }
}

/// Requests one after the other, each of which waits for Redis, beside as many PINGs.
#[cfg(feature = "redis")]
fn over_redis(url: &str) {
    use std::time::Instant;

    use tower::Service as _;

    const TIMES: u32 = 5_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let client = redis::Client::open(url).expect("a URL");
        let mut connection = client.get_multiplexed_async_connection().await.expect("a Redis");
        let cookie = SessionCookie::new("bench");
        let store = tower_authn::store::RedisStore::open(url).expect("a URL");
        let sessions = Sessions::<String, _>::new(&cookie, store);
        let (id, _) =
            sessions.create("alice".to_owned()).await.unwrap_or_else(|rejection| panic!("{rejection}"));
        let mut service = AuthenticateLayer::new(cookie.validated_by(sessions)).layer(service_fn(inner));
        for _ in 0..3 {
            let start = Instant::now();
            for _ in 0..TIMES {
                let _: String = redis::cmd("PING").query_async(&mut connection).await.expect("a PONG");
            }
            let ping = start.elapsed() / TIMES;
            let start = Instant::now();
            for _ in 0..TIMES {
                let mut request = http::Request::new(support::Body::default());
                let cookie = format!("__Host-session={}", &*id.expose()).parse().expect("a header");
                request.headers_mut().insert("cookie", cookie);
                assert_eq!(service.call(request).await.expect("an answer").status(), 200);
            }
            let request = start.elapsed() / TIMES;
            println!("PING {ping:?}, a request with a session {request:?}");
        }
    });
}
