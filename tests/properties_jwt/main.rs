//! Tokens close to good ones: the validator and a second reading of the RFCs find the same.
//!
//! Random bytes find nothing here. What is edited are the members of good headers and claims, in
//! all spellings, and the characters of good tokens.
#![cfg(all(any(feature = "jwt-aws-lc", feature = "jwt-rust-crypto"), feature = "testing"))]

mod edits;
mod judge;
#[path = "../second/mod.rs"]
mod second;
#[path = "../support/mod.rs"]
mod support;
mod tables;

use std::collections::BTreeMap;
use std::time::SystemTime;

use edits::{blank, edit, object, token};
use judge::{are_equal, is_finite, said, validator};
use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use second::{
    json::{self, Json},
    jwt::{Flaws, Issuer, Key, Rules, verdict},
};
use serde_json::Value;
use tables::claims;
use tower_authn::validator::jwt::StandardClaims;

const NOW: u32 = 1_700_000_000;
const ISSUER: &str = "https://idp.example";
const OTHER: &str = "https://other.example";

const ONE: Key = Key { id: Some("one"), algorithm: "HS256", secret: &[1; 32] };
const TWO: Key = Key { id: Some("two"), algorithm: "HS256", secret: &[2; 70] };
const THREE: Key = Key { id: None, algorithm: "HS384", secret: &[3; 48] };
const FOUR: Key = Key { id: None, algorithm: "HS512", secret: &[4; 200] };

fn strict() -> Issuer {
    let keys = vec![ONE, TWO, THREE];
    Issuer {
        name: ISSUER,
        audiences: &["orders", "st\u{f6}ck", "\u{1f600}"],
        keys,
        takes_any_jwt: false,
        max_age: None,
    }
}

fn lenient() -> Issuer {
    Issuer { name: OTHER, audiences: &["orders"], keys: vec![FOUR], takes_any_jwt: true, max_age: Some(600) }
}

fn rules(issuers: Vec<Issuer>) -> Rules {
    Rules { issuers, now: NOW, leeway: 30, max_len: 2_000 }
}

// ===== properties =====

