//! The task that fetches.

use std::fmt::Display;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::client::Cause;
use super::fetch::{Fetched, Known};
use super::{Attempts, Held, Shared};
use crate::observe::{Occurrence, Severity};
use crate::timer;
use crate::validator::jwt::KeySet;
use crate::validator::jwt::jwk::Origin;

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
                let left_out = shared.outage.line(shared.clock.monotonic());
                // A line in a while; whoever counts is told of each.
                let severity = if left_out.is_some() { Severity::Warning } else { Severity::Debug };
                let (issuer, left_out) = (&shared.issuer, left_out.unwrap_or_default());
                let text = format!("keys of {issuer} not fetched: {failure}");
                let location = format!("{:?}", shared.location);
                let fields: [(_, &dyn Display); 4] = [
                    ("issuer", issuer),
                    ("location", &location),
                    ("failure", failure),
                    ("left_out", &left_out),
                ];
                let fields = if left_out == 0 { &fields[..3] } else { &fields };
                shared.observers.tell_of(&Occurrence::new("keys_failed", severity, &text).with(fields));
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
        let (issuer, count) = (&shared.issuer, keys.len());
        let text = format!("keys of {issuer} fetched: {count}");
        let fields: [(_, &dyn Display); 3] =
            [("issuer", issuer), ("location", &format_args!("{:?}", shared.location)), ("keys", &count)];
        let observers = &shared.observers;
        observers.tell_of(&Occurrence::new("keys_fetched", Severity::Debug, &text).with(&fields));
        for key in keys.passed_over() {
            let text = format!("key of {issuer} passed over: {key}");
            observers
                .tell_of(&Occurrence::new("key_passed_over", Severity::Warning, &text).with(&fields[..2]));
        }
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
