//! Keys on the network, with a provider in the process and time wound by hand.
#![cfg(all(feature = "jwt-aws-lc", feature = "testing"))]

mod support;

use std::time::{Duration, SystemTime};

use serde_json::json;
use support::ask;
use support::mint::{AUDIENCE, ISSUER, hs256_of};
use support::provider::{Answer, Provider, Signer, URL};
use tower_authn::validator::jwt::{Jwt, JwtBuilder, StandardClaims};
use tower_authn::{
    Authenticator as _, BearerToken, Clock, ManualClock, Reason, RejectionKind, Scheme as _, Validator as _,
    Visit, scheme::Bearer,
};

const MINUTE: Duration = Duration::from_secs(60);

fn builder(clock: &Clock) -> JwtBuilder<StandardClaims> {
    Jwt::issuer(ISSUER).audience(AUDIENCE).clock(clock.clone())
}

/// A validator with keys at `URL`, a provider that publishes those of one signer, and the hand of the clock.
fn set_up() -> (Jwt, Provider, Signer, Hand) {
    let (clock, hand) = Clock::manual(SystemTime::now());
    let (provider, signer) = (Provider::default(), Signer::new("one"));
    provider.publishes(&[&signer]);
    let jwt = builder(&clock).jwks_uri(URL, provider.clone()).build().unwrap();
    (jwt, provider, signer, Hand(hand))
}

/// Moves the clock and the timers alike.
struct Hand(ManualClock);

impl Hand {
    async fn advance(&self, by: Duration) {
        self.0.advance(by);
        // In steps, so that one timer after the other fires; each leaves the task time to work.
        let steps = (by.as_millis() / 500).clamp(20, 2_000) as u32;
        for _ in 0..steps {
            tokio::time::advance(by / steps).await;
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        }
    }
}

/// `Ok`, or the kind and the reason of the refusal.
async fn verdict(jwt: &Jwt, token: &str) -> Result<(), (RejectionKind, Reason)> {
    match jwt.validate(BearerToken::new(token), &mut Visit::outside()).await {
        Ok(token) => {
            token.unwrap();
            Ok(())
        }
        Err(rejection) => Err((rejection.kind(), rejection.reason())),
    }
}

const UNKNOWN: Result<(), (RejectionKind, Reason)> = Err((RejectionKind::Invalid, Reason::UnknownKey));

fn unavailable(reason: Reason) -> Result<(), (RejectionKind, Reason)> {
    Err((RejectionKind::Unavailable, reason))
}

// ===== start =====

#[tokio::test(start_paused = true)]
async fn row_23_before_the_first_keys_the_client_sees_503() {
    let (jwt, provider, signer, _hand) = set_up();
    provider.is_down();
    let api = Bearer::new("r").validated_by(jwt).map(|_| "alice");
    let answered = ask(api, &[("authorization", &format!("Bearer {}", signer.token()))]).await;
    assert_eq!(answered.status, 503);
    assert_eq!(answered.challenges(), Vec::<&str>::new());
    assert!(answered.one("retry-after").is_some());
}

