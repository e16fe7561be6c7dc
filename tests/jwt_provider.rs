//! A real OpenID provider: its algorithms, its rotation, its outage.
#![cfg(all(feature = "jwks", any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto")))]

mod support;

use std::time::{Duration, Instant};

use support::ask;
use support::openid::{OpenId, PATIENCE};
use tower_authn::validator::jwt::{Jwt, remote::HttpsClient};
use tower_authn::{Authenticator as _, Scheme as _, scheme::Bearer};

fn jwt(provider: &OpenId) -> Jwt {
    Jwt::issuer(provider.issuer())
        .audience("orders")
        .discover(HttpsClient::new().unwrap())
        .allow_loopback_http()
        .build()
        .unwrap()
}

/// The status that a client with this token sees.
async fn status(jwt: &Jwt, token: &str) -> u16 {
    let api = Bearer::new("r").validated_by(jwt.clone()).map(|_| "somebody");
    let answered = ask(api, &[("authorization", &format!("Bearer {token}"))]).await;
    if answered.status == 503 {
        assert!(answered.one("retry-after").is_some() && answered.challenges().is_empty());
    }
    answered.status.as_u16()
}

#[tokio::test]
async fn tokens_of_every_algorithm_pass_before_and_after_a_rotation() {
    let Some(provider) = OpenId::start("rotation") else { return };
    let jwt = jwt(&provider);
    let algorithms = ["RS256", "ES256", "PS256", "Ed25519"];
    let old = algorithms.map(|algorithm| provider.token(algorithm));
    for token in &old {
        assert_eq!(status(&jwt, token).await, 200);
    }
    provider.rotate();
    for (algorithm, old) in algorithms.iter().zip(&old) {
        let new = provider.token(algorithm);
        assert_ne!(new.split('.').next(), old.split('.').next(), "the key is the old one");
        assert_eq!((status(&jwt, &new).await, status(&jwt, old).await), (200, 200), "{algorithm}");
    }
}

#[tokio::test]
async fn no_request_fails_while_keys_rotate() {
    let Some(provider) = OpenId::start("requests") else { return };
    let jwt = jwt(&provider);
    let old = provider.token("ES256");
    assert_eq!(status(&jwt, &old).await, 200);
    let rotation = tokio::task::spawn_blocking(move || {
        provider.rotate();
        (provider.token("ES256"), provider)
    });
    let mut requests = 0;
    while !rotation.is_finished() {
        assert_eq!(status(&jwt, &old).await, 200);
        requests += 1;
        tokio::task::yield_now().await;
    }
    let (new, _provider) = rotation.await.unwrap();
    assert_eq!((status(&jwt, &new).await, status(&jwt, &old).await), (200, 200));
    assert!(requests > 0);
}

#[tokio::test]
async fn an_outage_is_503_and_ends_with_the_providers_return() {
    let Some(mut provider) = OpenId::start("outage") else { return };
    let jwt = jwt(&provider);
    let old = provider.token("RS256");
    assert_eq!(status(&jwt, &old).await, 200);
    // A key that the API has not seen before the provider stops.
    provider.rotate();
    let new = provider.token("ES256");
    provider.stop();
    for _ in 0..50 {
        assert_eq!((status(&jwt, &old).await, status(&jwt, &new).await), (200, 503));
    }
    // A process that starts now has no keys at all.
    let late = self::jwt(&provider);
    for _ in 0..50 {
        assert_eq!((status(&late, &old).await, status(&late, &new).await), (503, 503));
    }
    provider.resume();
    let back = Instant::now();
    loop {
        let seen = [
            (status(&jwt, &old).await, status(&jwt, &new).await),
            (status(&late, &old).await, status(&late, &new).await),
        ];
        assert!(
            seen.iter().all(|(one, other)| [*one, *other].iter().all(|status| matches!(status, 200 | 503))),
            "{seen:?}"
        );
        if seen == [(200, 200), (200, 200)] {
            break;
        }
        assert!(back.elapsed() < PATIENCE, "{seen:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
