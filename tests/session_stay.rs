//! Who stays signed in: a session with limits of its own, and a cookie that the browser keeps.
#![cfg(all(feature = "session", feature = "testing"))]

mod support;

use std::time::Duration;

use support::session::{DAY, HOUR, MINUTE, Site, User, sent_back, site};
use tower_authn::{
    Reason, Rejection,
    scheme::{SessionCookie, SetCookie},
    store::Lifetime,
    validator::session::SessionId,
};

const ATTRIBUTES: &str = "; Path=/; Secure; HttpOnly; SameSite=Lax";

/// The attributes of the cookie that a session is handed out in.
#[track_caller]
fn attributes(handed_out: Result<(SessionId, SetCookie), Rejection>) -> String {
    let (id, set_cookie) = handed_out.unwrap();
    let header = set_cookie.into_header_value();
    assert!(header.is_sensitive());
    let set = format!("__Host-session={}", &*id.expose());
    header.to_str().unwrap().strip_prefix(&set).expect("the id first").to_owned()
}

fn kept_for(seconds: u64) -> String {
    format!("{ATTRIBUTES}; Max-Age={seconds}")
}

/// Signs somebody in who stays so.
async fn stays(site: &Site, user: User) -> String {
    sent_back(site.sessions.stay_signed_in().create(user).await.unwrap().1)
}

#[tokio::test]
async fn the_browser_keeps_the_cookie_of_who_stays_signed_in_and_no_other() {
    let site = site();
    let stay = site.sessions.stay_signed_in();
    assert_eq!(attributes(site.sessions.create("alice").await), ATTRIBUTES);
    assert_eq!(attributes(stay.create("alice").await), kept_for(14 * 24 * 3600));
    let before = stay.create("alice").await.unwrap().0.key();
    assert_eq!(attributes(site.sessions.create_in_place_of(&before, "alice").await), ATTRIBUTES);
    let before = site.sessions.create("alice").await.unwrap().0.key();
    assert_eq!(attributes(stay.create_in_place_of(&before, "alice").await), kept_for(14 * 24 * 3600));
    let a_month = stay.stay_signed_in_for(30 * DAY);
    assert_eq!(attributes(a_month.create("alice").await), kept_for(30 * 24 * 3600));
}

#[test]
fn a_cookie_is_kept_for_whole_seconds_and_400_days_at_most() {
    for (time, seconds) in [
        (Duration::ZERO, 0),
        (Duration::from_nanos(1), 1),
        (Duration::from_millis(1_001), 2),
        (HOUR, 3600),
        (401 * DAY, 34_560_000),
        (Duration::MAX, 34_560_000),
    ] {
        let header = SessionCookie::new("web").set_for(time, "x").unwrap().into_header_value();
        assert!(header.is_sensitive());
        assert_eq!(header, format!("__Host-session=x{}", kept_for(seconds)), "{time:?}");
    }
}

#[tokio::test]
async fn side_by_side_each_session_ends_by_its_own_limits() {
    let site = site();
    let (ordinary, stays) = (site.signed_in("alice").await, stays(&site, "alice").await);
    site.hand.advance(30 * MINUTE);
    site.is_dead(&ordinary, Reason::IdleTimeout).await;
    site.lives(&stays).await;

    let used = site.signed_in("alice").await;
    for _ in 0..36 {
        site.lives(&used).await;
        site.hand.advance(20 * MINUTE);
    }
    site.is_dead(&used, Reason::AbsoluteTimeout).await;
    // Since the sign-in, 12 hours and a half.
    site.hand.advance(13 * DAY + 11 * HOUR + 29 * MINUTE);
    site.lives(&stays).await;
    site.hand.advance(MINUTE);
    site.is_dead(&stays, Reason::AbsoluteTimeout).await;
}

#[tokio::test]
async fn the_limits_of_one_are_not_those_of_the_other() {
    let short = Duration::from_secs(20);
    let hour = site().with(|sessions| sessions.stay_signed_in_for(20 * MINUTE));
    let (ordinary, stays_shorter) = (hour.signed_in("alice").await, stays(&hour, "alice").await);
    hour.hand.advance(20 * MINUTE);
    hour.is_dead(&stays_shorter, Reason::AbsoluteTimeout).await;
    hour.lives(&ordinary).await;

    let site = site().with(|sessions| sessions.idle_limit(short).absolute_limit(2 * short));
    let kept = stays(&site, "alice").await;
    site.hand.advance(DAY);
    site.lives(&kept).await;
}

