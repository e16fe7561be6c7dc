//! The task that fetches.

use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::client::Cause;
use super::fetch::{Fetched, Known};
use super::{Attempts, Held, Shared};
use crate::observe::Event;
use crate::validator::jwt::KeySet;
use crate::validator::jwt::jwk::Origin;
use crate::{timer, trace};

/// The pause after the first failure; doubled up to [`LONGEST_PAUSE`].
const SHORTEST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Fetches for ever: one attempt after the other, so that none overtakes another.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut known = Known::default();
    let mut body = Bytes::new();
    let mut pause = SHORTEST_PAUSE;
    let mut attempts = shared.attempts.subscribe();
    loop {
        shared.attempts.send_modify(Attempts::start);
        let outcome = attempt(&shared, &mut known, &mut body).await;
        let wait = match &outcome {
            Ok(fetched) => {
                pause = SHORTEST_PAUSE;
                fetched.lifetime * 4 / 5
            }
            Err(failure) => {
                if let Some(left_out) = shared.outage.line(shared.clock.monotonic()) {
                    trace::keys_failed(&shared.issuer, &shared.location, failure, left_out);
                }
                shared
                    .observers
                    .tell(&Event::KeysFailed { issuer: &shared.issuer, failure: &failure.to_string() });
                known.forget();
                let wait = pause;
                pause = (pause * 2).min(LONGEST_PAUSE);
                wait
            }
        };
        shared.attempts.send_modify(|attempts| {
            attempts.finished = attempts.started;
            match outcome {
                Ok(fetched) => (attempts.failure, attempts.skew) = (None, fetched.skew),
                Err(failure) => attempts.failure = Some(failure.to_string().into()),
            }
        });
        let Ok(pause) = timer::timeout(wait, attempts.wait_for(|attempts| attempts.asked_for)) else {
            return;
        };
        let _ = pause.await;
    }
}

async fn attempt(shared: &Shared, known: &mut Known, body: &mut Bytes) -> Result<Fetched, Cause> {
    let now = || shared.clock.now();
    let mut fetched = known.fetch(&shared.location, &*shared.client, shared.allows_http, now).await?;
    let changed = fetched.body.take().filter(|new| *new != *body);
    let keys = match &changed {
        Some(text) => Some(Arc::new(KeySet::read(text, &shared.algorithms, Origin::Remote)?)),
        None => None,
    };
    if let Some(keys) = &keys {
        trace::keys_fetched(&shared.issuer, &shared.location, keys);
        shared.observers.tell(&Event::KeysFetched { issuer: &shared.issuer, keys: keys.len() });
    }
    let seen = shared.clock.monotonic();
    let fresh_until = seen + fetched.lifetime;
    let mut held = shared.held.write().unwrap_or_else(PoisonError::into_inner);
    match (keys, &mut *held) {
        (Some(keys), held) => *held = Some(Held { keys, seen, fresh_until }),
        (None, Some(held)) => (held.seen, held.fresh_until) = (seen, fresh_until),
        (None, None) => return Err("the answer is empty".into()),
    }
    if let Some(text) = changed {
        *body = text;
    }
    Ok(fetched)
}
