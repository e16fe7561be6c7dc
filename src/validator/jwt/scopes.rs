//! Scopes as issuers write them.

use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::Rejection;

/// The scopes of a token: `scope` as RFC 9068 §2.2.3 writes it, separated by blanks, or a list of them, as some issuers
/// write `scp`.
///
/// # Examples
///
/// ```
/// use serde::Deserialize;
/// use tower_authn::validator::jwt::Scopes;
///
/// #[derive(Deserialize)]
/// struct Claims {
///     #[serde(default, alias = "scp")]
///     scope: Scopes,
/// }
///
/// let claims: Claims = serde_json::from_str(r#"{"scope": "orders:read orders:write"}"#)?;
/// assert!(claims.scope.contains("orders:read"));
/// assert!(claims.scope.demand("orders:read orders:write").is_ok());
/// assert!(claims.scope.demand("admin").is_err());
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scopes(Box<str>);

impl Scopes {
    /// Whether exactly this scope is among them.
    pub fn contains(&self, scope: &str) -> bool {
        self.iter().any(|own| own == scope)
    }

    /// Returns the scopes in the order of the token.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.split(' ').filter(|scope| !scope.is_empty())
    }

    /// Demands all of these scopes, separated by blanks: what a requirement returns.
    ///
    /// # Errors
    ///
    /// One is missing: the client sees 403 with `error="insufficient_scope"` and all that are needed.
    pub fn demand(&self, scopes: &'static str) -> Result<(), Rejection> {
        let all = scopes.split(' ').filter(|scope| !scope.is_empty()).all(|scope| self.contains(scope));
        if all { Ok(()) } else { Err(Rejection::insufficient_scope(scopes)) }
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Scopes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("scopes: a string separated by blanks, or a list of strings")
            }

            fn visit_str<E>(self, text: &str) -> Result<Scopes, E> {
                Ok(Scopes(text.into()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Scopes, A::Error> {
                let mut text = String::new();
                while let Some(scope) = list.next_element::<String>()? {
                    // A blank inside would make two scopes of one.
                    if scope.contains(' ') {
                        continue;
                    }
                    if !text.is_empty() {
                        text.push(' ');
                    }
                    text.push_str(&scope);
                }
                Ok(Scopes(text.into()))
            }
        }

        from.deserialize_any(Either)
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scopes(json: &str) -> Scopes {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn strings_and_lists_are_read() {
        for json in [r#""a b:c""#, r#"["a","b:c"]"#, r#"" a  b:c ""#] {
            assert_eq!(scopes(json).iter().collect::<Vec<_>>(), ["a", "b:c"], "{json}");
        }
        assert_eq!(scopes(r#"["a b","c"]"#).iter().collect::<Vec<_>>(), ["c"]);
        for json in ["7", "null", "{}", "[7]"] {
            assert!(serde_json::from_str::<Scopes>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_scope_is_held_whole() {
        let scopes = scopes(r#""read:all write""#);
        assert!(scopes.contains("write"));
        for scope in ["read", "writ", "read:all write", "", " ", "WRITE"] {
            assert!(!scopes.contains(scope), "{scope:?}");
        }
    }

    #[test]
    fn a_demand_names_all_that_is_needed() {
        let scopes = scopes(r#""read""#);
        assert!(scopes.demand("read").is_ok());
        let rejection = scopes.demand("read write").unwrap_err();
        assert_eq!(rejection.reason(), crate::Reason::InsufficientScope);
    }
}
