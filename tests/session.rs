//! Sessions under a clock that is wound by hand, in memory.
#![cfg(all(feature = "session", feature = "testing"))]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use support::{
    ask, secrets,
    session::{HOUR, MINUTE, REMOVAL, Site, reason, sent_back, site},
};
use tower::Layer as _;
use tower_authn::{
    AuthenticateLayer, Authenticator as _, PassedOver, Reason, Scheme as _,
    scheme::{SessionCookie, SessionToken},
    store::{SessionStore as _, Stored},
    validator::session::{Limits, SessionKey},
};

// ===== what goes over the wire =====

#[tokio::test]
async fn a_cookie_carries_every_attribute_that_protects_it() {
    let (id, set_cookie) = site().sessions.create("alice").await.unwrap();
    let header = set_cookie.into_header_value();
    assert!(header.is_sensitive());
    let expected = format!("__Host-session={}; Path=/; Secure; HttpOnly; SameSite=Lax", &*id.expose());
    assert_eq!(header, expected);
    assert_eq!(id.expose().len(), 43, "256 bit in base64url");
}

#[tokio::test]
async fn every_byte_of_an_id_is_drawn_anew() {
    const IDS: usize = 512;
    let site = site().with(|sessions| sessions.at_most_per_subject(IDS));
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..IDS {
        let cookie = site.signed_in("alice").await;
        let id = URL_SAFE_NO_PAD.decode(cookie.strip_prefix("__Host-session=").unwrap()).unwrap();
        assert_eq!(id.len(), 32);
        assert!(ids.insert(id), "no two are the same");
    }
    for byte in 0..32 {
        let mut seen = [0_usize; 256];
        for id in &ids {
            seen[usize::from(id[byte])] += 1;
        }
        // Some 221 of 256 occur, each about twice; a bit that never changes would leave 128 at most.
        let (different, most) =
            (seen.iter().filter(|times| **times > 0).count(), *seen.iter().max().unwrap());
        assert!(different > 150 && most < 32, "byte {byte}: {different} values, one of them {most} times");
    }
}

#[track_caller]
fn is_written(cookie: &SessionCookie, set: &str, removed: &str) {
    assert_eq!(cookie.set("x").unwrap().into_header_value(), set);
    assert_eq!(cookie.remove().into_header_value(), removed);
}

#[test]
fn a_cookie_is_removed_with_the_attributes_it_was_set_with() {
    let cookie = || SessionCookie::new("web");
    is_written(&cookie(), "__Host-session=x; Path=/; Secure; HttpOnly; SameSite=Lax", REMOVAL);
    is_written(
        &cookie().name("id").same_site_strict(),
        "__Host-id=x; Path=/; Secure; HttpOnly; SameSite=Strict",
        "__Host-id=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0",
    );
    is_written(
        &cookie()
            .shared_with_subdomains_of("example.com")
            .sent_with_requests_of_other_sites()
            .readable_by_scripts(),
        "__Secure-session=x; Path=/; Domain=example.com; Secure; SameSite=None",
        "__Secure-session=; Path=/; Domain=example.com; Secure; SameSite=None; Max-Age=0",
    );
    is_written(
        &cookie().over_plain_http_at("[::1]:80".parse().unwrap()).unwrap(),
        "session=x; Path=/; HttpOnly; SameSite=Lax",
        "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0",
    );
}

#[test]
fn plain_http_is_refused_where_others_can_reach_it() {
    for address in ["0.0.0.0:80", "192.0.2.1:80", "[::]:80", "[2001:db8::1]:80", "[::ffff:192.0.2.1]:80"] {
        let error = SessionCookie::new("web").over_plain_http_at(address.parse().unwrap()).unwrap_err();
        assert!(error.to_string().contains(address), "{error}");
    }
    assert!(SessionCookie::new("web").over_plain_http_at("[::ffff:127.0.0.1]:80".parse().unwrap()).is_ok());
}

