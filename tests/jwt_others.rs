//! Tokens made by two other implementations: theirs are accepted, and their tricks are not.
#![cfg(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"))]

mod support;

use std::process::Command;

use serde_json::Value;
use support::mint::{AUDIENCE, ISSUER};
use support::openid;
use tower_authn::validator::jwt::{Algorithm, Jwt, JwtBuilder, Profile, StandardClaims};
use tower_authn::{BearerToken, Validator as _, Visit};

const SECRET: &[u8] = b"a secret of 64 bytes, which is long enough for all three of them";

fn builder() -> JwtBuilder<StandardClaims> {
    // The tricks come without `typ` too, and must fail for better reasons.
    Jwt::issuer(ISSUER).audience(AUDIENCE).profile(Profile::AnyJwt)
}

/// Runs a program that prints what it made.
fn made_by(command: &mut Command) -> Value {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn each<'a>(made: &'a Value, what: &str) -> impl Iterator<Item = (&'a str, &'a str, &'a Value)> {
    let list = made[what].as_array().unwrap();
    assert!(list.len() >= 3, "{what}: {list:?}");
    list.iter().map(|one| (one["name"].as_str().unwrap(), one["token"].as_str().unwrap_or_default(), one))
}

async fn accepts(jwt: &Jwt, name: &str, token: &str) {
    let verified = jwt.validate(BearerToken::new(token), &mut Visit::outside()).await;
    let verified = verified.unwrap_or_else(|rejection| panic!("{name}: {rejection}: {token}")).unwrap();
    assert_eq!(verified.subject.as_deref(), Some("alice"));
}

async fn refuses_tricks(jwt: &Jwt, made: &Value) {
    for (name, token, trick) in each(made, "tricks") {
        let rejection = jwt.validate(BearerToken::new(token), &mut Visit::outside()).await.expect_err(name);
        assert_eq!(Some(rejection.reason().as_str()), trick["reason"].as_str(), "{name}: {token}");
    }
}

async fn accepts_secrets(made: &Value) {
    let algorithms = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];
    let jwt =
        algorithms.iter().fold(builder(), |jwt, algorithm| jwt.secret(*algorithm, SECRET)).build().unwrap();
    for (name, token, _) in each(made, "secrets") {
        accepts(&jwt, name, token).await;
    }
}

#[tokio::test]
async fn jose() {
    let Some(folder) = openid::node() else { return };
    let made = made_by(Command::new("node").arg("mint.mjs").current_dir(folder));
    let set = serde_json::json!({ "keys": made["keys"] }).to_string();
    let jwt = builder().jwk_set(&set).build().unwrap();
    for (name, token, _) in each(&made, "good") {
        accepts(&jwt, name, token).await;
    }
    accepts_secrets(&made).await;
    // Without `kid` the tricks meet one ES256 key; with the others, the only key of its name.
    refuses_tricks(&jwt, &made).await;
}

#[tokio::test]
async fn pyjwt() {
    let python = "/usr/bin/python3";
    let modules = Command::new(python).args(["-c", "import cryptography, jwt"]).output();
    if !modules.is_ok_and(|output| output.status.success()) {
        support::skipped("python3-jwt");
        return;
    }
    let made =
        made_by(Command::new(python).arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/mint.py")));
    let pems = made["pems"].as_array().unwrap().iter();
    let jwt = pems.fold(builder(), |jwt, key| {
        jwt.pem(key["name"].as_str().unwrap().parse().unwrap(), key["pem"].as_str().unwrap())
    });
    let jwt = jwt.build().unwrap();
    for (name, token, _) in each(&made, "good") {
        accepts(&jwt, name, token).await;
    }
    accepts_secrets(&made).await;
    refuses_tricks(&jwt, &made).await;
}
