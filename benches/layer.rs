//! What the layer costs, against a bare service in the same run.
//!
//! `cargo bench --bench layer` prints nanoseconds and ratios;
//! `cargo bench --bench layer -- --instructions` counts instructions for each call with valgrind. With
//! `--features metrics,tracing`, and nobody who listens, they are within 3 % of those without.
#![allow(missing_docs)]

mod support;

use std::{
    hint::black_box,
    pin::{Pin, pin},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{Request, Response, StatusCode};
use sha2::{Digest as _, Sha256};
use support::{Body, Case, Run, calls, inner, now};
use tower::{Layer as _, service_fn};
use tower_authn::{
    Asked, AuthenticateLayer, Authenticator, Scheme as _, Tokens, Users, Validator, Visit,
    respond::ProblemJson,
    scheme::{ApiKey, ApiKeyValue, Basic, Bearer},
};
use tower_http::auth::AsyncRequireAuthorizationLayer;

const TOKEN: &str = "n4bQgYhMfWWaL-qgxVrQFQ";

fn cases() -> Vec<Case> {
    let bearer = || ("authorization", format!("Bearer {TOKEN}"));
    let basic = || ("authorization", format!("Basic {}", STANDARD.encode("alice:open sesame")));
    let key = || ("x-api-key", TOKEN.to_owned());
    let tower_http = || {
        AsyncRequireAuthorizationLayer::new(|request: Request<Body>| {
            let good = request
                .headers()
                .get("authorization")
                .is_some_and(|value| value == "Bearer n4bQgYhMfWWaL-qgxVrQFQ");
            Box::pin(async move {
                if good {
                    Ok(request)
                } else {
                    let mut refused = Response::new(Body::default());
                    *refused.status_mut() = StatusCode::UNAUTHORIZED;
                    Err(refused)
                }
            }) as Pin<Box<dyn Future<Output = _> + Send>>
        })
    };
    vec![
        ("bare service", Box::new(move || calls(service_fn(inner), Some(bearer())))),
        ("bare service, nothing sent", Box::new(move || calls(service_fn(inner), None))),
        (
            "tower-http, accepted",
            Box::new(move || calls(tower_http().layer(service_fn(inner)), Some(bearer()))),
        ),
        ("tower-http, refused", Box::new(move || calls(tower_http().layer(service_fn(inner)), None))),
        (
            "bearer, accepted",
            Box::new(move || calls(layer(by_bearer(1)).layer(service_fn(inner)), Some(bearer()))),
        ),
        ("bearer, refused", Box::new(move || calls(layer(by_bearer(1)).layer(service_fn(inner)), None))),
        ("default responder, no Accept", Box::new(move || negotiated(String::new()))),
        ("default responder, Chrome", Box::new(move || negotiated(CHROME.to_owned()))),
        ("default responder, 64 KiB", Box::new(move || negotiated("text/html;q=0.1,".repeat(4096)))),
        (
            "or of two, accepted",
            Box::new(move || {
                calls(layer(by_bearer(1).or(by_basic())).layer(service_fn(inner)), Some(bearer()))
            }),
        ),
        (
            "or of two, refused",
            Box::new(move || calls(layer(by_bearer(1).or(by_basic())).layer(service_fn(inner)), None)),
        ),
        (
            "boxed, accepted",
            Box::new(move || calls(layer(by_bearer(1).boxed()).layer(service_fn(inner)), Some(bearer()))),
        ),
        (
            "basic, accepted",
            Box::new(move || calls(layer(by_basic()).layer(service_fn(inner)), Some(basic()))),
        ),
        (
            "API key of 1, accepted",
            Box::new(move || calls(layer(by_key(1)).layer(service_fn(inner)), Some(key()))),
        ),
        (
            "API key of 100,000, accepted",
            Box::new(move || calls(layer(by_key(100_000)).layer(service_fn(inner)), Some(key()))),
        ),
        ("look-up of one key", Box::new(|| look_ups(tokens(1), || ApiKeyValue::new(TOKEN)))),
        ("look-up in 100,000 keys", Box::new(|| look_ups(tokens(100_000), || ApiKeyValue::new(TOKEN)))),
        ("Basic parsed and looked up", Box::new(move || extractions(by_basic(), basic()))),
        (
            "one SHA-256 of a token",
            Box::new(|| {
                Box::new(|times| {
                    for _ in 0..times {
                        black_box(Sha256::digest(black_box(TOKEN)));
                    }
                })
            }),
        ),
    ]
}

/// What Chrome asks for when it opens a page.
const CHROME: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,\
                      application/signed-exchange;v=b3;q=0.7";

/// Refused, and drawn as this `Accept` wants.
fn negotiated(accept: String) -> Run {
    let accept = Some(accept).filter(|accept| !accept.is_empty());
    calls(
        AuthenticateLayer::new(by_bearer(1)).layer(service_fn(inner)),
        accept.map(|accept| ("accept", accept)),
    )
}

fn layer<A: Authenticator>(authenticator: A) -> AuthenticateLayer<A, ProblemJson> {
    AuthenticateLayer::new(authenticator).respond_with(ProblemJson)
}

fn tokens(count: u32) -> Tokens<&'static str> {
    let tokens = Tokens::new();
    for index in 1..count {
        tokens.insert_weak(&format!("token {index}"), "somebody");
    }
    tokens.insert_weak(TOKEN, "alice");
    tokens
}

fn by_bearer(count: u32) -> impl Authenticator<Identity = &'static str> + Clone {
    Bearer::new("bench").validated_by(tokens(count))
}

fn by_key(count: u32) -> impl Authenticator<Identity = &'static str> + Clone {
    ApiKey::new("bench").validated_by(tokens(count))
}

fn by_basic() -> impl Authenticator<Identity = &'static str> {
    Basic::new("bench").validated_by(Users::new().with("alice", "open sesame", "alice"))
}

/// The validator alone, without scheme and layer.
fn look_ups<C: 'static>(validator: impl Validator<C>, credentials: fn() -> C) -> Run {
    Box::new(move |times| {
        for _ in 0..times {
            drop(black_box(now(pin!(validator.validate(black_box(credentials()), &mut Visit::outside())))));
        }
    })
}

/// Scheme and validator, without layer, over one head.
fn extractions(authenticator: impl Authenticator, (name, value): (&'static str, String)) -> Run {
    Box::new(move |times| {
        let (mut head, ()) = Request::get("/").header(name, &value).body(()).expect("a request").into_parts();
        let asked = Asked::of(&head);
        for _ in 0..times {
            let Ok(Some(credentials)) = authenticator.extract(&mut head, &asked) else {
                panic!("nothing is found")
            };
            drop(black_box(now(pin!(authenticator.validate(credentials, &mut Visit::outside())))));
        }
    })
}

fn main() {
    support::report(cases());
}
