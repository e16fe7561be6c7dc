//! What combines authenticators, and the rules that the types keep.

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{HeaderValue, header};
use support::{Answered, Body, ask, request, secrets::*, send};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AnyOf, AuthenticateLayer, Authenticated, Authenticator, BearerToken, BoxAuthenticator, Challenge,
    Finding, PassedOver, Reason, Rejection, RejectionKind, Scheme, Tokens,
    authenticator::AnyOfError,
    scheme::{self, ApiKey, Bearer},
};

/// A cookie whose session is always dead: it counts as none, and is expired.
struct DeadCookie;

impl Scheme for DeadCookie {
    type Credentials = String;

    fn name(&self) -> &'static str {
        "Session"
    }

    fn extract(&self, head: &mut http::request::Parts) -> Result<Option<String>, Rejection> {
        Ok(scheme::cookie(head, "sid").map(str::to_owned))
    }

    fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
        Challenge::new("Session").param("realm", "r").build().ok()
    }
}

const EXPIRE: &str = "sid=; Max-Age=0; Path=/";
const STALE: (&str, &str) = ("cookie", "sid=old");

fn by_dead_cookie() -> impl Authenticator<Identity = &'static str> {
    DeadCookie.validated_by(|_: String| async {
        let dead = Rejection::missing().with_reason(Reason::IdleTimeout);
        Err::<Option<&'static str>, _>(dead.with_header(header::SET_COOKIE, HeaderValue::from_static(EXPIRE)))
    })
}

/// An API key whose validator always refuses like this.
fn key_that(refuse: fn() -> Rejection) -> impl Authenticator<Identity = &'static str> {
    ApiKey::new("r").validated_by(move |_| async move { Err::<Option<&'static str>, _>(refuse()) })
}

const ANY_KEY: (&str, &str) = ("x-api-key", "k");

async fn ask_optional(
    authenticator: impl Authenticator<Identity = &'static str>,
    headers: &[(&str, &str)],
) -> Answered {
    let layer = AuthenticateLayer::new(authenticator.optional());
    send(layer.layer(service_fn(support::whoami)), request(headers)).await
}

fn passed_over(answer: &Answered) -> Vec<String> {
    answer
        .extensions
        .get::<PassedOver>()
        .map_or_else(Vec::new, |passed| passed.findings().iter().map(ToString::to_string).collect())
}

// ===== or =====

#[tokio::test]
async fn or_a_stale_cookie_does_not_hide_a_good_token_and_is_expired() {
    let answer = ask(by_dead_cookie().or(by_bearer()), &[STALE, ("authorization", &bearer())]).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "alice"));
    assert_eq!(answer.one("set-cookie"), Some(EXPIRE));
    assert_eq!(passed_over(&answer), ["Session: idle_timeout"]);
}

#[tokio::test]
async fn or_refused_malformed_and_broken_credentials_do_not_hide_good_ones() {
    let cases: [(fn() -> Rejection, &str); 4] = [
        (Rejection::invalid, "ApiKey: unknown"),
        (Rejection::unavailable, "ApiKey: back_end_failed"),
        (Rejection::insufficient, "ApiKey: policy_denied"),
        (|| Rejection::misconfigured("a mistake"), "ApiKey: misconfigured: a mistake"),
    ];
    for (refuse, finding) in cases {
        let answer = ask(key_that(refuse).or(by_bearer()), &[ANY_KEY, ("authorization", &bearer())]).await;
        assert_eq!((answer.status.as_u16(), passed_over(&answer)), (200, vec![finding.to_owned()]));
    }
    let malformed =
        ask(by_bearer().or(by_key()), &[("authorization", "Bearer a b"), ("x-api-key", KEY)]).await;
    assert_eq!(
        (malformed.status.as_u16(), passed_over(&malformed)),
        (200, vec!["Bearer: malformed".to_owned()])
    );
}

#[tokio::test]
async fn or_stops_at_the_first_that_is_good() {
    let looked_up = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looked_up);
    let second = ApiKey::new("r").validated_by(move |_| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Rejection>(Some("bob")) }
    });
    let answer = ask(by_bearer().or(second), &[("authorization", &bearer()), ANY_KEY]).await;
    assert_eq!((answer.body.as_str(), looked_up.load(Ordering::SeqCst)), ("alice", 0));
}