#[tokio::test(start_paused = true)]
async fn the_first_tokens_share_one_fetch_and_wait_for_it() {
    let (jwt, provider, signer, _hand) = set_up();
    provider.state().delay = Duration::from_secs(2);
    let token = signer.token();
    let all = (0..50).map(|_| {
        let (jwt, token) = (jwt.clone(), token.clone());
        tokio::spawn(async move { verdict(&jwt, &token).await })
    });
    for one in all.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), Ok(()));
    }
    assert_eq!((provider.asked(), provider.state().most_in_flight), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn ready_waits_for_the_provider() {
    let (jwt, provider, signer, hand) = set_up();
    provider.is_down();
    let waiting = tokio::spawn({
        let jwt = jwt.clone();
        async move { jwt.ready().await }
    });
    hand.advance(Duration::from_secs(10)).await;
    assert!(!waiting.is_finished());
    assert_eq!(verdict(&jwt, &signer.token()).await, unavailable(Reason::KeysNotLoaded));
    provider.publishes(&[&signer]);
    hand.advance(Duration::from_secs(2)).await;
    assert!(waiting.is_finished());
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_fetched_before_it_is_needed() {
    let (jwt, provider, signer, hand) = set_up();
    hand.advance(MINUTE).await;
    assert_eq!(provider.asked(), 0);
    let elsewhere = signer.sign(&support::mint::claims_with("iss", json!("https://evil.example")));
    let two = Provider::default();
    let (clock, _hand) = Clock::manual(SystemTime::now());
    let jwt_of_two = builder(&clock)
        .jwks_uri(URL, provider.clone())
        .issuer("https://b.example")
        .audience(AUDIENCE)
        .jwks_uri("https://b.example/keys", two.clone())
        .build()
        .unwrap();
    assert_eq!(verdict(&jwt_of_two, &elsewhere).await, Err((RejectionKind::Invalid, Reason::WrongIssuer)));
    assert_eq!(provider.asked() + two.asked(), 0);
    assert_eq!(verdict(&jwt_of_two, &signer.token()).await, Ok(()));
    assert_eq!((provider.asked(), two.asked()), (1, 0));
    drop(jwt);
}

// ===== rotation =====

#[tokio::test(start_paused = true)]
async fn rule_14_a_new_key_is_found_at_once() {
    let (jwt, provider, old, _hand) = set_up();
    assert_eq!(verdict(&jwt, &old.token()).await, Ok(()));
    let new = Signer::new("two");
    provider.publishes(&[&old, &new]);
    assert_eq!(verdict(&jwt, &new.token()).await, Ok(()));
    assert_eq!(verdict(&jwt, &old.token()).await, Ok(()));
    assert_eq!(provider.asked(), 2);
}

/// Validates one token 500 times at once; returns how many were accepted, and why one of the
/// others was not.
async fn five_hundred(jwt: &Jwt, token: &str) -> (usize, Option<(RejectionKind, Reason)>) {
    let all = (0..500).map(|_| {
        let (jwt, token) = (jwt.clone(), token.to_owned());
        tokio::spawn(async move { verdict(&jwt, &token).await })
    });
    let mut refused = Vec::new();
    for one in all.collect::<Vec<_>>() {
        refused.extend(one.await.unwrap().err());
    }
    (500 - refused.len(), refused.pop())
}

async fn simultaneous_requests_with_a_new_key() {
    let (jwt, provider, old, _hand) = set_up();
    assert_eq!(verdict(&jwt, &old.token()).await, Ok(()));
    let new = Signer::new("two");
    provider.publishes(&[&old, &new]);
    assert_eq!(five_hundred(&jwt, &new.token()).await, (500, None));
    assert_eq!((provider.asked(), provider.state().most_in_flight), (2, 1));
}

#[tokio::test(flavor = "current_thread")]
async fn rule_14_simultaneous_requests_with_a_new_key_all_wait_for_the_one_fetch() {
    simultaneous_requests_with_a_new_key().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn rule_14_so_they_do_where_threads_run_beside_each_other() {
    simultaneous_requests_with_a_new_key().await;
}

#[tokio::test(start_paused = true)]
async fn rule_14_an_unknown_key_waits_for_the_fetch_under_way_and_asks_for_no_other() {
    let (jwt, provider, old, hand) = set_up();
    assert_eq!(verdict(&jwt, &old.token()).await, Ok(()));
    provider.state().delay = Duration::from_secs(2);
    hand.advance(Duration::from_secs(241)).await;
    assert_eq!((provider.asked(), provider.state().in_flight), (2, 1));
    assert_eq!(verdict(&jwt, &Signer::new("other").token()).await, UNKNOWN);
    hand.advance(Duration::from_secs(10)).await;
    assert_eq!(provider.asked(), 2);
}

#[test]
fn rule_14_a_task_that_was_just_started_counts_as_a_fetch_under_way() {
    let (jwt, provider, old, _hand) = set_up();
    let new = Signer::new("two");
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime().block_on(async {
        assert_eq!(verdict(&jwt, &old.token()).await, Ok(()));
        // From now on nobody may ask for a key by its name for a while.
        assert_eq!(verdict(&jwt, &new.token()).await, UNKNOWN);
    });
    provider.publishes(&[&old, &new]);
    // The task ended with its runtime; the next one starts another, which fetches at once.
    runtime().block_on(async { assert_eq!(five_hundred(&jwt, &new.token()).await, (500, None)) });
    assert_eq!((provider.asked(), provider.state().most_in_flight), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn rule_14_forged_names_cost_one_fetch_in_thirty_seconds() {
    let (jwt, provider, signer, hand) = set_up();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    for round in 1..=3 {
        for n in 0..100 {
            assert_eq!(verdict(&jwt, &Signer::new(&format!("{round}-{n}")).token()).await, UNKNOWN);
        }
        assert_eq!(provider.asked(), 1 + round);
        hand.advance(Duration::from_secs(31)).await;
    }
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_name_looked_for_in_vain_is_known_to_be_unknown() {
    let (jwt, provider, signer, hand) = set_up();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    let forged = Signer::new("other").token();
    for (wait, asked) in [(0, 2), (31, 2), (30, 3)] {
        hand.advance(Duration::from_secs(wait)).await;
        assert_eq!(verdict(&jwt, &forged).await, UNKNOWN);
        assert_eq!(provider.asked(), asked, "after {wait} more seconds");
    }
}

#[tokio::test(start_paused = true)]
async fn rule_14_a_token_for_somebody_else_causes_no_fetch() {
    let (jwt, provider, signer, _hand) = set_up();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    let forger = Signer::new("other");
    for (claim, value, reason) in [
        ("iss", json!("https://evil.example"), Reason::WrongIssuer),
        ("aud", json!("stock"), Reason::WrongAudience),
        ("exp", json!(1), Reason::Expired),
    ] {
        let token = forger.sign(&support::mint::claims_with(claim, value));
        assert_eq!(verdict(&jwt, &token).await, Err((RejectionKind::Invalid, reason)));
    }
    assert_eq!(provider.asked(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_withdrawn_is_refused_after_the_next_fetch() {
    let (jwt, provider, old, hand) = set_up();
    assert_eq!(verdict(&jwt, &old.token()).await, Ok(()));
    let new = Signer::new("two");
    provider.publishes(&[&new]);
    hand.advance(5 * MINUTE).await;
    assert_eq!(verdict(&jwt, &new.token()).await, Ok(()));
    assert_eq!(verdict(&jwt, &old.token()).await, UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn the_timer_honours_cache_control_and_etag() {
    let (jwt, provider, signer, hand) = set_up();
    let keys = json!({ "keys": [signer.jwk()] });
    let answer = Answer::json(&keys).header("cache-control", "max-age=1000").header("etag", "\"a\"");
    provider.answers(&[(URL, answer)]);
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    hand.advance(Duration::from_secs(790)).await;
    assert_eq!(provider.asked(), 1);
    hand.advance(Duration::from_secs(20)).await;
    assert_eq!(provider.asked(), 2);
    // The second answer had no body; the keys stayed, and live for another 1000 seconds.
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    hand.advance(Duration::from_secs(780)).await;
    assert_eq!(provider.asked(), 2);
    hand.advance(Duration::from_secs(20)).await;
    assert_eq!(provider.asked(), 3);
}

// ===== outage =====

#[tokio::test(start_paused = true)]
async fn stale_keys_serve_for_an_hour_then_503_then_recovery() {
    let (jwt, provider, signer, hand) = set_up();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    provider.is_down();
    hand.advance(60 * MINUTE).await;
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    hand.advance(6 * MINUTE).await;
    assert_eq!(verdict(&jwt, &signer.token()).await, unavailable(Reason::KeysStale));
    provider.publishes(&[&signer]);
    hand.advance(Duration::from_secs(2)).await;
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_key_during_an_outage_is_503_and_no_reason_to_fetch() {
    let (jwt, provider, signer, hand) = set_up();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    let new = Signer::new("two");
    provider.is_down();
    assert_eq!(verdict(&jwt, &new.token()).await, unavailable(Reason::BackEndFailed));
    let asked = provider.asked();
    for _ in 0..100 {
        assert_eq!(verdict(&jwt, &new.token()).await, unavailable(Reason::BackEndFailed));
    }
    assert_eq!(provider.asked(), asked);
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    // It is tried again every second, and no token has to ask for it.
    provider.publishes(&[&new]);
    hand.advance(Duration::from_secs(2)).await;
    assert_eq!(verdict(&jwt, &new.token()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_tried_once_a_second() {
    let (jwt, provider, signer, hand) = set_up();
    provider.is_down();
    assert_eq!(verdict(&jwt, &signer.token()).await, unavailable(Reason::KeysNotLoaded));
    let before = provider.asked();
    hand.advance(MINUTE).await;
    assert!((50..=61).contains(&(provider.asked() - before)), "{}", provider.asked() - before);
}

#[tokio::test(start_paused = true)]
async fn a_failed_fetch_never_overwrites_good_keys() {
    let (jwt, provider, signer, hand) = set_up();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    let long = format!("{{\"keys\":[],\"padding\":\"{}\"}}", "x".repeat(512 * 1024));
    for answer in [
        Answer::status(500),
        Answer::status(304),
        Answer { body: "<html>".into(), ..Answer::status(200) },
        Answer::json(&json!({ "keys": [] })),
        Answer::json(&json!({ "keys": [{ "kty": "XYZ" }, { "kty": "oct", "k": "AAAA" }] })),
        Answer { body: long, ..Answer::status(200) },
        Answer::status(302).header("location", "https://evil.example/keys"),
    ] {
        provider.answers(&[(URL, answer)]);
        let asked = provider.asked();
        hand.advance(4 * MINUTE).await;
        assert!(provider.asked() > asked);
        assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    }
    assert!(provider.state().asked.iter().all(|url| url == URL));
}

#[tokio::test(start_paused = true)]
async fn valid_requests_never_wait_for_a_slow_provider() {
    let (jwt, provider, signer, hand) = set_up();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    provider.state().delay = Duration::from_secs(2);
    let forged = Signer::new("other").token();
    let slow = tokio::spawn({
        let jwt = jwt.clone();
        async move { verdict(&jwt, &forged).await }
    });
    tokio::task::yield_now().await;
    let before = tokio::time::Instant::now();
    for _ in 0..100 {
        assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    }
    assert_eq!(before.elapsed(), Duration::ZERO);
    assert_eq!((provider.asked(), provider.state().in_flight), (2, 1));
    hand.advance(Duration::from_secs(3)).await;
    assert_eq!(slow.await.unwrap(), UNKNOWN);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_never_overwrites_a_newer_one() {
    let (jwt, provider, old, hand) = set_up();
    assert_eq!(verdict(&jwt, &old.token()).await, Ok(()));
    // This fetch would come back with the old keys, seven seconds from now.
    provider.state().delay = Duration::from_secs(7);
    hand.advance(Duration::from_secs(241)).await;
    assert_eq!(provider.state().in_flight, 1);
    let new = Signer::new("two");
    provider.publishes(&[&new]);
    provider.state().delay = Duration::ZERO;
    hand.advance(Duration::from_secs(6)).await;
    assert_eq!(verdict(&jwt, &new.token()).await, Ok(()));
    hand.advance(Duration::from_secs(10)).await;
    assert_eq!(verdict(&jwt, &new.token()).await, Ok(()));
    assert_eq!(verdict(&jwt, &old.token()).await, UNKNOWN);
    assert_eq!(provider.state().most_in_flight, 1);
}

// ===== what a set may hold =====

#[tokio::test(start_paused = true)]
async fn rule_10_no_secret_comes_from_the_network() {
    let (jwt, provider, signer, _hand) = set_up();
    let secret = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc";
    let keys = json!({ "keys": [{ "kty": "oct", "kid": "s", "alg": "HS256", "k": secret }, signer.jwk()] });
    provider.answers(&[(URL, Answer::json(&keys))]);
    let claims = support::mint::claims().to_string();
    let token = hs256_of(&[7; 32], r#"{"alg":"HS256","typ":"at+jwt","kid":"s"}"#, &claims);
    assert_eq!(verdict(&jwt, &token).await, Err((RejectionKind::Invalid, Reason::AlgorithmRefused)));
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
}

#[tokio::test(start_paused = true)]
async fn rule_15_one_name_twice_is_refused_and_the_rest_is_kept() {
    let (jwt, provider, signer, _hand) = set_up();
    let twin = Signer::new("two");
    let keys = json!({ "keys": [signer.jwk(), twin.jwk(), Signer::new("two").jwk()] });
    provider.answers(&[(URL, Answer::json(&keys))]);
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    assert_eq!(verdict(&jwt, &twin.token()).await, Err((RejectionKind::Invalid, Reason::AmbiguousKey)));
}

// ===== discovery =====

const OPENID: &str = "https://idp.example/.well-known/openid-configuration";
const RFC_8414: &str = "https://idp.example/.well-known/oauth-authorization-server";

async fn discovers(answers: impl Fn(Answer) -> Vec<(&'static str, Answer)>, asked: &[&str]) {
    let (clock, _hand) = Clock::manual(SystemTime::now());
    let (provider, signer) = (Provider::default(), Signer::new("one"));
    let keys = Answer::json(&json!({ "keys": [signer.jwk()] }));
    provider.answers(&answers(keys));
    let jwt = builder(&clock).discover(provider.clone()).build().unwrap();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    assert_eq!(provider.state().asked, asked);
}

fn metadata(issuer: &str) -> Answer {
    Answer::json(&json!({ "issuer": issuer, "jwks_uri": "https://keys.example/set" }))
}

#[tokio::test(start_paused = true)]
async fn the_openid_configuration_names_the_keys() {
    let answers = |keys| vec![(OPENID, metadata(ISSUER)), ("https://keys.example/set", keys)];
    discovers(answers, &[OPENID, "https://keys.example/set"]).await;
}

#[tokio::test(start_paused = true)]
async fn so_does_the_metadata_of_rfc_8414() {
    let answers = |keys| vec![(RFC_8414, metadata(ISSUER)), ("https://keys.example/set", keys)];
    discovers(answers, &[OPENID, RFC_8414, "https://keys.example/set"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_redirect_within_the_origin_is_followed() {
    let moved = || Answer::status(302).header("location", "/elsewhere");
    let there = "https://idp.example/elsewhere";
    let answers =
        |keys| vec![(OPENID, moved()), (there, metadata(ISSUER)), ("https://keys.example/set", keys)];
    discovers(answers, &[OPENID, there, "https://keys.example/set"]).await;
}

#[tokio::test(start_paused = true)]
async fn metadata_of_another_issuer_is_discarded() {
    for issuer in ["https://idp.example/", "https://IDP.example", "https://evil.example"] {
        let (clock, _hand) = Clock::manual(SystemTime::now());
        let (provider, signer) = (Provider::default(), Signer::new("one"));
        let keys = Answer::json(&json!({ "keys": [signer.jwk()] }));
        provider.answers(&[(OPENID, metadata(issuer)), ("https://keys.example/set", keys)]);
        let jwt = builder(&clock).discover(provider.clone()).build().unwrap();
        assert_eq!(verdict(&jwt, &signer.token()).await, unavailable(Reason::KeysNotLoaded));
        assert!(provider.state().asked.iter().all(|url| !url.contains("keys.example")), "{issuer}");
    }
}

#[tokio::test(start_paused = true)]
async fn keys_that_move_are_found_again() {
    let (clock, hand) = Clock::manual(SystemTime::now());
    let (provider, signer) = (Provider::default(), Signer::new("one"));
    let keys = Answer::json(&json!({ "keys": [signer.jwk()] }));
    provider.answers(&[(OPENID, metadata(ISSUER)), ("https://keys.example/set", keys.clone())]);
    let jwt = builder(&clock).discover(provider.clone()).build().unwrap();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    let there = json!({ "issuer": ISSUER, "jwks_uri": "https://new.example/set" });
    provider.answers(&[(OPENID, Answer::json(&there)), ("https://new.example/set", keys)]);
    Hand(hand).advance(5 * MINUTE).await;
    assert!(provider.state().asked.iter().any(|url| url == "https://new.example/set"));
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
}

// ===== end =====

#[tokio::test(start_paused = true)]
async fn the_task_ends_with_the_last_copy() {
    let (jwt, provider, signer, hand) = set_up();
    assert_eq!(verdict(&jwt, &signer.token()).await, Ok(()));
    let copy = jwt.clone();
    drop(jwt);
    assert_eq!(verdict(&copy, &signer.token()).await, Ok(()));
    assert!(provider.copies() > 1);
    drop(copy);
    hand.advance(60 * MINUTE).await;
    assert_eq!((provider.asked(), provider.copies()), (1, 1));
}
