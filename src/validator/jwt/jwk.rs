//! Keys as JSON (RFC 7517, 7518 §6, 8037): what is not understood is passed over, one key at a time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Algorithm;
use super::algorithm::Family;
use super::backend::Material;
use super::json::is_object;
use super::key::{Key, KeyError, KeyFlaw, trimmed};

#[derive(Deserialize)]
struct Set {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
    k: Option<Zeroizing<String>>,
}

/// Where a set comes from decides whether it may hold secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    Local,
    Remote,
}

/// The keys of a set that serve one of `algorithms`, and why each of the others does not.
pub(crate) fn read(
    set: &[u8],
    algorithms: &[Algorithm],
    origin: Origin,
) -> Result<(Vec<Key>, Vec<KeyError>), serde_json::Error> {
    if !is_object(set) {
        return Err(serde::de::Error::custom("not an object"));
    }
    let set: Set = serde_json::from_slice(set)?;
    let mut keys = Vec::with_capacity(set.keys.len());
    let mut passed_over = Vec::new();
    for value in set.keys {
        let id = value.get("kid").and_then(serde_json::Value::as_str).map(Box::<str>::from);
        let jwk = if value.is_object() { Jwk::deserialize(value).ok() } else { None };
        let key = jwk.ok_or((KeyFlaw::UnknownKind, None)).and_then(|jwk| {
            let algorithm = jwk.algorithm(algorithms).map_err(|flaw| (flaw, None))?;
            jwk.prepare(algorithm, origin).map_err(|flaw| (flaw, Some(algorithm)))
        });
        match key {
            Ok(key) => keys.push(key),
            Err((flaw, meant_for)) => {
                passed_over.push(KeyError::new(id.as_deref(), flaw).meant_for(meant_for));
            }
        }
    }
    Ok((keys, passed_over))
}

impl Jwk {
    fn prepare(self, algorithm: Algorithm, origin: Origin) -> Result<Key, KeyFlaw> {
        if origin == Origin::Remote && algorithm.is_symmetric() {
            return Err(KeyFlaw::SharedSecret);
        }
        let key = match algorithm.family() {
            Family::Secret => {
                Key::new(algorithm, Material::Secret(&Zeroizing::new(decoded(self.k.as_deref())?)))
            }
            Family::Rsa => {
                let (modulus, exponent) = (decoded(self.n.as_ref())?, decoded(self.e.as_ref())?);
                Key::new(
                    algorithm,
                    Material::Rsa { modulus: trimmed(&modulus), exponent: trimmed(&exponent) },
                )
            }
            Family::Ed25519 => Key::new(algorithm, Material::Ed25519(&decoded(self.x.as_ref())?)),
            Family::P256 | Family::P384 => {
                let (x, y) = (decoded(self.x.as_ref())?, decoded(self.y.as_ref())?);
                if x.len() != y.len() {
                    return Err(KeyFlaw::NotAKey);
                }
                Key::new(algorithm, Material::Point(&[&[4], &x[..], &y[..]].concat()))
            }
        }?;
        Ok(match self.kid {
            Some(id) => key.with_id(id),
            None => key,
        })
    }

    /// The one algorithm of a key for signatures: its `alg`, else the first of `algorithms` that a key of its type may serve.
    fn algorithm(&self, algorithms: &[Algorithm]) -> Result<Algorithm, KeyFlaw> {
        let verifies = self.key_ops.as_ref().is_none_or(|uses| uses.iter().any(|name| name == "verify"));
        if self.purpose.as_deref().is_some_and(|purpose| purpose != "sig") || !verifies {
            return Err(KeyFlaw::NotForSignatures);
        }
        let family = match (self.kty.as_str(), self.crv.as_deref()) {
            ("oct", _) => Family::Secret,
            ("RSA", _) => Family::Rsa,
            ("EC", Some("P-256")) => Family::P256,
            ("EC", Some("P-384")) => Family::P384,
            ("OKP", Some("Ed25519")) => Family::Ed25519,
            _ => return Err(KeyFlaw::UnknownKind),
        };
        let named = match self.alg.as_deref() {
            Some(name) => Some(Algorithm::from_name(name).ok_or(KeyFlaw::UnknownKind)?),
            None => None,
        };
        if named.is_some_and(|algorithm| algorithm.family() != family) {
            return Err(KeyFlaw::OtherAlgorithm);
        }
        let allowed = |algorithm: &&Algorithm| match named {
            Some(named) => **algorithm == named,
            None => algorithm.family() == family,
        };
        algorithms.iter().find(allowed).copied().ok_or(KeyFlaw::OtherAlgorithm)
    }
}

fn decoded(text: Option<&String>) -> Result<Vec<u8>, KeyFlaw> {
    URL_SAFE_NO_PAD.decode(text.ok_or(KeyFlaw::NotAKey)?).map_err(|_| KeyFlaw::NotAKey)
}

#[cfg(test)]
mod tests {
    use super::*;

