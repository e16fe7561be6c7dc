//! Everything that observes, at its most talkative, through every scheme: no secret is in any of it.
#![cfg(all(
    feature = "jwt-aws-lc",
    feature = "metrics",
    feature = "passwords",
    feature = "serde",
    feature = "testing",
    feature = "tracing"
))]

mod support;

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex},
};

use http::HeaderName;
use support::{
    log::traced,
    mint::{AUDIENCE, ISSUER, SECRET, claims, claims_with, hs256},
    request,
    secrets::*,
    send, sign_in,
};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator, Rejection, Scheme as _,
    observe::{Correlation, Event},
    scheme::{Basic, Bearer, ClientAddr, UserPassword},
    throttle::{Quota, Throttle},
    validator::{
        jwt::{Algorithm, Jwt, StandardClaims},
        passwords::Remember,
    },
};

/// What is sent in each round. Good and bad credentials of every scheme, and what is no credential at all.
fn requests() -> Vec<Vec<(&'static str, String)>> {
    let token = hs256(&claims());
    let (head, signature) = token.rsplit_once('.').unwrap();
    let tampered = format!("{head}.{}", signature.chars().rev().collect::<String>());
    let bearer = |token: &str| vec![("authorization", format!("Bearer {token}"))];
    vec![
        vec![],
        bearer(TOKEN),
        bearer("s3cr3t-token"),
        bearer("s3cr3t token"),
        bearer(&token),
        bearer(&tampered),
        bearer(&hs256(&claims_with("exp", 1.into()))),
        bearer(&hs256(&claims_with("aud", "s3cr3t-audience".into()))),
        bearer(&hs256(&claims_with("iss", "https://s3cr3t-issuer.example".into()))),
        bearer(&hs256(&claims_with("sub", 7.into()))),
        vec![("authorization", basic("alice", PASSWORD))],
        vec![("authorization", basic("alice", "s3cr3t-password"))],
        vec![("authorization", basic("s3cr3t-user", PASSWORD))],
        vec![("authorization", "Basic s3cr3t".into())],
        vec![("x-api-key", KEY.into())],
        vec![("x-api-key", "s3cr3t-key".into()), ("cookie", "sid=s3cr3t-cookie".into())],
        vec![("authorization", "s3cr3t".into()), ("authorization", "s3cr3t".into())],
        vec![("x-request-id", "s3cr3t id".into()), ("x-forwarded-for", "s3cr3t".into())],
    ]
}

/// All of them, by any way that they can show.
fn secrets() -> Vec<String> {
    let mut secrets: Vec<String> =
        ["s3cr3t", "alice", TOKEN, KEY, PASSWORD, sign_in::BCRYPT].map(str::to_owned).into();
    secrets.push(String::from_utf8(SECRET.to_vec()).unwrap());
    for (_, value) in requests().into_iter().flatten().filter(|(name, _)| *name == "authorization") {
        // What follows the scheme, and each part of a token.
        let credentials = value.rsplit(' ').next().unwrap();
        secrets.extend(credentials.split('.').filter(|part| part.len() > 8).map(str::to_owned));
    }
    secrets
}

fn jwt() -> Jwt<StandardClaims> {
    Jwt::issuer(ISSUER).audience(AUDIENCE).secret(Algorithm::HS256, SECRET).cache(10).build().unwrap()
}

fn peer() -> ClientAddr {
    ClientAddr::new().peer_from(|_| Some([192, 0, 2, 7].into()))
}

fn throttle() -> Throttle {
    let once = Quota::new(1, std::time::Duration::from_secs(60));
    Throttle::default().address_from(peer()).by_address(once)
}

/// Every scheme, with everything that watches.
fn layers(audit: &Arc<Mutex<String>>) -> Vec<AuthenticateLayer<impl Authenticator<Identity = &'static str>>> {
    let passwords = || sign_in::passwords().cached(Remember::default()).unwrap();
    let by_hash =
        || Basic::new("r").validated_by(passwords()).throttled(throttle()).by_user(UserPassword::user);
    let by_jwt = || Bearer::new("r").validated_by(jwt()).map(|_| "alice");
    let down = || bearer_that(|| std::io::Error::other("connection refused").into());
    let mistake = || bearer_that(|| Rejection::misconfigured("a mistake"));
    [
        by_bearer().boxed(),
        by_basic().boxed(),
        by_key().boxed(),
        by_hash().boxed(),
        by_jwt().boxed(),
        down().boxed(),
        mistake().boxed(),
        by_jwt().or(by_hash()).or(by_key()).boxed(),
        by_bearer().and(by_key()).map(|(user, _)| user).boxed(),
    ]
    .into_iter()
    .map(|stack| {
        let lines = Arc::clone(audit);
        AuthenticateLayer::new(stack)
            .report_only(by_basic().or(by_key()))
            .correlate(Correlation::from_header(HeaderName::from_static("x-request-id")))
            .log_user(|user: &&str| (*user).to_owned())
            .observe(move |event: &Event<'_>| {
                writeln!(lines.lock().unwrap(), "{event} {event:?}").unwrap();
            })
    })
    .collect()
}

async fn inner(
    _: http::Request<support::Body>,
) -> Result<http::Response<support::Body>, std::convert::Infallible> {
    Ok(Rejection::insufficient().because("not today").into_response())
}

#[test]
fn log_events_metrics_and_explanations_hold_no_secret() {
    let audit = Arc::<Mutex<String>>::default();
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let mut explanations = String::new();
    let log = metrics::with_local_recorder(&recorder, || {
        traced(async {
            for layer in layers(&audit) {
                for headers in requests() {
                    let headers: Vec<_> =
                        headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
                    let mut asked = request(&headers);
                    *asked.uri_mut() = "/s3cr3t?s3cr3t".parse().unwrap();
                    send(layer.layer(service_fn(inner)), asked).await;
                    let explanation = layer.explain(&request(&headers).into_parts().0).await;
                    writeln!(explanations, "{explanation}{explanation:?}").unwrap();
                    explanations += &serde_json::to_string(&explanation).unwrap();
                }
                layer.measure();
                writeln!(explanations, "{:?} {layer:?}", layer.check()).unwrap();
            }
        })
    });
    let (audit, metrics) = (audit.lock().unwrap().clone(), recorder.handle().render());
    assert!(
        log.contains("accepted") && log.contains("TRACE") | log.contains("DEBUG"),
        "there is something to look at"
    );
    assert!(audit.contains("would_refuse") && audit.contains("throttled") && metrics.contains("cache_hits"));
    for secret in secrets() {
        for (name, text) in
            [("log", &log), ("events", &audit), ("metrics", &metrics), ("explanations", &explanations)]
        {
            let line = text.lines().find(|line| line.contains(&secret));
            assert!(line.is_none(), "{secret} in the {name}: {line:?}");
        }
    }
}
