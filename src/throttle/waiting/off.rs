//! Without timers nobody waits.

use super::super::{FailureKey, FailureStore, Guess};
use crate::Rejection;

#[derive(Debug, Default)]
pub(in super::super) struct Lines;

/// Nobody is there to be woken.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Wake;

impl Wake {
    pub(in super::super) const fn of(_: &std::sync::Arc<Lines>, _: &Guess) -> Self {
        Self
    }
}

#[expect(clippy::unused_async, reason = "with the feature it waits")]
pub(in super::super) async fn hold<S: FailureStore>(
    _: &std::sync::Arc<Lines>,
    _: &S,
    _: &Guess,
    _: FailureKey,
) -> Result<Option<std::time::Duration>, Rejection> {
    Err(Rejection::misconfigured(
        "a guess has to wait for others, which takes timers: enable the feature `tokio` of tower-authn",
    ))
}
