//! The brake on guessing: what is counted, by what, and what the client sees.
#![cfg(feature = "testing")]

use std::{
    future::{Future as _, pending},
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Waker},
    time::{Duration, SystemTime},
};

use http::Request;
use support::secrets::{KEY, PASSWORD, basic, by_key, users};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator, Clock, ManualClock, Reason, Rejection, RejectionKind, Scheme as _,
    scheme::{Basic, Bearer, ClientAddr, ForwardedBy, TrustedProxies, UserPassword},
    throttle::{FailureKey, FailureStore, Guess, Hold, MemoryFailures, Quota, Settlement, Throttle},
};

mod support;

const HERE: &str = "203.0.113.7";
const ELSEWHERE: &str = "198.51.100.1";

fn throttle() -> (Throttle, ManualClock) {
    let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
    let store = MemoryFailures::default().clock(clock);
    let throttle = Throttle::new(store)
        .by_address(Quota::new(20, Duration::from_secs(6)))
        .by_user(Quota::new(5, Duration::from_secs(30)));
    (throttle, hand)
}

/// Basic behind a throttle.
struct Site<A> {
    layer: AuthenticateLayer<A>,
    hand: ManualClock,
}

fn site() -> Site<impl Authenticator<Identity = &'static str>> {
    let (throttle, hand) = throttle();
    let by_basic = Basic::new("r").validated_by(users());
    Site { layer: AuthenticateLayer::new(by_basic.throttled(throttle).by_user(UserPassword::user)), hand }
}

impl<A: Authenticator<Identity = &'static str>> Site<A> {
    async fn ask(&self, from: &str, name: &str, value: &str) -> support::Answered {
        let mut request = support::request(&[(name, value)]);
        request.extensions_mut().insert(SocketAddr::new(from.parse().unwrap(), 4711));
        ask(&self.layer, request).await
    }

    async fn sign_in(&self, from: &str, user: &str, password: &str) -> u16 {
        self.ask(from, "authorization", &basic(user, password)).await.status.as_u16()
    }
}

async fn ask<A>(layer: &AuthenticateLayer<A>, request: Request<support::Body>) -> support::Answered
where
    A: Authenticator<Identity = &'static str>,
{
    support::send(layer.layer(service_fn(support::whoami)), request).await
}

// ===== what the client sees =====

#[tokio::test]
async fn row_24_too_many_failures_are_429_with_retry_after_for_known_and_unknown_users_alike() {
    let mut answers = Vec::new();
    for user in ["alice", "nobody"] {
        let site = site();
        for _ in 0..5 {
            assert_eq!(site.sign_in(HERE, user, "wrong").await, 401);
        }
        let answer = site.ask(HERE, "authorization", &basic(user, "wrong")).await;
        assert_eq!(
            (answer.status.as_u16(), answer.one("retry-after"), answer.challenges().len()),
            (429, Some("30"), 0)
        );
        answers.push((answer.lines(), answer.body));
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_clone_of_what_is_throttled_shares_the_throttle() {
    let throttled = Basic::new("r").validated_by(users()).throttled(throttle().0).by_user(UserPassword::user);
    let layers = [throttled.clone(), throttled].map(AuthenticateLayer::new);
    let mut statuses = Vec::new();
    for layer in layers.iter().cycle().take(6) {
        let mut request = support::request(&[("authorization", &basic("alice", "wrong"))]);
        request.extensions_mut().insert(SocketAddr::new(HERE.parse().unwrap(), 4711));
        statuses.push(ask(layer, request).await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429]);
}

#[tokio::test]
async fn the_right_password_is_429_too_while_the_brake_is_on() {
    let site = site();
    for _ in 0..5 {
        assert_eq!(site.sign_in(HERE, "alice", "wrong").await, 401);
    }
    assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, 429);
    site.hand.advance(Duration::from_secs(30));
    assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, 200);
}

#[tokio::test]
async fn after_the_first_failures_one_is_let_through_every_while() {
    let site = site();
    for _ in 0..5 {
        assert_eq!(site.sign_in(HERE, "alice", "wrong").await, 401);
    }
    for _ in 0..10 {
        site.hand.advance(Duration::from_secs(29));
        assert_eq!(site.sign_in(HERE, "alice", "wrong").await, 429);
        site.hand.advance(Duration::from_secs(1));
        assert_eq!(site.sign_in(HERE, "alice", "wrong").await, 401);
    }
}

#[tokio::test]
async fn what_is_turned_away_does_not_prolong_the_wait() {
    let site = site();
    for _ in 0..5 {
        site.sign_in(HERE, "alice", "wrong").await;
    }
    for _ in 0..1000 {
        assert_eq!(site.sign_in(HERE, "alice", "wrong").await, 429);
    }
    site.hand.advance(Duration::from_secs(30));
    assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, 200);
}

