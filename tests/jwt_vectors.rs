//! Vectors that nobody here wrote, through the validator. Their payloads are no claims, so that a good signature shows in
//! the reason: what is no JSON object is reported only after the signature was verified.
#![cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]

mod support;

use serde_json::Value;
use support::vectors;
use tower_authn::validator::jwt::{Jwt, JwtError, Profile};
use tower_authn::{BearerToken, Reason, Validator as _, Visit};

/// A validator that trusts these keys.
fn trusting(keys: &Value) -> Result<Jwt<Value>, JwtError> {
    let set = if keys["keys"].is_array() { keys.clone() } else { serde_json::json!({ "keys": [keys] }) };
    Jwt::issuer("https://issuer.example")
        .audience("api")
        .profile(Profile::AnyJwt)
        .jwk_set(&set.to_string())
        .build()
}

/// Whether the signature was found good; if not, why.
async fn verdict(keys: &Value, token: &str) -> Result<(), String> {
    let jwt = trusting(keys).map_err(|error| error.to_string())?;
    match jwt.validate(BearerToken::new(token), &mut Visit::outside()).await {
        Ok(_) => panic!("a payload without claims passed: {token}"),
        Err(rejection) if rejection.reason() == Reason::BadClaims => Ok(()),
        Err(rejection) => Err(rejection.reason().to_string()),
    }
}

/// The number of vectors that were accepted and refused, after each was held against its label.
async fn wycheproof(file: &str, label: impl Fn(u64, &str) -> bool) -> Option<(usize, usize)> {
    let text = vectors::read(file)?;
    let vectors: Value = serde_json::from_str(&text).unwrap();
    let (mut accepted, mut refused) = (0, 0);
    for group in vectors["testGroups"].as_array().unwrap() {
        let keys = group.get("public").unwrap_or(&group["private"]);
        for test in group["tests"].as_array().unwrap() {
            let (id, result) = (test["tcId"].as_u64().unwrap(), test["result"].as_str().unwrap());
            let token = test["jws"].as_str().unwrap();
            let found = verdict(keys, token).await;
            let good = label(id, result);
            assert_eq!(found.is_ok(), good, "{file} {id} ({}): {found:?}: {token}", test["comment"]);
            *if found.is_ok() { &mut accepted } else { &mut refused } += 1;
        }
    }
    Some((accepted, refused))
}

#[tokio::test]
async fn wycheproof_signatures() {
    // The labels on which independent verifiers agree against the file: see the README beside it.
    let label = |id, result: &str| match id {
        346 | 347 | 350 | 351 | 372 | 373 | 353..=356 => false,
        367 | 370 => true,
        _ => result == "valid",
    };
    if let Some(counts) = wycheproof("wycheproof/json_web_signature_test.json", label).await {
        assert_eq!(counts, (42, 359));
    }
}

#[tokio::test]
async fn wycheproof_keys() {
    let label = |_, result: &str| result == "valid";
    if let Some(counts) = wycheproof("wycheproof/json_web_key_test.json", label).await {
        assert_eq!(counts, (5, 21));
    }
}

/// Reads an example of RFC 7520 or its like: key, and compact form.
fn cookbook(file: &str) -> Option<(Value, String)> {
    let example: Value = serde_json::from_str(&vectors::read(&format!("jose-cookbook/{file}"))?).unwrap();
    // A key that does not say which algorithm it serves is told by whoever configures it.
    let mut key = example["input"]["key"].clone();
    key["alg"] = example["input"]["alg"].clone();
    Some((key, example["output"]["compact"].as_str().unwrap_or_default().to_owned()))
}

async fn examples_of(file: &str, expected: Result<(), &str>) {
    if let Some((key, token)) = cookbook(file) {
        assert!(!token.is_empty(), "{file}");
        assert_eq!(verdict(&key, &token).await, expected.map_err(str::to_owned), "{file}");
    }
}

#[tokio::test]
async fn cookbook_signatures_are_accepted() {
    examples_of("jws/4_1.rsa_v15_signature.json", Ok(())).await;
    examples_of("jws/4_2.rsa-pss_signature.json", Ok(())).await;
    examples_of("jws/4_4.hmac-sha2_integrity_protection.json", Ok(())).await;
    examples_of("curve25519/jws.json", Ok(())).await;
}

#[tokio::test]
async fn es512_is_not_offered() {
    if let Some((key, token)) = cookbook("jws/4_3.ecdsa_signature.json") {
        assert!(verdict(&key, &token).await.unwrap_err().contains("no key of the set can be used"));
    }
}

#[tokio::test]
async fn detached_content_is_refused() {
    // Its payload is empty, so that the signature is not over what was sent.
    examples_of("jws/4_5.signature_with_detached_content.json", Err("bad_signature")).await;
}

#[tokio::test]
async fn unencoded_payloads_are_refused() {
    for file in ["rfc7797/4.2.hmac-sha2_b64_false.json", "rfc7797/hmac-sha2_b64_false.json"] {
        let Some(text) = vectors::read(&format!("jose-cookbook/{file}")) else { return };
        let example: Value = serde_json::from_str(&text).unwrap();
        let compact = example["output"]["compact"].as_str().map(str::to_owned);
        let flat = &example["output"]["json_flat"];
        let part = |name: &str| flat[name].as_str().unwrap().to_owned();
        let token = compact.unwrap_or_else(|| format!("{}.JC4wMg.{}", part("protected"), part("signature")));
        let verdict = verdict(&example["input"]["key"], &token).await;
        assert_eq!(verdict, Err("critical_header".into()), "{file}");
    }
}

#[tokio::test]
async fn json_serialization_is_refused() {
    for file in
        ["4_6.protecting_specific_header_fields", "4_7.protecting_content_only", "4_8.multiple_signatures"]
    {
        let Some(text) = vectors::read(&format!("jose-cookbook/jws/{file}.json")) else { return };
        let example: Value = serde_json::from_str(&text).unwrap();
        let keys = &example["input"]["key"];
        let key = if keys.is_array() { serde_json::json!({ "keys": [keys[2]] }) } else { keys.clone() };
        assert_eq!(
            verdict(&key, &example["output"]["json"].to_string()).await,
            Err("malformed".into()),
            "{file}"
        );
    }
}
