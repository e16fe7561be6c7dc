//! Tokens (RFC 7515, 7519, 8725, 9068), as rules 9 to 17 have them: all that is wrong with one,
//! whatever is looked at first.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256, Sha384, Sha512};

use super::{
    base64,
    json::{self, Json},
};

/// An issuer, and what its tokens are held against.
#[derive(Clone, Debug)]
pub struct Issuer {
    pub name: &'static str,
    pub audiences: &'static [&'static str],
    pub keys: Vec<Key>,
    /// Whether `JWT` and no `typ` will do (else only what RFC 9068 has).
    pub takes_any_jwt: bool,
    pub max_age: Option<u32>,
}

#[derive(Clone, Debug)]
pub struct Key {
    pub id: Option<&'static str>,
    pub algorithm: &'static str,
    pub secret: &'static [u8],
}

pub struct Rules {
    pub issuers: Vec<Issuer>,
    pub now: u32,
    pub leeway: u32,
    pub max_len: usize,
}

/// The codes of all reasons to refuse it.
pub type Flaws = BTreeSet<&'static str>;

/// Arrays and objects that may lie in each other.
const DEEPEST: usize = 33;
/// The end of the year 9999.
const LAST: f64 = 253_402_300_799.0;
const LONGEST_ID: usize = 256;
const ALGORITHMS: [&str; 12] = [
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384",
    "EdDSA",
];

/// The claims of a token that counts, or why it does not.
pub fn verdict(token: &str, rules: &Rules) -> Result<Json, Flaws> {
    let mut flaws = Flaws::new();
    if token.len() > rules.max_len {
        flaws.insert("too_long");
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        flaws.insert("malformed");
        return Err(flaws);
    };
    let decoded = [header, payload, signature].map(|part| base64::unpadded(base64::URL, part.as_bytes()));
    if decoded.iter().any(Option::is_none) {
        flaws.insert("malformed");
    }
    let [header, payload, signature] = decoded.map(Option::unwrap_or_default);
    let header = object(&header, "malformed", &mut flaws);
    let claims = object(&payload, "bad_claims", &mut flaws);
    let issuer = issuer(&claims, rules, &mut flaws);
    if let Some(issuer) = issuer {
        check_claims(&claims, issuer, rules, &mut flaws);
        let signed = &token[..token.len() - parts[2].len() - 1];
        check_header(&header, issuer, signed.as_bytes(), &signature, &mut flaws);
    }
    if flaws.is_empty() { Ok(claims) } else { Err(flaws) }
}

fn object(bytes: &[u8], flaw: &'static str, flaws: &mut Flaws) -> Json {
    let read = std::str::from_utf8(bytes).ok().and_then(json::read);
    let object = read.filter(|json| matches!(json, Json::Object(_)));
    let Some(object) = object else {
        // Of a text that is no JSON it cannot be said whether a name is in it twice.
        flaws.extend([flaw, "duplicate_member"]);
        return Json::Object(Vec::new());
    };
    if object.depth() > DEEPEST {
        flaws.insert(flaw);
    }
    if object.repeats_a_name() {
        flaws.insert("duplicate_member");
    }
    object
}

/// Whose keys, audiences and algorithms count: the only issuer, or the one that the token names.
fn issuer<'a>(claims: &Json, rules: &'a Rules, flaws: &mut Flaws) -> Option<&'a Issuer> {
    let named = claims.member("iss").and_then(Json::text);
    let found = rules.issuers.iter().find(|issuer| Some(issuer.name) == named);
    if found.is_none() {
        flaws.insert(if claims.member("iss").is_some() { "wrong_issuer" } else { "missing_claim" });
    }
    found.or(if let [only] = &rules.issuers[..] { Some(only) } else { None })
}

