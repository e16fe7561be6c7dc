//! A session that gets a new id: what becomes of the old one, and what stays.
#![cfg(all(feature = "session", feature = "testing"))]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use support::session::{MINUTE, reason, sent_back, site};
use tower_authn::Reason;

#[tokio::test]
async fn a_rotated_session_lives_on_for_a_while_as_it_was() {
    let site = site();
    let old = site.signed_in("alice").await;
    let session = site.session(&old).await;
    let new = sent_back(site.sessions.rotate(&session, "admin").await.unwrap().1);
    assert_eq!((site.ask(&old).await.body, site.ask(&new).await.body), ("alice".into(), "admin".into()));
    site.hand.advance(Duration::from_secs(10));
    let answer = site.ask(&old).await;
    assert_eq!((reason(&answer), answer.one("set-cookie")), (Some(Reason::Replaced), None));
    site.lives(&new).await;
}

#[tokio::test]
async fn who_signs_out_is_signed_out_by_the_id_from_before_a_rotation_too() {
    for by_old in [true, false] {
        let site = site();
        let old = site.signed_in("alice").await;
        let session = site.session(&old).await;
        let new = sent_back(site.sessions.rotate(&session, "alice").await.unwrap().1);
        let session = site.session(if by_old { &old } else { &new }).await;
        let _ = site.sessions.sign_out(session.key()).await.unwrap();
        site.is_dead(&old, Reason::Revoked).await;
        site.is_dead(&new, Reason::Revoked).await;
    }
}

#[tokio::test]
async fn a_rotation_does_not_outlive_a_changed_password_and_a_sign_in_does() {
    let version = Arc::new(AtomicU64::new(1));
    let current = Arc::clone(&version);
    let site = site().with(|sessions| {
        sessions.bound_to(move |_| std::future::ready(Ok(Some(current.load(Ordering::SeqCst)))))
    });
    let (here, elsewhere) = (site.signed_in("alice").await, site.signed_in("alice").await);
    let (session, other) = (site.session(&here).await, site.session(&elsewhere).await);
    version.store(2, Ordering::SeqCst);
    let rotated = sent_back(site.sessions.rotate(&other, "alice").await.unwrap().1);
    let signed_in = sent_back(site.sessions.create_in_place_of(session.key(), "alice").await.unwrap().1);
    site.is_dead(&elsewhere, Reason::CredentialsChanged).await;
    site.is_dead(&rotated, Reason::CredentialsChanged).await;
    site.lives(&signed_in).await;
}

#[tokio::test]
async fn a_rotation_keeps_the_version_of_the_credentials() {
    let version = Arc::new(AtomicU64::new(1));
    let current = Arc::clone(&version);
    let site = site().with(|sessions| {
        sessions.bound_to(move |_| std::future::ready(Ok(Some(current.load(Ordering::SeqCst)))))
    });
    let mut cookie = site.signed_in("alice").await;
    for _ in 0..3 {
        let session = site.session(&cookie).await;
        cookie = sent_back(site.sessions.rotate(&session, "alice").await.unwrap().1);
        site.lives(&cookie).await;
    }
    version.store(2, Ordering::SeqCst);
    site.is_dead(&cookie, Reason::CredentialsChanged).await;
}

#[tokio::test]
async fn a_session_is_rotated_once() {
    let site = site();
    let cookie = site.signed_in("alice").await;
    let session = site.session(&cookie).await;
    let _ = site.sessions.rotate(&session, "alice").await.unwrap();
    let again = site.sessions.rotate(&session, "alice").await.unwrap_err();
    assert_eq!(again.reason(), Reason::Replaced);
    site.sessions.revoke_all("alice").await.unwrap();
    site.is_dead(&cookie, Reason::Revoked).await;
}

#[tokio::test]
async fn a_rotation_does_not_get_around_the_absolute_age() {
    let site = site();
    let mut cookie = site.signed_in("alice").await;
    for _ in 0..(12 * 3 - 1) {
        site.hand.advance(20 * MINUTE);
        let session = site.session(&cookie).await;
        cookie = sent_back(site.sessions.rotate(&session, "alice").await.unwrap().1);
    }
    site.hand.advance(20 * MINUTE);
    site.is_dead(&cookie, Reason::AbsoluteTimeout).await;
}
