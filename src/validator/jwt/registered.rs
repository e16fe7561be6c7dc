//! The claims that decide whether a token counts (RFC 7519 §4.1).

use std::borrow::Cow;
use std::time::Duration;

use super::Profile;
use super::json::{self, JsonFlaw, Value};
use crate::Reason;

/// The last second of the year 9999; a later date is a mistake, or an attack on whoever adds to it.
const LAST: u64 = 253_402_300_799;

/// The claims that are looked at here, whatever type the app reads the rest into.
#[derive(Default)]
pub(crate) struct Registered<'a> {
    issuer: Option<Value<'a>>,
    audience: Option<Value<'a>>,
    expires: Option<Value<'a>>,
    not_before: Option<Value<'a>>,
    issued: Option<Value<'a>>,
    is_bound: bool,
    is_other: bool,
}

/// What an issuer's tokens are held against.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) issuer: Box<str>,
    pub(crate) audiences: Box<[Box<str>]>,
    pub(crate) profile: Profile,
    pub(crate) leeway: Duration,
    pub(crate) max_age: Option<Duration>,
}

/// Until when a token counts, in seconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Checked {
    /// What it says itself.
    pub(crate) expires: u64,
    /// What its issuer's terms say.
    pub(crate) until: u64,
}

impl<'a> Registered<'a> {
    pub(crate) fn read(json: &'a str) -> Result<Self, JsonFlaw> {
        let mut claims = Self::default();
        json::object(json, |name, value| match name {
            "iss" => claims.issuer = Some(value),
            "aud" => claims.audience = Some(value),
            "exp" => claims.expires = Some(value),
            "nbf" => claims.not_before = Some(value),
            "iat" => claims.issued = Some(value),
            // Bound to a key or a certificate that a plain bearer token does not show (RFC 7800 §3.1).
            "cnf" => claims.is_bound = true,
            "at_hash" | "c_hash" | "events" | "htu" => claims.is_other = true,
            _ => {}
        })?;
        Ok(claims)
    }

    /// Returns `iss`, if it is one string.
    pub(crate) fn issuer(&self) -> Option<&str> {
        match &self.issuer {
            Some(Value::Text(issuer)) => Some(issuer),
            _ => None,
        }
    }

    pub(crate) fn has_issuer(&self) -> bool {
        self.issuer.is_some()
    }

    /// Holds the claims against the terms at a time in seconds. This can only refuse: nothing here is trusted before the
    /// signature is verified.
    pub(crate) fn check(&self, terms: &Terms, now: u64) -> Result<Checked, Reason> {
        let leeway = terms.leeway.as_secs();
        match &self.issuer {
            None => return Err(Reason::MissingClaim),
            Some(Value::Text(issuer)) if **issuer == *terms.issuer => {}
            Some(_) => return Err(Reason::WrongIssuer),
        }
        let expires = seconds(self.expires.as_ref())?.ok_or(Reason::MissingClaim)?;
        let mut until = expires + leeway;
        if now >= until {
            return Err(Reason::Expired);
        }
        if seconds(self.not_before.as_ref())?.is_some_and(|start| start > now + leeway) {
            return Err(Reason::NotYetValid);
        }
        let issued = seconds(self.issued.as_ref())?;
        if issued.is_some_and(|issued| issued > now + leeway) {
            return Err(Reason::NotYetValid);
        }
        if let Some(age) = terms.max_age {
            let issued = issued.ok_or(Reason::MissingClaim)?;
            let too_old = issued.saturating_add(age.as_secs()).saturating_add(leeway);
            if now > too_old {
                return Err(Reason::TooOld);
            }
            until = until.min(too_old);
        }
        self.check_audience(&terms.audiences)?;
        if self.is_other && terms.profile == Profile::AnyJwt {
            return Err(Reason::WrongType);
        }
        if self.is_bound { Err(Reason::Bound) } else { Ok(Checked { expires, until }) }
    }

    fn check_audience(&self, ours: &[Box<str>]) -> Result<(), Reason> {
        let is_ours = |name: &Cow<'_, str>| ours.iter().any(|our| **our == **name);
        let found = match self.audience.as_ref().ok_or(Reason::MissingClaim)? {
            Value::Text(name) => is_ours(name),
            Value::Array(list) => {
                let (mut found, mut texts) = (false, true);
                json::array(list, |item| match item {
                    Value::Text(name) => found |= is_ours(&name),
                    _ => texts = false,
                })?;
                if !texts {
                    return Err(Reason::BadClaims);
                }
                found
            }
            _ => return Err(Reason::BadClaims),
        };
        if found { Ok(()) } else { Err(Reason::WrongAudience) }
    }
}

/// A `NumericDate` (RFC 7519 §2) in whole seconds, rounded down.
fn seconds(value: Option<&Value<'_>>) -> Result<Option<u64>, Reason> {
    let Some(value) = value else { return Ok(None) };
    let Value::Number(text) = value else { return Err(Reason::BadClaims) };
    let seconds = match digits(text) {
        Some(seconds) => seconds,
        None => whole(text.parse().map_err(|_| Reason::BadClaims)?).ok_or(Reason::BadClaims)?,
    };
    if seconds > LAST { Err(Reason::BadClaims) } else { Ok(Some(seconds)) }
}

