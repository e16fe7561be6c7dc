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

#[cfg(test)]
mod tests {
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
        time::Duration,
    };

    use crate::{
        RejectionKind,
        throttle::{Quota, Throttle},
    };

    #[test]
    fn nobody_waits_and_nobody_hangs() {
        let throttle = Throttle::default().by_user(Quota::new(1, Duration::from_secs(60)));
        let attempt = || {
            let attempt = pin!(throttle.attempt([203, 0, 113, 7].into(), Some("alice")));
            match attempt.poll(&mut Context::from_waker(Waker::noop())) {
                Poll::Ready(attempted) => attempted.map_err(|rejection| rejection.kind()),
                Poll::Pending => panic!("it waits"),
            }
        };
        let first = attempt().unwrap();
        assert_eq!(attempt().unwrap_err(), RejectionKind::Misconfigured);
        first.undecided();
        attempt().unwrap().undecided();
    }
}
