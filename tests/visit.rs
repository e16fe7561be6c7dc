//! What a validator knows beside the credentials, and what it leaves behind.

mod support;

use std::sync::{Arc, Mutex};

use http::{HeaderName, HeaderValue, Request, Response, header};
use support::{Answered, Body, request, secrets::*, send, whoami};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator, BearerToken, Details, Rejection, Scheme as _, Validator, Visit,
    observe::Event,
    scheme::{ApiKey, ApiKeyValue, Bearer, ClientAddr},
    throttle::Throttle,
};

/// Says what it was told, leaves headers behind, and decides like this.
#[derive(Clone)]
struct Leaves {
    headers: &'static [(&'static str, &'static str)],
    decision: fn() -> Result<Option<&'static str>, Rejection>,
    seen: Arc<Mutex<Vec<String>>>,
}

const RENEWED: &[(&str, &str)] = &[("set-cookie", "sid=renewed; Path=/"), ("dpop-nonce", "n1")];

fn leaves(headers: &'static [(&'static str, &'static str)]) -> Leaves {
    Leaves { headers, decision: || Ok(Some("alice")), seen: Arc::default() }
}

impl Leaves {
    fn leave(&self, visit: &mut Visit) -> Result<Option<&'static str>, Rejection> {
        for (name, value) in self.headers {
            visit.add_header(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        visit.about(|| Details::new().with_issuer("https://issuer.example"));
        self.seen.lock().unwrap().push(format!("trial {} client {:?}", visit.is_trial(), visit.client()));
        (self.decision)()
    }
}

impl Validator<BearerToken> for Leaves {
    type Identity = &'static str;

    async fn validate(&self, _: BearerToken, visit: &mut Visit) -> Result<Option<&'static str>, Rejection> {
        self.leave(visit)
    }
}

impl Validator<ApiKeyValue> for Leaves {
    type Identity = &'static str;

    async fn validate(&self, _: ApiKeyValue, visit: &mut Visit) -> Result<Option<&'static str>, Rejection> {
        self.leave(visit)
    }
}

fn by(validator: &Leaves) -> impl Authenticator<Identity = &'static str> {
    Bearer::new("r").validated_by(validator.clone())
}

const SENT: [(&str, &str); 2] = [("authorization", "Bearer x"), ("x-api-key", "k")];

async fn ask(authenticator: impl Authenticator<Identity = &'static str>) -> Answered {
    send(AuthenticateLayer::new(authenticator).layer(service_fn(whoami)), request(&SENT)).await
}

#[tokio::test]
async fn headers_go_along_whatever_the_status() {
    let renewed = |answer: &Answered, status: u16| {
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.all("set-cookie"), ["sid=renewed; Path=/"], "{status}");
        assert_eq!(answer.all("dpop-nonce"), ["n1"], "{status}");
    };
    let accepts = leaves(RENEWED);
    renewed(&ask(by(&accepts)).await, 200);
    renewed(&ask(by(&Leaves { decision: || Ok(None), ..accepts.clone() })).await, 401);
    renewed(&ask(by(&Leaves { decision: || Err(Rejection::unavailable()), ..accepts.clone() })).await, 503);
    renewed(&ask(by(&accepts).require(|_: &&str| false)).await, 403);
    let handler = service_fn(|_: Request<Body>| async {
        Ok::<_, std::convert::Infallible>(Rejection::insufficient().into_response::<Body>())
    });
    renewed(&send(AuthenticateLayer::new(by(&accepts)).layer(handler), request(&SENT)).await, 403);
}

#[tokio::test]
async fn headers_that_the_layer_owns_are_left_out() {
    let owned = leaves(&[
        ("www-authenticate", "Negotiate"),
        ("retry-after", "1"),
        ("cache-control", "public"),
        ("x-other", "kept"),
    ]);
    let accepted = ask(by(&owned)).await;
    assert_eq!(accepted.lines(), ["x-other: kept"]);
    let refused = ask(by(&Leaves { decision: || Ok(None), ..owned })).await;
    assert_eq!((refused.one("cache-control"), refused.one("retry-after")), (Some("no-store"), None));
    assert!(refused.challenges().iter().all(|challenge| challenge.starts_with("Bearer ")));
}