/// A number that is written as digits alone, few enough not to overflow, which is how all dates are written.
fn digits(text: &str) -> Option<u64> {
    let add = |sum: u64, byte: &u8| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0'));
    if text.len() < 19 { text.as_bytes().iter().try_fold(0, add) } else { None }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn whole(number: f64) -> Option<u64> {
    // Not a number is in no range; neither is what is too large to be one. `-0.0` is zero.
    (0.0..9e15).contains(&number).then_some(number as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn terms() -> Terms {
        Terms {
            issuer: "https://idp.example".into(),
            audiences: ["orders".into(), "stock".into()].into(),
            profile: Profile::AccessToken,
            leeway: Duration::from_secs(30),
            max_age: None,
        }
    }

    /// Checks a good token's claims with one of them replaced (or taken out, if the value is empty).
    fn check_with(terms: &Terms, claim: &str, value: &str) -> Result<Checked, Reason> {
        let mut members: Vec<(&str, String)> = vec![
            ("iss", r#""https://idp.example""#.into()),
            ("aud", r#""orders""#.into()),
            ("exp", (NOW + 60).to_string()),
            ("iat", NOW.to_string()),
        ];
        members.retain(|(name, _)| *name != claim);
        if !value.is_empty() {
            members.push((claim, value.into()));
        }
        let members: Vec<String> =
            members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        let json = format!("{{{}}}", members.join(","));
        Registered::read(&json).unwrap().check(terms, NOW)
    }

    #[track_caller]
    fn passes(claim: &str, value: &str) {
        assert!(
            check_with(&terms(), claim, value).is_ok(),
            "{claim}: {value}: {:?}",
            check_with(&terms(), claim, value)
        );
    }

    #[track_caller]
    fn refuses(claim: &str, value: &str, reason: Reason) {
        assert_eq!(check_with(&terms(), claim, value), Err(reason), "{claim}: {value}");
    }

    #[test]
    fn iss_is_one_string_and_exact() {
        passes("iss", r#""https:\/\/idp.example""#);
        refuses("iss", "", Reason::MissingClaim);
        for value in [
            r#"["https://idp.example"]"#,
            r#""https://idp.example/""#,
            r#""https://IDP.example""#,
            "null",
            "7",
        ] {
            refuses("iss", value, Reason::WrongIssuer);
        }
    }

    #[test]
    fn aud_is_required_and_an_exact_member() {
        for value in [r#""stock""#, r#"["orders"]"#, r#"["a", "stock", "b"]"#] {
            passes("aud", value);
        }
        refuses("aud", "", Reason::MissingClaim);
        for value in
            [r#""order""#, r#""Orders""#, r#""orders ""#, "[]", r#"["order","s"]"#, r#""orders,stock""#]
        {
            refuses("aud", value, Reason::WrongAudience);
        }
        for value in ["null", "{}", "7", r#"["orders",7]"#, r#"[["orders"]]"#] {
            refuses("aud", value, Reason::BadClaims);
        }
    }

    #[test]
    fn exp_is_required_and_has_thirty_seconds_of_leeway() {
        refuses("exp", "", Reason::MissingClaim);
        passes("exp", &(NOW - 29).to_string());
        refuses("exp", &(NOW - 30).to_string(), Reason::Expired);
        refuses("exp", "0", Reason::Expired);
        passes("exp", &format!("{NOW}.75"));
        passes("exp", "1.7e9");
        passes("exp", &LAST.to_string());
    }

    #[test]
    fn nbf_and_iat_in_the_future_are_refused_beyond_the_leeway() {
        for claim in ["nbf", "iat"] {
            passes(claim, "");
            passes(claim, &(NOW + 30).to_string());
            refuses(claim, &(NOW + 31).to_string(), Reason::NotYetValid);
        }
    }

    #[test]
    fn numbers_that_are_no_dates_are_refused() {
        for claim in ["exp", "nbf", "iat"] {
            for value in [
                "-1",
                "-1.5",
                "1e400",
                "9e15",
                "1e18",
                "18446744073709551615",
                "18446744073709551616",
                "253402300800",
                r#""1700000060""#,
                "null",
                "true",
                "[1700000060]",
                "{}",
                "-1e400",
            ] {
                refuses(claim, value, Reason::BadClaims);
            }
        }
    }

    #[test]
    fn a_maximum_age_needs_iat() {
        let terms = Terms { max_age: Some(Duration::from_secs(300)), ..terms() };
        assert_eq!(check_with(&terms, "iat", ""), Err(Reason::MissingClaim));
        assert!(check_with(&terms, "iat", &(NOW - 330).to_string()).is_ok());
        assert_eq!(check_with(&terms, "iat", &(NOW - 331).to_string()), Err(Reason::TooOld));
    }

    #[test]
    fn a_bound_token_is_refused_whatever_it_is_bound_to() {
        for value in [r#"{"jkt":"a"}"#, r#"{"x5t#S256":"a"}"#, r#"{"new":1}"#, "{}", "null"] {
            refuses("cnf", value, Reason::Bound);
        }
    }

    #[test]
    fn tokens_of_other_types_give_themselves_away() {
        let lenient = Terms { profile: Profile::AnyJwt, ..terms() };
        for claim in ["at_hash", "c_hash", "events", "htu"] {
            assert_eq!(check_with(&lenient, claim, r#""x""#), Err(Reason::WrongType), "{claim}");
            passes(claim, r#""x""#);
        }
    }
}
