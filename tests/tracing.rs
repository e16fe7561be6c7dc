//! What is written to the log, and what never is (feature `tracing`).
#![cfg(all(feature = "testing", feature = "tracing"))]

mod support;

use std::time::{Duration, SystemTime};

use support::{
    ask, ask_layer,
    log::{Line, all_logged, logged},
    secrets::*,
    send, whoami,
};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator as _, Clock, Reason, Rejection, RequireLayer, Scheme as _,
};
use tracing::Level;

fn down() -> impl tower_authn::Authenticator<Identity = &'static str> {
    bearer_that(|| std::io::Error::other("connection refused").into())
}

const SENT: &[(&str, &str)] = &[("authorization", "Bearer x")];

#[track_caller]
fn holds((_, fields): &Line, parts: &[&str]) {
    for part in parts {
        assert!(fields.contains(part), "{part} in {fields}");
    }
}

#[test]
fn refusals_are_logged_at_info_with_their_reason() {
    let expired =
        bearer_that(|| Rejection::invalid().with_reason(Reason::Expired).because("exp was yesterday"));
    let events = logged(ask(expired, &[("authorization", "Bearer x")]));
    assert_eq!(events.len(), 1, "one event for each request that is turned away");
    assert_eq!(events[0].0, Level::INFO);
    holds(
        &events[0],
        &[
            r#"authn.outcome="refused""#,
            "authn.scheme=Bearer",
            r#"authn.reason="expired""#,
            r#"authn.kind="invalid""#,
            r#"authn.realm="r""#,
            "authn.elapsed_us=",
            "http.response.status_code=401",
            "message=401: invalid (Bearer: expired: exp was yesterday)",
        ],
    );
    assert!(!events[0].1.contains("error.type"), "no error of the server's");
}

#[test]
fn row_28_the_log_says_the_grpc_status() {
    let layer = AuthenticateLayer::new(by_bearer()).for_grpc_web();
    let mut request = support::request(&[("content-type", "application/grpc-web")]);
    *request.method_mut() = http::Method::POST;
    let events = logged(send(layer.layer(service_fn(whoami)), request));
    holds(
        &events[0],
        &["http.response.status_code=200", "rpc.grpc.status_code=16", "message=200 (gRPC 16): missing"],
    );
    let events = logged(ask(by_bearer(), &[]));
    assert!(!events[0].1.contains("rpc.grpc"), "{}", events[0].1);
}

#[test]
fn outages_are_logged_at_warn_and_mistakes_at_error() {
    let outage = logged(ask(down(), SENT));
    assert_eq!(outage[0].0, Level::WARN);
    holds(&outage[0], &[r#"authn.outcome="unavailable""#, r#"error.type="back_end_failed""#]);
    let mistake = bearer_that(|| Rejection::misconfigured("a mistake"));
    assert_eq!(logged(ask(mistake, &[("authorization", "Bearer x")]))[0].0, Level::ERROR);
}

#[test]
fn row_31_the_type_of_a_missing_layer_is_named_in_the_log_only() {
    let alone = RequireLayer::new(|_: &u64| true).layer(service_fn(whoami));
    let events = logged(async {
        let answer = send(alone, support::request(&[])).await;
        assert!(!answer.lines().join(" ").contains("u64") && !answer.body.contains("u64"));
    });
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].0, Level::ERROR);
    assert!(events[0].1.contains("AuthenticateLayer that grants `u64`"), "{}", events[0].1);
}

