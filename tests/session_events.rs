//! What an operator learns of sessions: warnings, events, gauges.
#![cfg(all(feature = "session", feature = "testing"))]

mod support;

use std::sync::{Arc, Mutex, PoisonError};

use support::session::{HOUR, MINUTE, Site, site};
use tower_authn::{
    AuthenticateLayer, ConfigurationWarning as Warning, Scheme as _,
    observe::Event,
    scheme::SessionCookie,
    validator::session::{SessionId, Sessions},
};

fn warnings(cookie: SessionCookie) -> Vec<Warning> {
    let sessions = Sessions::<String>::in_memory(&cookie);
    AuthenticateLayer::new(cookie.validated_by(sessions)).check()
}

fn cookie() -> SessionCookie {
    SessionCookie::new("web")
}

#[test]
fn a_cookie_as_it_is_by_default_has_no_warnings() {
    assert_eq!(warnings(cookie()), []);
}

#[test]
fn a_cookie_that_travels_without_tls_or_for_other_sites_is_warned_of() {
    let realm = || "web".to_owned();
    let address = "127.0.0.1:80".parse().unwrap();
    let plain = cookie().over_plain_http_at(address).unwrap();
    assert_eq!(warnings(plain), [Warning::SessionWithoutSecure { realm: realm() }]);
    let cross_site = cookie().sent_with_requests_of_other_sites();
    assert_eq!(warnings(cross_site), [Warning::SessionSentByOtherSites { realm: realm() }]);
}

#[test]
fn an_idle_limit_that_limits_nothing_is_warned_of() {
    let site = site().with(|sessions| sessions.idle_limit(12 * HOUR));
    let layer = AuthenticateLayer::new(site.cookie.validated_by(site.sessions));
    assert_eq!(layer.check(), [Warning::SessionWithoutIdleLimit { idle: 12 * HOUR, absolute: 12 * HOUR }]);
}

/// The same site with an observer, and what that is told.
fn watched(site: Site) -> (Site, Arc<Mutex<Vec<String>>>) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let events = Arc::clone(&told);
    let site = site.with(|sessions| {
        sessions.observed_by(move |event: &Event<'_>| {
            events.lock().unwrap_or_else(PoisonError::into_inner).push(event.to_string());
        })
    });
    (site, told)
}

#[tokio::test]
async fn sign_ins_rotations_and_sign_outs_make_events_that_name_the_key() {
    let (site, told) = watched(site());
    let (id, _) = site.sessions.create("alice").await.unwrap();
    let cookie = format!("__Host-session={}", &*id.expose());
    let (rotated, _) = site.sessions.rotate(&site.session(&cookie).await, "alice").await.unwrap();
    let (again, _) = site.sessions.create_in_place_of(&rotated.key(), "alice").await.unwrap();
    site.sessions.revoke(&again.key()).await.unwrap();
    site.sessions.revoke(&again.key()).await.unwrap(); // it is over: no event
    let told = told.lock().unwrap();
    let [first, second, third] = [&id, &rotated, &again].map(SessionId::key);
    assert_eq!(
        told[..],
        [
            format!("session {first} begun"),
            format!("session {first} ended: replaced"),
            format!("session {second} begun"),
            format!("session {second} ended: replaced"),
            format!("session {first} ended: replaced"), // for good: its grace is cut short
            format!("session {third} begun"),
            format!("session {third} ended: revoked"),
        ]
    );
    assert!(told.iter().all(|event| !event.contains(id.expose().as_str()) && !event.contains("alice")));
}

#[tokio::test]
async fn each_session_that_ends_with_others_makes_an_event() {
    let (site, told) = watched(site().with(|sessions| sessions.at_most_per_subject(3)));
    let mut begun = Vec::new();
    for _ in 0..4 {
        site.hand.advance(MINUTE);
        begun.push(site.sessions.create("alice").await.unwrap().0);
    }
    let keys: Vec<_> = begun.iter().map(SessionId::key).collect();
    let evicted = [format!("session {} ended: revoked", keys[0]), format!("session {} begun", keys[3])];
    assert_eq!(told.lock().unwrap()[3..], evicted, "what makes room ends before what takes it begins");

    // By the id from before a rotation, which is told of twice.
    let cookie = format!("__Host-session={}", &*begun[1].expose());
    let new = site.sessions.rotate(&site.session(&cookie).await, "alice").await.unwrap().0.key();
    told.lock().unwrap().clear();
    assert!(site.sessions.revoke(&keys[1]).await.unwrap());
    let pair = [keys[1], new].map(|key| format!("session {key} ended: revoked"));
    assert_eq!(told.lock().unwrap()[..], pair);

    told.lock().unwrap().clear();
    assert_eq!(site.sessions.revoke_all("alice").await.unwrap(), 2);
    assert_eq!(site.sessions.revoke_all("alice").await.unwrap(), 0);
    let others = [keys[2], keys[3]].map(|key| format!("session {key} ended: revoked"));
    assert_eq!(told.lock().unwrap()[..], others);
}

#[tokio::test]
async fn a_rotation_to_another_subject_tells_what_it_makes_room_by() {
    let site = site().with(|sessions| sessions.at_most_per_subject(1));
    let (guest, admin) =
        (site.sessions.create("guest").await.unwrap().0, site.sessions.create("admin").await.unwrap().0);
    let (site, told) = watched(site);
    let cookie = format!("__Host-session={}", &*guest.expose());
    let new = site.sessions.rotate(&site.session(&cookie).await, "admin").await.unwrap().0;
    let [guest, admin, new] = [guest, admin, new].map(|id| id.key());
    assert_eq!(
        told.lock().unwrap()[..],
        [
            format!("session {guest} ended: replaced"),
            format!("session {admin} ended: revoked"),
            format!("session {new} begun"),
        ]
    );
}

#[cfg(feature = "metrics")]
#[test]
fn live_sessions_are_measured() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        let site = site();
        for _ in 0..3 {
            let _ = support::now(site.sessions.create("alice")).unwrap();
        }
        AuthenticateLayer::new(site.cookie.validated_by(site.sessions)).measure();
    });
    let page = handle.render();
    assert!(page.contains("tower_authn_sessions{scheme=\"Session\",realm=\"web\"} 3\n"), "{page}");
    assert!(page.contains("tower_authn_sessions_most{scheme=\"Session\",realm=\"web\"} 100000\n"), "{page}");
}