// ===== what is counted by what =====

#[tokio::test]
async fn nobody_locks_a_user_out_from_elsewhere() {
    let site = site();
    for address in 1..100 {
        for _ in 0..5 {
            site.sign_in(&format!("198.51.100.{address}"), "alice", "wrong").await;
        }
    }
    assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, 200);
}

#[tokio::test]
async fn failures_against_one_user_do_not_block_another_until_the_address_has_too_many() {
    let site = site();
    for user in 0..4 {
        for _ in 0..5 {
            assert_eq!(site.sign_in(HERE, &format!("user{user}"), "wrong").await, 401);
        }
        let expected = if user == 3 { 429 } else { 200 };
        assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, expected, "{user}");
    }
    assert_eq!(site.sign_in(ELSEWHERE, "alice", PASSWORD).await, 200);
}

#[tokio::test]
async fn an_ipv6_address_counts_by_its_first_64_bits_and_a_mapped_one_as_ipv4() {
    let site = site();
    for host in 0..5 {
        assert_eq!(site.sign_in(&format!("2001:db8:0:1::{host:x}"), "alice", "wrong").await, 401);
    }
    assert_eq!(site.sign_in("2001:db8:0:1:ffff::1", "alice", PASSWORD).await, 429);
    assert_eq!(site.sign_in("2001:db8:0:2::1", "alice", PASSWORD).await, 200);

    for _ in 0..5 {
        assert_eq!(site.sign_in(HERE, "alice", "wrong").await, 401);
    }
    assert_eq!(site.sign_in(&format!("::ffff:{HERE}"), "alice", PASSWORD).await, 429);
    assert_eq!(site.sign_in("::ffff:203.0.113.8", "alice", PASSWORD).await, 200);
}

#[tokio::test]
async fn a_success_wipes_out_the_failures_against_its_user_and_not_those_of_the_address() {
    let site = site();
    for round in 0..5 {
        for _ in 0..4 {
            let expected = if round * 4 >= 20 { 429 } else { 401 };
            assert_eq!(site.sign_in(HERE, "alice", "wrong").await, expected);
        }
        let expected = if round == 4 { 429 } else { 200 };
        assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, expected, "{round}");
    }
}

#[tokio::test]
async fn successes_are_not_counted_however_many() {
    let site = site();
    for _ in 0..200 {
        assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, 200);
    }
}

#[tokio::test]
async fn requests_without_credentials_are_not_counted() {
    let site = site();
    for _ in 0..100 {
        assert_eq!(site.ask(HERE, "x", "y").await.status, 401);
    }
    assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, 200);
}

