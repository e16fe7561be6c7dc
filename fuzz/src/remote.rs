//! What an issuer answers, read once more: metadata (RFC 8414, OpenID Connect Discovery 1.0) and
//! key sets (RFC 7517).

use crate::second::{
    base64,
    json::{self, Json},
};

/// What a second reading can say for certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    No,
    /// It depends on what the RFCs leave open.
    Open,
}

/// A document, where all JSON readers agree on what it is; `None` where they need not.
fn document(body: &[u8]) -> Option<Option<Json>> {
    let Ok(text) = std::str::from_utf8(body) else { return None };
    // Halves of characters are no error of the grammar (RFC 8259 §8.2), and neither are numbers
    // without a bound, a name twice, or any depth.
    if text.to_ascii_lowercase().contains("\\ud") {
        return None;
    }
    let Some(json) = json::read(text) else { return Some(None) };
    let is_plain = json.depth() < 100
        && !json.repeats_a_name()
        && json.numbers().iter().all(|number| number.parse::<f64>().unwrap().abs() < 1e300);
    is_plain.then_some(Some(json))
}

/// Whether a metadata document is the issuer's, and the URL of its keys.
pub fn jwks_uri(body: &[u8], issuer: &str) -> (Verdict, Option<String>) {
    let json = match document(body) {
        None => return (Verdict::Open, None),
        Some(None | Some(Json::Array(_))) => return (Verdict::No, None),
        Some(Some(json)) => json,
    };
    let text = |name| json.member(name).and_then(Json::text);
    match (text("issuer"), text("jwks_uri")) {
        (Some(own), Some(url)) if own == issuer => (is_safe(url), Some(url.to_owned())),
        _ => (Verdict::No, None),
    }
}

/// Whether keys may be fetched there: `https`, a host, neither user nor fragment.
pub fn is_safe(url: &str) -> Verdict {
    let Some(rest) = url.strip_prefix("https://") else {
        let is_other_case = url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"));
        return if is_other_case { Verdict::Open } else { Verdict::No };
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    if authority.contains('@') || url.contains('#') || authority.is_empty() || authority.starts_with(':') {
        return Verdict::No;
    }
    if !url.chars().all(|char| char.is_ascii_graphic()) {
        return Verdict::Open;
    }
    let (host, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let is_name =
        |text: &str| text.chars().all(|char| char.is_ascii_alphanumeric() || char == '-' || char == '.');
    let is_port = port.len() <= 5 && port.parse::<u16>().is_ok_and(|port| port > 0) && !port.starts_with('+');
    let is_usual = path.chars().all(|char| char.is_ascii_alphanumeric() || "/-._~?=&".contains(char));
    if is_name(host) && is_port && is_usual { Verdict::Yes } else { Verdict::Open }
}

/// Whether an Ed25519 key of a set verifies a token that names `kid`, or none.
pub fn verifies(body: &[u8], key: &str, kid: Option<&str>) -> Verdict {
    let json = match document(body) {
        None => return Verdict::Open,
        Some(None) => return Verdict::No,
        Some(Some(json)) => json,
    };
    let Some(Json::Array(all)) = json.member("keys") else { return Verdict::No };
    let fits = |jwk: &&Json| is_for_signatures(jwk) && is_key(jwk, key);
    let id = |jwk: &Json| jwk.member("kid").and_then(Json::text).map(str::to_owned);
    let named: Vec<&Json> = all.iter().filter(fits).filter(|jwk| id(jwk).as_deref() == kid).collect();
    let nameless: Vec<&Json> = all.iter().filter(fits).filter(|jwk| id(jwk).is_none()).collect();
    let any = all.iter().any(|jwk| fits(&jwk));
    // A key in a set by itself is found by any reader.
    match (all.len(), named.len(), nameless.len(), kid) {
        (1, 1, _, _) => Verdict::Yes,
        (_, 0, 0, Some(_)) => Verdict::No,
        (_, _, _, None) if !any => Verdict::No,
        _ => Verdict::Open,
    }
}

fn is_key(jwk: &Json, key: &str) -> bool {
    let text = |name| jwk.member(name).and_then(Json::text);
    // The same bytes in another spelling are none: the decoding is strict.
    let is_same = text("x") == Some(key) && base64::unpadded(base64::URL, key.as_bytes()).is_some();
    text("kty") == Some("OKP") && text("crv") == Some("Ed25519") && is_same
}

/// Whether it says nothing against it by `use`, `key_ops` and `alg`, and has no member of another
/// type.
fn is_for_signatures(jwk: &Json) -> bool {
    let is_text_or = |name: &str, values: &[&str]| match jwk.member(name) {
        None | Some(Json::Null) => true,
        Some(Json::Text(text)) => values.is_empty() || values.contains(&&**text),
        Some(_) => false,
    };
    let verifies = match jwk.member("key_ops") {
        None | Some(Json::Null) => true,
        Some(Json::Array(list)) => {
            list.iter().all(|name| name.text().is_some())
                && list.iter().any(|name| name.text() == Some("verify"))
        }
        Some(_) => false,
    };
    verifies
        && is_text_or("use", &["sig"])
        && is_text_or("alg", &["EdDSA", "Ed25519"])
        && ["kid", "n", "e", "y", "k"].into_iter().all(|name| is_text_or(name, &[]))
}