#[tokio::test]
async fn the_inner_response_wins_by_name_and_by_cookie() {
    let inner = service_fn(|_: Request<Body>| async {
        let response = Response::builder()
            .header(header::SET_COOKIE, "sid=; Max-Age=0")
            .header(header::SET_COOKIE, "theme=dark")
            .header("dpop-nonce", "n2");
        Ok::<_, std::convert::Infallible>(response.body(Body::default()).unwrap())
    });
    let answer = send(AuthenticateLayer::new(by(&leaves(RENEWED))).layer(inner), request(&SENT)).await;
    assert_eq!(answer.all("set-cookie"), ["sid=; Max-Age=0", "theme=dark"], "a sign-out is not undone");
    assert_eq!(answer.all("dpop-nonce"), ["n2"]);
}

#[tokio::test]
async fn of_an_alternative_that_was_passed_over_only_expired_cookies_stay() {
    let refused = Leaves {
        decision: || Ok(None),
        ..leaves(&[
            ("set-cookie", "sid=renewed"),
            ("set-cookie", "old=; Path=/; max-age=0"),
            ("x-nonce", "n"),
        ])
    };
    let key = ApiKey::new("r").validated_by(leaves(&[("x-key", "k")]));
    let answer = ask(by(&refused).or(key)).await;
    assert_eq!(answer.body, "alice");
    assert_eq!(answer.all("set-cookie"), ["old=; Path=/; max-age=0"]);
    assert_eq!((answer.one("x-nonce"), answer.one("x-key")), (None, Some("k")));
}

#[tokio::test]
async fn particulars_of_refused_credentials_do_not_stick_to_those_that_let_in() {
    let seen = Arc::<Mutex<Vec<_>>>::default();
    let told = Arc::clone(&seen);
    let refused = Leaves { decision: || Ok(None), ..leaves(&[]) };
    let layer = AuthenticateLayer::new(by(&refused).or(by_key())).observe(move |event: &Event<'_>| {
        let Some(decision) = event.decision() else { return };
        let of_findings =
            decision.findings().iter().map(|finding| finding.details().issuer().map(str::to_owned));
        told.lock()
            .unwrap()
            .push((decision.details().issuer().map(str::to_owned), of_findings.collect::<Vec<_>>()));
    });
    let headers = [("authorization", "Bearer x"), ("x-api-key", KEY)];
    assert_eq!(send(layer.layer(service_fn(whoami)), request(&headers)).await.body, "alice");
    assert_eq!(*seen.lock().unwrap(), [(None, vec![Some("https://issuer.example".to_owned())])]);
}

#[tokio::test]
async fn a_validator_sees_that_it_is_only_on_trial_and_leaves_nothing_behind_then() {
    let tried = leaves(RENEWED);
    let layer = AuthenticateLayer::new(by_key()).report_only(by(&tried)).observe(|_: &Event<'_>| {});
    let headers = [("authorization", "Bearer x"), ("x-api-key", KEY)];
    let answer = send(layer.layer(service_fn(whoami)), request(&headers)).await;
    assert_eq!(answer.lines(), ["cache-control: private"]);
    let explained = leaves(RENEWED);
    let explanation = AuthenticateLayer::new(by(&explained)).explain(&request(&SENT).into_parts().0).await;
    assert_eq!(explanation.granted_by(), ["Bearer"]);
    for validator in [tried, explained] {
        assert_eq!(*validator.seen.lock().unwrap(), ["trial true client None"]);
    }
}

#[tokio::test]
async fn the_client_is_known_where_its_address_was_resolved() {
    let peer = || ClientAddr::new().peer_from(|_| Some([192, 0, 2, 7].into()));
    let anywhere = || peer().validated_by(async |client| Ok::<_, Rejection>(Some(client)));
    let validator = leaves(&[]);
    ask(by(&validator)).await;
    ask(anywhere().and(by(&validator)).map(|(_, user)| user)).await;
    ask(by(&validator).throttled(Throttle::default().address_from(peer()))).await;
    let known = "trial false client Some(192.0.2.7)";
    assert_eq!(*validator.seen.lock().unwrap(), ["trial false client None", known, known]);
}