#[test]
fn what_is_no_value_of_a_cookie_is_not_set() {
    for value in
        ["", "a b", "a;b", "a,b", "a\"b", "a\\b", "a\r\nSet-Cookie: x=y", "\u{e9}", &"a".repeat(4097)]
    {
        assert!(SessionCookie::new("web").set(value).is_err(), "{value:?}");
        assert!(SessionCookie::new("web").set_for(HOUR, value).is_err(), "{value:?}");
    }
    assert!(SessionCookie::new("web").set(&"a".repeat(4096)).is_ok());
}

#[tokio::test]
async fn row_17_no_session_is_401_without_an_error_and_a_dead_one_is_expired() {
    let site = site();
    let answer = site.ask("other=1").await;
    assert_eq!(
        answer.lines(),
        [
            "cache-control: no-store",
            "content-type: application/problem+json",
            r#"www-authenticate: Session realm="web""#,
        ]
    );
    assert_eq!(answer.status, 401);
    let cookie = site.signed_in("alice").await;
    site.hand.advance(30 * MINUTE);
    let answer = site.ask(&cookie).await;
    assert_eq!(
        answer.lines(),
        [
            "cache-control: no-store",
            "content-type: application/problem+json",
            &format!("set-cookie: {REMOVAL}"),
            r#"www-authenticate: Session realm="web""#,
        ]
    );
}

#[tokio::test]
async fn row_17_under_optional_a_dead_session_is_nobody_and_its_cookie_is_expired() {
    let site = site();
    for cookie in ["__Host-session=garbage", "__Host-session=\"", &expired(&site).await] {
        let by_session = site.cookie.clone().validated_by(site.sessions.clone()).map(|session| *session);
        let optional = by_session.optional().map(|user| user.unwrap_or("nobody"));
        let answer = ask(optional, &[("cookie", cookie)]).await;
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "nobody"), "{cookie}");
        assert_eq!(answer.one("set-cookie"), Some(REMOVAL));
        assert_eq!(
            answer.one("cache-control"),
            Some("private"),
            "a shared cache would sign others out with it"
        );
        assert_eq!(answer.extensions.get::<PassedOver>().unwrap().findings().len(), 1);
    }
}

#[tokio::test]
async fn row_17_a_sign_in_with_a_dead_cookie_sets_the_new_one_and_expires_nothing() {
    let site = site();
    let (dead, sessions) = (expired(&site).await, site.sessions.clone());
    let sign_in = tower::service_fn(move |_: http::Request<support::Body>| {
        let sessions = sessions.clone();
        async move {
            let mut response = http::Response::new(support::Body::default());
            let set_cookie = sessions.create("alice").await.unwrap().1.into_header_value();
            response.headers_mut().append("set-cookie", http::HeaderValue::from_static("theme=dark"));
            response.headers_mut().append("set-cookie", set_cookie);
            Ok::<_, std::convert::Infallible>(response)
        }
    });
    let by_session = site.cookie.clone().validated_by(site.sessions.clone());
    let service = AuthenticateLayer::new(by_session.optional()).layer(sign_in);
    let answer = support::send(service, support::request(&[("cookie", &dead)])).await;
    let set = answer.all("set-cookie");
    assert_eq!((set.len(), set[0]), (2, "theme=dark"));
    site.lives(set[1].split(';').next().unwrap()).await;
}

async fn expired(site: &Site) -> String {
    let cookie = site.signed_in("alice").await;
    site.hand.advance(30 * MINUTE);
    cookie
}

#[tokio::test]
async fn row_30_who_is_let_in_by_cookie_gets_cache_control_private() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    let answer = site.ask(&cookie).await;
    assert_eq!((answer.body.as_str(), answer.lines()), ("alice", vec!["cache-control: private".to_owned()]));
}

