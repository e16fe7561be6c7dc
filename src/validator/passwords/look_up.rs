use std::{collections::HashMap, sync::Arc};

use super::{PasswordHash, Stored};
use crate::Rejection;

/// Finds what is stored of a user: in a map, a file, a database.
///
/// Also every async function or closure from a `String`, the user's name, to `Result<Option<Stored<I>>, Rejection>`.
///
/// The name is what the client sent, of any length its scheme allows and not normalised.
///
/// ```
/// use std::{collections::HashMap, sync::Mutex};
/// use tower_authn::{Rejection, validator::passwords::{LookUp, Stored}};
///
/// struct Accounts(Mutex<HashMap<String, (String, u64)>>);
///
/// impl LookUp for Accounts {
///     type Identity = u64;
///
///     async fn hash_of(&self, user: &str) -> Result<Option<Stored<u64>>, Rejection> {
///         let accounts = self.0.lock().map_err(|_| Rejection::unavailable())?;
///         let Some((hash, id)) = accounts.get(user) else { return Ok(None) };
///         Ok(Some(Stored::new(hash.parse::<tower_authn::validator::passwords::PasswordHash>()?, *id)))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` finds no password hashes",
    label = "must be a `LookUp`",
    note = "an async function is one if it takes the user's name as a `String` and returns `Result<Option<Stored<Identity>>, Rejection>`"
)]
pub trait LookUp: Send + Sync + 'static {
    /// Who the users are.
    type Identity: Clone + Send + Sync + 'static;

    /// Finds what is stored of a user; `Ok(None)` if there is no such user.
    ///
    /// # Errors
    ///
    /// `?` on any error is [`Rejection::unavailable`]: the client sees 503.
    fn hash_of(
        &self,
        user: &str,
    ) -> impl Future<Output = Result<Option<Stored<Self::Identity>>, Rejection>> + Send;

    /// Returns a hash that costs what most users' hashes cost; an unknown user is given one of that cost. `None`: not known.
    fn commonest(&self) -> Option<Arc<PasswordHash>> {
        None
    }
}

impl<F, Fut, I> LookUp for F
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<Stored<I>>, Rejection>> + Send,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    fn hash_of(&self, user: &str) -> impl Future<Output = Result<Option<Stored<I>>, Rejection>> + Send {
        self(user.to_owned())
    }
}

impl<L: LookUp> LookUp for Arc<L> {
    type Identity = L::Identity;

    fn hash_of(
        &self,
        user: &str,
    ) -> impl Future<Output = Result<Option<Stored<L::Identity>>, Rejection>> + Send {
        L::hash_of(self, user)
    }

    fn commonest(&self) -> Option<Arc<PasswordHash>> {
        L::commonest(self)
    }
}

/// Of many hashes, one with the commonest parameters; of equally common ones, the costliest.
pub(super) fn commonest<'a>(
    hashes: impl Iterator<Item = &'a Arc<PasswordHash>>,
) -> Option<Arc<PasswordHash>> {
    let mut counts = HashMap::new();
    for hash in hashes {
        counts.entry(hash.params()).or_insert((0_usize, hash)).0 += 1;
    }
    let most = counts.into_iter().max_by_key(|(params, (count, _))| (*count, params.work()));
    most.map(|(_, (_, hash))| Arc::clone(hash))
}
