//! The rows of the contract with clients: what goes over the wire.

mod support;

use std::{sync::atomic::Ordering, time::Duration};

use http::{Method, StatusCode, Version};
use support::{Answered, ask, ask_layer, secrets::*, send};
use tower::{Layer as _, service_fn};
use tower_authn::{
    Asked, AuthenticateLayer, Authenticator, BearerToken, Challenge, Challenges, Demand, Finding, Granted,
    Part, Reason, Rejection, RequireLayer, Respond, Scheme as _, Tokens, Users, Visit, scheme,
    scheme::{ApiKey, Basic, Bearer},
};

const BASIC: &str = r#"Basic realm="r", charset="UTF-8""#;
const BEARER: &str = r#"Bearer realm="r""#;
const API_KEY: &str = r#"ApiKey realm="r""#;
const INVALID_REQUEST: &str = r#"Bearer error="invalid_request", realm="r""#;
const INVALID_TOKEN: &str = r#"Bearer error="invalid_token", realm="r", error_description="The access token is not valid for this resource""#;

/// Holds the whole head of an answer against what it must be.
#[track_caller]
fn is(answer: &Answered, status: u16, challenges: &[&str]) {
    assert_eq!(answer.status, StatusCode::from_u16(status).unwrap());
    assert_eq!(answer.challenges(), challenges);
    assert_eq!(answer.one("cache-control"), Some("no-store"));
    assert_eq!(answer.one("vary"), None);
    assert!(!answer.body.is_empty(), "a body that is not empty");
    let retries = matches!(status, 429 | 503);
    assert_eq!(answer.one("retry-after").is_some(), retries, "Retry-After goes with 429 and 503");
    let expected = 2 + challenges.len() + usize::from(retries);
    assert_eq!(answer.headers.len(), expected, "no other headers: {:#?}", answer.lines());
}

#[tokio::test]
async fn row_1_no_credentials_basic() {
    is(&ask(by_basic(), &[]).await, 401, &[BASIC]);
}

#[tokio::test]
async fn row_2_no_credentials_bearer() {
    is(&ask(by_bearer(), &[]).await, 401, &[BEARER]);
}

#[tokio::test]
async fn row_2_scope_and_resource_metadata_when_configured() {
    let bearer = Bearer::new("r").scope("read write").unwrap();
    let bearer =
        bearer.resource_metadata("https://api.example/.well-known/oauth-protected-resource").unwrap();
    let challenge = r#"Bearer scope="read write", resource_metadata="https://api.example/.well-known/oauth-protected-resource", realm="r""#;
    is(&ask(bearer.validated_by(tokens()), &[]).await, 401, &[challenge]);
}

#[tokio::test]
async fn row_3_no_credentials_several_schemes_the_most_important_first() {
    let all = by_key().or(by_basic()).or(by_bearer());
    is(&ask(all, &[]).await, 401, &[BEARER, &format!("{BASIC}, {API_KEY}")]);
    is(&ask(by_key().or(by_bearer()), &[]).await, 401, &[BEARER, API_KEY]);
}