fn check_claims(claims: &Json, issuer: &Issuer, rules: &Rules, flaws: &mut Flaws) {
    let now = f64::from(rules.now);
    let leeway = f64::from(rules.leeway);
    let mut date = |name: &str| match claims.member(name) {
        None => None,
        Some(Json::Number(text)) => {
            let seconds = text.parse::<f64>().unwrap().floor();
            if (0.0..=LAST).contains(&seconds) {
                return Some(seconds);
            }
            flaws.insert("bad_claims");
            None
        }
        Some(_) => {
            flaws.insert("bad_claims");
            None
        }
    };
    let [expires, not_before, issued_at] = ["exp", "nbf", "iat"].map(&mut date);
    if claims.member("exp").is_none() || issuer.max_age.is_some() && claims.member("iat").is_none() {
        flaws.insert("missing_claim");
    }
    if expires.is_some_and(|expires| now >= expires + leeway) {
        flaws.insert("expired");
    }
    if [not_before, issued_at].into_iter().flatten().any(|start| start > now + leeway) {
        flaws.insert("not_yet_valid");
    }
    if issued_at.zip(issuer.max_age).is_some_and(|(issued_at, age)| now > issued_at + f64::from(age) + leeway)
    {
        flaws.insert("too_old");
    }
    let is_ours = |name: &Json| name.text().is_some_and(|name| issuer.audiences.contains(&name));
    let flaw = match claims.member("aud") {
        None => Some("missing_claim"),
        Some(Json::Array(names)) if names.iter().all(|name| name.text().is_some()) => {
            (!names.iter().any(is_ours)).then_some("wrong_audience")
        }
        Some(name @ Json::Text(_)) => (!is_ours(name)).then_some("wrong_audience"),
        Some(_) => Some("bad_claims"),
    };
    flaws.extend(flaw);
    let tells = ["at_hash", "c_hash", "events", "htu"];
    if issuer.takes_any_jwt && tells.iter().any(|name| claims.member(name).is_some()) {
        flaws.insert("wrong_type");
    }
    if claims.member("cnf").is_some() {
        flaws.insert("bound");
    }
}

fn check_header(header: &Json, issuer: &Issuer, signed: &[u8], signature: &[u8], flaws: &mut Flaws) {
    let is_no_text = |name| header.member(name).is_some_and(|value| value.text().is_none());
    if ["alg", "kid", "typ"].into_iter().any(is_no_text)
        || header.member("alg").is_none()
        || ["enc", "zip"].into_iter().any(|name| header.member(name).is_some())
    {
        flaws.insert("malformed");
    }
    if header.member("crit").is_some() || header.member("b64") == Some(&Json::Bool(false)) {
        flaws.insert("critical_header");
    }
    let text = |name| header.member(name).and_then(Json::text);
    let kind = text("typ").map(str::to_ascii_lowercase);
    if !match kind.as_deref() {
        Some("at+jwt" | "application/at+jwt") => true,
        Some("jwt" | "application/jwt") | None => issuer.takes_any_jwt,
        Some(_) => false,
    } {
        flaws.insert("wrong_type");
    }
    let algorithm = match text("alg").unwrap_or_default() {
        "Ed25519" => "EdDSA",
        name => name,
    };
    let of_algorithm = || issuer.keys.iter().filter(|key| key.algorithm == algorithm);
    if !ALGORITHMS.contains(&algorithm) || of_algorithm().next().is_none() {
        flaws.insert("algorithm_refused");
        return;
    }
    let id = text("kid");
    let candidates: Vec<&Key> = match id {
        None => of_algorithm().collect(),
        Some(id) if id.len() > LONGEST_ID => Vec::new(),
        Some(_) if issuer.keys.iter().any(|key| key.id == id) => {
            of_algorithm().filter(|key| key.id == id).collect()
        }
        Some(_) => of_algorithm().filter(|key| key.id.is_none()).collect(),
    };
    match candidates[..] {
        [] => drop(flaws.insert("unknown_key")),
        [key] if mac(key, signed) == signature => {}
        [_] => drop(flaws.insert("bad_signature")),
        _ => drop(flaws.insert("ambiguous_key")),
    }
}

/// The signature of RFC 7518 §3.2.
pub fn mac(key: &Key, message: &[u8]) -> Vec<u8> {
    match key.algorithm {
        "HS256" => hmac::<Sha256>(64, key.secret, message),
        "HS384" => hmac::<Sha384>(128, key.secret, message),
        "HS512" => hmac::<Sha512>(128, key.secret, message),
        other => panic!("{other} has no secret"),
    }
}

/// RFC 2104.
fn hmac<H: Digest>(block: usize, secret: &[u8], message: &[u8]) -> Vec<u8> {
    let mut key = if secret.len() > block { H::digest(secret).to_vec() } else { secret.to_vec() };
    key.resize(block, 0);
    let pad = |with: u8| key.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = H::new().chain_update(pad(0x36)).chain_update(message).finalize();
    H::new().chain_update(pad(0x5c)).chain_update(inner).finalize().to_vec()
}

/// Header and claims as they are written, signed.
pub fn signed(key: &Key, header: &[u8], claims: &[u8]) -> String {
    let signed = format!("{}.{}", base64::encode(base64::URL, header), base64::encode(base64::URL, claims));
    let signature = base64::encode(base64::URL, &mac(key, signed.as_bytes()));
    format!("{signed}.{signature}")
}