#[tokio::test]
async fn or_the_highest_rank_answers() {
    let cases: [(fn() -> Rejection, u16); 8] = [
        (|| Rejection::misconfigured("a mistake"), 500),
        (Rejection::unavailable, 503),
        (|| Rejection::throttled(Duration::from_secs(1)), 429),
        (Rejection::insufficient, 403),
        (|| Rejection::insufficient_scope("write"), 403),
        (Rejection::malformed, 400),
        (Rejection::invalid, 401),
        (Rejection::forbidden, 401), // a wrong token outranks it
    ];
    for (refuse, status) in cases {
        for answer in [
            ask(key_that(refuse).or(by_bearer()), &[ANY_KEY, ("authorization", "Bearer wrong")]).await,
            ask(by_bearer().or(key_that(refuse)), &[ANY_KEY, ("authorization", "Bearer wrong")]).await,
        ] {
            assert_eq!(answer.status.as_u16(), status, "{:?}", refuse());
            let rejection = answer.extensions.get::<Rejection>().unwrap();
            assert_eq!(rejection.findings().len(), 2, "everything that was found is kept");
        }
    }
}

#[tokio::test]
async fn or_a_known_user_without_the_right_is_403_even_beside_a_stale_cookie() {
    let both = by_dead_cookie().or(by_bearer().require(|_| false));
    let answer = ask(both, &[STALE, ("authorization", &bearer())]).await;
    assert_eq!(answer.status.as_u16(), 403);
    assert_eq!(answer.one("set-cookie"), Some(EXPIRE));
}

