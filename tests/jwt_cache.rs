//! The cache of verified tokens: what it saves is counted, by the claims that are read, and what it must not save is tried.
#![cfg(all(feature = "testing", any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto")))]

mod support;

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer};
use serde_json::json;
use support::ask;
use support::mint::{AUDIENCE, ISSUER, SECRET, claims, claims_with, hs256, in_minutes};
use tower_authn::validator::jwt::{Algorithm, Jwt, JwtBuilder, Key, KeySet, KeySource, Verified};
use tower_authn::{
    Authenticator as _, BearerToken, Clock, Reason, Rejection, Scheme as _, Validator as _, Visit,
    scheme::Bearer,
};

thread_local! {
    /// How often claims were read: once for each token that was verified. Each test runs on a thread of its own.
    static READ: Cell<usize> = const { Cell::new(0) };
}

struct Claims;

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        READ.set(READ.get() + 1);
        serde::de::IgnoredAny::deserialize(from).map(|_| Self)
    }
}

fn builder() -> JwtBuilder<Claims> {
    Jwt::issuer(ISSUER).audience(AUDIENCE)
}

async fn verdict(jwt: &Jwt<Claims>, token: &str) -> Result<(), Reason> {
    let validated = jwt.validate(BearerToken::new(token), &mut Visit::outside()).await;
    validated.map(|token| drop(token.unwrap())).map_err(|rejection| rejection.reason())
}

#[tokio::test]
async fn a_token_that_comes_again_is_not_verified_again() {
    let token = hs256(&claims());
    let off = builder().secret(Algorithm::HS256, SECRET).build().unwrap();
    for _ in 0..3 {
        assert_eq!(verdict(&off, &token).await, Ok(()));
    }
    assert_eq!(READ.replace(0), 3);
    let on = builder().secret(Algorithm::HS256, SECRET).cache(100).build().unwrap();
    for _ in 0..3 {
        assert_eq!(verdict(&on, &token).await, Ok(()));
        // Copies share it.
        assert_eq!(verdict(&on.clone(), &token).await, Ok(()));
    }
    assert_eq!(READ.replace(0), 1);
}

#[tokio::test]
async fn only_the_very_token_is_known() {
    let jwt = builder().secret(Algorithm::HS256, SECRET).cache(100).build().unwrap();
    let token = hs256(&claims());
    assert_eq!(verdict(&jwt, &token).await, Ok(()));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let changed = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{signed}.{changed}{}", &signature[1..]);
    assert_eq!(verdict(&jwt, &forged).await, Err(Reason::BadSignature));
    let other = hs256(&claims_with("aud", json!("stock")));
    let other = format!("{}.{signature}", other.rsplit_once('.').unwrap().0);
    assert_eq!(verdict(&jwt, &other).await, Err(Reason::WrongAudience));
}

#[tokio::test]
async fn another_validator_knows_nothing_of_it() {
    let one = builder().secret(Algorithm::HS256, SECRET).cache(100).build().unwrap();
    let stock = Jwt::<Claims>::issuer(ISSUER).audience("stock").secret(Algorithm::HS256, SECRET).cache(100);
    let token = hs256(&claims());
    assert_eq!(verdict(&one, &token).await, Ok(()));
    assert_eq!(verdict(&stock.build().unwrap(), &token).await, Err(Reason::WrongAudience));
}

#[tokio::test]
async fn a_known_token_dies_when_it_expires() {
    let (clock, hand) = Clock::manual(SystemTime::now());
    let jwt = builder().secret(Algorithm::HS256, SECRET).clock(clock).cache(100).build().unwrap();
    let token = hs256(&claims());
    assert_eq!(verdict(&jwt, &token).await, Ok(()));
    hand.advance(Duration::from_secs(10 * 60 + 20)); // within the leeway
    assert_eq!(verdict(&jwt, &token).await, Ok(()));
    assert_eq!(READ.replace(0), 1);
    hand.advance(Duration::from_secs(15));
    assert_eq!(verdict(&jwt, &token).await, Err(Reason::Expired));
}

#[tokio::test]
async fn a_known_token_dies_of_its_maximum_age() {
    let (clock, hand) = Clock::manual(SystemTime::now());
    let builder = builder().secret(Algorithm::HS256, SECRET).max_age(Duration::from_secs(60));
    let jwt = builder.clock(clock).cache(100).build().unwrap();
    let token = hs256(&claims());
    assert_eq!(verdict(&jwt, &token).await, Ok(()));
    hand.advance(Duration::from_secs(95));
    assert_eq!(verdict(&jwt, &token).await, Err(Reason::TooOld));
}

struct Changing(Mutex<Arc<KeySet>>);

impl KeySource for Changing {
    fn keys(&self) -> Result<Arc<KeySet>, Rejection> {
        Ok(Arc::clone(&self.0.lock().unwrap()))
    }
}

#[tokio::test]
async fn a_known_token_dies_with_its_key() {
    let set = |secret: &[u8]| Arc::new(KeySet::new([Key::secret(Algorithm::HS256, secret).unwrap()]));
    let source = Arc::new(Changing(Mutex::new(set(SECRET))));
    let builder = builder().algorithms([Algorithm::HS256]).keys(Arc::clone(&source));
    let jwt = builder.cache(100).build().unwrap();
    let token = hs256(&claims());
    for _ in 0..2 {
        assert_eq!(verdict(&jwt, &token).await, Ok(()));
    }
    assert_eq!(READ.replace(0), 1);
    *source.0.lock().unwrap() = set(&[7; 32]);
    assert_eq!(verdict(&jwt, &token).await, Err(Reason::BadSignature));
    // The key comes back: verified anew, and once.
    *source.0.lock().unwrap() = set(SECRET);
    for _ in 0..2 {
        assert_eq!(verdict(&jwt, &token).await, Ok(()));
    }
    assert_eq!(READ.replace(0), 1);
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let jwt = builder().secret(Algorithm::HS256, SECRET).cache(50).build().unwrap();
    let tokens: Vec<String> = (0..1_000).map(|n| hs256(&claims_with("jti", json!(n)))).collect();
    for token in &tokens {
        assert_eq!(verdict(&jwt, token).await, Ok(()));
    }
    READ.set(0);
    for token in &tokens {
        assert_eq!(verdict(&jwt, token).await, Ok(()));
    }
    assert!(READ.get() >= 950, "{} of 1000 were verified again", READ.get());
}

#[tokio::test]
async fn requirements_are_held_against_each_request() {
    let asked = Arc::new(AtomicUsize::new(0));
    let jwt = builder().secret(Algorithm::HS256, SECRET).cache(100).build().unwrap();
    let header = format!("Bearer {}", hs256(&claims_with("exp", json!(in_minutes(5)))));
    for expected in [200, 403, 403] {
        let counted = Arc::clone(&asked);
        let api = Bearer::new("r")
            .validated_by(jwt.clone())
            .require(move |_: &Verified<Claims>| counted.fetch_add(1, Ordering::Relaxed) == 0)
            .map(|_| "somebody");
        assert_eq!(ask(api, &[("authorization", &header)]).await.status, expected);
    }
    assert_eq!((asked.load(Ordering::Relaxed), READ.get()), (3, 1));
}
