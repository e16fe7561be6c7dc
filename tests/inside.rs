//! Rejections and responses from inside the layer.

mod support;

use std::convert::Infallible;

use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use support::{Answered, Body, request, secrets::*, send, whoami};
use tower::{Layer as _, ServiceBuilder, service_fn};
use tower_authn::{
    Answer, Asked, AuthenticateLayer, Authenticator, Challenges, Demand, Granted, Part, PassedOver,
    Rejection, RequireLayer, Scheme as _, Tokens, Visit,
    scheme::{ApiKey, Bearer},
};

/// A handler that returns a rejection.
fn handler(
    rejection: fn() -> Rejection,
) -> impl tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future: Send> + Clone {
    service_fn(move |_: Request<Body>| async move { Ok::<_, Infallible>(rejection().into_response()) })
}

/// A responder whose drawings can be told apart.
fn drawn_by(name: &'static str) -> impl Fn(&Answer<'_>) -> Response<Body> + Send + Sync + 'static {
    move |answer: &Answer<'_>| Response::new(Body::from(format!("{name}: {}", answer.kind().as_str())))
}

fn both_good() -> Vec<(&'static str, String)> {
    vec![("authorization", bearer()), ("x-api-key", KEY.to_owned())]
}

async fn through<S>(service: S, headers: &[(&str, String)]) -> Answered
where
    S: tower::Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
{
    let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    send(service, request(&headers)).await
}

// ===== who draws =====