#[test]
#[cfg(feature = "axum")]
fn row_31_the_extractors_name_their_type_in_the_log_only() {
    use axum::{Router, routing::get};
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;
    use tower_authn::Authenticated;

    #[derive(Clone)]
    struct Visitor;
    let app = Router::new()
        .route("/required", get(async |_: Authenticated<Visitor>| "in"))
        .route("/optional", get(async |_: Option<Authenticated<Visitor>>| "in"));
    for path in ["/required", "/optional"] {
        let events = logged(async {
            let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
            let answer = app.clone().oneshot(request).await.unwrap();
            assert_eq!(answer.status(), 500);
            assert!(!format!("{:?}", answer.headers()).contains("Visitor"));
            assert!(answer.into_body().collect().await.unwrap().to_bytes().is_empty());
        });
        assert_eq!(events.len(), 1);
        let (level, fields) = &events[0];
        assert_eq!(*level, Level::ERROR);
        assert!(
            fields.contains(r#"authn.reason="layer_missing""#) && fields.contains("Visitor`"),
            "{fields}"
        );
    }
}

#[test]
fn a_rejection_from_inside_is_logged_once_however_many_layers_draw_it() {
    let inner = service_fn(|_: http::Request<support::Body>| async {
        let rejection = Rejection::insufficient_scope("write").found_by("Bearer");
        Ok::<_, std::convert::Infallible>(rejection.into_response::<support::Body>())
    });
    let inner = AuthenticateLayer::new(by_key()).layer(inner);
    let stack = AuthenticateLayer::new(by_bearer()).layer(inner);
    let authorization = bearer();
    let request = support::request(&[("authorization", &authorization), ("x-api-key", KEY)]);
    let events = logged(send(stack, request));
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(events[0].0, Level::INFO);
    assert!(events[0].1.contains(r#"authn.reason="insufficient_scope""#), "{}", events[0].1);
    assert!(!events[0].1.contains(KEY) && !events[0].1.contains(TOKEN));
}

#[test]
fn accepted_requests_are_logged_at_debug() {
    let events = all_logged(ask(by_bearer(), &[("authorization", &bearer())]));
    let [event] = &events[..] else { panic!("{events:?}") };
    assert_eq!(event.0, Level::DEBUG);
    holds(
        event,
        &[r#"authn.outcome="accepted""#, "authn.scheme=Bearer", r#"authn.realm="r""#, "authn.elapsed_us="],
    );
    assert!(!event.1.contains("user."), "a user is named only where the app asks");
}

#[test]
fn users_are_named_where_the_app_asks_and_hashed_unless_it_insists() {
    let token = bearer();
    let line = |layer| all_logged(ask_layer(layer, &[("authorization", &token)])).remove(0).1;
    let layer = || AuthenticateLayer::new(by_bearer());
    let name = |user: &&str| (*user).to_owned();
    let hashed = line(layer().log_user(name));
    let hash = hashed.split("user.hash=\"").nth(1).unwrap();
    assert!(hash[..16].bytes().all(|byte| byte.is_ascii_hexdigit()) && &hash[16..17] == "\"", "{hashed}");
    assert!(!hashed.contains("alice"));
    let keyed = || line(layer().log_user_hashed_with(b"a key", name));
    let of = |line: &str| line.split("user.hash=").nth(1).unwrap()[..18].to_owned();
    assert_eq!(of(&keyed()), of(&keyed()));
    assert_ne!(of(&keyed()), of(&hashed));
    assert!(line(layer().log_user_in_plain_text(name)).contains(r#"user.name="alice""#));
}

#[test]
fn an_outage_is_logged_at_once_and_then_seldom() {
    let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
    let layer = AuthenticateLayer::new(down()).clock(clock);
    let events = logged(async {
        for _ in 0..10 {
            ask_layer(layer.clone(), SENT).await;
        }
        hand.advance(Duration::from_secs(5));
        ask_layer(layer.clone(), SENT).await;
    });
    assert_eq!(events.iter().map(|(level, _)| *level).collect::<Vec<_>>(), [Level::WARN, Level::WARN]);
    assert!(!events[0].1.contains("left_out"), "{events:?}");
    holds(&events[1], &["authn.left_out=9"]);
}

#[test]
fn what_an_outer_layer_draws_over_is_logged_once_with_the_final_status() {
    // Inside, nobody asks for credentials, so that a missing sign-in is a 403; the layer around it makes a 401 of it.
    let inner = service_fn(|_: http::Request<support::Body>| async {
        let rejection = Rejection::invalid().with_reason(Reason::Revoked).found_by("Session");
        Ok::<_, std::convert::Infallible>(rejection.into_response::<support::Body>())
    });
    let by_address = || {
        let peer = tower_authn::scheme::ClientAddr::new().peer_from(|_| Some([127, 0, 0, 1].into()));
        peer.validated_by(async |_| Ok::<_, Rejection>(Some("alice")))
    };
    let inner = AuthenticateLayer::new(by_address()).layer(inner);
    let stack = AuthenticateLayer::new(by_bearer()).layer(inner);
    let token = bearer();
    let events = logged(async {
        assert_eq!(send(stack, support::request(&[("authorization", &token)])).await.status, 401);
    });
    assert_eq!(events.len(), 1, "{events:?}");
    holds(&events[0], &["http.response.status_code=401", r#"authn.reason="revoked""#]);
}

#[test]
fn warnings_are_logged_once_for_each_layer() {
    let events = logged(async {
        let layer = AuthenticateLayer::new(by_basic());
        let (_, _) = (layer.layer("one route"), layer.clone().layer("another"));
    });
    assert_eq!(events.len(), 2, "no TLS and no throttle, each once: {events:?}");
    assert!(events.iter().all(|(level, _)| *level == Level::WARN));
}

#[test]
fn no_secret_ever_shows() {
    let all = || by_bearer().or(by_basic()).or(by_key());
    let (wrong_password, wrong_user) = (basic("alice", "hunter2"), basic("mallory", PASSWORD));
    let requests: [&[(&str, &str)]; 6] = [
        &[("authorization", "Bearer s3cr3t-token")],
        &[("authorization", "Bearer s3cr3t token")],
        &[("authorization", &wrong_password)],
        &[("authorization", &wrong_user)],
        &[("x-api-key", "s3cr3t-key")],
        &[("authorization", "Basic s3cr3t"), ("authorization", "Bearer s3cr3t")],
    ];
    for headers in requests {
        let events = logged(ask(all(), headers));
        let refused: Vec<_> = events.iter().filter(|(level, _)| *level == Level::INFO).collect();
        assert_eq!(refused.len(), 1);
        let line = &format!("{events:?}");
        let sent = ["s3cr3t", "hunter2", PASSWORD, "mallory", "alice", wrong_password.split_at(6).1];
        for secret in sent {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}

#[test]
fn what_a_middleware_in_between_loses_is_logged_all_the_same() {
    let inner = service_fn(|_: http::Request<support::Body>| async {
        let rejection = Rejection::invalid().with_reason(Reason::Revoked).found_by("Session");
        Ok::<_, std::convert::Infallible>(rejection.into_response::<support::Body>())
    });
    let inner = AuthenticateLayer::new(by_key()).layer(inner);
    let forgetful = tower::util::MapResponse::new(inner, |response: http::Response<support::Body>| {
        http::Response::builder().status(response.status()).body(support::Body::default()).unwrap()
    });
    let stack = AuthenticateLayer::new(by_bearer()).layer(forgetful);
    let token = bearer();
    let events = logged(send(stack, support::request(&[("authorization", &token), ("x-api-key", KEY)])));
    assert_eq!(events.len(), 1, "{events:?}");
    holds(&events[0], &["http.response.status_code=401", r#"authn.reason="revoked""#]);
}

#[cfg(feature = "jwt-aws-lc")]
#[test]
fn a_provider_that_is_down_is_logged_at_once_and_then_seldom() {
    use support::{
        mint::{AUDIENCE, ISSUER},
        provider::{Provider, URL},
    };
    use tower_authn::validator::jwt::Jwt;

    let provider = Provider::default();
    let jwt = Jwt::<()>::issuer(ISSUER).audience(AUDIENCE).jwks_uri(URL, provider.clone()).build().unwrap();
    let mut events = logged(async {
        let _ = tokio::time::timeout(Duration::from_secs(1), jwt.ready()).await;
    });
    events.retain(|(level, _)| *level == Level::WARN);
    assert!(provider.asked() > 1, "it was tried again");
    assert_eq!(events.len(), 1, "{events:?}");
    holds(&events[0], &["connection refused", &format!("authn.issuer={ISSUER:?}")]);
}

#[cfg(feature = "redis")]
#[test]
fn a_failure_that_could_not_be_counted_is_logged_at_warn_once_in_a_while() {
    use support::redis::Redis;
    use tower_authn::{
        store::RedisStore,
        throttle::{FailureKey, FailureStore as _, Guess, Quota, Settlement},
    };

    let Some(redis) = Redis::down("lost-failures") else { return };
    let store = RedisStore::open(&redis.url).unwrap();
    let lines = logged(async {
        tokio::time::pause(); // for the minute of the lease
        for address in 0..5 {
            let key = FailureKey::of_address([203, 0, 113, address].into());
            store.settle(Guess::new(key, Quota::new(1, Duration::from_secs(60))), Settlement::Failed);
        }
        tokio::time::sleep(Duration::from_secs(300)).await;
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0].0, Level::WARN);
    holds(&lines[0], &["message=a failed sign-in was not counted: unavailable"]);
}
