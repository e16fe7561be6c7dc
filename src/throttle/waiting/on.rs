//! A line for each key whose quota is held by guesses that are not decided yet. The first in a line
//! asks the store, at once when a guess of this process is settled, and in intervals for those of
//! other processes; everybody behind waits for a turn. So a line costs the store one call at a time,
//! however long it is.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use tokio::{
    sync::{Notify, Semaphore},
    time::Instant,
};

use super::super::{FailureKey, FailureStore, Guess, Hold};
use crate::{Reason, Rejection, lock::lock, timer};

/// How long a guess waits for others.
const LONGEST: Duration = Duration::from_secs(5);

/// How many guesses wait for one key.
const MOST: usize = 64;

/// After which time the store is asked again, though nothing was settled here.
const POLL: Duration = Duration::from_millis(100);

/// The lines of one throttle. One exists only while somebody stands in it.
#[derive(Debug, Default)]
pub(in super::super) struct Lines {
    by_key: Mutex<HashMap<FailureKey, Standing>>,
    /// How many wait in all, so that nobody takes the lock where nobody waits.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Standing {
    line: Arc<Line>,
    length: usize,
}

#[derive(Debug)]
struct Line {
    /// Whose turn it is to ask the store. It is fair: first come, first served.
    turn: Semaphore,
    settled: Notify,
}

impl Default for Line {
    fn default() -> Self {
        Self { turn: Semaphore::new(1), settled: Notify::new() }
    }
}

/// Asks a store until the guess is held (`None`), or failures refuse it (for how long).
///
/// # Errors
///
/// The line is full, or the wait too long: 503, `overloaded`. There are no timers: 500.
pub(in super::super) async fn hold<S: FailureStore>(
    lines: &Arc<Lines>,
    store: &S,
    guess: &Guess,
    mut key: FailureKey,
) -> Result<Option<Duration>, Rejection> {
    let give_up_at = Instant::now() + LONGEST;
    let left = || give_up_at.saturating_duration_since(Instant::now());
    loop {
        let place = Place::join(lines, key).ok_or_else(|| overloaded("too many wait already"))?;
        let turn = timer::timeout(left(), place.line.turn.acquire())?.await;
        // Held until this one is through, or gives up.
        let _turn = turn.map_err(|_| overloaded(TOO_LONG))?;
        loop {
            // Also at first: what was settled before this one joined woke nobody.
            match store.hold(guess).await? {
                Hold::Busy(other) if other != key => {
                    key = other;
                    break;
                }
                Hold::Busy(_) if left().is_zero() => return Err(overloaded(TOO_LONG)),
                // Whether it was woken or not, it asks.
                Hold::Busy(_) => {
                    let _ = timer::timeout(POLL.min(left()), place.line.settled.notified())?.await;
                }
                Hold::Held => return Ok(None),
                Hold::Refused(wait) => return Ok(Some(wait)),
            }
        }
    }
}

const TOO_LONG: &str = "it waited too long";

fn overloaded(why: &str) -> Rejection {
    Rejection::unavailable()
        .with_reason(Reason::Overloaded)
        .with_retry_after(Duration::from_secs(1))
        .because(format!("other guesses from this address are not decided yet: {why}"))
}

/// A place in a line, until it is dropped.
struct Place<'a> {
    lines: &'a Lines,
    key: FailureKey,
    line: Arc<Line>,
}

impl<'a> Place<'a> {
    /// Returns `None` if the line is full.
    fn join(lines: &'a Lines, key: FailureKey) -> Option<Self> {
        let mut by_key = lock(&lines.by_key);
        let standing = by_key.entry(key).or_default();
        if standing.length >= MOST {
            return None;
        }
        standing.length += 1;
        lines.waiting.fetch_add(1, SeqCst);
        Some(Self { lines, key, line: Arc::clone(&standing.line) })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut by_key = lock(&self.lines.by_key);
        self.lines.waiting.fetch_sub(1, SeqCst);
        if let Some(standing) = by_key.get_mut(&self.key) {
            standing.length -= 1;
            if standing.length == 0 {
                by_key.remove(&self.key);
            }
        }
    }
}

/// Wakes those that wait for a guess, when it is dropped.
#[derive(Clone, Debug)]
pub(in super::super) struct Wake {
    lines: Arc<Lines>,
    keys: [Option<FailureKey>; 2],
}

impl Wake {
    pub(in super::super) fn of(lines: &Arc<Lines>, guess: &Guess) -> Self {
        let keys = [Some(guess.address().0), guess.user().map(|(key, _)| key)];
        Self { lines: Arc::clone(lines), keys }
    }
}

impl Drop for Wake {
    fn drop(&mut self) {
        if self.lines.waiting.load(SeqCst) == 0 {
            return;
        }
        let by_key = lock(&self.lines.by_key);
        for standing in self.keys.iter().flatten().filter_map(|key| by_key.get(key)) {
            standing.line.settled.notify_one();
        }
    }
}