#[tokio::test]
async fn a_handlers_rejection_is_filed_under_the_grant_and_drawn_like_any_other() {
    let layer = AuthenticateLayer::new(by_bearer().or(by_basic()));
    let inside = through(layer.layer(handler(|| Rejection::insufficient_scope("write"))), &both_good()).await;
    assert_eq!(inside.status, 403);
    assert_eq!(inside.challenges(), [r#"Bearer error="insufficient_scope", scope="write", realm="r""#]);
    let refusing =
        AuthenticateLayer::new(by_bearer().require(|_| Err(Rejection::insufficient_scope("write"))));
    let own = through(refusing.layer(service_fn(whoami)), &both_good()).await;
    assert_eq!((inside.status, inside.lines(), inside.body), (own.status, own.lines(), own.body));
    let rejection = inside.extensions.get::<Rejection>().unwrap();
    assert_eq!(rejection.findings()[0].scheme(), Some("Bearer"));
}

#[tokio::test]
async fn the_nearest_layer_that_owns_the_scheme_draws() {
    let inner = AuthenticateLayer::new(by_key()).respond_with(drawn_by("inner"));
    let outer = AuthenticateLayer::new(by_bearer()).respond_with(drawn_by("outer"));
    let stack = |rejection| {
        ServiceBuilder::new().layer(outer.clone()).layer(inner.clone()).service(handler(rejection))
    };
    let by_inner = through(stack(|| Rejection::insufficient().found_by("ApiKey")), &both_good()).await;
    assert_eq!(by_inner.body, "inner: insufficient");
    let by_grant = through(stack(Rejection::insufficient), &both_good()).await;
    assert_eq!(by_grant.body, "inner: insufficient", "the nearest grant");
    let by_outer =
        through(stack(|| Rejection::insufficient_scope("w").found_by("Bearer")), &both_good()).await;
    assert_eq!(by_outer.body, "outer: insufficient");
    assert_eq!(by_outer.challenges(), [r#"Bearer error="insufficient_scope", scope="w", realm="r""#]);
    let by_nobody = through(stack(|| Rejection::invalid().found_by("Unknown")), &both_good()).await;
    assert_eq!(by_nobody.body, "outer: invalid", "only the outermost can know that nobody owns it");
    assert_eq!(by_nobody.challenges(), [r#"Bearer realm="r""#]);
}

#[tokio::test]
async fn drawn_is_final() {
    let inner = AuthenticateLayer::new(by_key()).respond_with(drawn_by("inner"));
    let outer = AuthenticateLayer::new(by_bearer()).respond_with(drawn_by("outer"));
    let stack = ServiceBuilder::new().layer(outer).layer(inner).service(service_fn(whoami));
    let answer = through(stack, &[("authorization", bearer())]).await;
    assert_eq!((answer.body.as_str(), answer.challenges()), ("inner: missing", vec![r#"ApiKey realm="r""#]));
}

#[tokio::test]
async fn headers_from_in_between_stay_but_for_those_of_the_body() {
    let middle = tower::util::MapResponseLayer::new(|mut response: Response<Body>| {
        let headers = response.headers_mut();
        headers.insert("x-request-id", HeaderValue::from_static("42"));
        headers.append(header::VARY, HeaderValue::from_static("origin"));
        headers.append(header::VARY, HeaderValue::from_static("accept"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static("theme=dark"));
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("image/png"));
        headers.insert(header::ETAG, HeaderValue::from_static("\"1\""));
        response.extensions_mut().insert(7_u8);
        response
    });
    let inner = handler(|| {
        Rejection::invalid().with_header(header::SET_COOKIE, HeaderValue::from_static("sid=; Max-Age=0"))
    });
    let stack = ServiceBuilder::new().layer(AuthenticateLayer::new(by_bearer())).layer(middle).service(inner);
    let answer = through(stack, &both_good()).await;
    assert_eq!(answer.status, 401);
    assert_eq!((answer.one("x-request-id"), answer.all("vary")), (Some("42"), vec!["origin", "accept"]));
    assert_eq!(answer.all("set-cookie"), ["sid=; Max-Age=0", "theme=dark"]);
    assert_eq!(answer.one("content-type"), Some("application/problem+json"));
    assert_eq!((answer.one("content-encoding"), answer.one("etag")), (None, None));
    assert_eq!(answer.extensions.get::<u8>(), Some(&7));
}

#[tokio::test]
async fn a_content_security_policy_speaks_of_the_site_and_stays() {
    let policy = tower::util::MapResponseLayer::new(|mut response: Response<Body>| {
        let value = HeaderValue::from_static("frame-ancestors 'none'");
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, value);
        response
    });
    let stack = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(by_bearer()))
        .layer(policy)
        .service(handler(Rejection::insufficient));
    let answer = through(stack, &both_good()).await;
    assert_eq!(answer.status, 403);
    assert_eq!(answer.one("content-security-policy"), Some("frame-ancestors 'none'"));
}

#[tokio::test]
async fn the_longest_wait_is_no_overflow() {
    let layer = AuthenticateLayer::new(bearer_that(|| Rejection::throttled(std::time::Duration::MAX)));
    let answer = through(layer.layer(service_fn(whoami)), &both_good()).await;
    assert_eq!((answer.status.as_u16(), answer.one("retry-after")), (429, Some("18446744073709551615")));
}

#[tokio::test]
async fn every_kind_from_inside_gets_its_status() {
    let cases: [(fn() -> Rejection, u16); 7] = [
        (Rejection::missing, 401),
        (|| Rejection::step_up(Demand::Acr("mfa".into())), 401),
        (Rejection::forbidden, 403),
        (|| Rejection::insufficient().concealed(), 404),
        (|| Rejection::throttled(std::time::Duration::from_secs(1)), 429),
        (Rejection::unavailable, 503),
        (|| Rejection::misconfigured("a mistake"), 500),
    ];
    for (rejection, status) in cases {
        let answer =
            through(AuthenticateLayer::new(by_bearer()).layer(handler(rejection)), &both_good()).await;
        assert_eq!(answer.status.as_u16(), status);
        assert_eq!(answer.one("cache-control"), Some("no-store"));
    }
}

// ===== requirements =====

#[tokio::test]
async fn a_requirement_inside_is_drawn_by_the_layer() {
    let outer = || AuthenticateLayer::new(by_bearer());
    let told = RequireLayer::new(|user: &&'static str| *user == "bob");
    let stack = |inner| ServiceBuilder::new().layer(outer()).layer(inner).service(service_fn(whoami));
    let answer = through(stack(told.clone()), &both_good()).await;
    assert_eq!((answer.status.as_u16(), answer.challenges()), (403, vec![]));
    assert!(answer.body.contains("insufficient"));
    let hidden = through(stack(told.concealed()), &both_good()).await;
    assert_eq!((hidden.status.as_u16(), hidden.body.as_str()), (404, ""));
    let scope = RequireLayer::new(|_: &&'static str| Err(Rejection::insufficient_scope("write")));
    let answer =
        through(ServiceBuilder::new().layer(outer()).layer(scope).service(service_fn(whoami)), &both_good())
            .await;
    assert_eq!(answer.challenges(), [r#"Bearer error="insufficient_scope", scope="write", realm="r""#]);
    let met = RequireLayer::new(|user: &&'static str| *user == "alice");
    let answer =
        through(ServiceBuilder::new().layer(outer()).layer(met).service(service_fn(whoami)), &both_good())
            .await;
    assert_eq!(answer.body, "alice");
}

#[tokio::test]
async fn a_requirement_under_optional_asks_nobody_for_credentials() {
    let met = RequireLayer::new(|_: &&'static str| true);
    let stack = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(by_bearer().optional()))
        .layer(met)
        .service(service_fn(whoami));
    let nobody = through(stack.clone(), &[]).await;
    assert_eq!((nobody.status.as_u16(), nobody.challenges()), (401, vec![r#"Bearer realm="r""#]));
    assert_eq!(through(stack, &both_good()).await.body, "alice");
}

#[tokio::test]
async fn a_requirement_on_another_identity_is_500_and_never_a_pass() {
    let other = RequireLayer::new(|_: &u64| true);
    let stack = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(by_bearer()))
        .layer(other)
        .service(service_fn(whoami));
    let answer = through(stack, &both_good()).await;
    assert_eq!(answer.status, 500);
    assert!(!answer.body.contains("u64"), "the type is named in the log only");
    let cause = answer.extensions.get::<Rejection>().unwrap().to_string();
    assert!(cause.contains("`u64`"), "{cause}");
}

// ===== a 401 of the inner service's own =====

#[tokio::test]
async fn a_bare_401_is_completed_unless_it_is_to_be_left() {
    async fn bare(_: Request<Body>) -> Result<Response<Body>, Infallible> {
        let mut response = Response::new(Body::from("own text"));
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        Ok(response)
    }
    let layer = AuthenticateLayer::new(by_bearer().or(by_basic()));
    let completed = through(layer.clone().layer(service_fn(bare)), &both_good()).await;
    assert_eq!(completed.challenges(), [r#"Bearer realm="r""#, r#"Basic realm="r", charset="UTF-8""#]);
    assert_eq!(completed.body, "own text");
    let mut script = both_good();
    script.push(("sec-fetch-mode", "cors".to_owned()));
    let hidden = through(layer.clone().layer(service_fn(bare)), &script).await;
    assert_eq!(hidden.challenges(), [r#"Bearer realm="r""#], "no native prompt from there either");
    let left = through(layer.leave_bare_401().layer(service_fn(bare)), &both_good()).await;
    assert_eq!(left.challenges(), [""; 0]);
}

#[tokio::test]
async fn a_401_with_challenges_of_its_own_is_left_alone() {
    let own = service_fn(|_: Request<Body>| async {
        let response = Response::builder().status(401).header(header::WWW_AUTHENTICATE, "Negotiate");
        Ok::<_, Infallible>(response.body(Body::default()).unwrap())
    });
    let answer = through(AuthenticateLayer::new(by_bearer()).layer(own), &both_good()).await;
    assert_eq!(answer.lines(), ["www-authenticate: Negotiate"]);
}

// ===== grants =====

/// Grants with headers, as a session that is renewed does.
struct Renewing;

impl Authenticator for Renewing {
    type Credentials = ();
    type Identity = &'static str;

    fn extract(&self, _: &mut Parts, _: &Asked) -> Result<Option<()>, Rejection> {
        Ok(Some(()))
    }

    async fn validate(&self, (): (), visit: &mut Visit) -> Result<Granted<&'static str>, Rejection> {
        let cookie = HeaderValue::from_static("sid=renewed; Path=/; HttpOnly");
        visit.add_header(header::SET_COOKIE, cookie);
        visit.add_header(header::HeaderName::from_static("dpop-nonce"), HeaderValue::from_static("n1"));
        Ok(Granted::new("alice", "Session"))
    }

    fn each_part(&self, _: &mut dyn FnMut(&Part<'_>)) {}

    fn challenge(&self, _: &Rejection, challenges: &mut Challenges) {
        challenges.add("Session", None);
    }
}

#[tokio::test]
async fn the_inner_response_wins_name_by_name_and_cookie_by_cookie() {
    let quiet = through(AuthenticateLayer::new(Renewing).layer(service_fn(whoami)), &[]).await;
    assert_eq!(quiet.all("set-cookie"), ["sid=renewed; Path=/; HttpOnly"]);
    assert_eq!(quiet.one("dpop-nonce"), Some("n1"));
    let sign_out = service_fn(|_: Request<Body>| async {
        let response = Response::builder()
            .header(header::SET_COOKIE, "sid=; Max-Age=0")
            .header(header::SET_COOKIE, "theme=dark")
            .header("dpop-nonce", "n2");
        Ok::<_, Infallible>(response.body(Body::default()).unwrap())
    });
    let signed_out = through(AuthenticateLayer::new(Renewing).layer(sign_out), &[]).await;
    assert_eq!(signed_out.all("set-cookie"), ["sid=; Max-Age=0", "theme=dark"], "a sign-out is not undone");
    assert_eq!(signed_out.one("dpop-nonce"), Some("n2"));
}

#[tokio::test]
async fn row_30_private_is_added_only_where_nothing_else_protects() {
    let cacheable = service_fn(|_: Request<Body>| async {
        let response = Response::builder().header(header::CACHE_CONTROL, "max-age=60");
        Ok::<_, Infallible>(response.body(Body::default()).unwrap())
    });
    let by_key = || AuthenticateLayer::new(by_key());
    let key = [("x-api-key", KEY.to_owned())];
    assert_eq!(through(by_key().layer(service_fn(whoami)), &key).await.one("cache-control"), Some("private"));
    assert_eq!(
        through(by_key().layer(cacheable), &key).await.one("cache-control"),
        Some("max-age=60, private")
    );
    let token = [("authorization", bearer())];
    let by_token = AuthenticateLayer::new(by_bearer()).layer(service_fn(whoami));
    assert_eq!(through(by_token, &token).await.one("cache-control"), None, "RFC 9111 §3.5");
    let nobody = AuthenticateLayer::new(by_bearer().optional()).layer(service_fn(whoami));
    assert_eq!(through(nobody, &[]).await.one("cache-control"), Some("private"));
}

#[tokio::test]
async fn two_layers_that_grant_different_identities_are_both_there() {
    let keys = Tokens::new();
    keys.insert(KEY, 7_u32).unwrap();
    let stack = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(ApiKey::new("app").validated_by(keys)))
        .layer(AuthenticateLayer::new(Bearer::new("r").validated_by(tokens())))
        .service(service_fn(|request: Request<Body>| async move {
            let app = tower_authn::Authenticated::<u32>::of(request.extensions()).unwrap().unwrap();
            let user = tower_authn::Authenticated::<&'static str>::of(request.extensions()).unwrap().unwrap();
            Ok::<_, Infallible>(Response::new(Body::from(format!("{} {}", *app, *user))))
        }));
    assert_eq!(through(stack, &both_good()).await.body, "7 alice");
}

#[tokio::test]
async fn what_several_layers_passed_over_is_kept_together() {
    let keys = |name| ApiKey::new("r").header(header::HeaderName::from_static(name)).validated_by(tokens());
    let inner = AuthenticateLayer::new(keys("x-inner").or(by_bearer()));
    let outer = AuthenticateLayer::new(keys("x-outer").or(by_bearer()));
    let stack = ServiceBuilder::new().layer(outer).layer(inner).service(service_fn(whoami));
    let request =
        support::request(&[("authorization", &bearer()), ("x-inner", "stale"), ("x-outer", "stale")]);
    let answer = send(stack, request).await;
    assert_eq!(answer.body, "alice");
    assert_eq!(answer.extensions.get::<PassedOver>().unwrap().findings().len(), 2, "one of each layer");
}

#[tokio::test]
async fn an_outer_layer_without_a_challenge_leaves_none_of_what_an_inner_one_drafted() {
    let stack = |rejection| {
        ServiceBuilder::new()
            .layer(AuthenticateLayer::new(Renewing).respond_with(drawn_by("outer")))
            .layer(AuthenticateLayer::new(by_key()).respond_with(drawn_by("inner")))
            .service(handler(rejection))
    };
    // A draft, in case that nobody outside knows the scheme.
    let inner = AuthenticateLayer::new(by_key()).layer(handler(|| Rejection::invalid().found_by("Session")));
    let inner = through(inner, &both_good()).await;
    assert_eq!((inner.status.as_u16(), inner.challenges()), (401, vec![r#"ApiKey realm="r""#]));
    // The outer layer's own, which it has no challenge for: a 403, and no challenge of the inner layer's on it.
    let answer = through(stack(|| Rejection::invalid().found_by("Session")), &both_good()).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (403, "outer: invalid"));
    assert_eq!(answer.challenges(), [""; 0]);
    // Nobody's: the draft stands.
    let answer = through(stack(|| Rejection::invalid().found_by("Unknown")), &both_good()).await;
    assert_eq!((answer.status.as_u16(), answer.challenges()), (401, vec![r#"ApiKey realm="r""#]));
}

#[tokio::test]
async fn of_two_layers_that_grant_the_same_identity_the_nearest_wins() {
    let bob = || {
        let keys = Tokens::new();
        keys.insert(KEY, "bob").unwrap();
        ApiKey::new("r").validated_by(keys)
    };
    let token = [("authorization", bearer())];
    // Outside alice is demanded, inside a key is optional: without one it is nobody, and not alice.
    let inner_optional = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(by_bearer()))
        .layer(AuthenticateLayer::new(bob().optional()))
        .service(service_fn(whoami));
    assert_eq!(through(inner_optional.clone(), &token).await.body, "nobody");
    assert_eq!(through(inner_optional, &both_good()).await.body, "bob");
    // Outside a key is optional, inside alice is demanded.
    let inner_required = ServiceBuilder::new()
        .layer(AuthenticateLayer::new(bob().optional()))
        .layer(AuthenticateLayer::new(by_bearer()))
        .service(service_fn(whoami));
    assert_eq!(through(inner_required.clone(), &token).await.body, "alice");
    assert_eq!(through(inner_required, &both_good()).await.body, "alice");
}
