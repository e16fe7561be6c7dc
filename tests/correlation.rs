//! The id that links an answer with its line in the log.
#![cfg(feature = "tracing")]

mod support;

use http::{HeaderName, Response};
use support::{
    Answered, Body, ask_layer,
    log::{Line, all_logged},
    request,
    secrets::*,
    send,
};
use tower::{Layer as _, service_fn};
use tower_authn::{
    Answer, AuthenticateLayer, Rejection,
    observe::Correlation,
    respond::{Html, Plain, ProblemJson},
};

fn made() -> AuthenticateLayer<impl tower_authn::Authenticator<Identity = &'static str>> {
    AuthenticateLayer::new(by_bearer()).correlate(Correlation::made_here())
}

fn by_header() -> AuthenticateLayer<impl tower_authn::Authenticator<Identity = &'static str>> {
    AuthenticateLayer::new(by_bearer())
        .correlate(Correlation::from_header(HeaderName::from_static("x-request-id")))
}

/// The answer, and what was logged.
fn asked<F: Future<Output = Answered>>(answer: F) -> (Answered, Vec<Line>) {
    let mut answered = None;
    let lines = all_logged(async { answered = Some(answer.await) });
    (answered.unwrap(), lines)
}

fn instance(answer: &Answered) -> String {
    let document: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    document["instance"].as_str().unwrap_or("none").to_owned()
}

#[track_caller]
fn finds(lines: &[Line], id: &str, cause: &str) {
    let found: Vec<_> = lines.iter().filter(|(_, line)| line.contains(id)).collect();
    assert!(matches!(found[..], [(_, line)] if line.contains(cause)), "{id}, {cause}: {lines:?}");
}

#[test]
fn an_id_in_the_answer_finds_the_cause_in_the_log() {
    let (answer, lines) =
        asked(ask_layer(made().respond_with(ProblemJson), &[("authorization", "Bearer x")]));
    let id = instance(&answer).strip_prefix("urn:uuid:").unwrap().to_owned();
    finds(&lines, &id, "Bearer: unknown");
    assert_eq!(answer.extensions.get::<Rejection>().unwrap().id(), Some(&*id));
}

#[test]
fn the_id_of_the_apps_own_header_is_taken_and_others_are_not() {
    let with = |id: &str| {
        let (answer, lines) =
            asked(ask_layer(by_header().respond_with(ProblemJson), &[("x-request-id", id)]));
        (instance(&answer), lines)
    };
    let (instance, lines) = with("req_01J9.a-b");
    assert_eq!(instance, "urn:request:req_01J9.a-b");
    finds(&lines, "req_01J9.a-b", "missing");
    let uuid = "0192a3b4-5678-4abc-8def-0123456789ab";
    assert_eq!(with(uuid).0, format!("urn:uuid:{uuid}"));
    for bad in ["a b", "\"><script>", "", &"a".repeat(129)] {
        assert!(with(bad).0.starts_with("urn:uuid:"), "one is made");
    }
}

#[test]
fn accepted_requests_have_the_id_of_the_header_and_none_otherwise() {
    let token = bearer();
    let lines = |layer| asked(ask_layer(layer, &[("authorization", &token), ("x-request-id", "abc")])).1;
    finds(&lines(by_header()), "abc", "accepted");
    let (_, lines) = asked(ask_layer(made(), &[("authorization", &token)]));
    assert!(!lines[0].1.contains("authn.id"));
}

#[test]
fn pages_and_plain_text_have_a_line_to_quote() {
    let sent = [("x-request-id", "abc-123")];
    let (plain, _) = asked(ask_layer(by_header().respond_with(Plain), &sent));
    assert!(plain.body.ends_with("\nIf you ask for help, quote this: abc-123\n"), "{}", plain.body);
    let (page, _) = asked(ask_layer(by_header().respond_with(Html), &sent));
    assert!(page.body.contains("quote this: <code>abc-123</code></p>\n</main>"), "{}", page.body);
}

#[test]
fn closures_get_the_id() {
    let layer = by_header().respond_with(|answer: &Answer<'_>| {
        Response::new(Body::from(answer.id().unwrap_or("none").to_owned()))
    });
    let (answer, _) = asked(ask_layer(layer, &[("x-request-id", "abc-123")]));
    assert_eq!(answer.body, "abc-123");
}

#[test]
fn without_it_bodies_have_no_id() {
    let (answer, _) = asked(ask_layer(AuthenticateLayer::new(by_bearer()), &[("x-request-id", "abc-123")]));
    assert_eq!(instance(&answer), "none");
}

#[test]
fn a_rejection_from_inside_has_one_id_however_many_layers_draw_it() {
    let inner = service_fn(|_: http::Request<Body>| async {
        Ok::<_, std::convert::Infallible>(Rejection::misconfigured("a mistake").into_response::<Body>())
    });
    let inner = AuthenticateLayer::new(by_key()).correlate(Correlation::made_here()).layer(inner);
    let stack = made().layer(inner);
    let token = bearer();
    let (answer, lines) = asked(send(stack, request(&[("authorization", &token), ("x-api-key", KEY)])));
    let id = instance(&answer).strip_prefix("urn:uuid:").unwrap().to_owned();
    finds(&lines, &id, "a mistake");
}

#[test]
fn an_outage_is_found_by_its_id_even_where_the_log_is_sparing() {
    let down = bearer_that(|| std::io::Error::other("connection refused").into());
    let layer = AuthenticateLayer::new(down).correlate(Correlation::made_here());
    let mut last = None;
    let lines = all_logged(async {
        for _ in 0..3 {
            last = Some(ask_layer(layer.clone(), &[("authorization", "Bearer x")]).await);
        }
    });
    let id = instance(&last.unwrap()).strip_prefix("urn:uuid:").unwrap().to_owned();
    finds(&lines, &id, "connection refused");
}
