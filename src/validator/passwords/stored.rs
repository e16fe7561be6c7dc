use std::{fmt, sync::Arc};

use super::PasswordHash;
use crate::Reason;

/// What is known of one user: the hash, the identity, and whether the account is in use.
///
/// A disabled or locked user costs the same hash as any other, and gets the answer of a wrong password, byte by byte; the
/// operator gets the reason, if the password was right.
///
/// ```
/// use tower_authn::validator::passwords::{Passwords, Stored};
///
/// let former = Stored::new(Passwords::hash("correct horse battery")?, "Alice").disabled();
/// # let _ = former;
/// # Ok::<(), tower_authn::validator::passwords::HashError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Stored<I> {
    pub(super) hash: Arc<PasswordHash>,
    pub(super) identity: I,
    pub(super) refused: Option<Reason>,
}

impl<I> Stored<I> {
    /// Puts a hash and an identity together. Pass the hash in an `Arc` where it is kept in one.
    pub fn new(hash: impl Into<Arc<PasswordHash>>, identity: I) -> Self {
        Self { hash: hash.into(), identity, refused: None }
    }

    /// Refuses the user, with [`Reason::Disabled`] for the operator.
    pub fn disabled(self) -> Self {
        Self { refused: Some(Reason::Disabled), ..self }
    }

    /// Refuses the user, with [`Reason::Locked`] for the operator.
    pub fn locked(self) -> Self {
        Self { refused: Some(Reason::Locked), ..self }
    }
}

/// Shows the kind of the hash, and no identity.
impl<I> fmt::Debug for Stored<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored")
            .field("hash", &self.hash)
            .field("refused", &self.refused)
            .finish_non_exhaustive()
    }
}
