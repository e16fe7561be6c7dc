//! Tokens made here, by hand: HMAC needs no library.

use std::time::{Duration, SystemTime};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub const ISSUER: &str = "https://idp.example";
pub const AUDIENCE: &str = "orders";
pub const SECRET: &[u8] = b"a secret of 32 bytes, or longer.";

/// Seconds since 1970, some minutes from now.
pub fn in_minutes(minutes: u64) -> u64 {
    (SystemTime::now() + Duration::from_secs(minutes * 60))
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// The claims of a good token.
pub fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "exp": in_minutes(10), "iat": in_minutes(0),
        "sub": "alice", "client_id": "shop", "scope": "orders:read profile",
    })
}

/// Good claims with one of them replaced, or taken out by `null`.
pub fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    match value {
        Value::Null => drop(claims.as_object_mut().unwrap().remove(name)),
        value => claims[name] = value,
    }
    claims
}

pub fn part(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

/// Header and claims as they are written, signed with HS256.
pub fn hs256_of(secret: &[u8], header: &str, claims: &str) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let signature = hmac(secret, signed.as_bytes());
    format!("{signed}.{}", part(signature))
}

/// A good header, and these claims.
pub fn hs256(claims: &Value) -> String {
    hs256_of(SECRET, r#"{"alg":"HS256","typ":"at+jwt"}"#, &claims.to_string())
}

/// HMAC with SHA-256 (RFC 2104).
fn hmac(secret: &[u8], message: &[u8]) -> [u8; 32] {
    let mut key = [0; 64];
    if secret.len() > key.len() {
        key[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        key[..secret.len()].copy_from_slice(secret);
    }
    let inner = Sha256::new().chain_update(key.map(|byte| byte ^ 0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(key.map(|byte| byte ^ 0x5c)).chain_update(inner).finalize().into()
}
