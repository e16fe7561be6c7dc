//! What would have been decided otherwise, reported and nothing else.

mod support;

use std::{
    convert::Infallible,
    future::pending,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use http::{Request, Response};
use support::{Body, ask_layer, request, secrets::*, send, whoami};
use tower::{Layer as _, Service as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator, BearerToken, Rejection, Scheme as _, Tokens, observe::Event,
    scheme::Bearer,
};

/// The reports of a layer that is asked once; the answer must be that of a layer without.
async fn reports<A>(
    layer: impl Fn() -> AuthenticateLayer<A>,
    second: impl Authenticator,
    headers: &[(&str, &str)],
) -> Vec<String>
where
    A: Authenticator<Identity = &'static str>,
{
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    let watched = layer().report_only(second).observe(move |event: &Event<'_>| {
        if let Event::ReportOnly(report) = event {
            lines.lock().unwrap().push(report.to_string());
        }
    });
    let (with, without) = (ask_layer(watched, headers).await, ask_layer(layer(), headers).await);
    assert_eq!((with.status, with.lines(), with.body), (without.status, without.lines(), without.body));
    Arc::try_unwrap(seen).map_or_else(|seen| seen.lock().unwrap().clone(), |seen| seen.into_inner().unwrap())
}

fn either() -> AuthenticateLayer<impl Authenticator<Identity = &'static str>> {
    AuthenticateLayer::new(by_bearer().or(by_basic()))
}

fn password() -> String {
    basic("alice", PASSWORD)
}

#[tokio::test]
async fn a_stricter_policy_is_reported_and_changes_nothing() {
    assert_eq!(
        reports(either, by_bearer(), &[("authorization", &password())]).await,
        ["accepted, report-only would_refuse: missing"]
    );
    assert_eq!(
        reports(either, by_bearer(), &[("authorization", &bearer())]).await,
        ["accepted, report-only would_accept by Bearer"]
    );
    assert_eq!(
        reports(either, by_bearer(), &[("authorization", "Bearer x")]).await,
        ["refused, report-only would_refuse: invalid (Bearer: unknown)"]
    );
    assert_eq!(
        reports(|| AuthenticateLayer::new(by_bearer()), by_basic(), &[("authorization", &password())]).await,
        ["refused, report-only would_accept by Basic"]
    );
}

#[tokio::test]
async fn what_is_not_decided_in_time_is_dropped() {
    let slow = Bearer::new("r").validated_by(|_: BearerToken| pending::<Result<Option<()>, Rejection>>());
    assert_eq!(
        reports(either, slow, &[("authorization", &bearer())]).await,
        ["accepted, report-only undecided"]
    );
}

#[tokio::test]
async fn a_panic_is_nothing_to_the_client() {
    let broken = Bearer::new("r").validated_by(async |_: BearerToken| -> Result<Option<()>, Rejection> {
        panic!("a mistake in the policy that is tried out")
    });
    assert_eq!(
        reports(either, broken, &[("authorization", &bearer())]).await,
        ["accepted, report-only undecided"]
    );
}

#[tokio::test]
async fn a_requirement_that_panics_is_nothing_to_the_client() {
    let broken = by_bearer().require(|_: &&str| -> bool { panic!("a mistake in it") });
    assert_eq!(
        reports(|| AuthenticateLayer::new(by_bearer()), broken, &[("authorization", &bearer())]).await,
        ["accepted, report-only undecided"]
    );
}

#[tokio::test]
async fn it_goes_on_while_the_service_works() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    let twice = Bearer::new("r").validated_by(async |_: BearerToken| {
        tokio::task::yield_now().await;
        Ok::<_, Rejection>(Some(()))
    });
    let layer = AuthenticateLayer::new(by_bearer()).report_only(twice).observe(move |event: &Event<'_>| {
        lines.lock().unwrap().push(event.to_string());
    });
    let service = layer.layer(service_fn(async |request: Request<Body>| {
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        whoami(request).await
    }));
    send(service, request(&[("authorization", &bearer())])).await;
    assert_eq!(*seen.lock().unwrap(), ["accepted by Bearer", "accepted, report-only would_accept by Bearer"]);
}

