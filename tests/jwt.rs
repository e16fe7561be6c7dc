//! The rules of JSON Web Tokens, through the validator and, where the client sees a difference, through the layer.
#![cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]

mod support;

use serde::Deserialize;
use serde_json::{Value, json};
use support::mint::{AUDIENCE, ISSUER, SECRET, claims, claims_with, hs256, hs256_of, in_minutes, part};
use support::{Answered, ask};
use tower_authn::validator::jwt::{
    Algorithm, Jwt, JwtBuilder, JwtError, Key, KeySet, Mistake, Profile, StandardClaims, Verified,
};
use tower_authn::{
    Authenticator, BearerToken, Reason, RejectionKind, Scheme as _, Validator as _, Visit, scheme::Bearer,
};

const HEADER: &str = r#"{"alg":"HS256","typ":"at+jwt"}"#;
/// The Ed25519 key of RFC 8037 §A.2.
const ED25519: &str = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

fn builder() -> JwtBuilder<StandardClaims> {
    Jwt::issuer(ISSUER).audience(AUDIENCE)
}

fn jwt() -> Jwt {
    builder().secret(Algorithm::HS256, SECRET).build().unwrap()
}

async fn verdict<C>(jwt: &Jwt<C>, token: &str) -> Result<Verified<C>, Reason>
where
    C: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    match jwt.validate(BearerToken::new(token), &mut Visit::outside()).await {
        Ok(verified) => Ok(verified.unwrap()),
        Err(rejection) => {
            assert_eq!(rejection.kind(), RejectionKind::Invalid, "{rejection}");
            Err(rejection.reason())
        }
    }
}

async fn accepts(token: &str) {
    assert!(verdict(&jwt(), token).await.is_ok(), "{token}: {:?}", verdict(&jwt(), token).await);
}

async fn refuses(token: &str, reason: Reason) {
    assert_eq!(verdict(&jwt(), token).await.err(), Some(reason), "{token}");
}

/// Asks through the layer.
async fn answer(token: &str) -> Answered {
    let api = Bearer::new("r").validated_by(jwt()).map(|_| "alice");
    ask(api, &[("authorization", &format!("Bearer {token}"))]).await
}

// ===== what the client sees =====

const INVALID: &str = r#"Bearer error="invalid_token", realm="r", error_description="The access token is not valid for this resource""#;

