//! A validator that is configured as rules say, and what it says; the fuzz target `jwt` holds it
//! against the same rules.
#![allow(unreachable_pub)] // the fuzz target takes it from another package

use std::time::{Duration, SystemTime};

use serde_json::Value;
use tower_authn::{
    BearerToken, Clock, RejectionKind, Validator as _, Visit,
    validator::jwt::{self, Algorithm, Jwt, JwtBuilder, KeySet, Profile},
};

use crate::{
    second::{
        json::Json,
        jwt::{Key, Rules},
    },
    support::now,
};

/// A validator that is configured as the rules say.
pub fn validator<C>(rules: &Rules) -> Jwt<C> {
    let at = |seconds: u32| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.into());
    let mut builder: Option<JwtBuilder<C>> = None;
    for issuer in &rules.issuers {
        let key = |key: &Key| {
            let made = jwt::Key::secret(key.algorithm.parse::<Algorithm>().unwrap(), key.secret).unwrap();
            match key.id {
                Some(id) => made.with_id(id),
                None => made,
            }
        };
        let mut next = match builder {
            Some(builder) => builder.issuer(issuer.name),
            None => Jwt::issuer(issuer.name),
        };
        next = next.key_set(KeySet::new(issuer.keys.iter().map(key)));
        next = issuer.audiences.iter().fold(next, |next, audience| next.audience(*audience));
        next = if issuer.takes_any_jwt { next.profile(Profile::AnyJwt) } else { next };
        builder = Some(match issuer.max_age {
            Some(age) => next.max_age(Duration::from_secs(age.into())),
            None => next,
        });
    }
    let leeway = Duration::from_secs(rules.leeway.into());
    let (clock, _) = Clock::manual(at(rules.now));
    builder.unwrap().leeway(leeway).max_len(rules.max_len).clock(clock).cache(64).build().unwrap()
}

/// What the validator says: the claims, or the code of the reason.
pub fn said<C>(jwt: &Jwt<C>, token: &str) -> Result<jwt::Verified<C>, &'static str>
where
    C: serde::de::DeserializeOwned + Send + Sync + 'static,
{
    match now(jwt.validate(BearerToken::new(token), &mut Visit::outside())) {
        Ok(verified) => Ok(verified.unwrap()),
        Err(rejection) => {
            assert_eq!(rejection.kind(), RejectionKind::Invalid);
            Err(rejection.reason().as_str())
        }
    }
}

/// Whether both are the same; `serde_json` reads numbers as floats.
pub fn are_equal(json: &Json, value: &Value) -> bool {
    match (json, value) {
        (Json::Null, Value::Null) => true,
        (Json::Bool(one), Value::Bool(other)) => one == other,
        (Json::Text(one), Value::String(other)) => one == other,
        (Json::Number(one), Value::Number(other)) => {
            let (one, other) = (one.parse::<f64>().unwrap(), other.as_f64().unwrap());
            (one - other).abs() <= one.abs() * 1e-12 + 1e-300
        }
        (Json::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| are_equal(one, other))
        }
        (Json::Object(one), Value::Object(other)) => {
            let same =
                |(name, value): &(String, Json)| other.get(name).is_some_and(|own| are_equal(value, own));
            one.len() == other.len() && one.iter().all(same)
        }
        _ => false,
    }
}

/// Whether `serde_json` can hold all numbers of the claims.
pub fn is_finite(claims: &Json) -> bool {
    claims.numbers().iter().all(|number| number.parse::<f64>().unwrap().is_finite())
}