/// Runs both on many tokens; returns how often each outcome occurred.
fn outcomes<C>(
    rules: &Rules,
    cases: u32,
    fits: impl Fn(&Json) -> bool,
    is_same: impl Fn(&Json, &C) -> bool,
) -> BTreeMap<&'static str, usize>
where
    C: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    let jwt = validator::<C>(rules);
    let counts = std::cell::RefCell::new(BTreeMap::new());
    let mut runner = TestRunner::new(Config { failure_persistence: None, ..Config::with_cases(cases) });
    let outcome = runner.run(&token(), |token| {
        let mut expected = verdict(&token, rules);
        if expected.as_ref().is_ok_and(|claims| !fits(claims)) {
            expected = Err(Flaws::from(["bad_claims"]));
        }
        // Twice: a header that was seen before is recognised, and so is a token.
        for _ in 0..2 {
            let found = said(&jwt, &token);
            *counts.borrow_mut().entry(found.as_ref().err().copied().unwrap_or("accepted")).or_insert(0) += 1;
            match (&found, &expected) {
                (Ok(found), Ok(claims)) => {
                    prop_assert!(is_same(claims, found), "other claims than {:?}", claims);
                    let expires =
                        found.expires_at().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
                    let Some(Json::Number(written)) = claims.member("exp") else { panic!("no exp") };
                    prop_assert_eq!(
                        expires.to_string(),
                        format!("{:.0}", written.parse::<f64>().unwrap().floor())
                    );
                    prop_assert_eq!(Some(found.issuer()), claims.member("iss").and_then(Json::text));
                }
                (Err(found), Err(flaws)) => {
                    prop_assert!(flaws.contains(found), "{} is not in {:?}", found, flaws);
                }
                _ => prop_assert!(false, "found {:?}, expected {:?}", found.as_ref().err(), expected),
            }
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    counts.into_inner()
}

/// Each of these occurred (a dozen times or more, mostly), so that no rule was held against
/// nothing.
#[track_caller]
fn occurred(counts: &BTreeMap<&'static str, usize>, codes: &[&str]) {
    println!("{counts:?}");
    for code in codes {
        assert!(counts.contains_key(code), "{code} in {counts:?}");
    }
}

const OFTEN: &[&str] = &[
    "accepted",
    "algorithm_refused",
    "bad_claims",
    "bad_signature",
    "bound",
    "critical_header",
    "duplicate_member",
    "expired",
    "malformed",
    "missing_claim",
    "not_yet_valid",
    "unknown_key",
    "wrong_audience",
    "wrong_issuer",
    "wrong_type",
];

#[test]
fn one_issuers_tokens_are_judged_as_a_second_reading_judges_them() {
    let counts = outcomes::<Value>(&rules(vec![strict()]), 3_000, is_finite, are_equal);
    occurred(&counts, OFTEN);
    occurred(&counts, &["ambiguous_key"]);
}

#[test]
fn two_issuers_tokens_are_judged_as_a_second_reading_judges_them() {
    let counts = outcomes::<Value>(&rules(vec![strict(), lenient()]), 3_000, is_finite, are_equal);
    occurred(&counts, OFTEN);
}

/// What the app's type demands of the claims, which are those of the crate's own type.
fn fits_standard_claims(claims: &Json) -> bool {
    let is_text = |name| matches!(claims.member(name), None | Some(Json::Null | Json::Text(_)));
    let is_scope = |name| match claims.member(name) {
        Some(Json::Array(items)) => items.iter().all(|item| item.text().is_some()),
        _ => is_text(name),
    };
    let is_whole = match claims.member("auth_time") {
        Some(Json::Number(text)) => text.parse::<u64>().is_ok(),
        other => matches!(other, None | Some(Json::Null)),
    };
    ["sub", "client_id", "jti", "acr"].into_iter().all(is_text)
        && ["scope", "scp"].into_iter().all(is_scope)
        && is_whole
}

fn are_standard_claims(json: &Json, claims: &StandardClaims) -> bool {
    let text = |name| json.member(name).and_then(Json::text);
    let scopes = ["scope", "scp"].into_iter().find_map(|name| match json.member(name)? {
        Json::Array(items) => {
            Some(items.iter().filter_map(Json::text).filter(|item| !item.contains(' ')).collect())
        }
        Json::Text(text) => Some(text.split(' ').collect::<Vec<_>>()),
        _ => None,
    });
    let scopes: Vec<&str> =
        scopes.unwrap_or_default().into_iter().filter(|scope| !scope.is_empty()).collect();
    let time = json
        .member("auth_time")
        .and_then(|time| if let Json::Number(time) = time { time.parse().ok() } else { None });
    (text("sub"), text("client_id"), text("jti"), text("acr"))
        == (
            claims.subject.as_deref(),
            claims.client_id.as_deref(),
            claims.token_id.as_deref(),
            claims.acr.as_deref(),
        )
        && claims.scope.iter().eq(scopes)
        && claims.auth_time == time
}

#[test]
fn the_standard_claims_are_read_as_a_second_reading_reads_them() {
    let counts =
        outcomes(&rules(vec![strict(), lenient()]), 2_000, fits_standard_claims, are_standard_claims);
    occurred(&counts, &["accepted", "bad_claims"]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// The second reading of JSON is held against serde_json itself, which goes deeper and knows no
    /// numbers beyond 1e308.
    #[test]
    fn the_second_reading_of_json_is_that_of_serde_json(edits in prop::collection::vec(edit(claims()), 0..6), blank in blank()) {
        let text = object(&[("iss", "\"x\""), ("exp", "1")], &edits, blank);
        let (read, serde) = (json::read(&text), serde_json::from_str::<Value>(&text));
        match (&read, &serde) {
            (Some(json), Ok(value)) => prop_assert!(json.repeats_a_name() || are_equal(json, value), "{}", text),
            (Some(json), Err(_)) => prop_assert!(!is_finite(json), "{}", text),
            (None, Err(_)) => {}
            (None, Ok(_)) => prop_assert!(false, "{}", text),
        }
    }
}