#[tokio::test]
async fn a_shorter_stay_goes_for_sessions_that_exist() {
    let site = site();
    let cookie = stays(&site, "alice").await;
    site.hand.advance(DAY);
    site.lives(&cookie).await;
    let site = site.with(|sessions| sessions.stay_signed_in_for(DAY));
    assert_eq!(site.sessions.list("alice").await.unwrap(), []);
    site.is_dead(&cookie, Reason::AbsoluteTimeout).await;
}

#[tokio::test]
async fn a_rotation_keeps_what_it_is_for_the_rest_of_the_time() {
    let site = site();
    let stay = site.sessions.stay_signed_in();
    let (ordinary, stays) = (site.signed_in("alice").await, stays(&site, "alice").await);
    site.hand.advance(Duration::from_millis(1_500));
    let (ordinary, stays) = (site.session(&ordinary).await, site.session(&stays).await);
    // Whatever the one that rotates it would begin.
    assert_eq!(attributes(stay.rotate(&ordinary, "alice").await), ATTRIBUTES);
    let (id, set_cookie) = site.sessions.rotate(&stays, "alice").await.unwrap();
    let cookie = format!("__Host-session={}", &*id.expose());
    assert_eq!(
        attributes(Ok((id, set_cookie))),
        kept_for(14 * 24 * 3600 - 1),
        "as long as it lives, rounded up"
    );
    assert_eq!(site.session(&cookie).await.created_at(), stays.created_at());
    site.hand.advance(13 * DAY + 23 * HOUR + 59 * MINUTE + Duration::from_millis(58_499));
    site.lives(&cookie).await;
    site.hand.advance(Duration::from_millis(1));
    site.is_dead(&cookie, Reason::AbsoluteTimeout).await;
}

#[tokio::test]
async fn who_gives_the_password_again_may_stay_signed_in() {
    let site = site();
    let before = site.session(&stays(&site, "alice").await).await;
    assert_eq!(before.lifetime(), Lifetime::StaySignedIn);
    assert_eq!(site.session(&site.signed_in("alice").await).await.lifetime(), Lifetime::Ordinary);
    site.hand.advance(DAY);
    let again = site.sessions.stay_signed_in().create_in_place_of(before.key(), "alice").await.unwrap();
    let again = site.session(&sent_back(again.1)).await;
    assert_eq!(again.lifetime(), Lifetime::StaySignedIn);
    assert_eq!(again.created_at(), before.created_at() + DAY);
}

#[tokio::test]
async fn a_list_tells_who_stays_signed_in_where() {
    let site = site();
    site.signed_in("alice").await;
    site.hand.advance(MINUTE);
    stays(&site, "alice").await;
    let lifetimes = async || -> Vec<_> {
        site.sessions.list("alice").await.unwrap().into_iter().map(|info| info.times.lifetime).collect()
    };
    assert_eq!(lifetimes().await, [Lifetime::StaySignedIn, Lifetime::Ordinary]);
    site.hand.advance(30 * MINUTE);
    assert_eq!(lifetimes().await, [Lifetime::StaySignedIn]);
    assert_eq!(site.sessions.revoke_all("alice").await.unwrap(), 1);
}

#[tokio::test]
async fn stays_of_any_length_do_not_panic() {
    for (stay, status, kept) in [(Duration::ZERO, 401, 0), (Duration::MAX, 200, 34_560_000)] {
        let site = site().with(|sessions| sessions.stay_signed_in_for(stay));
        let (id, set_cookie) = site.sessions.stay_signed_in().create("alice").await.unwrap();
        let cookie = format!("__Host-session={}", &*id.expose());
        assert_eq!(attributes(Ok((id, set_cookie))), kept_for(kept));
        assert_eq!(site.ask(&cookie).await.status, status);
        site.hand.advance(400 * DAY);
        assert_eq!(site.ask(&cookie).await.status, status);
    }
}
