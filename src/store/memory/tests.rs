//! What shows from outside only by chance, or not at all: who meets whom in a rotation, and what is left of the lists.

use std::{
    cell::RefCell,
    pin::pin,
    task::{Context, Poll, Waker},
};

use super::*;
use crate::store::{Lifetime, Times};

const MINUTE: Duration = Duration::from_secs(60);

fn limits() -> Limits {
    Limits { now: SystemTime::UNIX_EPOCH + 1_000_000 * MINUTE, ..Limits::default() }
}

fn later(by: Duration) -> Limits {
    Limits { now: limits().now + by, ..limits() }
}

fn key(number: u64) -> SessionKey {
    SessionKey::from_bytes([number.to_be_bytes(); 4].concat().try_into().unwrap())
}

fn of(subject: &str, Limits { now, .. }: Limits) -> SessionRecord<()> {
    let times = Times { created: now, seen: now, lifetime: Lifetime::Ordinary };
    SessionRecord { identity: Arc::new(()), subject: subject.into(), times, version: None }
}

/// Runs a future of the store, which never waits but for locks.
fn now<T>(future: impl Future<Output = Result<T, Rejection>>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => outcome.unwrap(),
        Poll::Pending => panic!("it waits"),
    }
}

fn create(store: &MemorySessions<()>, number: u64, subject: &str, limits: Limits) {
    assert!(now(store.create(key(number), of(subject, limits), limits)).is_some());
}

fn is_live(store: &MemorySessions<()>, number: u64, limits: Limits) -> bool {
    matches!(now(store.load(&key(number), limits)), Some(Stored::Live(_)))
}

// ===== a rotation that something comes in between =====

