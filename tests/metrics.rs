//! What is counted, and by which labels (feature `metrics`).
#![cfg(feature = "metrics")]

mod support;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use support::{ask, ask_layer, secrets::*};
use tower::{Layer as _, service_fn};
use tower_authn::{AuthenticateLayer, Authenticator as _, throttle::Throttle};

/// Runs it on this thread, and returns what was counted, line by line.
fn counted<F: Future>(future: F) -> Vec<String> {
    let recorder = PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    metrics::with_local_recorder(&recorder, || {
        runtime.block_on(future);
    });
    lines(&handle)
}

fn lines(handle: &PrometheusHandle) -> Vec<String> {
    let text = handle.render();
    text.lines().filter(|line| !line.starts_with('#') && !line.is_empty()).map(str::to_owned).collect()
}

#[track_caller]
fn has(lines: &[String], line: &str) {
    assert!(lines.iter().any(|known| known == line), "{line} in {lines:#?}");
}

#[test]
fn decisions_are_counted_by_scheme_outcome_and_reason() {
    let token = bearer();
    let lines = counted(async {
        for headers in [&[][..], &[("authorization", "Bearer x")], &[("authorization", &token)]] {
            ask(by_bearer(), headers).await;
        }
        ask(bearer_that(|| std::io::Error::other("down").into()), &[("authorization", "Bearer x")]).await;
    });
    for labels in [
        r#"scheme="none",outcome="refused",reason="missing""#,
        r#"scheme="Bearer",outcome="refused",reason="unknown""#,
        r#"scheme="Bearer",outcome="accepted",reason="none""#,
        r#"scheme="Bearer",outcome="unavailable",reason="back_end_failed""#,
    ] {
        has(&lines, &format!("tower_authn_decisions_total{{{labels}}} 1"));
    }
    has(&lines, r#"tower_authn_decision_duration_seconds_count{scheme="Bearer"} 3"#);
}

#[test]
fn row_28_the_grpc_status_is_a_label() {
    let layer = AuthenticateLayer::new(by_bearer()).for_grpc_web();
    let mut request = support::request(&[("content-type", "application/grpc-web")]);
    *request.method_mut() = http::Method::POST;
    let lines = counted(support::send(layer.layer(service_fn(support::whoami)), request));
    let labels = r#"scheme="none",outcome="refused",reason="missing",grpc_status="16""#;
    has(&lines, &format!("tower_authn_decisions_total{{{labels}}} 1"));
}

#[test]
fn two_schemes_that_grant_together_are_one_label() {
    let lines = counted(ask(
        by_bearer().and(by_key()).map(|(user, _)| user),
        &[("authorization", &bearer()), ("x-api-key", KEY)],
    ));
    has(&lines, r#"tower_authn_decisions_total{scheme="Bearer+ApiKey",outcome="accepted",reason="none"} 1"#);
}

#[test]
fn what_a_client_sends_is_no_label() {
    let lines = counted(async {
        for name in ["mallory", "alice", "<script>"] {
            ask(by_basic(), &[("authorization", &basic(name, "hunter2"))]).await;
        }
    });
    assert!(!lines.concat().contains("mallory") && !lines.concat().contains("script"));
    let decisions = lines.iter().filter(|line| line.starts_with("tower_authn_decisions_total")).count();
    assert_eq!(decisions, 2, "unknown and wrong_password: {lines:#?}");
}

#[test]
fn gauges_are_set_by_measure() {
    let throttle = Throttle::default()
        .address_from(tower_authn::scheme::ClientAddr::new().peer_from(|_| Some([192, 0, 2, 7].into())));
    let layer = AuthenticateLayer::new(by_basic().throttled(throttle));
    let lines = counted(async {
        ask_layer(layer.clone(), &[("authorization", &basic("alice", "hunter2"))]).await;
        layer.measure();
    });
    has(&lines, r#"tower_authn_throttle_places_used{scheme="Basic",realm="r"} 1"#);
    has(&lines, r#"tower_authn_throttle_places{scheme="Basic",realm="r"} 65536"#);
}

#[test]
fn what_is_tried_out_does_not_take_the_place_of_what_counts() {
    let throttled = |places| {
        let store = tower_authn::throttle::MemoryFailures::new(places);
        by_basic().throttled(Throttle::new(store))
    };
    let layer = AuthenticateLayer::new(throttled(4096)).report_only(throttled(8192));
    let lines = counted(async { layer.measure() });
    has(&lines, r#"tower_authn_throttle_places{scheme="Basic",realm="r"} 4096"#);
}

#[test]
fn parts_of_one_scheme_are_told_apart_by_realm() {
    use tower_authn::{
        Scheme as _,
        scheme::{Basic, ClientAddr},
        throttle::MemoryFailures,
        validator::{IpAllowlist, Networks},
    };

    let throttle = |places| Throttle::new(MemoryFailures::new(places));
    let basic = |realm, places| Basic::new(realm).validated_by(users()).throttled(throttle(places));
    let parts = basic("site", 4096).or(basic("forum", 8192)).or(basic("site", 16384));
    let list = IpAllowlist::new("192.0.2.0/24".parse::<Networks>().unwrap());
    let layer = AuthenticateLayer::new(
        ClientAddr::new().validated_by(list).throttled(throttle(32_768)).and(parts).map(|(_, user)| user),
    );
    let lines = counted(async { layer.measure() });
    has(&lines, r#"tower_authn_throttle_places{scheme="Basic",realm="site"} 4096"#);
    has(&lines, r#"tower_authn_throttle_places{scheme="Basic",realm="forum"} 8192"#);
    let places = lines.iter().filter(|line| line.starts_with("tower_authn_throttle_places{"));
    assert_eq!(places.count(), 3);
    has(&lines, r#"tower_authn_throttle_places{scheme="ClientAddr"} 32768"#);
}

#[test]
#[cfg(feature = "jwt-aws-lc")]
fn key_sets_and_caches_have_gauges() {
    use support::mint::{AUDIENCE, ISSUER};
    use support::provider::{Provider, Signer, URL};
    use tower_authn::{
        Scheme as _,
        scheme::Bearer,
        validator::jwt::{Jwt, StandardClaims},
    };

    let (provider, signer) = (Provider::default(), Signer::new("one"));
    provider.publishes(&[&signer]);
    let jwt = Jwt::<StandardClaims>::issuer(ISSUER)
        .audience(AUDIENCE)
        .jwks_uri(URL, provider)
        .cache(10)
        .build()
        .unwrap();
    let layer = AuthenticateLayer::new(Bearer::new("r").validated_by(jwt).map(|_| "alice"));
    let token = format!("Bearer {}", signer.token());
    let lines = counted(async {
        for _ in 0..3 {
            assert_eq!(ask_layer(layer.clone(), &[("authorization", &token)]).await.status, 200);
        }
        layer.measure();
    });
    let issuer = format!("scheme=\"Bearer\",realm=\"r\",issuer=\"{ISSUER}\"");
    has(&lines, &format!("tower_authn_key_set_keys{{{issuer}}} 1"));
    assert!(
        lines.iter().any(|line| line.starts_with(&format!("tower_authn_key_set_age_seconds{{{issuer}}}")))
    );
    has(&lines, r#"tower_authn_cache_hits_total{scheme="Bearer",realm="r"} 2"#);
    has(&lines, r#"tower_authn_cache_misses_total{scheme="Bearer",realm="r"} 1"#);
    has(&lines, r#"tower_authn_cache_entries{scheme="Bearer",realm="r"} 1"#);
}

#[test]
#[cfg(feature = "passwords")]
fn hash_permits_have_gauges() {
    use tower_authn::{
        Scheme as _,
        scheme::Basic,
        validator::passwords::{Hasher, PasswordMap, Passwords},
    };

    let hasher = Hasher::new(std::num::NonZeroUsize::new(2).unwrap());
    let passwords = Passwords::new(PasswordMap::<&'static str>::default()).hashed_by(hasher);
    let layer = AuthenticateLayer::new(Basic::new("r").validated_by(passwords));
    let lines = counted(async {
        ask_layer(layer.clone(), &[("authorization", &basic("mallory", "hunter2"))]).await;
        layer.measure();
    });
    has(&lines, r#"tower_authn_hash_permits{scheme="Basic",realm="r"} 2"#);
    has(&lines, r#"tower_authn_hash_permits_used{scheme="Basic",realm="r"} 0"#);
    has(&lines, r#"tower_authn_hashes_total{scheme="Basic",realm="r"} 1"#);
}
