//! How answers are drawn.

mod support;

use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Response, header};
use http_body_util::Full;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use support::{Answered, Body, ask_layer, secrets::*, vectors};
use tower::{Layer as _, service_fn};
use tower_authn::{
    Answer, AuthenticateLayer, Challenge, Demand, Rejection, Respond, Unauthorized,
    respond::{Empty, Html, Negotiate, Plain, ProblemJson},
};

/// One rejection of every kind, with the status it gets.
fn every_kind() -> Vec<(Rejection, u16)> {
    vec![
        (Rejection::missing(), 401),
        (Rejection::invalid(), 401),
        (Rejection::step_up(Demand::Acr("mfa".into())), 401),
        (Rejection::malformed(), 400),
        (Rejection::insufficient(), 403),
        (Rejection::insufficient_scope("write"), 403),
        (Rejection::forbidden(), 403),
        (Rejection::throttled(Duration::from_secs(9)), 429),
        (Rejection::unavailable(), 503),
        (Rejection::misconfigured("a mistake"), 500),
    ]
}

async fn draw<R: Respond<Body>>(rejection: Rejection, responder: R, headers: &[(&str, &str)]) -> Answered {
    let layer = AuthenticateLayer::new(bearer_that(move || rejection.clone())).respond_with(responder);
    let headers: Vec<_> = headers.iter().copied().chain([("authorization", "Bearer x")]).collect();
    ask_layer(layer, &headers).await
}

// ===== problem documents =====

/// Holds a document against the members of the schema: their types, bounds and formats.
fn fits(schema: &Value, document: &Value) {
    assert!(document.is_object());
    for (name, rule) in schema["properties"].as_object().unwrap() {
        let Some(value) = document.get(name) else { continue };
        match rule["type"].as_str().unwrap() {
            "string" => assert!(value.is_string(), "{name}: {value}"),
            "integer" => {
                let number = value.as_u64().unwrap();
                assert!(
                    number >= rule["minimum"].as_u64().unwrap()
                        && number <= rule["maximum"].as_u64().unwrap()
                );
            }
            other => panic!("the schema has the type {other}"),
        }
        if rule["format"] == "uri-reference" {
            value.as_str().unwrap().parse::<http::Uri>().unwrap();
        }
    }
}

#[tokio::test]
async fn problem_documents_fit_the_schema_and_say_what_the_header_says() {
    let Some(schema) = vectors::read("problem-json/problem.json") else { return };
    // As the RFC prints it, long lines are folded.
    let schema: Value = serde_json::from_str(&schema.replace("\\\n", "")).unwrap();
    for (rejection, status) in every_kind() {
        let kind = rejection.kind().as_str();
        let answer = draw(rejection, ProblemJson, &[]).await;
        let document: Value = serde_json::from_str(&answer.body).unwrap();
        fits(&schema, &document);
        assert_eq!((answer.status.as_u16(), &document["status"]), (status, &Value::from(status)));
        assert_eq!(document["title"].as_str(), answer.status.canonical_reason());
        assert_eq!(document["kind"], kind);
        assert_eq!(answer.one("content-type"), Some("application/problem+json"));
    }
}

// ===== pages =====

#[tokio::test]
async fn pages_are_accessible_and_their_policy_allows_their_style_alone() {
    for (rejection, status) in every_kind() {
        let answer = draw(rejection, Html, &[]).await;
        let page = answer.body.as_str();
        assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"), "{page}");
        assert!(page.contains(&format!("<p class=\"status\">{status} ")));
        for once in ["<title>", "<h1>", "<main>", "name=\"viewport\"", "<ul>", "color-scheme:light dark"] {
            assert_eq!(page.matches(once).count(), 1, "{once} in {page}");
        }
        assert!(!page.contains("<script") && !page.contains("style=\"") && !page.contains("<li></li>"));
        let style = page.split_once("<style>").unwrap().1.split_once("</style>").unwrap().0;
        let hash = STANDARD.encode(Sha256::digest(style));
        let policy = answer.one("content-security-policy").unwrap();
        assert!(policy.starts_with(&format!("default-src 'none'; style-src 'sha256-{hash}';")), "{policy}");
        assert_eq!(answer.one("x-content-type-options"), Some("nosniff"));
    }
}

#[tokio::test]
async fn pages_tell_a_person_what_to_do() {
    let page = |rejection| async { draw(rejection, Html, &[]).await.body };
    assert!(page(Rejection::missing()).await.contains("Sign in"));
    let invalid = page(Rejection::invalid()).await;
    assert!(["Check the user name", "sign in again", "cookies"].iter().all(|step| invalid.contains(step)));
    assert!(page(Rejection::insufficient()).await.contains("permission"));
    assert!(page(Rejection::unavailable()).await.contains("in a few moments"));
    assert!(page(Rejection::throttled(Duration::ZERO)).await.contains("Wait"));
    assert!(page(Rejection::step_up(Demand::Acr("x".into()))).await.contains("Sign in again"));
}