    const X: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    const SECRET: &str = "hJtXIZ2uSN5kbQfbtTNWbpdmhkV8FJG-Onbc6mxCcYg";

    fn one(members: &str, algorithms: &[Algorithm], origin: Origin) -> Result<Key, KeyFlaw> {
        let (mut keys, skipped) =
            read(format!("{{\"keys\":[{{{members}}}]}}").as_bytes(), algorithms, origin).unwrap();
        assert_eq!(keys.len() + skipped.len(), 1);
        keys.pop().ok_or_else(|| skipped[0].flaw())
    }

    #[track_caller]
    fn ed(more: &str) -> Result<Algorithm, KeyFlaw> {
        let members = format!(r#""kty":"OKP","crv":"Ed25519","x":"{X}"{more}"#);
        one(&members, &Algorithm::ASYMMETRIC, Origin::Remote).map(|key| key.algorithm())
    }

    #[test]
    fn use_and_key_ops_are_honoured() {
        assert_eq!(ed(""), Ok(Algorithm::EdDSA));
        assert_eq!(ed(r#","use":"sig","key_ops":["verify"]"#), Ok(Algorithm::EdDSA));
        for members in [r#","use":"enc""#, r#","use":"""#, r#","key_ops":["encrypt"]"#, r#","key_ops":[]"#] {
            assert_eq!(ed(members), Err(KeyFlaw::NotForSignatures), "{members}");
        }
    }

    #[test]
    fn alg_is_honoured() {
        assert_eq!(ed(r#","alg":"EdDSA""#), Ok(Algorithm::EdDSA));
        assert_eq!(ed(r#","alg":"Ed25519""#), Ok(Algorithm::EdDSA));
        assert_eq!(ed(r#","alg":"ES256""#), Err(KeyFlaw::OtherAlgorithm));
        assert_eq!(ed(r#","alg":"ES521""#), Err(KeyFlaw::UnknownKind));
        assert_eq!(ed(r#","alg":7"#), Err(KeyFlaw::UnknownKind));
    }

    #[test]
    fn a_secret_never_comes_from_the_network() {
        let members = format!(r#""kty":"oct","k":"{SECRET}""#);
        let all = [Algorithm::ES256, Algorithm::HS256];
        assert_eq!(one(&members, &all, Origin::Remote).unwrap_err(), KeyFlaw::SharedSecret);
        assert_eq!(one(&members, &all, Origin::Local).unwrap().algorithm(), Algorithm::HS256);
        assert_eq!(one(&members, &[Algorithm::ES256], Origin::Local).unwrap_err(), KeyFlaw::OtherAlgorithm);
    }

    #[test]
    fn a_key_without_alg_serves_the_first_algorithm_on_the_list() {
        let members = format!(r#""kty":"RSA","e":"AQAB","n":"{}""#, URL_SAFE_NO_PAD.encode([0xff; 256]));
        let serves = |list: &[Algorithm]| one(&members, list, Origin::Remote).map(|key| key.algorithm());
        assert_eq!(serves(&Algorithm::ASYMMETRIC), Ok(Algorithm::RS256));
        assert_eq!(serves(&[Algorithm::ES256, Algorithm::PS384, Algorithm::RS256]), Ok(Algorithm::PS384));
        assert_eq!(serves(&[Algorithm::ES256]), Err(KeyFlaw::OtherAlgorithm));
    }

    #[test]
    fn an_array_is_no_key() {
        let set = format!(r#"{{"keys":[["OKP",null,null,null,"a","Ed25519",null,null,"{X}",null,null]]}}"#);
        let (keys, skipped) = read(set.as_bytes(), &Algorithm::ASYMMETRIC, Origin::Remote).unwrap();
        assert_eq!((keys.len(), skipped.len()), (0, 1));
    }

    #[test]
    fn one_bad_key_does_not_spoil_the_set() {
        let set = format!(
            r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{X}","kid":"a"}},{{"kty":"XYZ","kid":"b"}},7,{{}},
            {{"kty":"EC","crv":"P-256","x":"AA","y":"AA","kid":"c"}},{{"kty":"OKP","crv":"Ed25519","x":"{X}","kid":"d"}}]}}"#
        );
        let (keys, skipped) = read(set.as_bytes(), &Algorithm::ASYMMETRIC, Origin::Remote).unwrap();
        assert_eq!(keys.iter().map(Key::id).collect::<Vec<_>>(), [Some("a"), Some("d")]);
        assert_eq!(skipped.iter().map(KeyError::id).collect::<Vec<_>>(), [Some("b"), None, None, Some("c")]);
        assert!(read(b"{}", &Algorithm::ASYMMETRIC, Origin::Remote).is_err());
        assert!(read(b"[]", &Algorithm::ASYMMETRIC, Origin::Remote).is_err());
        assert!(read(b"[[]]", &Algorithm::ASYMMETRIC, Origin::Remote).is_err());
        assert!(read(br#"{"keys":[],"keys":[]}"#, &Algorithm::ASYMMETRIC, Origin::Remote).is_err());
    }
}
