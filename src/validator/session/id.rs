use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{
    Rejection,
    validator::{base64url, digest},
};

/// The secret that a session's cookie holds: 256 bit from the operating system, in base64url. `Debug` does not show it.
///
/// ```
/// # async fn sign_in(sessions: tower_authn::validator::session::Sessions<String>) -> Result<(), tower_authn::Rejection> {
/// let (id, set_cookie) = sessions.create("alice".to_owned()).await?;
/// assert_eq!(id.expose().len(), 43);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct SessionId(Zeroizing<[u8; LEN]>);

const LEN: usize = 32;

impl SessionId {
    /// # Errors
    ///
    /// The operating system has no randomness to give.
    pub(super) fn random() -> Result<Self, Rejection> {
        let mut bytes = Zeroizing::new([0; LEN]);
        getrandom::fill(&mut *bytes)?;
        Ok(Self(bytes))
    }

    /// Returns the secret text.
    pub fn expose(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(*self.0))
    }

    /// Returns what the session is known by where no secret may be.
    pub fn key(&self) -> SessionKey {
        SessionKey(digest::of(self.0.as_slice()))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(..)")
    }
}

/// What a session is known by in stores, lists and logs: the SHA-256 of its id, which signs nobody in.
///
/// `Display` and `FromStr` are base64url, so that a page of sessions can name the one to end.
///
/// ```
/// use tower_authn::validator::session::SessionKey;
///
/// let key = SessionKey::from_bytes([7; 32]);
/// assert_eq!(key.to_string().parse(), Ok(key));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionKey([u8; LEN]);

impl SessionKey {
    /// Makes a key of what a store kept.
    pub const fn from_bytes(bytes: [u8; LEN]) -> Self {
        Self(bytes)
    }

    /// Finds the key of an id as a cookie holds it; `None` if it is none.
    pub(super) fn of_id(text: &str) -> Option<Self> {
        Some(Self(digest::of(decoded(text)?)))
    }

    /// Returns the digest.
    pub const fn as_bytes(&self) -> &[u8; LEN] {
        &self.0
    }
}

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionKey({self})")
    }
}

impl FromStr for SessionKey {
    type Err = SessionKeyError;

    fn from_str(text: &str) -> Result<Self, SessionKeyError> {
        decoded(text).map(Self).ok_or(SessionKeyError(()))
    }
}

fn decoded(text: &str) -> Option<[u8; LEN]> {
    if base64url::decoded_len(text.len()) != LEN {
        return None;
    }
    let mut bytes = [0; LEN];
    base64url::decode(text.as_bytes(), &mut bytes)?;
    Some(bytes)
}

/// Text that is no [`SessionKey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionKeyError(());

impl fmt::Display for SessionKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a session's key is 43 characters of base64url")
    }
}

impl std::error::Error for SessionKeyError {}