/// A bearer validator that always answers the same, and counts how often it was asked.
async fn asked_after_thirty(refuse: fn() -> Rejection) -> u32 {
    let (throttle, hand) = throttle();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    let bearer = Bearer::new("r").validated_by(move |_| {
        count.fetch_add(1, SeqCst);
        async move { Err::<Option<&'static str>, _>(refuse()) }
    });
    let site = Site { layer: AuthenticateLayer::new(bearer.throttled(throttle)), hand };
    for _ in 0..30 {
        site.ask(HERE, "authorization", "Bearer x").await;
    }
    asked.load(SeqCst)
}

#[tokio::test]
async fn only_guesses_are_counted_and_turned_away_before_validation() {
    for refuse in [
        Rejection::invalid,
        || Rejection::invalid().with_reason(Reason::Locked),
        || Rejection::invalid().with_reason(Reason::BadSignature),
    ] {
        assert_eq!(asked_after_thirty(refuse).await, 20);
    }
    for refuse in [
        Rejection::unavailable,
        Rejection::insufficient,
        Rejection::forbidden,
        || Rejection::invalid().with_reason(Reason::Expired),
        || Rejection::invalid().with_reason(Reason::Revoked),
    ] {
        assert_eq!(asked_after_thirty(refuse).await, 30);
    }
}

#[tokio::test]
async fn it_works_with_api_keys() {
    let (throttle, hand) = throttle();
    let site = Site { layer: AuthenticateLayer::new(by_key().throttled(throttle)), hand };
    assert_eq!(site.ask(HERE, "x-api-key", KEY).await.status, 200);
    for _ in 0..20 {
        assert_eq!(site.ask(HERE, "x-api-key", "wrong").await.status, 401);
    }
    assert_eq!(site.ask(HERE, "x-api-key", KEY).await.status, 429);
    assert_eq!(site.ask(ELSEWHERE, "x-api-key", KEY).await.status, 200);
}

#[tokio::test]
async fn a_throttled_scheme_does_not_hide_good_credentials_of_another() {
    let (throttle, hand) = throttle();
    let either =
        Basic::new("r").validated_by(users()).throttled(throttle).by_user(UserPassword::user).or(by_key());
    let site = Site { layer: AuthenticateLayer::new(either), hand };
    for _ in 0..6 {
        site.sign_in(HERE, "alice", "wrong").await;
    }
    assert_eq!(site.sign_in(HERE, "alice", PASSWORD).await, 429);
    assert_eq!(site.ask(HERE, "x-api-key", KEY).await.status, 200);
}

// ===== cancellation, outages, addresses =====

#[tokio::test]
async fn a_request_that_is_dropped_before_the_answer_has_failed() {
    let (throttle, hand) = throttle();
    let hangs =
        Basic::new("r").validated_by(|_: UserPassword| pending::<Result<Option<&'static str>, Rejection>>());
    let site =
        Site { layer: AuthenticateLayer::new(hangs.throttled(throttle).by_user(UserPassword::user)), hand };
    for _ in 0..5 {
        let mut asked = Box::pin(site.sign_in(HERE, "alice", "guess"));
        assert!(asked.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    assert_eq!(support::now(site.sign_in(HERE, "alice", "guess")), 429);
}

#[tokio::test]
async fn an_unknown_peer_fails_closed() {
    let site = site();
    let request = support::request(&[("authorization", &basic("alice", PASSWORD))]);
    let answer = ask(&site.layer, request).await;
    assert_eq!((answer.status.as_u16(), answer.challenges().len()), (503, 0));
}

#[tokio::test]
async fn behind_a_proxy_the_client_counts_and_not_the_proxy() {
    let (throttle, hand) = throttle();
    let address = ClientAddr::new().behind(TrustedProxies::hops(1, ForwardedBy::XForwardedFor));
    let site =
        Site { layer: AuthenticateLayer::new(by_key().throttled(throttle.address_from(address))), hand };
    let from = |client: &'static str, key: &'static str| {
        let mut request = support::request(&[("x-forwarded-for", client), ("x-api-key", key)]);
        request.extensions_mut().insert(SocketAddr::from(([10, 0, 0, 1], 4711)));
        ask(&site.layer, request)
    };
    for spoofed in 0..20 {
        let client: &str = [HERE, "1.1.1.1, 203.0.113.7"][spoofed % 2];
        assert_eq!(from(client, "wrong").await.status, 401);
    }
    assert_eq!(from(HERE, KEY).await.status, 429);
    assert_eq!(from(ELSEWHERE, KEY).await.status, 200);
    assert_eq!(from("unknown", KEY).await.status, 403);
}

#[tokio::test]
async fn a_store_that_is_down_is_503() {
    struct Down;
    impl FailureStore for Down {
        async fn ask(&self, _: &Guess) -> Result<Option<Duration>, Rejection> {
            Err(std::io::Error::other("down").into())
        }
        async fn hold(&self, _: &Guess) -> Result<Hold, Rejection> {
            Err(std::io::Error::other("down").into())
        }
        fn settle(&self, _: Guess, _: Settlement) {
            panic!("nothing is held");
        }
    }
    let throttle = Throttle::new(Down);
    let rejection = throttle.attempt(HERE.parse().unwrap(), None).await.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Unavailable);
}

#[tokio::test]
async fn a_sign_in_form_uses_it_without_http() {
    let (throttle, _hand) = throttle();
    let address: IpAddr = HERE.parse().unwrap();
    for _ in 0..5 {
        throttle.attempt(address, Some("alice")).await.unwrap().failed();
        throttle.attempt(address, Some("bob")).await.unwrap().undecided();
    }
    let rejection = throttle.attempt(address, Some("alice")).await.unwrap_err();
    assert_eq!(rejection.retry_after(), Some(Duration::from_secs(30)));
    throttle.attempt(address, Some("bob")).await.unwrap().succeeded();
}

#[test]
fn debug_shows_no_address_and_no_user() {
    let (throttle, _hand) = throttle();
    let site = site();
    let here: IpAddr = HERE.parse().unwrap();
    let guess = Guess::new(FailureKey::of_address(here), Quota::new(1, Duration::ZERO))
        .against(FailureKey::of_user(here, "alice"), Quota::new(1, Duration::ZERO));
    let attempt = support::now(throttle.attempt(here, Some("alice"))).unwrap();
    let shown = format!("{throttle:?} {:?} {guess:?} {attempt:?}", site.hand);
    assert!(!shown.contains("203") && !shown.contains("alice"), "{shown}");
    let busy = format!("{:?}", Hold::Busy(guess.address().0));
    assert_eq!(busy, "Busy(FailureKey(..))");
}