#[tokio::test]
async fn row_9_every_refused_token_is_answered_alike() {
    let good = hs256(&claims());
    assert_eq!(answer(&good).await.body, "alice");
    for token in [
        "not-a-jwt",
        &good[..good.len() - 4],
        &hs256(&claims_with("aud", json!("stock"))),
        &hs256(&claims_with("iss", json!("https://evil.example"))),
        &hs256(&claims_with("nbf", json!(in_minutes(5)))),
        &hs256_of(SECRET, r#"{"alg":"HS256","typ":"JWT"}"#, &claims().to_string()),
        &hs256_of(&[7; 32], HEADER, &claims().to_string()),
        &hs256_of(SECRET, r#"{"alg":"none"}"#, &claims().to_string()),
    ] {
        let answered = answer(token).await;
        assert_eq!((answered.status.as_u16(), answered.challenges()), (401, vec![INVALID]), "{token}");
        assert!(!answered.body.contains("stock") && !answered.body.contains("evil"), "{}", answered.body);
    }
}

#[tokio::test]
async fn row_9_only_expired_has_a_text_of_its_own() {
    let answered = answer(&hs256(&claims_with("exp", json!(1_700_000_000)))).await;
    let expected =
        r#"Bearer error="invalid_token", realm="r", error_description="The access token has expired""#;
    assert_eq!((answered.status.as_u16(), answered.challenges()), (401, vec![expected]));
}

#[tokio::test]
async fn row_10_a_missing_scope_is_named() {
    let api = || {
        Bearer::new("r")
            .validated_by(jwt())
            .require(|token: &Verified<StandardClaims>| token.scope.demand("orders:read orders:write"))
            .map(|_| "alice")
    };
    let header = |claims: &Value| format!("Bearer {}", hs256(claims));
    let answered = ask(api(), &[("authorization", &header(&claims()))]).await;
    let expected = r#"Bearer error="insufficient_scope", scope="orders:read orders:write", realm="r""#;
    assert_eq!((answered.status.as_u16(), answered.challenges()), (403, vec![expected]));
    let both = claims_with("scope", json!("orders:write profile orders:read"));
    assert_eq!(ask(api(), &[("authorization", &header(&both))]).await.status, 200);
}

#[tokio::test]
async fn row_16_a_bound_token_presented_plainly_is_refused() {
    for cnf in [json!({ "jkt": "x" }), json!({ "x5t#S256": "x" }), json!({ "something": "new" })] {
        let answered = answer(&hs256(&claims_with("cnf", cnf))).await;
        assert_eq!((answered.status.as_u16(), answered.challenges()), (401, vec![INVALID]));
    }
    refuses(&hs256(&claims_with("cnf", json!({}))), Reason::Bound).await;
}

// ===== the rules =====

#[tokio::test]
async fn rule_9_size_alphabet_padding_and_dots() {
    let good = hs256(&claims());
    accepts(&good).await;
    let last = good.len() - 1;
    for token in [
        String::new(),
        ".".into(),
        "..".into(),
        format!("{good}="),
        format!("{good}."),
        format!("{good}.x"),
        format!("{good}.x.y"),
        format!(".{good}"),
        format!(" {good}"),
        format!("{good}\n"),
        good.replacen('.', "..", 1),
        good.replacen('.', "=.", 1),
        good.replacen("ey", "ey+", 1),
        // The last of 43 characters holds two bits that stand for nothing.
        format!("{}{}", &good[..last], char::from(good.as_bytes()[last] + 1)),
    ] {
        refuses(&token, Reason::Malformed).await;
    }
    refuses(&"a".repeat(16 * 1024 + 1), Reason::TooLong).await;
    let small = builder().secret(Algorithm::HS256, SECRET).max_len(good.len() - 1).build().unwrap();
    assert_eq!(verdict(&small, &good).await.err(), Some(Reason::TooLong));
}

#[tokio::test]
async fn rule_10_algorithms_are_allowed_by_name() {
    for name in ["none", "None", "hs256", "HS512", "RS256", "ES256", ""] {
        let token = hs256_of(SECRET, &format!(r#"{{"alg":"{name}","typ":"at+jwt"}}"#), &claims().to_string());
        refuses(&token, Reason::AlgorithmRefused).await;
    }
    // The oldest trick: no signature.
    let header = part(r#"{"alg":"none","typ":"at+jwt"}"#);
    refuses(&format!("{header}.{}.", part(claims().to_string())), Reason::AlgorithmRefused).await;
    refuses(&format!("{}.{}.", part(HEADER), part(claims().to_string())), Reason::BadSignature).await;
}

#[tokio::test]
async fn rule_10_a_public_key_is_no_secret() {
    let jwt: Jwt = builder().jwk_set(&format!(r#"{{"keys":[{ED25519}]}}"#)).build().unwrap();
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    for secret in [x.as_bytes(), ED25519.as_bytes()] {
        let token = hs256_of(secret, HEADER, &claims().to_string());
        assert_eq!(verdict(&jwt, &token).await.err(), Some(Reason::AlgorithmRefused));
        let token = hs256_of(secret, r#"{"alg":"EdDSA","typ":"at+jwt"}"#, &claims().to_string());
        assert_eq!(verdict(&jwt, &token).await.err(), Some(Reason::BadSignature));
    }
}

#[tokio::test]
async fn rule_11_a_member_twice_is_refused() {
    let twice = claims().to_string().replacen('{', r#"{"sub":"mallory","#, 1);
    refuses(&hs256_of(SECRET, HEADER, &twice), Reason::DuplicateMember).await;
    let hidden = claims().to_string().replacen('{', r#"{"\u0073ub":"mallory","#, 1);
    refuses(&hs256_of(SECRET, HEADER, &hidden), Reason::DuplicateMember).await;
    let header = r#"{"alg":"HS256","typ":"JWT","typ":"at+jwt"}"#;
    refuses(&hs256_of(SECRET, header, &claims().to_string()), Reason::DuplicateMember).await;
}

#[tokio::test]
async fn rule_11_header_and_claims_are_json_objects() {
    for json in ["", "[]", "null", "7", "{", "{} {}", "\u{feff}{}"] {
        refuses(&hs256_of(SECRET, json, &claims().to_string()), Reason::Malformed).await;
        refuses(&hs256_of(SECRET, HEADER, json), Reason::BadClaims).await;
        // Nobody but the issuer can cause that.
        refuses(&hs256_of(&[7; 32], HEADER, json), Reason::BadSignature).await;
    }
}

#[tokio::test]
async fn rule_12_crit_and_b64_are_refused() {
    for members in [r#""crit":["exp"]"#, r#""crit":[]"#, r#""crit":["b64"],"b64":true"#, r#""b64":false"#] {
        let header = format!(r#"{{"alg":"HS256","typ":"at+jwt",{members}}}"#);
        refuses(&hs256_of(SECRET, &header, &claims().to_string()), Reason::CriticalHeader).await;
    }
}

#[tokio::test]
async fn rule_13_a_token_does_not_bring_its_own_key() {
    for members in [
        r#""jwk":{"kty":"oct","k":"BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc"}"#,
        r#""jku":"https://evil.example/keys""#,
        r#""x5u":"https://evil.example/cert""#,
        r#""x5c":["MIIB"]"#,
    ] {
        let header = format!(r#"{{"alg":"HS256","typ":"at+jwt",{members}}}"#);
        refuses(&hs256_of(&[7; 32], &header, &claims().to_string()), Reason::BadSignature).await;
        // They are ignored, not a reason to refuse.
        accepts(&hs256_of(SECRET, &header, &claims().to_string())).await;
    }
}

#[tokio::test]
async fn rule_13_a_kid_is_a_name_and_nothing_else() {
    let keys = KeySet::new([
        Key::secret(Algorithm::HS256, SECRET).unwrap().with_id("one"),
        Key::secret(Algorithm::HS256, &[7; 32]).unwrap().with_id("two"),
    ]);
    let jwt = builder().key_set(keys).build().unwrap();
    let token = |kid: &str| {
        let header = json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid });
        hs256_of(SECRET, &header.to_string(), &claims().to_string())
    };
    assert!(verdict(&jwt, &token("one")).await.is_ok());
    assert_eq!(verdict(&jwt, &token("two")).await.err(), Some(Reason::BadSignature));
    for kid in
        ["", "One", "one\u{0}", "../one", "one' OR 1=1", "https://evil.example/keys", &"k".repeat(5_000)]
    {
        assert_eq!(verdict(&jwt, &token(kid)).await.err(), Some(Reason::UnknownKey), "{kid}");
    }
    // No kid: which of the two?
    assert_eq!(verdict(&jwt, &hs256(&claims())).await.err(), Some(Reason::AmbiguousKey));
}

#[tokio::test]
async fn rule_16_the_issuer_selects_keys_audience_and_algorithms() {
    let jwt: Jwt = builder()
        .secret(Algorithm::HS256, SECRET)
        .issuer("https://other.example")
        .audience("stock")
        .secret(Algorithm::HS256, &[7; 32])
        .issuer("https://third.example")
        .audience("orders")
        .jwk_set(&format!(r#"{{"keys":[{ED25519}]}}"#))
        .build()
        .unwrap();
    let token = |secret: &[u8], issuer: Value, audience: &str| {
        let mut claims = claims_with("iss", issuer);
        claims["aud"] = json!(audience);
        hs256_of(secret, HEADER, &claims.to_string())
    };
    let other = || json!("https://other.example");
    let verified = verdict(&jwt, &token(&[7; 32], other(), "stock")).await.unwrap();
    assert_eq!(verified.issuer(), "https://other.example");
    assert!(verdict(&jwt, &token(SECRET, json!(ISSUER), "orders")).await.is_ok());
    for (token, reason) in [
        (token(SECRET, other(), "stock"), Reason::BadSignature),
        (token(&[7; 32], other(), "orders"), Reason::WrongAudience),
        (token(SECRET, json!("https://third.example"), "orders"), Reason::AlgorithmRefused),
        (token(SECRET, json!("https://fourth.example"), "orders"), Reason::WrongIssuer),
        (token(SECRET, json!([ISSUER]), "orders"), Reason::WrongIssuer),
        (token(SECRET, Value::Null, "orders"), Reason::MissingClaim),
    ] {
        assert_eq!(verdict(&jwt, &token).await.err(), Some(reason), "{token}");
    }
}

#[tokio::test]
async fn rule_16_what_is_demanded_of_the_claims() {
    for (claim, value, reason) in [
        ("iss", Value::Null, Reason::MissingClaim),
        ("iss", json!([ISSUER]), Reason::WrongIssuer),
        ("aud", Value::Null, Reason::MissingClaim),
        ("aud", json!(["a", "b"]), Reason::WrongAudience),
        ("exp", Value::Null, Reason::MissingClaim),
        ("exp", json!("2030-01-01"), Reason::BadClaims),
        ("exp", json!(-1), Reason::BadClaims),
        ("exp", json!(1e300), Reason::BadClaims),
        ("nbf", json!(in_minutes(2)), Reason::NotYetValid),
        ("iat", json!(in_minutes(2)), Reason::NotYetValid),
    ] {
        refuses(&hs256(&claims_with(claim, value)), reason).await;
    }
    accepts(&hs256(&claims_with("aud", json!(["stock", AUDIENCE])))).await;
}

#[tokio::test]
async fn rule_17_only_access_tokens_pass() {
    let of_type = |kind: &str| {
        let header = format!(r#"{{"alg":"HS256"{kind}}}"#);
        hs256_of(SECRET, &header, &claims().to_string())
    };
    let lenient = builder().profile(Profile::AnyJwt).secret(Algorithm::HS256, SECRET).build().unwrap();
    for kind in [r#","typ":"at+jwt""#, r#","typ":"application/AT+JWT""#] {
        accepts(&of_type(kind)).await;
        assert!(verdict(&lenient, &of_type(kind)).await.is_ok(), "{kind}");
    }
    for kind in ["", r#","typ":"JWT""#] {
        refuses(&of_type(kind), Reason::WrongType).await;
        assert!(verdict(&lenient, &of_type(kind)).await.is_ok(), "{kind}");
    }
    for kind in ["dpop+jwt", "logout+jwt", "secevent+jwt", "oauth-authz-req+jwt"] {
        let token = of_type(&format!(r#","typ":"{kind}""#));
        refuses(&token, Reason::WrongType).await;
        assert_eq!(verdict(&lenient, &token).await.err(), Some(Reason::WrongType), "{kind}");
    }
    for claim in ["at_hash", "events", "htu"] {
        let token = hs256(&claims_with(claim, json!("x")));
        assert_eq!(verdict(&lenient, &token).await.err(), Some(Reason::WrongType), "{claim}");
    }
}

#[tokio::test]
async fn rule_17_five_parts_are_refused() {
    refuses("eyJhbGciOiJkaXIiLCJlbmMiOiJBMTI4R0NNIn0..AAAA.AAAA.AAAA", Reason::Malformed).await;
}

// ===== claims =====

#[tokio::test]
async fn the_standard_claims_are_read() {
    let token = verdict(&jwt(), &hs256(&claims())).await.unwrap();
    assert_eq!((token.subject.as_deref(), token.client_id.as_deref()), (Some("alice"), Some("shop")));
    assert_eq!(token.scope.iter().collect::<Vec<_>>(), ["orders:read", "profile"]);
    assert_eq!(token.issuer(), ISSUER);
    let expires = token.expires_at().duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap().as_secs();
    assert!(expires.abs_diff(in_minutes(10)) < 60);
}

#[tokio::test]
async fn a_member_of_the_apps_own_type_is_demanded() {
    #[derive(Deserialize)]
    struct Claims {
        tenant: u32,
    }

    let jwt =
        Jwt::<Claims>::issuer(ISSUER).audience(AUDIENCE).secret(Algorithm::HS256, SECRET).build().unwrap();
    assert_eq!(verdict(&jwt, &hs256(&claims_with("tenant", json!(7)))).await.unwrap().tenant, 7);
    assert_eq!(verdict(&jwt, &hs256(&claims())).await.err(), Some(Reason::BadClaims));
    let token = hs256(&claims_with("tenant", json!("a private name")));
    let rejection = jwt.validate(BearerToken::new(token), &mut Visit::outside()).await.unwrap_err();
    assert!(!format!("{rejection} {rejection:?}").contains("private"), "{rejection:?}");
}

#[tokio::test]
async fn a_maximum_age_is_held() {
    let jwt = builder()
        .secret(Algorithm::HS256, SECRET)
        .max_age(std::time::Duration::from_secs(300))
        .build()
        .unwrap();
    assert!(verdict(&jwt, &hs256(&claims())).await.is_ok());
    let old = claims_with("iat", json!(in_minutes(0) - 400));
    assert_eq!(verdict(&jwt, &hs256(&old)).await.err(), Some(Reason::TooOld));
}

// ===== configuration =====

fn mistakes(builder: JwtBuilder<StandardClaims>) -> Vec<Mistake> {
    builder.build().err().map_or_else(Vec::new, |error: JwtError| error.mistakes().to_vec())
}

#[test]
fn all_mistakes_are_found_at_once() {
    let found = mistakes(Jwt::issuer("idp.example").algorithms([]).secret(Algorithm::HS256, b"short"));
    let issuer = || "idp.example".to_owned();
    assert_eq!(
        found[..3],
        [
            Mistake::IssuerWithoutScheme { issuer: issuer() },
            Mistake::NoAudience { issuer: issuer() },
            Mistake::NoAlgorithm { issuer: issuer() },
        ]
    );
    assert!(
        matches!(&found[3], Mistake::Key { error, .. } if error.to_string().contains("give 32 random bytes"))
    );
}

#[test]
fn each_mistake_is_found() {
    let client = |_| async { Err::<http::Response<bytes::Bytes>, _>(std::io::Error::other("never called")) };
    let url = "https://idp.example/keys";
    let set = format!(r#"{{"keys":[{ED25519}]}}"#);
    let issuer = || ISSUER.to_owned();
    let secret = || builder().secret(Algorithm::HS256, SECRET);
    for (builder, mistake) in [
        (builder(), Mistake::NoKeys { issuer: issuer() }),
        (builder().audience("").secret(Algorithm::HS256, SECRET), Mistake::NoAudience { issuer: issuer() }),
        (
            secret().algorithms([Algorithm::HS256, Algorithm::ES256]),
            Mistake::MixedAlgorithms { issuer: issuer() },
        ),
        (secret().jwk_set(&set), Mistake::SeveralSources { issuer: issuer() }),
        (secret().jwks_uri(url, client), Mistake::SecretBesideRemote { issuer: issuer() }),
        (
            builder().algorithms([Algorithm::HS256]).discover(client),
            Mistake::SecretBesideRemote { issuer: issuer() },
        ),
        (
            builder().jwk_set(&set).algorithms([Algorithm::EdDSA, Algorithm::ES256]),
            Mistake::UnservedAlgorithm { issuer: issuer(), algorithm: Algorithm::ES256 },
        ),
        (
            secret().algorithms([Algorithm::HS384]),
            Mistake::UnlistedAlgorithm { issuer: issuer(), algorithm: Algorithm::HS256 },
        ),
        (
            builder().jwks_uri("http://idp.example/keys", client),
            Mistake::Insecure { issuer: issuer(), url: "http://idp.example/keys".into() },
        ),
        (
            builder().jwks_uri("http://127.0.0.1/keys", client),
            Mistake::Insecure { issuer: issuer(), url: "http://127.0.0.1/keys".into() },
        ),
        (builder().jwks_uri("/keys", client), Mistake::Url { issuer: issuer(), url: "/keys".into() }),
        (
            builder().jwks_uri("https://idp.example:84x3/keys", client),
            Mistake::Url { issuer: issuer(), url: "https://idp.example:84x3/keys".into() },
        ),
        (secret().leeway(std::time::Duration::from_secs(301)), Mistake::LongLeeway),
        (secret().max_len(0), Mistake::NothingFits { setting: "max_len" }),
        (
            secret().issuer(ISSUER).audience("stock").secret(Algorithm::HS256, SECRET),
            Mistake::IssuerTwice { issuer: issuer() },
        ),
    ] {
        let found = mistakes(builder);
        assert!(found.contains(&mistake), "{mistake}: {found:?}");
    }
    assert!(mistakes(builder().jwks_uri("http://127.0.0.1/keys", client).allow_loopback_http()).is_empty());
}

#[test]
fn a_key_set_of_a_file_is_read_when_built() {
    let path = std::env::temp_dir().join(format!("tower-authn-{}.json", std::process::id()));
    std::fs::write(&path, format!(r#"{{"keys":[{ED25519}]}}"#)).unwrap();
    assert!(mistakes(builder().jwk_set_file(&path)).is_empty());
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(&mistakes(builder().jwk_set_file(&path))[..], [Mistake::File { .. }]));
}

#[test]
fn two_keys_of_one_name_are_a_mistake() {
    let key = || Key::secret(Algorithm::HS256, SECRET).unwrap().with_id("one");
    assert!(matches!(
        &mistakes(builder().key(key()).key(key()))[..],
        [Mistake::Key { .. }, Mistake::Key { .. }]
    ));
}

#[test]
fn debug_shows_no_secret() {
    let text = format!("{:?} {:?}", builder().secret(Algorithm::HS256, SECRET), jwt());
    assert!(!text.contains("secret of") && !text.contains("97, 32"), "{text}");
}