#[tokio::test]
async fn a_stale_cookie_does_not_hide_a_good_bearer_token() {
    let site = site();
    let either = || {
        let by_session = site.cookie.clone().validated_by(site.sessions.clone()).map(|session| *session);
        by_session.or(secrets::by_bearer())
    };
    let answer =
        ask(either(), &[("cookie", "__Host-session=stale"), ("authorization", &secrets::bearer())]).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "alice"));
    assert_eq!(answer.one("set-cookie"), Some(REMOVAL), "and it is expired all the same");
    let answer = ask(either(), &[("cookie", "__Host-session=stale")]).await;
    assert_eq!(answer.challenges(), [r#"Bearer realm="r""#, r#"Session realm="web""#]);
    assert_eq!((answer.status.as_u16(), answer.one("set-cookie")), (401, Some(REMOVAL)));
}

#[tokio::test]
async fn rule_8_a_cookie_that_occurs_twice_is_no_session_and_is_left_alone() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    let twice = format!("{cookie}; {cookie}");
    let answers = [
        site.ask(&twice).await,
        site.ask(&format!("__Host-session=planted; {cookie}")).await,
        site.ask_with(&[("cookie", &cookie), ("cookie", &cookie)]).await,
    ];
    for answer in answers {
        assert_eq!((answer.status.as_u16(), answer.one("set-cookie")), (401, None));
        assert_eq!(reason(&answer), Some(Reason::Missing));
    }
    let other_name = cookie.replace("__Host-", "__host-");
    assert_eq!(site.ask(&other_name).await.status, 401, "names compare exactly");
    site.lives(&format!("a=1; {cookie}; b=2")).await;
}

#[tokio::test]
async fn forged_truncated_over_long_and_wrongly_encoded_ids_are_no_session() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    site.is_dead(&cookie[..cookie.len() - 1], Reason::Malformed).await;
    site.is_dead(&format!("{cookie}A"), Reason::Malformed).await;
    site.is_dead(&format!("{cookie}="), Reason::Malformed).await;
    site.is_dead("__Host-session=", Reason::Malformed).await;
    site.is_dead("__Host-session=%41", Reason::Malformed).await;
    site.is_dead(&format!("__Host-session={}", "A".repeat(5000)), Reason::TooLong).await;
    // The last character holds four bits and two zeros.
    site.is_dead(&format!("__Host-session={}B", "A".repeat(42)), Reason::Malformed).await;
    site.is_dead(&format!("__Host-session={}", "+".repeat(43)), Reason::Malformed).await;
    site.is_dead(&format!("__Host-session={}", "A".repeat(43)), Reason::Unknown).await;
    let key = site.session(&cookie).await.key().to_string();
    site.is_dead(&format!("__Host-session={key}"), Reason::Unknown).await;
    site.lives(&cookie).await;
}

#[tokio::test]
async fn a_million_random_ids_leave_nothing_behind() {
    let site = site();
    let limits = Limits::default();
    for number in 0..1_000_000_u32 {
        let mut key = [0; 32];
        key[28..].copy_from_slice(&number.to_be_bytes());
        assert!(site.sessions.store().load(&SessionKey::from_bytes(key), limits).await.unwrap().is_none());
    }
    assert!(site.sessions.store().is_empty());
}

// ===== limits =====

#[tokio::test]
async fn a_session_ends_when_it_is_not_used() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    site.hand.advance(29 * MINUTE);
    site.lives(&cookie).await;
    site.hand.advance(29 * MINUTE);
    site.lives(&cookie).await;
    site.hand.advance(30 * MINUTE);
    site.is_dead(&cookie, Reason::IdleTimeout).await;
    site.is_dead(&cookie, Reason::IdleTimeout).await;
}

#[tokio::test]
async fn a_session_ends_at_its_absolute_age_however_much_it_is_used() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    for _ in 0..(12 * 6 - 1) {
        site.hand.advance(10 * MINUTE);
        site.lives(&cookie).await;
    }
    site.hand.advance(10 * MINUTE);
    site.is_dead(&cookie, Reason::AbsoluteTimeout).await;
}

