//! The name of a protected area, as challenges give it.

use std::fmt;

/// The name of a protected area (RFC 9110 §11.5), which clients show to people.
///
/// Printable ASCII, one to 256 bytes, and none of `scope=`, `error=` and `resource_metadata=`: widely used clients
/// search the header for these.
///
/// ```
/// use tower_authn::{Realm, scheme::Bearer};
///
/// let realm = Realm::try_from("orders API")?;
/// let bearer = Bearer::new(realm);
///
/// assert!(Realm::try_from("line\nbreak").is_err());
/// # Ok::<(), tower_authn::RealmError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(String);

/// The longest realm, in bytes.
const MAX_LEN: usize = 256;

impl Realm {
    /// Returns the realm's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Realm {
    type Error = RealmError;

    fn try_from(text: String) -> Result<Self, RealmError> {
        let lower = text.to_ascii_lowercase();
        if text.is_empty() {
            Err(RealmError::Empty)
        } else if text.len() > MAX_LEN {
            Err(RealmError::TooLong)
        } else if !text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            Err(RealmError::NotPrintable)
        } else if ["scope=", "error=", "resource_metadata="].iter().any(|name| lower.contains(name)) {
            Err(RealmError::LooksLikeParameter)
        } else {
            Ok(Self(text))
        }
    }
}

impl TryFrom<&str> for Realm {
    type Error = RealmError;

    fn try_from(text: &str) -> Result<Self, RealmError> {
        Self::try_from(text.to_owned())
    }
}

/// Why a text is no [`Realm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RealmError {
    /// It is empty.
    Empty,
    /// It is longer than 256 bytes.
    TooLong,
    /// It holds a control character or one outside ASCII.
    NotPrintable,
    /// It holds `scope=`, `error=` or `resource_metadata=`.
    LooksLikeParameter,
}

impl fmt::Display for RealmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a realm must not be empty",
            Self::TooLong => "a realm must not be longer than 256 bytes",
            Self::NotPrintable => "a realm must be printable ASCII",
            Self::LooksLikeParameter => {
                "a realm must not contain scope=, error= or resource_metadata=, for which clients search the header"
            }
        })
    }
}

impl std::error::Error for RealmError {}

/// What the constructors of schemes take as a realm: a [`Realm`], or a literal that is checked on the spot.
///
/// # Panics
///
/// A `&'static str` that is no realm panics while the scheme is constructed. Text that is only known at run time goes
/// through [`Realm::try_from`], which gives an error instead.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a realm",
    note = "use a string literal, or `Realm::try_from(text)?` for text that is only known at run time"
)]
pub trait IntoRealm: sealed::Sealed {
    /// Makes the realm.
    fn into_realm(self) -> Realm;
}

impl IntoRealm for Realm {
    fn into_realm(self) -> Realm {
        self
    }
}

impl IntoRealm for &'static str {
    #[track_caller]
    fn into_realm(self) -> Realm {
        match Realm::try_from(self) {
            Ok(realm) => realm,
            Err(error) => panic!("{self:?}: {error}"),
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Realm {}
    impl Sealed for &'static str {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(text: &str, error: RealmError) {
        assert_eq!(Realm::try_from(text), Err(error));
    }

    #[test]
    fn a_realm_is_printable_ascii_and_no_parameter() {
        assert_eq!(Realm::try_from("the \"api\" \\ 1").unwrap().as_str(), "the \"api\" \\ 1");
        refused("", RealmError::Empty);
        refused("a\r\nSet-Cookie: x", RealmError::NotPrintable);
        refused("tab\t", RealmError::NotPrintable);
        refused("caf\u{e9}", RealmError::NotPrintable);
        refused("x Scope=all", RealmError::LooksLikeParameter);
        refused("error=1", RealmError::LooksLikeParameter);
        refused("resource_metadata=https://evil.example", RealmError::LooksLikeParameter);
        refused(&"r".repeat(257), RealmError::TooLong);
    }

    #[test]
    #[should_panic(expected = "must be printable ASCII")]
    fn a_bad_literal_panics_where_the_scheme_is_constructed() {
        "bad\n".into_realm();
    }
}