thread_local! {
    static BETWEEN: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// Called by a rotation after the old session is marked as replaced, and before the new one is there.
pub(super) fn between() {
    if let Some(what) = BETWEEN.take() {
        what();
    }
}

/// Two subjects whose locks are two, so that what holds one does not wait for the other.
fn two_subjects(store: &MemorySessions<()>) -> (String, String) {
    let shard = |subject: &str| store.shared.hash.hash_one(subject) % SHARDS as u64;
    let guest = "guest".to_owned();
    let admin =
        (0..1_000).map(|number| format!("admin {number}")).find(|admin| shard(admin) != shard(&guest));
    (guest, admin.unwrap())
}

/// Rotates a guest's session to an admin's while something else happens; returns whether it succeeds, and whether the old
/// and the new session live afterwards.
fn rotated_while(what: fn(&MemorySessions<()>, &str)) -> (bool, bool, bool) {
    let store = Arc::new(MemorySessions::default());
    let (guest, admin) = two_subjects(&store);
    create(&store, 1, &guest, limits());
    // It has taken another one's place already, by whose key it may be ended too.
    assert!(now(store.replace(&key(1), key(2), of(&guest, limits()), limits())).is_some());
    let (shared, subject) = (Arc::clone(&store), guest.clone());
    BETWEEN.set(Some(Box::new(move || what(&shared, &subject))));
    let rotated = now(store.replace(&key(2), key(3), of(&admin, limits()), limits()));
    assert!(BETWEEN.take().is_none(), "it came in between");
    let (old, new) = (is_live(&store, 2, limits()), is_live(&store, 3, limits()));
    // Who is told that it failed holds nothing, and of what does not live no list knows.
    assert_eq!(rotated.is_some(), new);
    assert_eq!(kept(&store), usize::from(old) * 2 + usize::from(new));
    (rotated.is_some(), old, new)
}

#[test]
fn of_a_rotation_that_an_end_comes_in_between_nothing_lives_on() {
    let dead = (false, false, false);
    assert_eq!(rotated_while(|store, _| drop(now(store.end(&key(2), Reason::Revoked, limits())))), dead);
    assert_eq!(rotated_while(|store, _| drop(now(store.end(&key(2), Reason::Replaced, limits())))), dead);
    assert_eq!(rotated_while(|store, _| drop(now(store.end(&key(1), Reason::Revoked, limits())))), dead);
    assert_eq!(rotated_while(|store, _| drop(now(store.end(&key(1), Reason::Replaced, limits())))), dead);
    assert_eq!(rotated_while(|store, guest| drop(now(store.end_all(guest, limits())))), dead);
}

#[test]
fn a_rotation_that_something_harmless_comes_in_between_succeeds() {
    let both = (true, true, true);
    assert_eq!(rotated_while(|_, _| ()), both);
    assert_eq!(rotated_while(|store, _| drop(now(store.load(&key(2), limits())))), both);
    assert_eq!(rotated_while(|store, _| drop(now(store.end(&key(3), Reason::Revoked, limits())))), both);
    assert_eq!(
        rotated_while(|store, _| {
            assert!(now(store.replace(&key(2), key(4), of("other", limits()), limits())).is_none());
        }),
        both
    );
}

#[test]
fn a_rotation_outlives_the_old_session_that_ends_for_changed_credentials() {
    let store = Arc::new(MemorySessions::default());
    let (guest, admin) = two_subjects(&store);
    create(&store, 1, &guest, limits());
    let shared = Arc::clone(&store);
    BETWEEN.set(Some(Box::new(move || {
        assert_eq!(now(shared.end(&key(1), Reason::CredentialsChanged, limits())), [key(1)]);
    })));
    assert!(now(store.replace(&key(1), key(2), of(&admin, limits()), limits())).is_some());
    assert_eq!((is_live(&store, 1, limits()), is_live(&store, 2, limits())), (false, true));
}

// ===== the lists of the subjects =====

/// How many sessions the lists know.
fn kept(store: &MemorySessions<()>) -> usize {
    store
        .shared
        .subjects
        .iter()
        .flat_map(|shard| lock(shard).values().map(Vec::len).collect::<Vec<_>>())
        .sum()
}

/// How many lists there are.
fn lists(store: &MemorySessions<()>) -> usize {
    store.shared.subjects.iter().map(|shard| lock(shard).len()).sum()
}

/// For how many there is room in all tables.
fn room(store: &MemorySessions<()>) -> usize {
    let sessions = store.shared.sessions.iter().map(|shard| lock(shard).capacity());
    let subjects = store.shared.subjects.iter().map(|shard| lock(shard).capacity());
    sessions.chain(subjects).sum()
}

fn sweep_all(store: &MemorySessions<()>, limits: Limits) {
    for shard in 0..SHARDS {
        store.shared.sweep(shard, |entry| entry.forget_at.is_some_and(|forget_at| forget_at <= limits.now));
    }
}

#[test]
fn what_is_ended_leaves_the_list_of_its_subject() {
    let store = MemorySessions::default();
    for number in 0..10 {
        create(&store, number, "alice", limits());
        create(&store, 100 + number, "bob", limits());
    }
    assert_eq!((kept(&store), lists(&store)), (20, 2));
    for number in 0..10 {
        now(store.end(&key(number), Reason::Revoked, limits()));
        assert_eq!(kept(&store), 19 - usize::try_from(number).unwrap());
    }
    assert_eq!(lists(&store), 1, "a list that is empty is none");
    now(store.end_all("bob", limits()));
    assert_eq!((kept(&store), lists(&store)), (0, 0));
}

#[test]
fn what_is_forgotten_leaves_the_list_of_its_subject() {
    let store = MemorySessions::default();
    for number in 0..1_000 {
        create(&store, number, &format!("user {}", number % 500), limits());
    }
    sweep_all(&store, later(39 * MINUTE));
    assert_eq!((kept(&store), lists(&store)), (1_000, 500));
    sweep_all(&store, later(40 * MINUTE));
    assert_eq!((kept(&store), lists(&store), store.len()), (0, 0, 0));
    // Lists that sessions of a later shard leave are empty in the next round.
    sweep_all(&store, later(40 * MINUTE));
    assert_eq!(room(&store), 0, "places for nobody");
}

#[test]
fn a_list_is_no_longer_than_a_subject_may_have_sessions() {
    let five = |by| Limits { per_subject: 5, ..later(by) };
    // By sign-ins,
    let store = MemorySessions::default();
    for number in 0..200 {
        create(&store, number, "alice", five(Duration::ZERO));
        assert!(kept(&store) <= 5, "{}", kept(&store));
    }
    // and by rotations, of which the grace is over.
    let store = MemorySessions::default();
    create(&store, 0, "alice", five(Duration::ZERO));
    for number in 1..200_u32 {
        let then = five(number * Duration::from_secs(20));
        let record = of("alice", then);
        assert!(now(store.replace(&key(u64::from(number) - 1), key(number.into()), record, then)).is_some());
        assert!(kept(&store) <= 6, "{}", kept(&store));
    }
}
