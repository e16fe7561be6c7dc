use std::borrow::Cow;

use super::Session;

/// Whose session it is: what [`Sessions::revoke_all`](super::Sessions::revoke_all) ends all sessions of, and
/// [`Sessions::list`](super::Sessions::list) lists.
///
/// ```
/// use std::borrow::Cow;
/// use tower_authn::validator::session::Subject;
///
/// struct User {
///     id: u64,
/// }
///
/// impl Subject for User {
///     fn subject(&self) -> Cow<'_, str> {
///         self.id.to_string().into()
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "sessions of `{Self}` cannot be told apart by whose they are",
    label = "must be a `Subject`"
)]
pub trait Subject {
    /// Returns a name that is unique, and stays the same while the account exists. Visitors without an account want a name each:
    /// they would share the limit, and end each other's sessions.
    fn subject(&self) -> Cow<'_, str>;
}

impl Subject for String {
    fn subject(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl Subject for str {
    fn subject(&self) -> Cow<'_, str> {
        Cow::Borrowed(self)
    }
}

impl<T: Subject + ?Sized> Subject for &T {
    fn subject(&self) -> Cow<'_, str> {
        T::subject(self)
    }
}

/// The subject that the session was created for.
impl<I> Subject for Session<I> {
    fn subject(&self) -> Cow<'_, str> {
        Cow::Borrowed(&self.record().subject)
    }
}
