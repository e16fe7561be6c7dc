//! What schemes hand to a validator, and what they may ask for.

mod support;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use http::header;
use support::{ask, secrets::basic_of};
use tower_authn::{
    Challenge, ChallengeError, Rejection, Scheme,
    scheme::{ApiKey, Basic},
};

// ===== what reaches a validator =====

/// Asks a scheme whose validator accepts whatever reaches it, and returns how much did.
async fn reached<S: Scheme>(scheme: S, name: &str, value: &str) -> usize {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let accepting = scheme.validated_by(move |_: S::Credentials| {
        counter.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Rejection>(Some("alice")) }
    });
    let answer = ask(accepting, &[(name, value)]).await;
    let reached = count.load(Ordering::SeqCst);
    assert_eq!(answer.status.as_u16(), if reached == 1 { 200 } else { 401 }, "{value:?}");
    reached
}

async fn reached_by_basic(scheme: Basic, bytes: &[u8]) -> usize {
    reached(scheme, "authorization", &basic_of(bytes)).await
}

#[tokio::test]
async fn no_basic_reaches_it_with_control_characters_or_in_loose_base64() {
    for byte in (0..0x20).chain([0x7f]) {
        for bytes in [[b'a', byte, b':', b'b'], [b'a', b':', byte, b'b'], [byte, b':', b'b', b'b']] {
            for scheme in [Basic::new("r"), Basic::new("r").or_latin1()] {
                assert_eq!(reached_by_basic(scheme, &bytes).await, 0, "{bytes:?}");
            }
        }
    }
    assert_eq!(reached_by_basic(Basic::new("r"), "a b~:\u{e9} ".as_bytes()).await, 1);
    // Without padding, with trailing bits, and in the URL's alphabet.
    for (good, bad) in
        [("YTpiYw==", "YTpiYw"), ("YTpiYw==", "YTpiYx=="), ("YTo+Pj4/", "YTo-Pj4_"), ("YTpi", "YTpi=")]
    {
        assert_eq!(reached(Basic::new("r"), "authorization", &format!("Basic {good}")).await, 1, "{good}");
        assert_eq!(reached(Basic::new("r"), "authorization", &format!("Basic {bad}")).await, 0, "{bad}");
    }
}

#[tokio::test]
async fn no_basic_over_its_cap_reaches_it() {
    // Three bytes are four of base64.
    for (bytes, expected) in [(3072, 1), (3073, 0), (1_000_000, 0)] {
        let sent = format!("a:{}", "p".repeat(bytes - 2));
        assert_eq!(reached_by_basic(Basic::new("r"), sent.as_bytes()).await, expected, "{bytes}");
    }
    assert_eq!(reached_by_basic(Basic::new("r").max_len(4), b"a:b").await, 1);
    assert_eq!(reached_by_basic(Basic::new("r").max_len(3), b"a:b").await, 0);
}

#[tokio::test]
async fn no_api_key_over_its_cap_empty_or_not_visible_ascii_reaches_it() {
    let by_header = |key: String| async move { reached(ApiKey::new("r"), "x-api-key", &key).await };
    for (bytes, expected) in [(1, 1), (1024, 1), (1025, 0), (70_000, 0)] {
        assert_eq!(by_header("k".repeat(bytes)).await, expected, "{bytes}");
    }
    for key in ["", " ", "two words", "tab\tin", "cl\u{e9}", "\u{80}", " k", "k "] {
        assert_eq!(by_header(key.to_owned()).await, 0, "{key:?}");
    }
    assert_eq!(by_header(('!'..='~').collect()).await, 1);
    let in_authorization = || ApiKey::new("r").header(header::AUTHORIZATION).max_len(4);
    for (value, expected) in
        [("ApiKey four", 1), ("ApiKey fiver", 0), ("ApiKey", 0), ("ApiKey  ", 0), ("ApiKey a b", 0)]
    {
        assert_eq!(reached(in_authorization(), "authorization", value).await, expected, "{value:?}");
    }
}

// ===== challenges =====

#[test]
fn a_challenge_has_32_parameters_at_most_and_looks_through_no_more() {
    let with = |params: usize| {
        (0..params).fold(Challenge::new("Long"), |builder, number| builder.param(&format!("p{number}"), "v"))
    };
    assert!(with(32).build().unwrap().as_str().ends_with(r#", p31="v""#));
    assert_eq!(with(33).build(), Err(ChallengeError::TooManyParams));
    // All that a name is held against is in the builder.
    let (most, many) = (format!("{:?}", with(33)), format!("{:?}", with(20_000)));
    assert_eq!(most, many);
    assert_eq!(with(20_000).build(), Err(ChallengeError::TooManyParams));
    // The first mistake is the one that is told, and names compare without regard to case.
    let twice = with(32).param("P0", "v").build();
    assert_eq!(twice, Err(ChallengeError::TooManyParams));
    assert_eq!(with(31).param("P0", "v").build(), Err(ChallengeError::RepeatedName("P0".into())));
    let first = Challenge::new("Long").param("no token", "v");
    let first = (0..100).fold(first, |builder, number| builder.param(&format!("p{number}"), "v"));
    assert_eq!(first.build(), Err(ChallengeError::BadName("no token".into())));
}