#[tokio::test]
async fn a_service_that_ends_what_let_the_client_in_locks_nobody_out() {
    let tokens = Tokens::new();
    tokens.insert_weak("t", "alice");
    let by_token = || Bearer::new("r").validated_by(tokens.clone());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let lines = Arc::clone(&seen);
    let layer =
        AuthenticateLayer::new(by_token()).report_only(by_token()).observe(move |event: &Event<'_>| {
            lines.lock().unwrap().push(event.to_string());
        });
    let service = layer.layer(service_fn(async |request: Request<Body>| {
        assert_eq!(tokens.revoke("t"), Some("alice"));
        whoami(request).await
    }));
    send(service, request(&[("authorization", "Bearer t")])).await;
    assert_eq!(*seen.lock().unwrap(), ["accepted by Bearer", "accepted, report-only would_accept by Bearer"]);
}

#[tokio::test]
async fn both_see_the_head_as_it_came() {
    let (counted, calls) = counted_bearer();
    let layer = AuthenticateLayer::new(by_bearer()).report_only(counted).observe(|_: &Event<'_>| {});
    let service = layer.layer(service_fn(async |request: Request<Body>| {
        assert_eq!(request.headers()["authorization"], bearer());
        Ok::<_, Infallible>(Response::new(Body::default()))
    }));
    send(service, request(&[("authorization", &bearer())])).await;
    assert_eq!(calls.load(SeqCst), 1);
}

#[tokio::test]
async fn a_client_that_goes_away_takes_the_trial_along() {
    struct Counts(Arc<AtomicUsize>);
    impl Drop for Counts {
        fn drop(&mut self) {
            self.0.fetch_add(1, SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&dropped);
    let slow = Bearer::new("r").validated_by(move |_: BearerToken| {
        let guard = Counts(Arc::clone(&count));
        async move {
            let _guard = guard;
            pending::<Result<Option<()>, Rejection>>().await
        }
    });
    let layer = AuthenticateLayer::new(by_bearer()).report_only(slow).observe(|_: &Event<'_>| {});
    let mut service =
        layer.layer(service_fn(|_: Request<Body>| pending::<Result<Response<Body>, Infallible>>()));
    let mut call = Box::pin(service.call(request(&[("authorization", &bearer())])));
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(call.as_mut().poll(&mut context).is_pending());
    drop(call);
    assert_eq!(dropped.load(SeqCst), 1);
}

#[tokio::test]
async fn a_requirement_is_tried_out_by_a_stack_that_requires_it() {
    let token = bearer();
    for (verdict, requirement) in [
        ("would_refuse: insufficient (Bearer: policy_denied)", Err(Rejection::insufficient())),
        (
            "would_refuse: insufficient (Bearer: insufficient_scope)",
            Err(Rejection::insufficient_scope("write")),
        ),
        ("would_accept by Bearer", Ok(())),
    ] {
        let stricter = by_bearer().require(move |_: &&str| requirement.clone());
        let seen =
            reports(|| AuthenticateLayer::new(by_bearer()), stricter, &[("authorization", &token)]).await;
        assert_eq!(seen, [format!("accepted, report-only {verdict}")]);
    }
}

#[test]
#[cfg(feature = "metrics")]
fn reports_are_counted_apart() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let handle = recorder.handle();
    metrics::with_local_recorder(&recorder, || {
        support::now(ask_layer(either().report_only(by_bearer()), &[("authorization", &password())]));
    });
    let text = handle.render();
    for line in [
        r#"tower_authn_report_only_total{verdict="would_refuse",outcome="accepted",scheme="none",reason="missing"} 1"#,
        r#"tower_authn_decisions_total{scheme="Basic",outcome="accepted",reason="none"} 1"#,
    ] {
        assert!(text.lines().any(|known| known == line), "{line} in {text}");
    }
}

#[test]
#[cfg(feature = "tracing")]
fn reports_are_logged_apart_and_only_differences_loudly() {
    let logged = |header: String| {
        let lines = support::log::all_logged(ask_layer(
            either().report_only(by_bearer()),
            &[("authorization", &header)],
        ));
        let reports = lines.into_iter().filter(|(_, line)| line.contains("report_only"));
        reports.map(|(level, line)| (level.to_string(), line)).collect::<Vec<_>>()
    };
    let differs = logged(password());
    assert_eq!((differs.len(), differs[0].0.as_str()), (1, "INFO"));
    assert!(differs[0].1.contains(r#"authn.report_only="would_refuse""#), "{differs:?}");
    assert_eq!(logged(bearer())[0].0, "DEBUG");
}
