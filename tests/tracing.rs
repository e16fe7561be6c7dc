//! What is written to the log, and what never is (feature `tracing`).
#![cfg(feature = "tracing")]

mod support;

use std::{
    fmt::{Debug, Write as _},
    sync::{Arc, Mutex},
};

use support::{ask, secrets::*, send, whoami};
use tower::{Layer as _, service_fn};
use tower_authn::{AuthenticateLayer, Authenticator as _, Reason, Rejection, RequireLayer};
use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Keeps the level and the fields of each event.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<(Level, String)>>>);

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &Event<'_>) {
        struct Fields(String);
        impl Visit for Fields {
            fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
                write!(self.0, "{field}={value:?} ").unwrap();
            }
        }
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        self.0.lock().unwrap().push((*event.metadata().level(), fields.0));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }
    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

/// Runs it on this thread, and returns what it logged.
fn logged<F: Future>(future: F) -> Vec<(Level, String)> {
    let log = Log::default();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    tracing::subscriber::with_default(log.clone(), || runtime.block_on(future));
    log.0.lock().unwrap().clone()
}

#[test]
fn refusals_are_logged_at_info_with_their_reason() {
    let expired =
        bearer_that(|| Rejection::invalid().with_reason(Reason::Expired).because("exp was yesterday"));
    let events = logged(ask(expired, &[("authorization", "Bearer x")]));
    assert_eq!(events.len(), 1, "one event for each request that is turned away");
    let (level, fields) = &events[0];
    assert_eq!(*level, Level::INFO);
    for part in
        [r#"kind="invalid""#, r#"reason="expired""#, "status=401", "Bearer: expired: exp was yesterday"]
    {
        assert!(fields.contains(part), "{part} in {fields}");
    }
}

#[test]
fn outages_are_logged_at_warn_and_mistakes_at_error() {
    let down = bearer_that(|| std::io::Error::other("connection refused").into());
    assert_eq!(logged(ask(down, &[("authorization", "Bearer x")]))[0].0, Level::WARN);
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
        assert!(fields.contains(r#"reason="layer_missing""#) && fields.contains("Visitor`"), "{fields}");
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
    assert!(events[0].1.contains(r#"reason="insufficient_scope""#), "{}", events[0].1);
    assert!(!events[0].1.contains(KEY) && !events[0].1.contains(TOKEN));
}

#[test]
fn accepted_requests_log_nothing_and_no_secret_ever_shows() {
    assert_eq!(logged(ask(by_bearer(), &[("authorization", &bearer())])), []);
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
        assert_eq!(events.len(), 1);
        let line = &events[0].1;
        let sent = ["s3cr3t", "hunter2", PASSWORD, "mallory", "alice", wrong_password.split_at(6).1];
        for secret in sent {
            assert!(!line.contains(secret), "{secret} in {line}");
        }
    }
}
