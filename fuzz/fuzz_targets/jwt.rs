//! Any header and claims, signed by one of the issuers' keys or another, or any text for a token.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tower_authn::validator::jwt::Jwt;
use tower_authn_fuzz::{
    expand,
    judge::{are_equal, is_finite, said, validator},
    second::jwt::{Issuer, Key, Rules, signed, verdict},
};

const ONE: Key = Key { id: Some("one"), algorithm: "HS256", secret: &[1; 32] };
const TWO: Key = Key { id: Some("two"), algorithm: "HS256", secret: &[2; 70] };
const THREE: Key = Key { id: None, algorithm: "HS384", secret: &[3; 48] };
const FOUR: Key = Key { id: None, algorithm: "HS512", secret: &[4; 200] };
const FOREIGN: Key = Key { id: None, algorithm: "HS256", secret: &[5; 32] };

/// One issuer, and two; validators keep what they have recognised from one input to the next.
static SET_UPS: LazyLock<[(Rules, Jwt<Value>); 2]> = LazyLock::new(|| {
    let strict = Issuer {
        name: "https://idp.example",
        audiences: &["orders", "st\u{f6}ck", "\u{1f600}"],
        keys: vec![ONE, TWO, THREE],
        takes_any_jwt: false,
        max_age: None,
    };
    let lenient = Issuer {
        name: "https://other.example",
        audiences: &["orders"],
        keys: vec![FOUR],
        takes_any_jwt: true,
        max_age: Some(600),
    };
    [vec![strict.clone()], vec![strict, lenient]].map(|issuers| {
        let rules = Rules { issuers, now: 1_700_000_000, leeway: 30, max_len: 2_000 };
        let jwt = validator(&rules);
        (rules, jwt)
    })
});

const PIECES: &[&str] = &[
    // Whole ones, to begin with.
    r#"{"alg":"HS256","typ":"at+jwt","kid":"one"}"#,
    r#"{"alg":"HS384","typ":"at+jwt"}"#,
    r#"{"alg":"HS512","typ":"JWT"}"#,
    r#"{"iss":"https://idp.example","aud":"orders","exp":1700000600}"#,
    r#"{"iss":"https://other.example","aud":["orders"],"exp":1700000600,"iat":1700000000}"#,
    // Members, some in other spellings.
    r#""alg":"#,
    r#""al\u0067":"#,
    r#""typ":"#,
    r#""\u0074yp":"#,
    r#""kid":"#,
    r#""crit":"#,
    r#""b64":"#,
    r#""enc":"#,
    r#""zip":"#,
    r#""iss":"#,
    r#""i\u0073s":"#,
    r#""aud":"#,
    r#""\u0061ud":"#,
    r#""exp":"#,
    r#""e\u0078p":"#,
    r#""nbf":"#,
    r#""iat":"#,
    r#""cnf":"#,
    r#""at_hash":"#,
    r#""c_hash":"#,
    r#""events":"#,
    r#""htu":"#,
    r#""sub":"#,
    r#""x":"#,
    r#""":"#,
    // Values.
    r#""HS256""#,
    r#""\u0048S256""#,
    r#""HS384""#,
    r#""HS512""#,
    r#""none""#,
    r#""RS256""#,
    r#""at+jwt""#,
    r#""AT+JWT""#,
    r#""application/at+jwt""#,
    r#""JWT""#,
    r#""one""#,
    r#""\u006fne""#,
    r#""two""#,
    r#""three""#,
    r#""https://idp.example""#,
    r#""https:\/\/idp.example""#,
    r#""https://other.example""#,
    r#""orders""#,
    r#""\u006frders""#,
    r#""\ud83d\ude00""#,
    "true",
    "false",
    "null",
    "1700000600",
    "1700000030",
    "1700000031",
    "1699999970",
    "1.7e9",
    "1699999369",
    "1e400",
    "-0.0",
    "-1",
    "253402300800",
    "0",
    r#""\ud800""#,
    r#""\""#,
    "[[[[[[[[",
    "]]]]]]]]",
    r#"{"a":{"a":{"a":{"a":"#,
    "}}}}",
    "{}",
    "[]",
];

/// Between header and claims.
const NEXT: u8 = 0;

fuzz_target!(|data: &[u8]| {
    let [mode, rest @ ..] = data else { return };
    let (rules, jwt) = &SET_UPS[usize::from(mode & 1)];
    let key = [ONE, TWO, THREE, FOUR, FOREIGN, ONE, THREE, FOUR][usize::from(mode >> 1 & 7)].clone();
    let mut parts = rest.split(|byte| *byte == NEXT);
    let [header, claims, change] = [(); 3].map(|()| parts.next().unwrap_or_default());
    let mut token = if mode & 16 == 16 {
        let Ok(text) = std::str::from_utf8(rest) else { return };
        text.to_owned()
    } else {
        signed(&key, &expand(header, PIECES), &expand(claims, PIECES))
    };
    // One character is another.
    if let [high, low, character, ..] = change {
        let at = (usize::from(*high) << 8 | usize::from(*low)) % token.len();
        if token.is_char_boundary(at) && token.is_char_boundary(at + 1) {
            token.replace_range(at..=at, std::str::from_utf8(&[*character]).unwrap_or(""));
        }
    }

    let expected = verdict(&token, rules);
    // Numbers next to the largest are rounded in more than one way.
    let is_large =
        |number: &&str| number.parse::<f64>().is_ok_and(|number| number.abs() > 1e300 && number.is_finite());
    if expected.as_ref().is_ok_and(|claims| claims.numbers().iter().any(is_large)) {
        return;
    }
    for _ in 0..2 {
        match (said(jwt, &token), &expected) {
            (Ok(found), Ok(claims)) => assert!(is_finite(claims) && are_equal(claims, &found)),
            (Err(code), Ok(claims)) => {
                assert!(code == "bad_claims" && !is_finite(claims), "{code}: {claims:?}")
            }
            (Err(code), Err(flaws)) => assert!(flaws.contains(code), "{code} is not in {flaws:?}: {token}"),
            (Ok(_), Err(flaws)) => panic!("accepted in spite of {flaws:?}: {token}"),
        }
    }
});