#[tokio::test]
async fn a_use_is_written_down_once_a_minute() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    let seen = async || site.sessions.list("alice").await.unwrap()[0].times.seen;
    let created = seen().await;
    site.hand.advance(59 * Duration::from_secs(1));
    site.lives(&cookie).await;
    assert_eq!(seen().await, created);
    site.hand.advance(Duration::from_secs(1));
    site.lives(&cookie).await;
    assert_eq!(seen().await, created + MINUTE);
}

#[tokio::test]
async fn a_short_idle_limit_is_kept_although_uses_are_written_down_seldom() {
    let site = site().with(|sessions| sessions.idle_limit(Duration::from_secs(20)));
    let cookie = site.signed_in("alice").await;
    for _ in 0..20 {
        site.hand.advance(Duration::from_secs(17));
        site.lives(&cookie).await;
    }
}

#[tokio::test]
async fn a_clock_that_steps_back_neither_ends_a_session_nor_panics() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    site.hand.set_wall(std::time::SystemTime::UNIX_EPOCH);
    site.lives(&cookie).await;
    site.hand.set_wall(std::time::SystemTime::UNIX_EPOCH + 1_000_000 * HOUR + 29 * MINUTE);
    site.lives(&cookie).await;
    site.hand.advance(30 * MINUTE);
    site.is_dead(&cookie, Reason::IdleTimeout).await;
}

#[tokio::test]
async fn limits_of_any_size_do_not_panic() {
    for limit in [Duration::ZERO, Duration::MAX] {
        let site = site().with(|sessions| {
            let sessions = sessions.idle_limit(limit).absolute_limit(limit).touch_every(limit);
            sessions.remember_ended(limit).rotation_grace(limit)
        });
        let cookie = site.signed_in("alice").await;
        let answer = site.ask(&cookie).await;
        assert_eq!(answer.status, if limit.is_zero() { 401 } else { 200 });
        if limit > Duration::ZERO {
            let session = site.session(&cookie).await;
            let _ = site.sessions.rotate(&session, "alice").await.unwrap();
            site.lives(&cookie).await;
        }
    }
}

// ===== ends, rotations, sign-ins =====

#[tokio::test]
async fn a_revoked_session_is_dead_from_the_next_request_on() {
    let site = site();
    let (one, other) = (site.signed_in("alice").await, site.signed_in("alice").await);
    assert!(site.sessions.revoke(site.session(&one).await.key()).await.unwrap());
    site.is_dead(&one, Reason::Revoked).await;
    site.lives(&other).await;
}

#[tokio::test]
async fn revoke_all_ends_the_sessions_of_one_subject() {
    let site = site();
    let alices = [site.signed_in("alice").await, site.signed_in("alice").await];
    let bobs = site.signed_in("bob").await;
    assert_eq!(site.sessions.revoke_all("alice").await.unwrap(), 2);
    for cookie in &alices {
        site.is_dead(cookie, Reason::Revoked).await;
    }
    site.lives(&bobs).await;
    assert_eq!(site.sessions.revoke_all("alice").await.unwrap(), 0);
    let again = site.signed_in("alice").await;
    site.lives(&again).await;
}

#[tokio::test]
async fn a_list_names_the_live_sessions_of_a_subject_the_latest_first() {
    let site = site();
    let first = site.signed_in("alice").await;
    site.hand.advance(MINUTE);
    let second = site.signed_in("alice").await;
    site.signed_in("bob").await;
    let keys = [*site.session(&second).await.key(), *site.session(&first).await.key()];
    let listed = async || -> Vec<SessionKey> {
        site.sessions.list("alice").await.unwrap().into_iter().map(|session| session.key).collect()
    };
    assert_eq!(listed().await, keys);
    site.sessions.revoke(&keys[1]).await.unwrap();
    assert_eq!(listed().await, [keys[0]]);
    site.hand.advance(30 * MINUTE);
    assert_eq!(listed().await, []);
    assert_eq!(site.sessions.list("nobody").await.unwrap(), []);
}

