use std::{
    collections::HashMap,
    fmt,
    hash::{BuildHasher as _, BuildHasherDefault, RandomState},
    sync::{
        Arc, Mutex, MutexGuard, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use tokio::{runtime::Handle, task::JoinHandle};

#[cfg(test)]
mod tests;

use super::{SessionRecord, SessionStore, Stored};
use crate::{
    Clock, Inspection, Reason, Rejection,
    lock::lock,
    validator::{
        digest::FirstBytes,
        session::{Limits, SessionInfo, SessionKey},
    },
};

/// Keeps sessions in memory, by default up to 100,000. They end with the process.
///
/// A look-up takes the same time for one session and for a million. What can be forgotten is removed in the background, a part of it each
/// second, so that nothing waits for it; that needs a tokio runtime with time, and without one it is removed when the store is full. A
/// full store forgets sooner why sessions ended, and then refuses to begin any, with 503, rather than to end those of others.
///
/// ```
/// use tower_authn::{scheme::SessionCookie, store::MemorySessions, validator::session::Sessions};
///
/// let store = MemorySessions::<String>::new(1_000_000);
/// let sessions = Sessions::new(&SessionCookie::new("web"), store);
/// assert!(sessions.store().is_empty());
/// ```
pub struct MemorySessions<I> {
    shared: Arc<Shared<I>>,
    sweeper: Mutex<Option<JoinHandle<()>>>,
    /// Whether a sweeper ever got to its work.
    has_time: Arc<AtomicBool>,
}

struct Shared<I> {
    /// A session's lock is taken after its subject's, if both are.
    sessions: Box<[Mutex<Sessions<I>>]>,
    /// The sessions of each subject, the oldest first.
    subjects: Box<[Mutex<Subjects>]>,
    hash: RandomState,
    len: AtomicUsize,
    capacity: usize,
    clock: Clock,
}

type Sessions<I> = HashMap<SessionKey, Entry<I>, BuildHasherDefault<FirstBytes>>;
type Subjects = HashMap<Arc<str>, Vec<SessionKey>>;

struct Entry<I> {
    state: State<I>,
    forget_at: Option<SystemTime>,
    links: Links,
}

/// The session whose place it took, and the one that took its place; most have neither.
type Links = [Option<Box<SessionKey>>; 2];

const NEXT: usize = 1;

/// What is taken out under a lock goes into a list that was made before it, and so is dropped after it: an app's identity may
/// do anything when it is dropped, and so take the lock itself.
enum State<I> {
    Live(SessionRecord<I>),
    /// Usable until then, by requests that are under way; `None`: for ever.
    Replaced(SessionRecord<I>, Option<SystemTime>),
    Ended(Reason),
}

impl<I> Entry<I> {
    /// Whether it signs anybody in.
    fn is_usable(&self, limits: Limits) -> bool {
        match &self.state {
            State::Live(record) => limits.ended(record.times).is_none(),
            State::Replaced(_, until) => limits.is_before(*until),
            State::Ended(_) => false,
        }
    }
}

const SHARDS: usize = 256;
/// A shard after the other is swept, all of them in about a minute.
const SWEEP_EVERY: Duration = Duration::from_millis(250);

impl<I> MemorySessions<I> {
    /// Keeps up to so many sessions, with those that ended lately.
    pub fn new(capacity: usize) -> Self {
        Self::on(capacity, Clock::default())
    }

    /// Sets the clock by which sessions are forgotten, for tests; an empty store.
    #[must_use]
    pub fn clock(self, clock: Clock) -> Self {
        Self::on(self.shared.capacity, clock)
    }

    fn on(capacity: usize, clock: Clock) -> Self {
        let shared = Shared {
            sessions: (0..SHARDS).map(|_| Mutex::default()).collect(),
            subjects: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hash: RandomState::new(),
            len: AtomicUsize::new(0),
            capacity,
            clock,
        };
        Self { shared: Arc::new(shared), sweeper: Mutex::default(), has_time: Arc::default() }
    }

    /// Returns how many sessions there are, with those that ended and are not forgotten yet.
    pub fn len(&self) -> usize {
        self.shared.len.load(Ordering::Relaxed)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<I: Send + Sync + 'static> MemorySessions<I> {
    /// Starts the task, unless it runs. A runtime that ends takes its tasks along; the next one gets a new one. One that has no
    /// time ends the task at once, and is not tried again.
    fn start_sweeper(&self) {
        let mut sweeper = lock(&self.sweeper);
        let is_without_time = || !self.has_time.load(Ordering::Relaxed);
        if sweeper.as_ref().is_some_and(|task| !task.is_finished() || is_without_time()) {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            *sweeper = Some(runtime.spawn(sweep(Arc::downgrade(&self.shared), Arc::clone(&self.has_time))));
        }
    }
}

async fn sweep<I>(shared: Weak<Shared<I>>, has_time: Arc<AtomicBool>) {
    // It panics in a runtime without time, before it is stored that there is any.
    tokio::time::sleep(Duration::ZERO).await;
    has_time.store(true, Ordering::Relaxed);
    for shard in (0..SHARDS).cycle() {
        tokio::time::sleep(SWEEP_EVERY).await;
        let Some(shared) = shared.upgrade() else { return };
        let now = shared.clock.now();
        shared.sweep(shard, |entry| entry.forget_at.is_some_and(|forget_at| forget_at <= now));
    }
}

impl<I: Send + Sync + 'static> SessionStore<I> for MemorySessions<I> {
    async fn create(
        &self,
        key: SessionKey,
        record: SessionRecord<I>,
        limits: Limits,
    ) -> Result<Option<Vec<SessionKey>>, Rejection> {
        self.start_sweeper();
        let shared = &self.shared;
        shared.make_room(&key, limits)?;
        let mut removed = Vec::new();
        let subject = Arc::clone(&record.subject);
        let mut subjects = shared.subject(&subject);
        if !shared.insert(&mut subjects, key, record, None, limits, &mut removed) {
            return Ok(None);
        }
        Ok(Some(shared.end_oldest(&mut subjects, &subject, &key, limits, &mut removed)))
    }

    async fn load(&self, key: &SessionKey, limits: Limits) -> Result<Option<Stored<I>>, Rejection> {
        let mut sessions = self.shared.session(key);
        let Some(entry) = sessions.get_mut(key) else { return Ok(None) };
        Ok(Some(match &mut entry.state {
            State::Live(record) => {
                let found = record.clone();
                if limits.must_touch(record.times) {
                    record.times.seen = limits.now;
                    entry.forget_at = limits.forget_at(record.times);
                }
                Stored::Live(found)
            }
            State::Replaced(record, until) if limits.is_before(*until) => Stored::Live(record.clone()),
            State::Replaced(..) => Stored::Ended(Reason::Replaced),
            State::Ended(reason) => Stored::Ended(*reason),
        }))
    }

    async fn replace(
        &self,
        old: &SessionKey,
        key: SessionKey,
        record: SessionRecord<I>,
        limits: Limits,
    ) -> Result<Option<Vec<SessionKey>>, Rejection> {
        let shared = &self.shared;
        shared.make_room(&key, limits)?;
        let mut removed = Vec::new();
        let subject = Arc::clone(&record.subject);
        let mut subjects = shared.subject(&subject);
        if shared.session(&key).contains_key(&key) {
            return Ok(None);
        }
        {
            let mut sessions = shared.session(old);
            let Some(entry) = sessions.get_mut(old) else { return Ok(None) };
            match &entry.state {
                State::Live(record) if limits.ended(record.times).is_none() => {
                    let until = limits.now.checked_add(limits.grace);
                    entry.state = State::Replaced(record.clone(), until);
                    entry.forget_at = until.and_then(|until| until.checked_add(limits.remember));
                    entry.links[NEXT] = Some(Box::new(key));
                }
                _ => return Ok(None),
            }
        }
        #[cfg(test)]
        tests::between();
        if !shared.insert(&mut subjects, key, record, Some(old), limits, &mut removed) {
            return Ok(None);
        }
        // Under another subject it may have been ended since, when there was no new one yet to end with it. Without a grace it is
        // over by itself, and may have been found so.
        let ended_since = |entry: &Entry<I>| match entry.state {
            State::Ended(Reason::Replaced) if !limits.grace.is_zero() => Some(Reason::Replaced),
            State::Ended(Reason::Revoked) => Some(Reason::Revoked),
            _ => None,
        };
        let ended_since = shared.session(old).get(old).and_then(ended_since);
        if let Some(reason) = ended_since {
            forget_key(&mut subjects, &subject, &key);
            shared.end(&key, reason, limits, &mut removed);
            return Ok(None);
        }
        Ok(Some(shared.end_oldest(&mut subjects, &subject, &key, limits, &mut removed)))
    }

    async fn end(
        &self,
        key: &SessionKey,
        reason: Reason,
        limits: Limits,
    ) -> Result<Vec<SessionKey>, Rejection> {
        let Some(links) = self.shared.end_one(key, reason, limits) else { return Ok(Vec::new()) };
        let mut ended = vec![*key];
        if reason != Reason::CredentialsChanged {
            for (towards, mut linked) in links.into_iter().enumerate() {
                while let Some(key) = linked {
                    let Some(mut links) = self.shared.end_one(&key, reason, limits) else { break };
                    ended.push(*key);
                    linked = links[towards].take();
                }
            }
        }
        Ok(ended)
    }

    async fn end_all(&self, subject: &str, limits: Limits) -> Result<Vec<SessionKey>, Rejection> {
        let mut removed = Vec::new();
        let mut subjects = self.shared.subject(subject);
        let mut keys = subjects.remove(subject).unwrap_or_default();
        keys.retain(|key| self.shared.end(key, Reason::Revoked, limits, &mut removed).is_some());
        Ok(keys)
    }

    async fn list(&self, subject: &str, limits: Limits) -> Result<Vec<SessionInfo>, Rejection> {
        let subjects = self.shared.subject(subject);
        let keys = subjects.get(subject).map(Vec::as_slice).unwrap_or_default();
        let info = |key: &SessionKey| match &self.shared.session(key).get(key)?.state {
            State::Live(record) if limits.ended(record.times).is_none() => {
                Some(SessionInfo { key: *key, times: record.times })
            }
            _ => None,
        };
        Ok(keys.iter().filter_map(info).collect())
    }

    fn inspect(&self, inspection: &mut Inspection) {
        inspection.count("tower_authn_sessions", self.len());
        inspection.count("tower_authn_sessions_most", self.shared.capacity);
    }
}

impl<I> Shared<I> {
    fn session(&self, key: &SessionKey) -> MutexGuard<'_, Sessions<I>> {
        lock(&self.sessions[shard_of(key)])
    }

    fn subject(&self, subject: &str) -> MutexGuard<'_, Subjects> {
        // The remainder is below a length, which is a usize.
        let shard = usize::try_from(self.hash.hash_one(subject) % SHARDS as u64).unwrap_or_default();
        lock(&self.subjects[shard])
    }

    fn subject_of(&self, key: &SessionKey) -> Option<Arc<str>> {
        match &self.session(key).get(key)?.state {
            State::Live(record) | State::Replaced(record, _) => Some(Arc::clone(&record.subject)),
            State::Ended(_) => None,
        }
    }

    /// # Errors
    ///
    /// The store is full, and all that is beside the new session can still be used.
    fn make_room(&self, key: &SessionKey, limits: Limits) -> Result<(), Rejection> {
        if self.len.load(Ordering::Relaxed) >= self.capacity {
            self.sweep(shard_of(key), |entry| !entry.is_usable(limits));
        }
        if self.len.load(Ordering::Relaxed) >= self.capacity {
            let cause = format!("the store is full with {} sessions", self.capacity);
            return Err(Rejection::unavailable().with_reason(Reason::Overloaded).because(cause));
        }
        Ok(())
    }

    fn insert(
        &self,
        subjects: &mut Subjects,
        key: SessionKey,
        record: SessionRecord<I>,
        before: Option<&SessionKey>,
        limits: Limits,
        removed: &mut Vec<State<I>>,
    ) -> bool {
        let subject = Arc::clone(&record.subject);
        let forget_at = limits.forget_at(record.times);
        {
            let mut sessions = self.session(&key);
            if sessions.contains_key(&key) {
                removed.push(State::Live(record));
                return false;
            }
            let links = [before.map(|before| Box::new(*before)), None];
            sessions.insert(key, Entry { state: State::Live(record), forget_at, links });
        }
        self.len.fetch_add(1, Ordering::Relaxed);
        subjects.entry(subject).or_default().push(key);
        true
    }

    /// Ends as many of a subject's live sessions as there are too many beside a new one, and returns these. What was replaced
    /// counts no more, and what is too old by itself never did.
    fn end_oldest(
        &self,
        subjects: &mut Subjects,
        subject: &str,
        new: &SessionKey,
        limits: Limits,
        removed: &mut Vec<State<I>>,
    ) -> Vec<SessionKey> {
        let Some(keys) = subjects.get_mut(subject).filter(|keys| keys.len() > limits.per_subject) else {
            return Vec::new();
        };
        let mut live = Vec::new();
        let mut over = Vec::new();
        for key in keys.iter().filter(|key| *key != new) {
            match self.session(key).get(key).map(|entry| &entry.state) {
                Some(State::Live(record)) if limits.ended(record.times).is_none() => {
                    live.push((record.times.created, *key));
                }
                Some(State::Replaced(_, until)) if !limits.is_before(*until) => over.push(*key),
                _ => {}
            }
        }
        live.sort_by_key(|(created, _)| *created);
        live.truncate((live.len() + 1).saturating_sub(limits.per_subject));
        let mut oldest: Vec<_> = live.into_iter().map(|(_, key)| key).collect();
        keys.retain(|key| !oldest.contains(key) && !over.contains(key));
        for key in over {
            self.end(&key, Reason::Replaced, limits, removed);
        }
        oldest.retain(|key| self.end(key, Reason::Revoked, limits, removed).is_some());
        oldest
    }

    /// Ends a session, and makes its subject forget it; if it could still be used, returns what it is linked with.
    fn end_one(&self, key: &SessionKey, reason: Reason, limits: Limits) -> Option<Links> {
        let subject = self.subject_of(key)?;
        let mut removed = Vec::new();
        let mut subjects = self.subject(&subject);
        forget_key(&mut subjects, &subject, key);
        self.end(key, reason, limits, &mut removed)
    }

    /// Ends a session that its subject is no longer to know; if it could still be used, returns what it is linked with.
    fn end(
        &self,
        key: &SessionKey,
        reason: Reason,
        limits: Limits,
        removed: &mut Vec<State<I>>,
    ) -> Option<Links> {
        let mut sessions = self.session(key);
        let entry = sessions.get_mut(key)?;
        if matches!(entry.state, State::Ended(_)) {
            return None;
        }
        let was_usable = entry.is_usable(limits);
        entry.forget_at = limits.now.checked_add(limits.remember);
        removed.push(std::mem::replace(&mut entry.state, State::Ended(reason)));
        let links = std::mem::take(&mut entry.links);
        was_usable.then_some(links)
    }

    /// Removes what can be forgotten.
    fn sweep(&self, shard: usize, is_due: impl Fn(&Entry<I>) -> bool) {
        let mut due = Vec::new();
        let mut removed = Vec::new();
        {
            let mut sessions = lock(&self.sessions[shard]);
            let before = sessions.len();
            sessions.retain(|key, entry| match &entry.state {
                State::Ended(_) => !is_due(entry),
                State::Live(record) | State::Replaced(record, _) => {
                    if is_due(entry) {
                        due.push((*key, Arc::clone(&record.subject)));
                    }
                    true
                }
            });
            self.len.fetch_sub(before - sessions.len(), Ordering::Relaxed);
        }
        for (key, subject) in due {
            let mut subjects = self.subject(&subject);
            let mut sessions = self.session(&key);
            // Somebody may have used it since.
            if sessions.get(&key).is_some_and(&is_due)
                && let Some(entry) = sessions.remove(&key)
            {
                self.len.fetch_sub(1, Ordering::Relaxed);
                forget_key(&mut subjects, &subject, &key);
                removed.push(entry.state);
            }
        }
        let mut sessions = lock(&self.sessions[shard]);
        if sessions.capacity() > 4 * sessions.len() {
            sessions.shrink_to_fit();
        }
        drop(sessions);
        let mut subjects = lock(&self.subjects[shard]);
        if subjects.capacity() > 4 * subjects.len() {
            subjects.shrink_to_fit();
        }
    }
}

fn shard_of(key: &SessionKey) -> usize {
    // The last byte: the first ones are the hash within the shard.
    let [.., last] = *key.as_bytes();
    usize::from(last) % SHARDS
}

fn forget_key(subjects: &mut Subjects, subject: &str, key: &SessionKey) {
    let Some(keys) = subjects.get_mut(subject) else { return };
    keys.retain(|known| known != key);
    if keys.is_empty() {
        subjects.remove(subject);
    }
}

impl<I> Default for MemorySessions<I> {
    fn default() -> Self {
        Self::new(100_000)
    }
}

/// Shows how many, and none of them.
impl<I> fmt::Debug for MemorySessions<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemorySessions({} of {})", self.len(), self.shared.capacity)
    }
}

impl<I> Drop for MemorySessions<I> {
    fn drop(&mut self) {
        if let Some(sweeper) = lock(&self.sweeper).take() {
            sweeper.abort();
        }
    }
}
