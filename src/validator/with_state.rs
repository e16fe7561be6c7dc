use std::{any::type_name, fmt};

use super::Validator;
use crate::{Rejection, Visit};

/// Makes a validator of an async function that also takes a state, such as a connection pool. The state is cloned for each
/// call.
///
/// ```
/// use std::{collections::HashMap, sync::Arc};
/// use tower_authn::{BearerToken, Rejection, Scheme, scheme::Bearer, with_state};
///
/// type Sessions = Arc<HashMap<String, String>>;
///
/// async fn find(sessions: Sessions, token: BearerToken) -> Result<Option<String>, Rejection> {
///     Ok(sessions.get(token.expose()).cloned())
/// }
/// let api = Bearer::new("api").validated_by(with_state(Sessions::default(), find));
/// # let _ = api;
/// ```
pub const fn with_state<S, F>(state: S, f: F) -> WithState<S, F> {
    WithState { state, f }
}

/// What [`with_state`] makes.
#[derive(Clone)]
#[must_use]
pub struct WithState<S, F> {
    state: S,
    f: F,
}

impl<S, F, C, Fut, I> Validator<C> for WithState<S, F>
where
    S: Clone + Send + Sync + 'static,
    F: Fn(S, C) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Option<I>, Rejection>> + Send,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    fn validate(
        &self,
        credentials: C,
        _: &mut Visit,
    ) -> impl Future<Output = Result<Option<I>, Rejection>> + Send {
        (self.f)(self.state.clone(), credentials)
    }
}

/// Shows no state: it may hold secrets.
impl<S, F> fmt::Debug for WithState<S, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WithState<{}, {}>", type_name::<S>(), type_name::<F>())
    }
}
