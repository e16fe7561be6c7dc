use std::{collections::HashMap, error::Error, fmt, sync::Arc};

use super::{HashError, LookUp, PasswordHash, Passwords, Stored, look_up::commonest};
use crate::Rejection;

/// A fixed set of users with their hashes.
///
/// ```
/// use tower_authn::validator::passwords::{PasswordMap, Passwords, Stored};
///
/// let hash = Passwords::hash("correct horse battery")?;
/// let users: PasswordMap<&str> = [("alice".to_owned(), Stored::new(hash, "Alice"))].into_iter().collect();
/// let passwords = Passwords::new(users);
/// # let _ = passwords;
/// # Ok::<(), tower_authn::validator::passwords::HashError>(())
/// ```
pub struct PasswordMap<I> {
    users: HashMap<String, Stored<I>>,
    commonest: Option<Arc<PasswordHash>>,
}

impl<I: Clone + Send + Sync + 'static> Passwords<PasswordMap<I>> {
    /// Takes users, their hashes as text ([what is read](PasswordHash)), and their identities.
    ///
    /// # Errors
    ///
    /// All hashes that cannot be used, and all users that occur twice, at once.
    ///
    /// ```
    /// use tower_authn::validator::passwords::Passwords;
    ///
    /// let error = Passwords::from_hashes([("alice", "secret", 1), ("bob", "$2y$99$", 2)]).unwrap_err();
    /// assert_eq!(error.problems().count(), 2);
    /// ```
    pub fn from_hashes<'a>(
        users: impl IntoIterator<Item = (&'a str, &'a str, I)>,
    ) -> Result<Self, PasswordMapError> {
        let mut map = HashMap::new();
        let mut problems = Vec::new();
        for (user, text, identity) in users {
            match text.parse::<PasswordHash>() {
                Ok(hash) => {
                    if map.insert(user.to_owned(), Stored::new(hash, identity)).is_some() {
                        problems.push((user.into(), None));
                    }
                }
                Err(error) => problems.push((user.into(), Some(error))),
            }
        }
        if problems.is_empty() {
            Ok(Self::new(map.into_iter().collect()))
        } else {
            Err(PasswordMapError { problems })
        }
    }
}

impl<I> FromIterator<(String, Stored<I>)> for PasswordMap<I> {
    fn from_iter<T: IntoIterator<Item = (String, Stored<I>)>>(users: T) -> Self {
        let users: HashMap<_, _> = users.into_iter().collect();
        let commonest = commonest(users.values().map(|stored| &stored.hash));
        Self { users, commonest }
    }
}

impl<I: Clone + Send + Sync + 'static> LookUp for PasswordMap<I> {
    type Identity = I;

    async fn hash_of(&self, user: &str) -> Result<Option<Stored<I>>, Rejection> {
        Ok(self.users.get(user).cloned())
    }

    fn commonest(&self) -> Option<Arc<PasswordHash>> {
        self.commonest.clone()
    }
}

/// Nobody.
impl<I> Default for PasswordMap<I> {
    fn default() -> Self {
        Self::from_iter([])
    }
}

/// Shows how many, and none of them.
impl<I> fmt::Debug for PasswordMap<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PasswordMap({})", self.users.len())
    }
}

/// All that is wrong with the hashes of a map.
///
/// ```
/// use tower_authn::validator::passwords::Passwords;
///
/// let error = Passwords::from_hashes([("alice", "secret", ())]).unwrap_err();
/// assert!(error.to_string().starts_with("alice: it looks like a password in plain text"));
/// ```
#[derive(Clone, Debug)]
pub struct PasswordMapError {
    problems: Vec<(Box<str>, Option<HashError>)>,
}

impl PasswordMapError {
    /// Returns the users, each with what is wrong with the hash; `None`: the user occurs twice.
    pub fn problems(&self) -> impl Iterator<Item = (&str, Option<HashError>)> {
        self.problems.iter().map(|(user, error)| (&**user, *error))
    }
}

impl fmt::Display for PasswordMapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (user, error)) in self.problems.iter().enumerate() {
            f.write_str(if index == 0 { "" } else { "; " })?;
            match error {
                Some(error) => write!(f, "{user}: {error}")?,
                None => write!(f, "{user}: the user occurs twice")?,
            }
        }
        Ok(())
    }
}

impl Error for PasswordMapError {}
