//! The header of a token (RFC 7515 §4): what is looked at, and what is never trusted.

use std::borrow::Cow;

use super::Algorithm;
use super::json::{self, Value};
use crate::Reason;

/// The members that matter. `jku`, `x5u`, `x5c` and `jwk` are not among them: a token does not name its own key.
pub(crate) struct Header<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) id: Option<Cow<'a, str>>,
    pub(crate) kind: Option<Cow<'a, str>>,
}

impl<'a> Header<'a> {
    pub(crate) fn read(json: &'a str) -> Result<Self, Reason> {
        let (mut algorithm, mut id, mut kind, mut flaw) = (None, None, None, None);
        json::object(json, |name, value| match (name, value) {
            ("alg", Value::Text(name)) => algorithm = Some(name),
            ("kid", Value::Text(text)) => id = Some(text),
            ("typ", Value::Text(text)) => kind = Some(text),
            // Of another type; an encrypted token, or one that would have to be inflated.
            ("alg" | "kid" | "typ" | "enc" | "zip", _) => flaw = flaw.or(Some(Reason::Malformed)),
            // No extension is understood here, so that whatever `crit` says, it asks for too much (RFC 7515 §4.1.11).
            ("crit", _) | ("b64", Value::Bool(false)) => flaw = flaw.or(Some(Reason::CriticalHeader)),
            _ => {}
        })?;
        if let Some(flaw) = flaw {
            return Err(flaw);
        }
        let algorithm = algorithm.ok_or(Reason::Malformed)?;
        let algorithm = Algorithm::from_name(&algorithm).ok_or(Reason::AlgorithmRefused)?;
        Ok(Self { algorithm, id, kind })
    }
}

/// Which tokens an issuer's access tokens are told by.
///
/// A good signature is not enough: an issuer signs ID tokens, logout tokens and more with the same key, and none of them
/// is an access token (RFC 8725 §3.11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Profile {
    /// RFC 9068: `typ` is `at+jwt` or `application/at+jwt`. The default.
    #[default]
    AccessToken,
    /// For issuers that write `JWT` as `typ`, or nothing: these two are accepted beside `at+jwt`.
    ///
    /// # Security
    ///
    /// An ID token differs from such a token by its audience alone, so that the audience must be the API's own, never a
    /// client's id. What gives itself away is refused: `at_hash` or `c_hash` (ID tokens), `events` (logout tokens), `htu`
    /// (DPoP proofs).
    AnyJwt,
}

impl Profile {
    /// Whether the header's `typ` is one of the profile's. Media types compare without regard to case.
    pub(crate) fn takes(self, kind: Option<&str>) -> bool {
        let Some(kind) = kind else { return self == Self::AnyJwt };
        let short = match kind.split_at_checked("application/".len()) {
            Some((start, rest)) if start.eq_ignore_ascii_case("application/") => rest,
            _ => kind,
        };
        short.eq_ignore_ascii_case("at+jwt") || self == Self::AnyJwt && short.eq_ignore_ascii_case("JWT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refuses(json: &str, reason: Reason) {
        assert_eq!(Header::read(json).err(), Some(reason), "{json}");
    }

    #[test]
    fn the_members_that_matter_are_read() {
        let header =
            Header::read(r#"{"typ":"at+jwt","alg":"ES256","kid":"a\/b","x":{"y":[1]}}"#).ok().unwrap();
        assert_eq!(header.algorithm, Algorithm::ES256);
        assert_eq!((header.id.as_deref(), header.kind.as_deref()), (Some("a/b"), Some("at+jwt")));
    }

    #[test]
    fn whatever_crit_says_is_refused() {
        for crit in [r#"["exp"]"#, r#"["b64"]"#, "[]", r#""exp""#, "null", r#"["alg"]"#, "{}"] {
            refuses(&format!(r#"{{"alg":"ES256","crit":{crit},"b64":true}}"#), Reason::CriticalHeader);
        }
        refuses(r#"{"alg":"ES256","b64":false}"#, Reason::CriticalHeader);
    }

    #[test]
    fn algorithms_that_are_none_are_refused() {
        for name in ["none", "None", "nOnE", "", "es256", "HS1"] {
            refuses(&format!(r#"{{"alg":"{name}"}}"#), Reason::AlgorithmRefused);
        }
        for value in ["null", "7", "[\"ES256\"]", "{}"] {
            refuses(&format!(r#"{{"alg":{value}}}"#), Reason::Malformed);
        }
        refuses("{}", Reason::Malformed);
    }

    #[test]
    fn a_name_twice_is_refused() {
        refuses(r#"{"alg":"none","alg":"ES256"}"#, Reason::DuplicateMember);
        refuses(r#"{"alg":"ES256","jwk":{"kty":"EC","kty":"EC"}}"#, Reason::DuplicateMember);
    }

    #[test]
    fn kid_and_typ_are_strings() {
        refuses(r#"{"alg":"ES256","kid":7}"#, Reason::Malformed);
        refuses(r#"{"alg":"ES256","typ":null}"#, Reason::Malformed);
        refuses(r#"{"alg":"ES256","enc":"A128GCM"}"#, Reason::Malformed);
    }

    #[test]
    fn the_types_of_the_profiles() {
        for kind in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
            assert!(Profile::AccessToken.takes(Some(kind)) && Profile::AnyJwt.takes(Some(kind)), "{kind}");
        }
        for kind in [Some("JWT"), Some("jwt"), Some("application/jwt"), None] {
            assert!(!Profile::AccessToken.takes(kind) && Profile::AnyJwt.takes(kind), "{kind:?}");
        }
        for kind in
            ["", "dpop+jwt", "logout+jwt", "secevent+jwt", "id+jwt", "at+jwt ", "text/at+jwt", "application/"]
        {
            assert!(!Profile::AccessToken.takes(Some(kind)) && !Profile::AnyJwt.takes(Some(kind)), "{kind}");
        }
    }
}