// ===== negotiation =====

#[tokio::test]
async fn negotiate_draws_what_the_client_prefers_and_never_406() {
    let cases = [
        ("", "application/problem+json"),
        ("*/*", "application/problem+json"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("text/plain", "text/plain; charset=utf-8"),
        ("image/avif", "application/problem+json"),
    ];
    for (accept, content_type) in cases {
        let answer = draw(Rejection::invalid(), Negotiate, &[("accept", accept)]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.one("content-type")),
            (401, Some(content_type)),
            "{accept}"
        );
    }
}

#[tokio::test]
async fn empty_and_concealed_draw_nothing() {
    assert_eq!(draw(Rejection::invalid(), Empty, &[]).await.body, "");
    for answer in [
        draw(Rejection::insufficient().concealed(), Html, &[]).await,
        draw(Rejection::insufficient().concealed(), Negotiate, &[]).await,
        draw(Rejection::insufficient().concealed(), Plain, &[]).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, ""));
        assert_eq!(answer.lines(), ["cache-control: no-store"]);
    }
}

// ===== a responder cannot forget a MUST =====

#[tokio::test]
async fn a_responder_cannot_change_status_challenges_or_caching() {
    let careless = |answer: &Answer<'_>| {
        Response::builder()
            .status(200)
            .header(header::WWW_AUTHENTICATE, "Basic")
            .header(header::CACHE_CONTROL, "public")
            .header(header::RETRY_AFTER, "1")
            .header("x-own", "kept")
            .body(Full::from(answer.to_string()))
            .unwrap()
    };
    for (rejection, status) in every_kind() {
        let answer = draw(rejection.clone(), careless, &[]).await;
        let same = draw(rejection, Plain, &[]).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(
            (answer.challenges(), answer.one("retry-after")),
            (same.challenges(), same.one("retry-after"))
        );
        assert_eq!((answer.one("cache-control"), answer.one("x-own")), (Some("no-store"), Some("kept")));
        assert_eq!(answer.body, same.body, "one sentence for each kind");
    }
}

#[tokio::test]
async fn a_rejections_headers_do_not_replace_the_protocols() {
    let rejection = Rejection::invalid()
        .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Negotiate"))
        .with_header(header::SET_COOKIE, HeaderValue::from_static("a=; Max-Age=0"))
        .with_header(header::SET_COOKIE, HeaderValue::from_static("b=; Max-Age=0"));
    let answer = draw(rejection, Plain, &[]).await;
    assert_eq!(answer.challenges().len(), 1);
    assert!(answer.challenges()[0].starts_with("Bearer"));
    assert_eq!(answer.all("set-cookie"), ["a=; Max-Age=0", "b=; Max-Age=0"]);
}

#[tokio::test]
async fn a_redirect_is_drawn_in_place_of_a_401_only() {
    let to_login = |_: &Answer<'_>| {
        Response::builder()
            .status(303)
            .header(header::LOCATION, "/login")
            .body(Full::<Bytes>::default())
            .unwrap()
    };
    for (rejection, status) in every_kind() {
        let answer = draw(rejection, to_login, &[]).await;
        assert_eq!(answer.status.as_u16(), if status == 401 { 303 } else { status });
        assert!(status != 401 || answer.challenges().is_empty(), "a redirect has no challenges");
        assert_eq!(answer.one("cache-control"), Some("no-store"));
    }
    let nowhere = |_: &Answer<'_>| Response::builder().status(303).body(Full::<Bytes>::default()).unwrap();
    assert_eq!(
        draw(Rejection::invalid(), nowhere, &[]).await.status.as_u16(),
        401,
        "without a Location it is none"
    );
    let layer = AuthenticateLayer::new(by_bearer()).for_grpc_web().respond_with(to_login);
    let mut request = support::request(&[("content-type", "application/grpc-web")]);
    *request.method_mut() = http::Method::POST;
    let grpc = support::send(layer.layer(service_fn(support::whoami)), request).await;
    assert_eq!(
        (grpc.status.as_u16(), grpc.one("grpc-status"), grpc.one("location")),
        (200, Some("16"), None)
    );
}

// ===== without a layer =====

#[test]
fn unauthorized_is_the_same_401_without_a_layer() {
    let challenge = |scheme| Challenge::new(scheme).param("realm", "r").build().unwrap();
    let response: Response<Body> =
        Unauthorized::challenge(challenge("Bearer")).challenge(challenge("Basic")).respond_with(&Negotiate);
    assert_eq!(response.status(), 401);
    let challenges: Vec<_> = response.headers().get_all(header::WWW_AUTHENTICATE).iter().collect();
    assert_eq!(challenges, [r#"Bearer realm="r""#, r#"Basic realm="r""#]);
    assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");

    let (head, _) = support::request(&[("accept", "text/html")]).into_parts();
    let page: Response<Body> =
        Unauthorized::challenge(challenge("Basic")).asked_by(&head).respond_with(&Negotiate);
    assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
}
