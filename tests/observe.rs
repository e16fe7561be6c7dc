//! What an observer is told.

mod support;

use std::sync::{Arc, Mutex, atomic::Ordering};

use support::{Body, ask_layer, request, secrets::*, send};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticated, Authenticator, Reason, Rejection, Scheme as _,
    observe::{Correlation, Event},
    scheme::{ApiKey, Basic, ClientAddr, UserPassword},
    throttle::{Quota, Throttle},
    validator::{IpAllowlist, Networks},
};

/// What was observed, in lines that a test picks.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn by(&self, line: fn(&Event<'_>) -> String) -> impl Fn(&Event<'_>) + use<> {
        let seen = self.clone();
        move |event: &Event<'_>| {
            let is_warning =
                matches!(event, Event::Happened(occurrence) if occurrence.code() == "configuration_warning");
            if !is_warning {
                seen.0.lock().unwrap().push(line(event));
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

fn brief(event: &Event<'_>) -> String {
    let name = match event {
        Event::Accepted(_) => "accepted",
        Event::Refused(_) => "refused",
        Event::Unavailable(_) => "unavailable",
        Event::Misconfigured(_) => "misconfigured",
        _ => return event.to_string(),
    };
    let decision = event.decision().unwrap();
    let reason = decision.reason().map_or("-", Reason::as_str);
    let status = decision.status().map_or(200, |status| status.as_u16());
    format!("{name} {status} {reason} {}", decision.schemes().join("+"))
}

/// What an observer of this is told about a request with these headers.
async fn seen(
    authenticator: impl Authenticator<Identity = &'static str>,
    headers: &[(&str, &str)],
    line: fn(&Event<'_>) -> String,
) -> Vec<String> {
    let seen = Seen::default();
    ask_layer(AuthenticateLayer::new(authenticator).observe(seen.by(line)), headers).await;
    seen.lines()
}

#[tokio::test]
async fn every_decision_is_one_event() {
    let sent = [("authorization", "Bearer x")];
    assert_eq!(seen(by_bearer(), &[("authorization", &bearer())], brief).await, ["accepted 200 - Bearer"]);
    assert_eq!(seen(by_bearer(), &[], brief).await, ["refused 401 missing "]);
    assert_eq!(seen(by_bearer(), &sent, brief).await, ["refused 401 unknown Bearer"]);
    let down = bearer_that(|| std::io::Error::other("down").into());
    assert_eq!(seen(down, &sent, brief).await, ["unavailable 503 back_end_failed Bearer"]);
    let mistake = bearer_that(|| Rejection::misconfigured("a mistake"));
    assert_eq!(seen(mistake, &sent, brief).await, ["misconfigured 500 misconfigured Bearer"]);
}

#[tokio::test]
async fn what_was_passed_over_is_told_with_the_acceptance() {
    let findings = |event: &Event<'_>| format!("{:?}", event.decision().unwrap().findings());
    let lines =
        seen(by_key().or(by_bearer()), &[("authorization", &bearer()), ("x-api-key", "stale")], findings)
            .await;
    assert!(lines[0].contains("ApiKey") && lines[0].contains("Unknown"), "{lines:?}");
}

#[tokio::test]
async fn the_realm_is_that_of_the_scheme() {
    let realm = |event: &Event<'_>| event.decision().unwrap().realm().unwrap_or("none").to_owned();
    let two = || by_bearer().or(ApiKey::new("keys").validated_by(async |_| Ok::<_, Rejection>(None)));
    assert_eq!(seen(two(), &[("x-api-key", "x")], realm).await, ["keys"]);
    assert_eq!(seen(two(), &[], realm).await, ["none"]);
    assert_eq!(seen(by_bearer(), &[], realm).await, ["r"]);
}

#[tokio::test]
async fn the_address_is_told_where_it_was_resolved() {
    let client = |event: &Event<'_>| format!("{:?}", event.decision().unwrap().details().client());
    let peer = || ClientAddr::new().peer_from(|_| Some([192, 0, 2, 7].into()));
    let some = ["Some(192.0.2.7)"];
    let allowed = |list: &str| {
        let list: Networks = list.parse().unwrap();
        peer().validated_by(IpAllowlist::new(list)).map(|_| "somebody")
    };
    assert_eq!(seen(allowed("192.0.2.0/24"), &[], client).await, some);
    assert_eq!(seen(allowed("10.0.0.0/8"), &[], client).await, some);
    let one =
        Throttle::default().address_from(peer()).by_address(Quota::new(1, std::time::Duration::from_secs(9)));
    let layer = AuthenticateLayer::new(
        Basic::new("r").validated_by(users()).throttled(one).by_user(UserPassword::user),
    );
    let seen = Seen::default();
    let layer = layer.observe(seen.by(client));
    for _ in 0..2 {
        ask_layer(layer.clone(), &[("authorization", &basic("alice", "wrong"))]).await;
    }
    assert_eq!(seen.lines(), [some[0], some[0]], "refused, then throttled");
    assert_eq!(self::seen(by_bearer(), &[], client).await, ["None"]);
}

#[tokio::test]
async fn a_rejection_from_inside_is_a_decision_of_its_own() {
    let seen = Seen::default();
    let inner = service_fn(|_: http::Request<Body>| async {
        Ok::<_, std::convert::Infallible>(Rejection::insufficient().into_response::<Body>())
    });
    let layer = AuthenticateLayer::new(by_bearer())
        .log_user_in_plain_text(|user: &&str| (*user).to_owned())
        .observe(seen.by(|event| format!("{} {:?}", brief(event), event.decision().unwrap().user_name())));
    send(layer.layer(inner), request(&[("authorization", &bearer())])).await;
    assert_eq!(
        seen.lines(),
        [r#"accepted 200 - Bearer Some("alice")"#, r#"refused 403 policy_denied Bearer Some("alice")"#]
    );
}

#[tokio::test]
async fn an_observer_inside_is_told_what_a_layer_further_out_draws() {
    let inner = Seen::default();
    let service = service_fn(|_: http::Request<Body>| async {
        let rejection = Rejection::invalid().with_reason(Reason::Revoked).found_by("Session");
        Ok::<_, std::convert::Infallible>(rejection.into_response::<Body>())
    });
    // Inside, nobody can be asked for anything, so that it would be a 403.
    let everybody = ClientAddr::new().peer_from(|_| Some([192, 0, 2, 7].into()));
    let everybody = everybody.validated_by(async |_| Ok::<_, Rejection>(Some("somebody")));
    let service = AuthenticateLayer::new(everybody).observe(inner.by(brief)).layer(service);
    let service = AuthenticateLayer::new(by_bearer()).observe(|_: &Event<'_>| {}).layer(service);
    send(service, request(&[("authorization", &bearer())])).await;
    assert_eq!(inner.lines(), ["accepted 200 - ClientAddr", "refused 401 revoked Session"]);
}

#[tokio::test]
async fn layers_inside_each_other_tell_of_a_rejection_once() {
    let (outer, inner) = (Seen::default(), Seen::default());
    let service = service_fn(|request: http::Request<Body>| async move {
        // Nobody grants a `u64`.
        let rejection = Authenticated::<u64>::of(request.extensions()).unwrap_err();
        Ok::<_, std::convert::Infallible>(rejection.into_response::<Body>())
    });
    let service = AuthenticateLayer::new(by_key()).observe(inner.by(brief)).layer(service);
    let service = AuthenticateLayer::new(by_bearer()).observe(outer.by(brief)).layer(service);
    send(service, request(&[("authorization", &bearer()), ("x-api-key", KEY)])).await;
    let told = [outer.lines(), inner.lines()].concat();
    let mistakes: Vec<_> = told.iter().filter(|line| line.starts_with("misconfigured")).collect();
    assert_eq!(mistakes, ["misconfigured 500 layer_missing ApiKey"], "{told:?}");
}

#[tokio::test]
async fn an_observer_that_layers_share_is_told_of_a_rejection_once() {
    let seen = Seen::default();
    let observer = Arc::new(seen.by(brief));
    let service = service_fn(|_: http::Request<Body>| async {
        Ok::<_, std::convert::Infallible>(
            Rejection::insufficient().found_by("Nobody's").into_response::<Body>(),
        )
    });
    let service = AuthenticateLayer::new(by_key()).observe(Arc::clone(&observer)).layer(service);
    let service = AuthenticateLayer::new(by_bearer()).observe(observer).layer(service);
    send(service, request(&[("authorization", &bearer()), ("x-api-key", KEY)])).await;
    let refused = seen.lines().into_iter().filter(|line| line.starts_with("refused")).count();
    assert_eq!(refused, 1);
}

/// Runs a test of this file where nobody listens. With `TRACE_DIR` set, somebody listens to this whole
/// process: then the test runs in another one, without it.
async fn unheard(name: &str, test: impl Future<Output = ()>) {
    if std::env::var_os("TRACE_DIR").is_none() {
        return test.await;
    }
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    let output = alone.args(["--exact", name]).env_remove("TRACE_DIR").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_tried() {
    unheard("where_nobody_listens_nothing_is_tried", async {
        let (counted, calls) = counted_bearer();
        let layer = AuthenticateLayer::new(by_bearer()).report_only(counted);
        ask_layer(layer.clone(), &[("authorization", &bearer())]).await;
        assert_eq!(calls.load(Ordering::SeqCst), 0);
        ask_layer(layer.observe(|_: &Event<'_>| {}), &[("authorization", &bearer())]).await;
        assert_eq!(calls.load(Ordering::SeqCst), 1, "where somebody does, it is");
    })
    .await;
}

#[tokio::test]
async fn an_id_for_the_answer_is_nobody_who_listens() {
    unheard("an_id_for_the_answer_is_nobody_who_listens", async {
        let (counted, calls) = counted_bearer();
        let layer = AuthenticateLayer::new(by_bearer()).report_only(counted);
        ask_layer(layer.correlate(Correlation::made_here()), &[("authorization", &bearer())]).await;
        assert_eq!(calls.load(Ordering::SeqCst), 0);
    })
    .await;
}

#[cfg(feature = "jwt-aws-lc")]
mod jwt {
    use support::mint::{AUDIENCE, ISSUER};
    use support::provider::{Provider, Signer, URL};
    use tower_authn::{
        scheme::Bearer,
        validator::jwt::{Jwt, StandardClaims},
    };

    use super::*;

    fn layer(
        provider: &Provider,
        seen: &Seen,
        line: fn(&Event<'_>) -> String,
    ) -> AuthenticateLayer<impl Authenticator<Identity = &'static str>> {
        let jwt = Jwt::<StandardClaims>::issuer(ISSUER)
            .audience(AUDIENCE)
            .jwks_uri(URL, provider.clone())
            .observed_by(seen.by(line))
            .build()
            .unwrap();
        AuthenticateLayer::new(Bearer::new("r").validated_by(jwt).map(|_| "alice")).observe(seen.by(line))
    }

    #[tokio::test(start_paused = true)]
    async fn keys_that_are_fetched_or_not_are_events() {
        let (seen, provider, signer) = (Seen::default(), Provider::default(), Signer::new("one"));
        let token = format!("Bearer {}", signer.token());
        ask_layer(layer(&provider, &seen, brief), &[("authorization", &token)]).await;
        let failed = format!("keys of {ISSUER} not fetched: connection refused");
        assert_eq!(seen.lines()[..2], [failed, "unavailable 503 keys_not_loaded Bearer".to_owned()]);
        provider.publishes(&[&signer]);
        ask_layer(layer(&provider, &seen, brief), &[("authorization", &token)]).await;
        assert_eq!(seen.lines(), [format!("keys of {ISSUER} fetched: 1"), "accepted 200 - Bearer".into()]);
    }

    #[tokio::test(start_paused = true)]
    async fn issuer_and_key_are_told_and_only_ours() {
        let details = |event: &Event<'_>| match event.decision() {
            Some(decision) => format!("{:?} {:?}", decision.details().issuer(), decision.details().key_id()),
            None => String::new(),
        };
        let (seen, provider) = (Seen::default(), Provider::default());
        let (known, unknown) = (Signer::new("one"), Signer::new("from-the-token"));
        provider.publishes(&[&known]);
        let layer = layer(&provider, &seen, details);
        let last = async |token: String| {
            ask_layer(layer.clone(), &[("authorization", &format!("Bearer {token}"))]).await;
            seen.lines().pop().unwrap()
        };
        let ours = format!("Some({ISSUER:?})");
        assert_eq!(last(known.token()).await, format!("{ours} Some(\"one\")"));
        let mut broken = known.token();
        broken.replace_range(broken.len() - 6.., "AAAAAA");
        let broken = last(broken).await;
        assert!(broken == format!("{ours} Some(\"one\")"), "{broken}");
        assert_eq!(last(unknown.token()).await, format!("{ours} None"));
        let claims = support::mint::claims_with("iss", serde_json::json!("https://evil.example"));
        assert_eq!(last(known.sign(&claims)).await, "None None");
    }
}