#[tokio::test]
async fn row_3_a_challenge_that_says_error_comes_first() {
    let wrong = [("authorization", "Bearer wrong")];
    let invalid = INVALID_TOKEN;
    is(&ask(by_basic().or(by_bearer()), &wrong).await, 401, &[invalid, BASIC]);
    let custom =
        offering([("Signed", "error", "expired"), ("Bearer", "realm", "r"), ("Basic", "realm", "r")]);
    let lines = [r#"Signed error="expired""#, BEARER, r#"Basic realm="r""#];
    is(&ask(custom, &[]).await, 401, &lines);
}

#[tokio::test]
async fn row_3_only_an_unregistered_scheme_whose_realm_is_first_joins_basics_line() {
    let joined = offering([("Basic", "realm", "r"), ("Device", "realm", "d"), ("Session", "realm", "s")]);
    is(&ask(joined, &[]).await, 401, &[r#"Basic realm="r", Device realm="d", Session realm="s""#]);
    let apart = offering([("Basic", "realm", "r"), ("Digest", "realm", "d"), ("Device", "id", "d")]);
    is(&ask(apart, &[]).await, 401, &[r#"Digest realm="d""#, r#"Device id="d""#, r#"Basic realm="r""#]);
    let bare = Challenge::new("Device").build().unwrap();
    let bare = Offers(vec![Challenge::new("Basic").param("realm", "r").build().unwrap(), bare]);
    is(&ask(bare, &[]).await, 401, &["Device", r#"Basic realm="r""#]);
    let two = offering([("Basic", "realm", "one"), ("Basic", "realm", "two"), ("Device", "realm", "d")]);
    is(&ask(two, &[]).await, 401, &[r#"Basic realm="one""#, r#"Basic realm="two", Device realm="d""#]);
}

/// Refuses everybody, and offers these.
struct Offers(Vec<Challenge>);

fn offering<const N: usize>(challenges: [(&str, &str, &str); N]) -> Offers {
    let build = |(scheme, name, value)| Challenge::new(scheme).param(name, value).build().unwrap();
    Offers(challenges.map(build).into())
}

impl Authenticator for Offers {
    type Credentials = ();
    type Identity = &'static str;

    fn extract(&self, _: &mut http::request::Parts, _: &Asked) -> Result<Option<()>, Rejection> {
        Ok(None)
    }

    async fn validate(&self, (): (), _: &mut Visit) -> Result<Granted<&'static str>, Rejection> {
        Err(Rejection::missing())
    }

    fn each_part(&self, _: &mut dyn FnMut(&Part<'_>)) {}

    fn challenge(&self, _: &Rejection, challenges: &mut Challenges) {
        self.0.iter().for_each(|challenge| challenges.add("Offers", Some(challenge.clone())));
    }
}

#[tokio::test]
async fn row_4_wrong_password_and_unknown_user_get_the_same_bytes() {
    let wrong = ask(by_basic(), &[("authorization", &basic("alice", "wrong"))]).await;
    let unknown = ask(by_basic(), &[("authorization", &basic("mallory", PASSWORD))]).await;
    is(&wrong, 401, &[BASIC]);
    assert_eq!((wrong.lines(), &wrong.body), (unknown.lines(), &unknown.body));
}

#[tokio::test]
async fn row_5_basic_malformed_is_401() {
    let malformed: [&[u8]; 8] =
        [b"", b"no colon", b"a:b\r\nc", b"a:\0", b"\x07:b", b"a:b\x7f", b"alice:\xff\xfe", b"\xe4:open"];
    for bytes in malformed {
        is(&ask(by_basic(), &[("authorization", &basic_of(bytes))]).await, 401, &[BASIC]);
    }
    let no_base64 = [
        "Basic",
        "Basic ",
        "Basic !",
        "Basic YTpi=",
        "Basic YTpj\t",
        "Basic\tYTpi",
        "Basic YTp i",
        "Basic YTpiYQ",
        "Basic YTo-Pj4_",
    ];
    for value in no_base64 {
        is(&ask(by_basic(), &[("authorization", value)]).await, 401, &[BASIC]);
    }
}

#[tokio::test]
async fn row_6_bearer_that_is_no_token68_is_400() {
    let values = [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,b",
        "Bearer =",
        "Bearer a=b",
        "Bearer \ta",
        "Bearer\ta",
        "bearer %",
    ];
    for value in values {
        is(&ask(by_bearer(), &[("authorization", value)]).await, 400, &[INVALID_REQUEST]);
    }
}

#[tokio::test]
async fn row_7_a_scheme_that_is_not_offered_counts_as_none() {
    for value in ["Digest username=x", "BasicX YTpi", "Bearers abc", "Negotiate", "", "B", "abc.def"] {
        is(&ask(by_bearer().or(by_basic()), &[("authorization", value)]).await, 401, &[BEARER, BASIC]);
    }
}

#[tokio::test]
async fn row_8_two_authorization_lines_are_400() {
    let twice = [("authorization", bearer()), ("authorization", basic("alice", PASSWORD))];
    let twice: Vec<_> = twice.iter().map(|(name, value)| (*name, value.as_str())).collect();
    is(&ask(by_bearer().or(by_basic()), &twice).await, 400, &[INVALID_REQUEST, BASIC]);
    is(&ask(by_bearer(), &twice).await, 400, &[INVALID_REQUEST]);
    is(&ask(by_basic(), &twice).await, 400, &[BASIC]);
    let same = bearer();
    is(
        &ask(by_bearer(), &[("authorization", &same), ("authorization", &same)]).await,
        400,
        &[INVALID_REQUEST],
    );
}

#[tokio::test]
async fn row_8_a_repeated_api_key_is_400() {
    is(&ask(by_key(), &[("x-api-key", KEY), ("x-api-key", KEY)]).await, 400, &[API_KEY]);
}

#[tokio::test]
async fn row_9_a_token_that_is_not_accepted() {
    let answer = ask(by_bearer().or(by_basic()), &[("authorization", "Bearer nope")]).await;
    is(&answer, 401, &[INVALID_TOKEN, BASIC]);
}

#[tokio::test]
async fn row_9_only_expired_has_a_text_of_its_own() {
    let expired = bearer_that(|| Rejection::invalid().with_reason(Reason::Expired).because("exp 1 < now 2"));
    let challenge =
        r#"Bearer error="invalid_token", realm="r", error_description="The access token has expired""#;
    is(&ask(expired, &[("authorization", "Bearer x")]).await, 401, &[challenge]);
    for reason in [Reason::BadSignature, Reason::WrongAudience, Reason::Revoked, Reason::Other("x")] {
        let other = bearer_that(move || Rejection::invalid().with_reason(reason).because("a private cause"));
        is(&ask(other, &[("authorization", "Bearer x")]).await, 401, &[INVALID_TOKEN]);
    }
}

#[tokio::test]
async fn row_10_scope_missing_names_all_that_are_needed() {
    let api = Bearer::new("r").resource_metadata("https://api.example/meta").unwrap();
    let writers = api.validated_by(tokens()).require(|_| Err(Rejection::insufficient_scope("read write")));
    let challenge = r#"Bearer error="insufficient_scope", scope="read write", resource_metadata="https://api.example/meta", realm="r""#;
    is(&ask(writers.or(by_basic()), &[("authorization", &bearer())]).await, 403, &[challenge]);
}

#[tokio::test]
async fn row_11_denied_by_policy_is_403_without_a_challenge() {
    let denied = by_bearer().or(by_basic()).require(|_| false);
    is(&ask(denied, &[("authorization", &bearer())]).await, 403, &[]);
}

#[tokio::test]
async fn row_11_concealed_is_404_like_that_of_a_router() {
    let denied = by_bearer().require(|_| Err(Rejection::insufficient().concealed()));
    let answer = ask(denied, &[("authorization", &bearer())]).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (404, ""));
    assert_eq!(answer.lines(), ["cache-control: no-store"]);
}

#[tokio::test]
async fn row_12_login_too_weak_or_too_old() {
    let weak = bearer_that(|| Rejection::step_up(Demand::Acr("urn:mfa urn:phr".into())));
    let challenge =
        r#"Bearer error="insufficient_user_authentication", acr_values="urn:mfa urn:phr", realm="r""#;
    is(&ask(weak, &[("authorization", "Bearer x")]).await, 401, &[challenge]);
    let old = bearer_that(|| Rejection::step_up(Demand::MaxAge(Duration::from_secs(300))));
    let challenge = r#"Bearer error="insufficient_user_authentication", max_age="300", realm="r""#;
    is(&ask(old, &[("authorization", "Bearer x")]).await, 401, &[challenge]);
}

#[tokio::test]
async fn row_19_an_api_key_missing_unknown_or_revoked() {
    is(&ask(by_key(), &[]).await, 401, &[API_KEY]);
    let keys = Tokens::new();
    keys.insert(KEY, "alice").unwrap();
    let api = || ApiKey::new("r").validated_by(keys.clone());
    assert_eq!(ask(api(), &[("x-api-key", KEY)]).await.body, "alice");
    keys.revoke(KEY);
    let revoked = ask(api(), &[("x-api-key", KEY)]).await;
    is(&revoked, 401, &[API_KEY]);
    for key in ["", "unknown", "two words", "tab\tin", "cl\u{e9}", "\u{80}"] {
        let other = ask(api(), &[("x-api-key", key)]).await;
        assert_eq!((other.lines(), other.body), (revoked.lines(), revoked.body.clone()), "{key:?}");
    }
}

#[tokio::test]
async fn row_19_a_key_in_authorization_follows_the_schemes_name() {
    let keys = Tokens::new();
    keys.insert(KEY, "alice").unwrap();
    let api = || ApiKey::new("r").header(http::header::AUTHORIZATION).validated_by(keys.clone());
    assert_eq!(ask(api(), &[("authorization", &format!("apikey  {KEY}"))]).await.body, "alice");
    is(&ask(api(), &[("authorization", KEY)]).await, 401, &[API_KEY]);
    is(&ask(api(), &[("x-api-key", KEY)]).await, 401, &[API_KEY]);
}

#[tokio::test]
async fn row_21_address_or_credentials_is_the_401_of_the_credentials() {
    let either = nowhere().or(by_bearer()).or(by_basic());
    is(&ask(either, &[]).await, 401, &[BEARER, BASIC]);
}

#[tokio::test]
async fn row_22_address_and_credentials_is_the_first_failure_and_costs_no_look_up() {
    let (counted, looked_up) = counted_bearer();
    let both = nowhere().and(counted).map(|(_, user)| user);
    is(&ask(both, &[("authorization", &bearer())]).await, 403, &[]);
    assert_eq!(looked_up.load(Ordering::SeqCst), 0);
}

/// Stands for an address list that this client is not on: refuses whoever asks, and has no challenge.
fn nowhere() -> impl Authenticator<Identity = &'static str> {
    #[derive(Debug)]
    struct Address;
    impl tower_authn::Scheme for Address {
        type Credentials = ();
        fn name(&self) -> &'static str {
            "Address"
        }
        fn extract(&self, _: &mut http::request::Parts, _: &Asked) -> Result<Option<()>, Rejection> {
            Ok(Some(()))
        }
        fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
            None
        }
    }
    Address.validated_by(|()| async {
        Err::<Option<&'static str>, _>(Rejection::forbidden().with_reason(Reason::AddressNotAllowed))
    })
}

#[tokio::test]
async fn row_23_a_store_that_is_down_is_503_never_401() {
    let down = bearer_that(|| std::io::Error::other("connection refused").into());
    let answer = ask(down, &[("authorization", "Bearer x")]).await;
    is(&answer, 503, &[]);
    assert_eq!(answer.one("retry-after"), Some("5"));
}

#[tokio::test]
async fn row_24_too_many_failures_is_429() {
    let throttled = bearer_that(|| Rejection::throttled(Duration::from_millis(1500)));
    let answer = ask(throttled, &[("authorization", "Bearer x")]).await;
    is(&answer, 429, &[]);
    assert_eq!(answer.one("retry-after"), Some("2"), "rounded up");
    let at_once = bearer_that(|| Rejection::throttled(Duration::ZERO));
    assert_eq!(ask(at_once, &[("authorization", "Bearer x")]).await.one("retry-after"), Some("1"));
}

#[tokio::test]
async fn row_25_longer_than_the_cap_is_401_and_not_looked_at() {
    let never = || |_: BearerToken| async { panic!("it must not be validated") };
    let never = || {
        Bearer::new("r").validated_by(move |token| async move {
            let refused: Result<Option<&'static str>, Rejection> = never()(token).await;
            refused
        })
    };
    is(
        &ask(never(), &[("authorization", &format!("Bearer {}", "a".repeat(8193)))]).await,
        401,
        &[INVALID_TOKEN],
    );
    // Not a token68 either, but that is no longer looked at.
    is(
        &ask(never(), &[("authorization", &format!("Bearer {}", "%".repeat(70_000)))]).await,
        401,
        &[INVALID_TOKEN],
    );
    let long = basic("alice", &"p".repeat(4096));
    is(&ask(by_basic(), &[("authorization", &long)]).await, 401, &[BASIC]);
    is(&ask(by_key(), &[("x-api-key", &"k".repeat(1025))]).await, 401, &[API_KEY]);
    let short = Bearer::new("r").max_len(4).validated_by(tokens());
    is(&ask(short, &[("authorization", "Bearer abcde")]).await, 401, &[INVALID_TOKEN]);
}

#[tokio::test]
async fn row_26_a_script_is_not_shown_basic() {
    for script in [
        ("sec-fetch-mode", "cors"),
        ("sec-fetch-mode", "same-origin"),
        ("x-requested-with", "XMLHttpRequest"),
    ] {
        is(&ask(by_basic().or(by_bearer()), &[script]).await, 401, &[BEARER]);
        is(&ask(by_basic(), &[script]).await, 401, &[&format!("x{BASIC}")]);
    }
    let page = ask(by_basic(), &[("sec-fetch-mode", "navigate"), ("accept", "text/html")]).await;
    assert_eq!(page.challenges(), [BASIC]);
    let shown = AuthenticateLayer::new(by_basic()).show_basic_to_scripts();
    is(&ask_layer(shown, &[("sec-fetch-mode", "cors")]).await, 401, &[BASIC]);
}

#[tokio::test]
async fn row_28_grpc_is_trailers_only() {
    let answer = ask_grpc(AuthenticateLayer::new(by_bearer()).for_grpc(), GRPC, &[]).await;
    assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, ""));
    assert_eq!(
        answer.lines(),
        [
            "cache-control: no-store",
            "content-type: application/grpc",
            "grpc-message: unauthenticated",
            "grpc-status: 16",
            r#"www-authenticate: Bearer realm="r""#,
        ]
    );
    let cases = [
        (Rejection::malformed(), "3"),
        (Rejection::insufficient(), "7"),
        (Rejection::forbidden(), "7"),
        (Rejection::throttled(Duration::from_secs(1)), "8"),
        (Rejection::unavailable(), "14"),
        (Rejection::misconfigured("a mistake"), "13"),
    ];
    for (rejection, code) in cases {
        let wait = rejection.retry_after();
        let layer = AuthenticateLayer::new(bearer_that(move || rejection.clone())).for_grpc();
        let answer = ask_grpc(layer, GRPC, &[("authorization", "Bearer x")]).await;
        assert_eq!((answer.status.as_u16(), answer.one("grpc-status")), (200, Some(code)));
        let pushback = answer.one("grpc-retry-pushback-ms").map(|text| text.parse::<u128>().unwrap());
        assert_eq!(pushback, wait.map(|wait| wait.as_millis()), "beside Retry-After");
        assert_eq!(answer.one("retry-after").is_some(), wait.is_some());
    }
}

const GRPC: (Method, Version, &str) = (Method::POST, Version::HTTP_2, "application/grpc+proto");

async fn ask_grpc<A, R>(
    layer: AuthenticateLayer<A, R>,
    (method, version, content_type): (Method, Version, &str),
    headers: &[(&str, &str)],
) -> Answered
where
    A: Authenticator<Identity = &'static str>,
    R: Respond<support::Body>,
{
    let mut request = support::request(&[&[("content-type", content_type)], headers].concat());
    (*request.method_mut(), *request.version_mut()) = (method, version);
    send(layer.layer(service_fn(support::whoami)), request).await
}

#[tokio::test]
async fn row_28_only_where_the_app_asked_for_it_and_only_for_what_a_grpc_client_sends() {
    let layer = || AuthenticateLayer::new(by_bearer());
    is(&ask_grpc(layer(), GRPC, &[]).await, 401, &[BEARER]);
    is(
        &ask_grpc(layer(), (Method::POST, Version::HTTP_11, "application/grpc-web"), &[]).await,
        401,
        &[BEARER],
    );
    let (post, http_2) = (Method::POST, Version::HTTP_2);
    for (method, version, content_type) in [
        (Method::GET, http_2, "application/grpc"),
        (Method::PUT, http_2, "application/grpc"),
        (post.clone(), Version::HTTP_11, "application/grpc"),
        (post.clone(), Version::HTTP_10, "application/grpc"),
        (post.clone(), http_2, "application/grpcx"),
        (post.clone(), http_2, "application/grpc "),
        (post.clone(), http_2, "application/grpc-web"),
        (post.clone(), http_2, "application/grpc-webx"),
        (post.clone(), http_2, "application/grp"),
        (post.clone(), http_2, "xapplication/grpc"),
        (post.clone(), http_2, "application/json, application/grpc"),
    ] {
        let answer = ask_grpc(layer().for_grpc(), (method, version, content_type), &[]).await;
        assert_eq!(answer.status.as_u16(), 401, "{version:?} {content_type}");
    }
    for (version, content_type) in [
        (http_2, "application/grpc"),
        (http_2, "application/grpc-webx"),
        (http_2, "application/grpc-web-textx"),
        (http_2, "application/grpc-web-"),
    ] {
        let answer = ask_grpc(layer().for_grpc_web(), (post.clone(), version, content_type), &[]).await;
        assert_eq!(answer.status.as_u16(), 401, "{content_type}");
    }
    let get = (Method::GET, Version::HTTP_11, "application/grpc-web");
    assert_eq!(ask_grpc(layer().for_grpc_web(), get, &[]).await.status.as_u16(), 401);
}

#[tokio::test]
async fn row_28_grpc_web_gets_its_own_content_type() {
    let layer = || AuthenticateLayer::new(by_bearer()).for_grpc().for_grpc_web();
    for (version, sent, answered) in [
        (Version::HTTP_2, "application/grpc", "application/grpc"),
        (Version::HTTP_2, "APPLICATION/GRPC+proto", "application/grpc"),
        (Version::HTTP_2, "application/grpc;x=y", "application/grpc"),
        (Version::HTTP_11, "application/grpc-web+proto", "application/grpc-web"),
        (Version::HTTP_11, "application/grpc-web", "application/grpc-web"),
        (Version::HTTP_11, "application/grpc-web-text", "application/grpc-web-text"),
        (Version::HTTP_2, "application/grpc-web-text;x=y", "application/grpc-web-text"),
    ] {
        let answer = ask_grpc(layer(), (Method::POST, version, sent), &[]).await;
        assert_eq!((answer.status.as_u16(), answer.one("content-type")), (200, Some(answered)));
    }
}

#[tokio::test]
async fn row_30_accepted_without_authorization_is_private() {
    let accepted = ask(by_key(), &[("x-api-key", KEY)]).await;
    assert_eq!(accepted.lines(), ["cache-control: private"]);
    assert_eq!(ask(by_bearer(), &[("authorization", &bearer())]).await.lines(), [""; 0]);
    let beside = ask(by_key(), &[("x-api-key", KEY), ("authorization", "Digest x")]).await;
    assert_eq!(beside.lines(), ["cache-control: private"], "the key let it in");
}

#[tokio::test]
async fn row_30_what_optional_lets_pass_as_nobody_is_private_too() {
    let service = AuthenticateLayer::new(by_bearer().optional()).layer(service_fn(support::whoami));
    let nobody = send(service, support::request(&[])).await;
    assert_eq!((nobody.body.as_str(), nobody.lines()), ("nobody", vec!["cache-control: private".to_owned()]));
}

#[tokio::test]
async fn row_30_max_age_alone_does_not_keep_shared_caches_off() {
    for (says, sent) in [
        ("max-age=60", "max-age=60, private"),
        ("public, max-age=60", "public, max-age=60"),
        ("no-store", "no-store"),
        ("private=\"x\"", "private=\"x\", private"),
    ] {
        let handler = service_fn(move |_: http::Request<support::Body>| async move {
            let response = http::Response::builder().header("cache-control", says);
            Ok::<_, std::convert::Infallible>(response.body(support::Body::default()).unwrap())
        });
        let service = AuthenticateLayer::new(by_key()).layer(handler);
        let answer = send(service, support::request(&[("x-api-key", KEY)])).await;
        assert_eq!(answer.all("cache-control"), [sent]);
    }
}

#[tokio::test]
async fn row_31_the_layer_is_missing() {
    let alone = RequireLayer::new(|_: &&'static str| true).layer(service_fn(support::whoami));
    let answer = send(alone, support::request(&[])).await;
    assert_eq!(
        (answer.status.as_u16(), answer.lines(), answer.body.as_str()),
        (500, vec!["cache-control: no-store".to_owned()], "")
    );
}

// ===== the grammar =====

#[tokio::test]
async fn rule_1_scheme_names_in_any_case_and_one_or_more_spaces() {
    for scheme in ["Bearer ", "bearer ", "BEARER    ", "bEaReR  "] {
        assert_eq!(ask(by_bearer(), &[("authorization", &format!("{scheme}{TOKEN}"))]).await.body, "alice");
    }
    let lower = basic("alice", PASSWORD).replace("Basic ", "bAsIc   ");
    assert_eq!(ask(by_basic(), &[("authorization", &lower)]).await.body, "alice");
}

#[tokio::test]
async fn rule_2_a_realm_is_quoted_and_escaped() {
    let bearer = Bearer::new(r#"a "b" \ c"#).validated_by(tokens());
    is(&ask(bearer, &[]).await, 401, &[r#"Bearer realm="a \"b\" \\ c""#]);
}

#[tokio::test]
async fn rule_3_run_time_text_is_filtered_never_escaped() {
    let scope = bearer_that(|| Rejection::insufficient_scope("re\"ad\r\n wri\\te \u{e9}"));
    let challenge = r#"Bearer error="insufficient_scope", scope="read write ", realm="r""#;
    is(&ask(scope, &[("authorization", "Bearer x")]).await, 403, &[challenge]);
    assert!(Bearer::new("r").scope("a\"b").is_err());
    assert!(Bearer::new("r").resource_metadata("https://a b").is_err());
    let described = Challenge::new("Bearer").filtered("error_description", "a=b").build().unwrap();
    assert_eq!(described.as_str(), r#"Bearer error_description="ab""#);
}

#[tokio::test]
async fn rule_5_the_first_colon_splits_and_either_half_may_be_empty() {
    assert_eq!(ask(by_basic(), &[("authorization", &basic("alice", PASSWORD))]).await.body, "alice");
    let users = || Users::new().with("", "p:", "nobody").with("u", "", "empty");
    let site = || Basic::new("r").validated_by(users());
    assert_eq!(ask(site(), &[("authorization", &basic("", "p:"))]).await.body, "nobody");
    assert_eq!(ask(site(), &[("authorization", &basic("u", ""))]).await.body, "empty");
}

#[tokio::test]
async fn rule_5_utf8_and_latin1_only_when_configured() {
    let latin1 = basic_of(b"zo\xeb:p\xe4ss");
    assert_eq!(ask(by_basic(), &[("authorization", &basic("zo\u{eb}", "p\u{e4}ss"))]).await.body, "zo\u{eb}");
    is(&ask(by_basic(), &[("authorization", &latin1)]).await, 401, &[BASIC]);
    let old = Basic::new("r").or_latin1().validated_by(users());
    assert_eq!(ask(old, &[("authorization", &latin1)]).await.body, "zo\u{eb}");
}

#[tokio::test]
async fn rule_6_tokens_in_query_and_form_are_ignored() {
    let service = AuthenticateLayer::new(by_bearer()).layer(service_fn(support::whoami));
    let mut asked = support::request(&[("content-type", "application/x-www-form-urlencoded")]);
    *asked.uri_mut() = format!("/?access_token={TOKEN}").parse().unwrap();
    *asked.body_mut() = format!("access_token={TOKEN}").into();
    is(&send(service, asked).await, 401, &[BEARER]);
}

#[tokio::test]
async fn rule_7_resource_metadata_is_never_derived_from_host() {
    let answer = ask(by_bearer(), &[("host", "evil.example"), ("x-forwarded-host", "evil.example")]).await;
    is(&answer, 401, &[BEARER]);
}

#[test]
fn rule_8_a_cookie_that_occurs_twice_is_none() {
    let cookie = |lines: &[&str], name: &str| {
        let headers: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
        let (mut head, _) = support::request(&headers).into_parts();
        scheme::cookie(&mut head, name).map(str::to_owned)
    };
    assert_eq!(cookie(&["a=1; sid=x"], "sid").as_deref(), Some("x"));
    assert_eq!(cookie(&["a=1", "sid=x"], "sid").as_deref(), Some("x"));
    assert_eq!(cookie(&["sid=x; sid=y"], "sid"), None);
    assert_eq!(cookie(&["sid=x", "sid=x"], "sid"), None);
    assert_eq!(cookie(&["SID=x; sidx=y; xsid=z; sid"], "sid"), None);
    assert_eq!(cookie(&["sid=a=b"], "sid").as_deref(), Some("a=b"));
}
