use std::fmt;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::request::Parts;
use zeroize::Zeroizing;

use super::{Scheme, authorization::value};
use crate::{
    Asked, Challenge, ConfigurationWarning, Finding, Inspection, IntoRealm, Realm, Reason, Rejection,
};

/// User names and passwords in the `Authorization` header (RFC 7617).
///
/// The client sees 401 `Basic realm="…", charset="UTF-8"` for no, wrong and malformed credentials alike: browsers know
/// what to do then, and would be stuck with a 400. Two `Authorization` lines are 400.
///
/// # Security
///
/// The password travels with every request; offer it over TLS only, and say so by [`over_tls`](Self::over_tls): the crate
/// does not see the connection, and [warns](crate::ConfigurationWarning::BasicWithoutTls) until it is told.
///
/// ```
/// use tower_authn::{Scheme, Users, scheme::Basic};
///
/// let users = Users::new().with("alice", "correct horse battery", "Alice");
/// let files = Basic::new("files").over_tls().validated_by(users);
/// # let _ = files;
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Basic {
    realm: Realm,
    challenge: Option<Challenge>,
    max_len: usize,
    charset: Charset,
    transport: Transport,
}

#[derive(Clone, Copy, Debug)]
enum Charset {
    Utf8,
    Utf8OrLatin1,
}

/// What the app has said of the way to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Untold,
    Tls,
}

impl Basic {
    /// Makes the scheme, with credentials of up to 4 KiB in base64.
    ///
    /// # Panics
    ///
    /// A literal that is no [`Realm`](crate::Realm).
    #[track_caller]
    pub fn new(realm: impl IntoRealm) -> Self {
        let realm = realm.into_realm();
        let challenge =
            Challenge::new("Basic").param("realm", realm.as_str()).param("charset", "UTF-8").build().ok();
        let transport = Transport::Untold;
        Self { realm, challenge, max_len: 4 * 1024, charset: Charset::Utf8, transport }
    }

    /// Sets the longest credentials that are decoded, in bytes of base64; longer ones are answered like wrong ones.
    pub fn max_len(self, bytes: usize) -> Self {
        Self { max_len: bytes, ..self }
    }

    /// Reads credentials that are not UTF-8 as ISO 8859-1, which some old clients send in spite of the challenge.
    pub fn or_latin1(self) -> Self {
        Self { charset: Charset::Utf8OrLatin1, ..self }
    }

    /// Declares that clients come over TLS, which ends here or at a proxy in front. It changes nothing for them; without it
    /// the layer [warns](crate::ConfigurationWarning::BasicWithoutTls).
    pub fn over_tls(self) -> Self {
        Self { transport: Transport::Tls, ..self }
    }
}

impl Scheme for Basic {
    type Credentials = UserPassword;

    fn name(&self) -> &'static str {
        "Basic"
    }

    fn extract(&self, head: &mut Parts, _: &Asked) -> Result<Option<UserPassword>, Rejection> {
        let refused = |reason| Rejection::invalid().with_reason(reason);
        let encoded = match value(head, "Basic") {
            Ok(Some(encoded)) => encoded,
            Ok(None) => return Ok(None),
            // A tab after the name; a repeated header stays a 400.
            Err(rejection) if rejection.reason() == Reason::Malformed => {
                return Err(refused(Reason::Malformed));
            }
            Err(rejection) => return Err(rejection),
        };
        if encoded.len() > self.max_len {
            return Err(refused(Reason::TooLong));
        }
        let decoded = STANDARD.decode(encoded).map(Zeroizing::new).map_err(|_| refused(Reason::Malformed))?;
        if decoded.iter().any(u8::is_ascii_control) {
            return Err(refused(Reason::Malformed));
        }
        // One charset for both halves: the client encoded them as one text.
        let latin1;
        let text = match (std::str::from_utf8(&decoded), self.charset) {
            (Ok(text), _) => text,
            (Err(_), Charset::Utf8OrLatin1) => {
                latin1 = from_latin1(&decoded);
                &latin1
            }
            (Err(_), Charset::Utf8) => return Err(refused(Reason::NotText)),
        };
        let Some((user, password)) = text.split_once(':') else { return Err(refused(Reason::Malformed)) };
        Ok(Some(UserPassword::new(user, password)))
    }

    fn challenge(&self, _: Option<&Finding>) -> Option<Challenge> {
        self.challenge.clone()
    }

    fn realm(&self) -> Option<&str> {
        Some(self.realm.as_str())
    }

    fn inspect(&self, inspection: &mut Inspection) {
        let realm = || self.realm.as_str().to_owned();
        if self.transport == Transport::Untold {
            inspection.warn(ConfigurationWarning::BasicWithoutTls { realm: realm() });
        }
        if !inspection.is_throttled() {
            inspection.warn(ConfigurationWarning::PasswordsUnthrottled { realm: realm() });
        }
    }
}

/// With room for all from the start, since a text that grows leaves copies behind that are not wiped.
pub(crate) fn from_latin1(bytes: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    text.extend(bytes.iter().copied().map(char::from));
    text
}

// ===== impl UserPassword =====

/// A user name and a password, exactly as they were sent. `Debug` shows neither: people type one into the other's field.
///
/// ```
/// use tower_authn::scheme::UserPassword;
///
/// let form = UserPassword::new("alice", "pass:word");
/// assert_eq!((form.user(), form.password().expose()), ("alice", "pass:word"));
/// assert_eq!(format!("{form:?}"), "UserPassword(..)");
/// ```
#[derive(Clone)]
pub struct UserPassword {
    user: Box<str>,
    password: Password,
}

impl UserPassword {
    /// Makes credentials, for example from a sign-in form.
    pub fn new(user: impl Into<Box<str>>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: Password::new(password) }
    }

    /// Returns the user name.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Returns the password.
    pub fn password(&self) -> &Password {
        &self.password
    }

    /// Splits it.
    pub fn into_parts(self) -> (Box<str>, Password) {
        (self.user, self.password)
    }
}

impl fmt::Debug for UserPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserPassword(..)")
    }
}

/// A password, wiped when dropped. `Debug` does not show it.
///
/// ```
/// let password = tower_authn::scheme::Password::new("secret");
/// assert_eq!(format!("{password:?} {}", password.expose()), "Password(..) secret");
/// ```
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Makes a password.
    pub fn new(password: impl Into<String>) -> Self {
        Self(Zeroizing::new(password.into()))
    }

    /// Returns the secret text.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}