#[tokio::test]
async fn or_only_the_scheme_that_found_credentials_says_error() {
    let answer = ask(by_bearer().or(by_key()), &[("x-api-key", "wrong")]).await;
    assert_eq!(answer.challenges(), [r#"Bearer realm="r""#, r#"ApiKey realm="r""#]);
}

#[tokio::test]
async fn or_two_validators_of_one_scheme_offer_one_challenge() {
    let machines = Tokens::new();
    machines.insert(KEY, "robot").unwrap();
    let both = || by_bearer().or(Bearer::new("r").validated_by(machines.clone()));
    assert_eq!(ask(both(), &[]).await.challenges().len(), 1);
    assert_eq!(ask(both(), &[("authorization", "Bearer wrong")]).await.challenges().len(), 1);
    assert_eq!(ask(both(), &[("authorization", &format!("Bearer {KEY}"))]).await.body, "robot");
}

#[tokio::test]
async fn or_nests() {
    let nested = || by_dead_cookie().or(by_basic()).or(by_key().or(by_bearer()));
    assert_eq!(ask(nested(), &[]).await.challenges().len(), 4);
    assert_eq!(ask(nested(), &[("authorization", &bearer())]).await.body, "alice");
    assert_eq!(ask(nested(), &[STALE, ("x-api-key", KEY)]).await.body, "alice");
}

// ===== any of, boxed =====

#[tokio::test]
async fn any_of_is_or_for_a_list() {
    let list =
        || AnyOf::try_from(vec![by_dead_cookie().boxed(), by_basic().boxed(), by_bearer().boxed()]).unwrap();
    let same = || by_dead_cookie().or(by_basic()).or(by_bearer());
    let good = bearer();
    let requests: [&[(&str, &str)]; 6] = [
        &[],
        &[STALE],
        &[STALE, ("authorization", &good)],
        &[("authorization", "Bearer wrong")],
        &[("authorization", "Bearer a b")],
        &[("authorization", "Basic !"), ("authorization", "Bearer x")],
    ];
    for headers in requests {
        let (of_list, of_or) = (ask(list(), headers).await, ask(same(), headers).await);
        assert_eq!(of_list.status, of_or.status, "{headers:?}");
        assert_eq!(
            (of_list.lines(), of_list.body.as_str()),
            (of_or.lines(), of_or.body.as_str()),
            "{headers:?}"
        );
    }
}

#[test]
fn any_of_an_empty_list_is_refused_and_a_long_one_too() {
    let list = |len| AnyOf::try_from((0..len).map(|_| by_bearer().boxed()).collect::<Vec<_>>()).map(|_| ());
    assert_eq!(list(0), Err(AnyOfError::Empty));
    assert_eq!(list(32), Ok(()));
    assert_eq!(list(33), Err(AnyOfError::TooMany(33)));
}

#[tokio::test]
async fn boxed_credentials_of_another_authenticator_are_a_mistake_not_a_panic() {
    let (bearer_box, key_box): (BoxAuthenticator<_>, BoxAuthenticator<_>) =
        (by_bearer().boxed(), by_key().boxed());
    let (mut head, _) = request(&[("x-api-key", KEY)]).into_parts();
    let credentials = key_box.extract(&mut head).unwrap().unwrap();
    let rejection = bearer_box.validate(credentials).await.unwrap_err();
    assert_eq!(rejection.kind(), RejectionKind::Misconfigured);
}

// ===== and =====

#[tokio::test]
async fn and_both_are_demanded_in_order() {
    let both = || by_key().and(by_bearer()).map(|(_, user)| user);
    let (good, token) = (("x-api-key", KEY), bearer());
    assert_eq!(ask(both(), &[good, ("authorization", &token)]).await.body, "alice");
    // The first that turns away is all the client learns.
    let key = [r#"ApiKey realm="r""#];
    assert_eq!(
        ask(both(), &[("x-api-key", "wrong"), ("authorization", "Bearer wrong")]).await.challenges(),
        key
    );
    assert_eq!(
        ask(both(), &[("x-api-key", "wrong"), ("authorization", "Bearer a b")]).await.challenges(),
        key
    );
    let second = ask(both(), &[good, ("authorization", "Bearer wrong")]).await;
    assert!(
        second.challenges()[0].starts_with(r#"Bearer error="invalid_token""#),
        "{:?}",
        second.challenges()
    );
}

#[tokio::test]
async fn and_one_half_alone_is_incomplete_and_asks_for_the_other() {
    let both = || by_key().and(by_bearer()).map(|(_, user)| user);
    let only_key = ask(both(), &[("x-api-key", KEY)]).await;
    assert_eq!((only_key.status.as_u16(), only_key.challenges()), (401, vec![r#"Bearer realm="r""#]));
    let only_token = ask(both(), &[("authorization", &bearer())]).await;
    assert_eq!((only_token.status.as_u16(), only_token.challenges()), (401, vec![r#"ApiKey realm="r""#]));
    assert_eq!(ask(both(), &[]).await.challenges(), [r#"ApiKey realm="r""#]);
}

#[tokio::test]
async fn and_beside_an_alternative_of_the_same_scheme_still_asks_for_its_other_half() {
    // The key is refused by the first alternative, and good for the second, which lacks its token.
    let either = key_that(Rejection::forbidden).or(by_key().and(by_bearer()).map(|(_, user)| user));
    let answer = ask(either, &[("x-api-key", KEY)]).await;
    assert_eq!((answer.status.as_u16(), answer.challenges()[0]), (401, r#"Bearer realm="r""#));
}

#[tokio::test]
async fn and_optional_one_half_alone_is_refused_both_absent_pass() {
    let both = || by_key().and(by_bearer()).map(|(_, user)| user);
    assert_eq!(ask_optional(both(), &[]).await.status.as_u16(), 200);
    assert_eq!(ask_optional(both(), &[("x-api-key", KEY)]).await.status.as_u16(), 401);
    assert_eq!(ask_optional(both(), &[("authorization", &bearer())]).await.status.as_u16(), 401);
}

#[tokio::test]
async fn and_optional_a_dead_half_counts_as_missing() {
    let first = || by_dead_cookie().and(by_bearer()).map(|(_, user)| user);
    let second = || by_bearer().and(by_dead_cookie()).map(|(user, _)| user);
    assert_eq!(ask_optional(first(), &[STALE]).await.body, "nobody", "nothing else was brought");
    for answer in [
        ask_optional(first(), &[STALE, ("authorization", &bearer())]).await,
        ask_optional(second(), &[STALE, ("authorization", &bearer())]).await,
    ] {
        assert_eq!((answer.status.as_u16(), answer.challenges()), (401, vec![r#"Session realm="r""#]));
        assert_eq!(answer.one("set-cookie"), Some(EXPIRE));
    }
}

#[tokio::test]
async fn and_grants_name_both_schemes() {
    let layer = AuthenticateLayer::new(by_key().and(by_bearer()));
    let service = layer.layer(service_fn(|request: http::Request<Body>| async move {
        let both = Authenticated::<(&str, &str)>::of(request.extensions()).unwrap().unwrap();
        Ok::<_, std::convert::Infallible>(http::Response::new(Body::from(both.schemes().join("+"))))
    }));
    let answer = send(service, request(&[("x-api-key", KEY), ("authorization", &bearer())])).await;
    assert_eq!(answer.body, "ApiKey+Bearer");
}

// ===== optional =====

#[tokio::test]
async fn optional_absence_passes_bad_credentials_do_not() {
    assert_eq!(ask_optional(by_bearer(), &[]).await.body, "nobody");
    assert_eq!(ask_optional(by_bearer(), &[("authorization", &bearer())]).await.body, "alice");
    assert_eq!(ask_optional(by_bearer(), &[("authorization", "Bearer wrong")]).await.status.as_u16(), 401);
    assert_eq!(ask_optional(by_bearer(), &[("authorization", "Bearer a b")]).await.status.as_u16(), 400);
    assert_eq!(ask_optional(by_basic(), &[("authorization", "Basic !")]).await.status.as_u16(), 401);
    assert_eq!(ask_optional(by_bearer(), &[("authorization", "Digest x")]).await.body, "nobody");
}

#[tokio::test]
async fn optional_a_dead_session_passes_as_nobody_with_a_finding_and_its_cookie_expired() {
    let answer = ask_optional(by_dead_cookie(), &[STALE]).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "nobody"));
    assert_eq!(answer.one("set-cookie"), Some(EXPIRE));
    assert_eq!(passed_over(&answer), ["Session: idle_timeout"]);
}

#[tokio::test]
async fn optional_an_outage_is_503_not_nobody() {
    assert_eq!(ask_optional(key_that(Rejection::unavailable), &[ANY_KEY]).await.status.as_u16(), 503);
}

// ===== map, and_then, require =====

#[tokio::test]
async fn and_then_refuses_with_none_and_an_error_is_503() {
    let found = by_bearer().and_then(|name| async move { Ok((name == "alice").then_some("Alice")) });
    assert_eq!(ask(found, &[("authorization", &bearer())]).await.body, "Alice");
    let gone = by_bearer().and_then(|_| async { Ok(None::<&'static str>) });
    let gone = ask(gone, &[("authorization", &bearer())]).await;
    assert!(
        gone.challenges()[0].contains("invalid_token"),
        "filed under the scheme: {:?}",
        gone.challenges()
    );
    let down = by_bearer().and_then(|_| async {
        Err::<(), _>(std::io::Error::other("no database"))?;
        Ok(Some("never"))
    });
    assert_eq!(ask(down, &[("authorization", &bearer())]).await.status.as_u16(), 503);
}

#[tokio::test]
async fn require_a_verdict_is_a_bool_or_a_result() {
    let only = |name: &'static str| by_bearer().require(move |user: &&str| *user == name);
    assert_eq!(ask(only("alice"), &[("authorization", &bearer())]).await.body, "alice");
    assert_eq!(ask(only("bob"), &[("authorization", &bearer())]).await.status.as_u16(), 403);
    let stronger = by_bearer().require(|_| Err(Rejection::step_up(tower_authn::Demand::Acr("mfa".into()))));
    assert_eq!(ask(stronger, &[("authorization", &bearer())]).await.status.as_u16(), 401);
}

// ===== status =====

#[tokio::test]
async fn status_a_401_has_a_challenge_and_without_one_it_is_403() {
    struct Silent;
    impl Scheme for Silent {
        type Credentials = BearerToken;
        fn name(&self) -> &'static str {
            "Silent"
        }
        fn extract(&self, head: &mut http::request::Parts) -> Result<Option<BearerToken>, Rejection> {
            scheme::authorization(head, "Silent")
        }
        fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
            None
        }
    }
    for headers in [&[][..], &[("authorization", "Silent wrong")]] {
        let answer = ask(Silent.validated_by(tokens()), headers).await;
        assert_eq!((answer.status.as_u16(), answer.challenges()), (403, vec![]));
    }
    let answer = ask(Silent.validated_by(tokens()), &[("authorization", "silent a b")]).await;
    assert_eq!(answer.status.as_u16(), 400);
}

#[test]
fn rejection_any_error_is_unavailable_and_its_cause_is_for_operators() {
    let rejection: Rejection = std::io::Error::other("db at 10.0.0.5 refused").into();
    assert_eq!((rejection.kind(), rejection.reason()), (RejectionKind::Unavailable, Reason::BackEndFailed));
    assert_eq!(rejection.to_string(), "unavailable (back_end_failed: db at 10.0.0.5 refused)");
    let response: http::Response<String> = rejection.into_response();
    assert_eq!((response.status().as_u16(), response.body().as_str()), (503, ""));
    assert_eq!(response.headers()["retry-after"], "5");
}

#[test]
fn rejection_the_order_of_kinds_is_their_rank() {
    use RejectionKind::*;
    let ranked = [
        Misconfigured,
        Unavailable,
        Throttled,
        Insufficient,
        StepUp,
        Malformed,
        Invalid,
        Missing,
        Forbidden,
        Concealed,
    ];
    assert!(ranked.is_sorted());
}

#[test]
fn rejection_a_cause_stays_one_line_of_the_log() {
    let forged = Rejection::invalid().because("bad name \"x\n2026 INFO alice signed in\u{1b}[2J\u{85}\"");
    assert_eq!(
        forged.to_string(),
        r#"invalid (unknown: bad name "x\n2026 INFO alice signed in\u{1b}[2J\u{85}")"#
    );
}
