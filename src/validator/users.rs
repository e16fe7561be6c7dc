use std::{collections::HashMap, fmt, sync::Arc};

use super::{
    Validator,
    digest::{self, Digest},
};
use crate::{Reason, Rejection, Visit, scheme::UserPassword};

/// A fixed set of users with their passwords, for a handful of accounts that are configured with the app.
///
/// Passwords are kept as SHA-256 digests. An unknown user costs as much as a wrong password, and gets the same answer. Clones
/// share one set, say for the layer and for the handler of a form to sign in.
///
/// # Security
///
/// A SHA-256 is quick to compute, so whoever reads the process's memory can try passwords against it. For passwords that people
/// choose, keep slow hashes: `validator::passwords` (feature `passwords`).
///
/// ```
/// use tower_authn::{Scheme, Users, scheme::Basic};
///
/// let password = std::env::var("ADMIN_PASSWORD").unwrap_or_else(|_| "from a secret store".into());
/// let users = Users::new().with("admin", &password, "Admin");
/// let site = Basic::new("site").validated_by(users.clone()); // `users` may go into the state of a form's handler
/// # let _ = site;
/// ```
#[must_use]
pub struct Users<I>(Arc<HashMap<String, (Digest, I)>>);

impl<I> Users<I> {
    /// Makes an empty set, which lets nobody in.
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// Adds a user, or replaces it. Clones that were made before keep theirs.
    pub fn with(mut self, user: impl Into<String>, password: &str, identity: I) -> Self
    where
        I: Clone,
    {
        Arc::make_mut(&mut self.0).insert(user.into(), (digest::of(password), identity));
        self
    }
}

impl<I: Clone + Send + Sync + 'static> Validator<UserPassword> for Users<I> {
    type Identity = I;

    async fn validate(&self, credentials: UserPassword, _: &mut Visit) -> Result<Option<I>, Rejection> {
        let sent = digest::of(credentials.password().expose());
        let known = self.0.get(credentials.user());
        // For an unknown user, the digest is compared with itself, and the result not used.
        let equal = digest::are_equal(known.map_or(&sent, |(digest, _)| digest), &sent);
        match known {
            Some((_, identity)) if equal => Ok(Some(identity.clone())),
            Some(_) => Err(Rejection::invalid().with_reason(Reason::WrongPassword)),
            None => Ok(None),
        }
    }
}

impl<I> Clone for Users<I> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I> Default for Users<I> {
    fn default() -> Self {
        Self::new()
    }
}

/// Shows how many, and none of them.
impl<I> fmt::Debug for Users<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Users({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;
    use crate::validator::digest::{Work, work};

    fn validate(
        users: &Users<&'static str>,
        user: &str,
        password: &str,
    ) -> Result<Option<&'static str>, Reason> {
        let mut visit = Visit::outside();
        let validation = pin!(users.validate(UserPassword::new(user, password), &mut visit));
        match validation.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(outcome) => outcome.map_err(|rejection| rejection.reason()),
            Poll::Pending => panic!("it waits for nothing"),
        }
    }

    #[test]
    fn an_unknown_user_takes_the_work_of_a_known_one() {
        let users = Users::new().with("alice", "open sesame", "alice");
        for (user, password, outcome) in [
            ("alice", "open sesame", Ok(Some("alice"))),
            ("alice", "open secrets", Err(Reason::WrongPassword)),
            ("alice", "", Err(Reason::WrongPassword)),
            ("mallory", "open sesame", Ok(None)),
            ("mallory", "", Ok(None)),
            ("", "a password that is longer than any that is known", Ok(None)),
        ] {
            let expected = Work { digested: password.len(), compared: 1 };
            assert_eq!(work(|| assert_eq!(validate(&users, user, password), outcome)), expected, "{user}");
        }
        let nobody = Users::new();
        let expected = Work { digested: 3, compared: 1 };
        assert_eq!(work(|| assert_eq!(validate(&nobody, "alice", "abc"), Ok(None))), expected);
    }

    #[test]
    fn a_password_is_compared_in_every_byte_of_its_digest() {
        for byte in 0..32 {
            let mut digest = digest::of("open sesame");
            digest[byte] ^= 1;
            let users = Users(Arc::new(HashMap::from([("alice".to_owned(), (digest, "alice"))])));
            assert_eq!(validate(&users, "alice", "open sesame"), Err(Reason::WrongPassword), "byte {byte}");
        }
    }
}
