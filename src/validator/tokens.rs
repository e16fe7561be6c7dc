use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use super::{
    Validator, WeakToken,
    digest::{self, DigestMap},
    entropy,
};
use crate::{
    Rejection, Visit,
    scheme::{ApiKeyValue, BearerToken},
};

/// A set of bearer tokens or API keys, each with the identity it stands for. It may change while requests run; clones
/// share one set.
///
/// Tokens are kept and looked up by their SHA-256 digest, so that neither a memory dump nor the time that a look-up takes gives one
/// away. The time is the same for one token and for 100,000.
///
/// ```
/// use tower_authn::{Scheme, Tokens, scheme::{ApiKey, Bearer}};
///
/// let tokens = Tokens::new();
/// tokens.insert("n4bQgYhMfWWaL-qgxVrQFQ", "build server")?;
///
/// let api = Bearer::new("api").validated_by(tokens.clone());
/// tokens.revoke("n4bQgYhMfWWaL-qgxVrQFQ"); // from the next request on
/// # let _ = api;
/// # Ok::<(), tower_authn::validator::WeakToken>(())
/// ```
pub struct Tokens<I>(Arc<RwLock<DigestMap<I>>>);

impl<I> Tokens<I> {
    /// Makes an empty set, which lets nobody in.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a token. Returns the identity that it stood for before.
    ///
    /// # Errors
    ///
    /// A token that cannot hold 128 bit of randomness; it is not added.
    pub fn insert(&self, token: &str, identity: I) -> Result<Option<I>, WeakToken> {
        entropy::check(token)?;
        Ok(self.insert_weak(token, identity))
    }

    /// Adds a token without asking how hard it is to guess.
    ///
    /// # Security
    ///
    /// Nothing here slows a guesser down.
    pub fn insert_weak(&self, token: &str, identity: I) -> Option<I> {
        self.write().insert(digest::of(token), identity)
    }

    /// Removes a token, and returns the identity that it stood for.
    pub fn revoke(&self, token: &str) -> Option<I> {
        self.write().remove(&digest::of(token))
    }

    /// Removes all tokens of the identities that fit, for example all of one user. Returns how many.
    pub fn revoke_where(&self, mut fits: impl FnMut(&I) -> bool) -> usize {
        let mut tokens = self.write();
        let before = tokens.len();
        tokens.retain(|_, identity| !fits(identity));
        before - tokens.len()
    }

    /// Returns how many tokens there are.
    pub fn len(&self) -> usize {
        self.read().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.read().is_empty()
    }

    fn find(&self, token: &str) -> Option<I>
    where
        I: Clone,
    {
        self.read().get(&digest::of(token)).cloned()
    }

    /// A writer that panicked, in the app's `fits`, leaves a map that is whole.
    fn read(&self) -> RwLockReadGuard<'_, DigestMap<I>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, DigestMap<I>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<I: Clone + Send + Sync + 'static> Validator<BearerToken> for Tokens<I> {
    type Identity = I;

    async fn validate(&self, token: BearerToken, _: &mut Visit) -> Result<Option<I>, Rejection> {
        Ok(self.find(token.expose()))
    }
}

impl<I: Clone + Send + Sync + 'static> Validator<ApiKeyValue> for Tokens<I> {
    type Identity = I;

    async fn validate(&self, key: ApiKeyValue, _: &mut Visit) -> Result<Option<I>, Rejection> {
        Ok(self.find(key.expose()))
    }
}

impl<I> Default for Tokens<I> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<I> Clone for Tokens<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// Shows how many, and none of them.
impl<I> fmt::Debug for Tokens<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_every_byte_of_its_digest() {
        let tokens = Tokens::new();
        for byte in 0..32 {
            let mut digest = digest::of("a token");
            digest[byte] ^= 1;
            tokens.write().insert(digest, byte);
        }
        assert_eq!((tokens.len(), tokens.find("a token")), (32, None));
        tokens.insert_weak("a token", 32);
        assert_eq!(tokens.find("a token"), Some(32));
    }

    #[test]
    fn a_panic_of_the_app_under_the_lock_leaves_the_tokens_usable() {
        let tokens = Tokens::new();
        tokens.insert_weak("a token", "alice");
        let panicked = std::panic::catch_unwind(|| tokens.revoke_where(|_| panic!("of the app")));
        assert!(panicked.is_err() && tokens.0.is_poisoned());
        assert_eq!(tokens.find("a token"), Some("alice"));
        assert_eq!(tokens.insert_weak("another", "bob"), None);
        assert_eq!(tokens.revoke("a token"), Some("alice"));
        assert_eq!(tokens.len(), 1);
    }
}