#[tokio::test]
async fn signing_out_removes_the_cookie_and_what_the_browser_keeps() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    let sign_out = site.sessions.sign_out(site.session(&cookie).await.key()).await.unwrap();
    let headers: Vec<_> =
        sign_out.into_iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    assert_eq!(
        headers,
        [format!("set-cookie: {REMOVAL}"), r#"clear-site-data: "cache", "storage""#.to_owned()]
    );
    site.is_dead(&cookie, Reason::Revoked).await;
}

#[tokio::test]
async fn pitfall_fixation_an_id_from_before_the_sign_in_never_works_after_it() {
    let site = site();
    let planted = site.signed_in("mallory").await;
    let before = site.session(&planted).await;
    let cookie = sent_back(site.sessions.create_in_place_of(before.key(), "alice").await.unwrap().1);
    assert_ne!(planted, cookie);
    site.lives(&cookie).await;
    let answer = site.ask(&planted).await;
    assert_eq!((answer.status.as_u16(), reason(&answer)), (401, Some(Reason::Replaced)));
    assert_eq!(answer.one("set-cookie"), None, "the browser may hold the newer cookie by now");
}

#[tokio::test]
async fn one_session_more_than_a_subject_may_have_ends_the_oldest() {
    let site = site().with(|sessions| sessions.at_most_per_subject(2));
    let cookies =
        [site.signed_in("alice").await, site.signed_in("alice").await, site.signed_in("alice").await];
    site.is_dead(&cookies[0], Reason::Revoked).await;
    site.lives(&cookies[1]).await;
    site.lives(&cookies[2]).await;
}

#[tokio::test]
async fn a_changed_password_ends_all_sessions_that_were_bound_to_the_old_one() {
    let version = Arc::new(AtomicU64::new(1));
    let current = Arc::clone(&version);
    let site = site().with(|sessions| {
        sessions.bound_to(move |user| {
            let known = (*user == "alice").then(|| current.load(Ordering::SeqCst));
            std::future::ready(Ok(known))
        })
    });
    let cookie = site.signed_in("alice").await;
    site.lives(&cookie).await;
    version.store(2, Ordering::SeqCst);
    site.is_dead(&cookie, Reason::CredentialsChanged).await;
    let newer = site.signed_in("alice").await;
    site.lives(&newer).await;
    version.store(1, Ordering::SeqCst);
    site.is_dead(&cookie, Reason::CredentialsChanged).await; // what ended stays ended
    let gone = site.signed_in("deleted").await;
    site.is_dead(&gone, Reason::CredentialsChanged).await;
}

#[tokio::test]
async fn why_a_session_ended_is_remembered_for_a_while() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    site.sessions.revoke_all("alice").await.unwrap();
    site.hand.advance(9 * MINUTE);
    site.is_dead(&cookie, Reason::Revoked).await;
    assert_eq!(site.sessions.store().len(), 1);
}

#[tokio::test]
async fn nothing_here_shows_an_id_or_an_identity() {
    let site = site();
    let (id, set_cookie) = site.sessions.create("alice").await.unwrap();
    let secret = id.expose();
    let token = SessionToken::new(secret.as_str(), &site.cookie);
    let debug = format!("{id:?} {set_cookie:?} {token:?} {:?}", token.ended(Reason::Unknown));
    let session = site.session(&sent_back(set_cookie)).await;
    let debug = format!("{debug} {session:?} {:?} {:?}", site.sessions, site.sessions.store());
    let stored = site.sessions.store().load(session.key(), Limits::default()).await.unwrap();
    assert!(matches!(&stored, Some(Stored::Live(record)) if *record.identity == "alice"));
    let debug = format!("{debug} {stored:?}");
    assert!(!debug.contains(secret.as_str()) && !debug.contains("alice"), "{debug}");
}
