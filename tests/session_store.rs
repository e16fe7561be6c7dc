//! What every store of sessions guarantees, and what the one in memory adds.
#![cfg(all(feature = "session", feature = "testing"))]

mod support;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};

use support::session::{DAY, HOUR, MINUTE};
use tower_authn::{
    Clock, Reason,
    store::{Lifetime, MemorySessions, SessionRecord, SessionStore, Stored, Times},
    validator::session::{Limits, SessionKey},
};

/// A minute before who stays signed in is so no longer.
const NEARLY_OVER: Duration = Duration::from_secs((14 * 24 * 60 - 1) * 60);

/// The moment at which the tests begin; Redis counts by its own clock how long is left.
fn limits() -> Limits {
    Limits { now: SystemTime::UNIX_EPOCH + 1_000_000 * HOUR, ..Limits::default() }
}

fn later(by: Duration) -> Limits {
    Limits { now: limits().now + by, ..limits() }
}

fn key(number: u8) -> SessionKey {
    SessionKey::from_bytes([number; 32])
}

fn of(subject: &str) -> SessionRecord<String> {
    let times = used_at(limits());
    SessionRecord { identity: Arc::new(subject.to_owned()), subject: subject.into(), times, version: Some(7) }
}

/// Of somebody who stays signed in.
fn staying(subject: &str) -> SessionRecord<String> {
    let times = Times { lifetime: Lifetime::StaySignedIn, ..of(subject).times };
    SessionRecord { times, ..of(subject) }
}

fn used_at(Limits { now, .. }: Limits) -> Times {
    Times { created: now, seen: now, lifetime: Lifetime::Ordinary }
}

/// What is found, in short.
async fn found<S: SessionStore<String>>(
    store: &S,
    number: u8,
    limits: Limits,
) -> Result<String, Option<Reason>> {
    match store.load(&key(number), limits).await.unwrap() {
        Some(Stored::Live(record)) => Ok((*record.identity).clone()),
        Some(Stored::Ended(reason)) => Err(Some(reason)),
        Some(Stored::Unreadable) => Err(Some(Reason::Unreadable)),
        None => Err(None),
    }
}

async fn listed<S: SessionStore<String>>(store: &S, subject: &str, limits: Limits) -> Vec<SessionKey> {
    let mut keys: Vec<_> =
        store.list(subject, limits).await.unwrap().into_iter().map(|session| session.key).collect();
    keys.sort();
    keys
}

/// What ends when all sessions of a subject do.
async fn ended<S: SessionStore<String>>(store: &S, subject: &str) -> Vec<SessionKey> {
    let mut keys = store.end_all(subject, limits()).await.unwrap();
    keys.sort();
    keys
}

async fn fulfils_the_contract<S: SessionStore<String>>(store: S) {
    keeps_what_is_created(&store).await;
    keeps_no_more_than_a_subject_may_have(&store).await;
    ends_what_was_replaced_with_what_took_its_place(&store).await;
    tells_who_stays_signed_in(&store).await;
}

async fn keeps_what_is_created<S: SessionStore<String>>(store: &S) {
    // What is created is found, wholly, and never overwritten.
    assert_eq!(found(store, 1, limits()).await, Err(None));
    assert_eq!(store.create(key(1), of("alice"), limits()).await.unwrap(), Some(vec![]));
    assert_eq!(store.create(key(1), of("mallory"), limits()).await.unwrap(), None);
    assert_eq!(found(store, 1, limits()).await, Ok("alice".into()));
    let Some(Stored::Live(record)) = store.load(&key(1), limits()).await.unwrap() else {
        panic!("it is live")
    };
    assert_eq!((&*record.subject, record.times, record.version), ("alice", of("").times, Some(7)));
    assert_eq!(listed(store, "mallory", limits()).await, []);

    // A use is written down when it is due, and not of what is too old.
    let seen = async |limits| store.list("alice", limits).await.unwrap()[0].times.seen;
    store.load(&key(1), later(59 * Duration::from_secs(1))).await.unwrap();
    assert_eq!(seen(limits()).await, limits().now);
    store.load(&key(1), later(20 * MINUTE)).await.unwrap();
    assert_eq!(seen(limits()).await, limits().now + 20 * MINUTE);
    store.load(&key(1), later(50 * MINUTE)).await.unwrap();
    assert_eq!(seen(later(30 * MINUTE)).await, limits().now + 20 * MINUTE);
    assert_eq!(listed(store, "alice", later(50 * MINUTE)).await, [], "too old for the list");

    // A replaced one lives on for the grace, and is replaced once.
    assert_eq!(store.replace(&key(1), key(2), of("alice"), limits()).await.unwrap(), Some(vec![]));
    assert_eq!(store.replace(&key(1), key(3), of("alice"), limits()).await.unwrap(), None);
    assert_eq!(store.replace(&key(9), key(3), of("alice"), limits()).await.unwrap(), None);
    assert_eq!(found(store, 3, limits()).await, Err(None));
    let Some(Stored::Live(record)) = store.load(&key(2), limits()).await.unwrap() else {
        panic!("it is live")
    };
    assert_eq!((&*record.subject, record.times, record.version), ("alice", of("").times, Some(7)));
    assert_eq!(found(store, 1, later(9 * Duration::from_secs(1))).await, Ok("alice".into()));
    assert_eq!(found(store, 1, later(10 * Duration::from_secs(1))).await, Err(Some(Reason::Replaced)));
    assert_eq!(listed(store, "alice", limits()).await, [key(2)]);
    assert_eq!(
        store.replace(&key(2), key(3), of("alice"), later(31 * MINUTE)).await.unwrap(),
        None,
        "too old"
    );

    // What ended stays ended, with its reason.
    assert_eq!(store.end(&key(2), Reason::CredentialsChanged, limits()).await.unwrap(), [key(2)]);
    assert_eq!(store.end(&key(2), Reason::Revoked, limits()).await.unwrap(), []);
    assert_eq!(store.end(&key(9), Reason::Revoked, limits()).await.unwrap(), []);
    assert_eq!(found(store, 2, limits()).await, Err(Some(Reason::CredentialsChanged)));
    assert_eq!(found(store, 9, limits()).await, Err(None), "of what is not known nothing is kept");
    assert_eq!(store.create(key(2), of("alice"), limits()).await.unwrap(), None);

    // All of one subject end, those being replaced as well; those of others do not.
    for (number, subject) in [(10, "bob"), (11, "bob"), (12, "b"), (13, "")] {
        assert_eq!(store.create(key(number), of(subject), limits()).await.unwrap(), Some(vec![]));
    }
    assert_eq!(store.replace(&key(11), key(14), of("bob"), limits()).await.unwrap(), Some(vec![]));
    assert_eq!(listed(store, "bob", limits()).await, [key(10), key(14)]);
    assert_eq!(ended(store, "bob").await, [key(10), key(11), key(14)]);
    for number in [10, 11, 14] {
        assert_eq!(found(store, number, limits()).await, Err(Some(Reason::Revoked)), "{number}");
    }
    assert_eq!(
        (listed(store, "bob", limits()).await, listed(store, "", limits()).await),
        (vec![], vec![key(13)])
    );
    assert_eq!(found(store, 12, limits()).await, Ok("b".into()));
    assert_eq!(ended(store, "nobody").await, []);
}

async fn keeps_no_more_than_a_subject_may_have<S: SessionStore<String>>(store: &S) {
    // One more than a subject may have ends the oldest.
    for number in 20..25 {
        let mut record = of("carol");
        record.times.created += Duration::from_secs(number.into());
        let made_room =
            store.create(key(number), record, Limits { per_subject: 3, ..limits() }).await.unwrap();
        assert_eq!(made_room, Some(if number < 23 { vec![] } else { vec![key(number - 3)] }));
    }
    assert_eq!(listed(store, "carol", limits()).await, [key(22), key(23), key(24)]);
    assert_eq!(found(store, 20, limits()).await, Err(Some(Reason::Revoked)));

    // One that takes another's place is none more, however often and whichever key is the lower one.
    let at_most = |per_subject| Limits { per_subject, ..limits() };
    for (first, names) in [(30, "dave"), (40, "erin")] {
        assert_eq!(store.create(key(first), of(names), at_most(2)).await.unwrap(), Some(vec![]));
        assert_eq!(store.create(key(first + 9), of(names), at_most(2)).await.unwrap(), Some(vec![]));
        for (old, new) in [(first, first + 5), (first + 5, first + 3), (first + 3, first + 7)] {
            assert_eq!(
                store.replace(&key(old), key(new), of(names), at_most(2)).await.unwrap(),
                Some(vec![])
            );
            assert_eq!(found(store, old, limits()).await, Ok(names.into()), "it lives on for the grace");
            assert_eq!(listed(store, names, limits()).await, [key(new), key(first + 9)]);
        }
        let all = [first, first + 3, first + 5, first + 7, first + 9].map(key);
        assert_eq!(ended(store, names).await, all, "the four that were usable, and the other");
    }

    // One that takes another's place under another subject, which has as many as it may have, ends that one's oldest.
    assert_eq!(store.create(key(66), of("judy"), at_most(1)).await.unwrap(), Some(vec![]));
    assert_eq!(store.create(key(67), of("kim"), at_most(1)).await.unwrap(), Some(vec![]));
    assert_eq!(store.replace(&key(67), key(68), of("judy"), at_most(1)).await.unwrap(), Some(vec![key(66)]));
    assert_eq!(found(store, 66, limits()).await, Err(Some(Reason::Revoked)));

    // What is too old by itself is not what one more ends somebody's live session for.
    for number in [50, 51] {
        assert_eq!(store.create(key(number), of("frank"), at_most(2)).await.unwrap(), Some(vec![]));
    }
    store.load(&key(50), later(20 * MINUTE)).await.unwrap();
    let mut record = of("frank");
    record.times = used_at(later(35 * MINUTE));
    let limits_then = Limits { per_subject: 2, ..later(35 * MINUTE) };
    assert_eq!(store.create(key(52), record, limits_then).await.unwrap(), Some(vec![]));
    assert_eq!(listed(store, "frank", limits_then).await, [key(50), key(52)]);
}

async fn ends_what_was_replaced_with_what_took_its_place<S: SessionStore<String>>(store: &S) {
    // With a session ends the one whose place it took, and the one that took its place: one sign-in, one end.
    for (end, reason) in [(60, Reason::Revoked), (61, Reason::Revoked), (62, Reason::Replaced)] {
        let [first, second, third] = [end, end + 10, end + 20].map(key);
        assert_eq!(store.create(first, of("grace"), limits()).await.unwrap(), Some(vec![]));
        assert_eq!(store.replace(&first, second, of("heidi"), limits()).await.unwrap(), Some(vec![]));
        assert_eq!(store.replace(&second, third, of("grace"), limits()).await.unwrap(), Some(vec![]));
        let which = [first, second, third][usize::from(end - 60)];
        let mut ended_now = store.end(&which, reason, limits()).await.unwrap();
        assert_eq!(ended_now[0], which, "what was asked for comes first");
        ended_now.sort();
        assert_eq!(ended_now, [first, second, third]);
        for number in [end, end + 10, end + 20] {
            assert_eq!(found(store, number, limits()).await, Err(Some(reason)), "{number}");
        }
        assert_eq!(listed(store, "grace", limits()).await, []);
        assert_eq!(ended(store, "heidi").await, []);
    }
    // Not if only the old one's credentials were changed, nor after the grace.
    assert_eq!(store.create(key(63), of("ivan"), limits()).await.unwrap(), Some(vec![]));
    assert_eq!(store.replace(&key(63), key(64), of("ivan"), limits()).await.unwrap(), Some(vec![]));
    assert_eq!(store.end(&key(63), Reason::CredentialsChanged, limits()).await.unwrap(), [key(63)]);
    assert_eq!(store.replace(&key(64), key(65), of("ivan"), limits()).await.unwrap(), Some(vec![]));
    assert_eq!(store.end(&key(64), Reason::Revoked, later(MINUTE)).await.unwrap(), []);
    assert_eq!(found(store, 65, limits()).await, Ok("ivan".into()));
}

async fn tells_who_stays_signed_in<S: SessionStore<String>>(store: &S) {
    let (ordinary, stays) = (key(100), key(101));
    assert_eq!(store.create(ordinary, of("lena"), limits()).await.unwrap(), Some(vec![]));
    assert_eq!(store.create(stays, staying("lena"), limits()).await.unwrap(), Some(vec![]));
    for (key, lifetime) in [(ordinary, Lifetime::Ordinary), (stays, Lifetime::StaySignedIn)] {
        let Some(Stored::Live(record)) = store.load(&key, limits()).await.unwrap() else {
            panic!("it is live")
        };
        assert_eq!(record.times.lifetime, lifetime);
        let listed = store.list("lena", limits()).await.unwrap();
        assert_eq!(listed.iter().find(|info| info.key == key).unwrap().times.lifetime, lifetime);
    }

    // Each goes by its own limits, and by those of today.
    assert_eq!(listed(store, "lena", limits()).await, [ordinary, stays]);
    assert_eq!(listed(store, "lena", later(30 * MINUTE)).await, [stays]);
    assert_eq!(listed(store, "lena", later(NEARLY_OVER)).await, [stays]);
    assert_eq!(listed(store, "lena", later(14 * DAY)).await, []);
    assert_eq!(listed(store, "lena", Limits { stay: DAY, ..later(DAY) }).await, []);

    // A use is written down in the second week, and of one that is over by then it is not.
    store.load(&stays, later(13 * DAY)).await.unwrap();
    store.load(&ordinary, later(13 * DAY)).await.unwrap();
    let seen = store.list("lena", later(13 * DAY)).await.unwrap();
    assert_eq!((seen[0].key, seen[0].times.seen), (stays, later(13 * DAY).now));
    assert_eq!(listed(store, "lena", later(30 * MINUTE)).await, [stays]);

    // Only one that is not over is replaced, ended, or ended for another.
    let replaced = store.replace(&ordinary, key(103), of("lena"), later(DAY)).await.unwrap();
    assert_eq!(replaced, None);
    assert_eq!(store.end(&ordinary, Reason::Revoked, later(DAY)).await.unwrap(), []);
    let replaced = store.replace(&stays, key(104), staying("lena"), later(DAY)).await.unwrap();
    assert_eq!(replaced, Some(vec![]));
    assert_eq!(listed(store, "lena", later(NEARLY_OVER)).await, [key(104)]);
    assert_eq!(store.create(key(105), of("lena"), later(DAY)).await.unwrap(), Some(vec![]));
    let made_room = store.create(key(106), staying("lena"), Limits { per_subject: 1, ..later(DAY) }).await;
    assert_eq!(made_room.unwrap(), Some(vec![key(104)]), "the other one is as old, and over");
    assert_eq!(store.end(&key(106), Reason::Revoked, later(DAY)).await.unwrap(), [key(106)]);
}

#[tokio::test]
async fn memory_fulfils_the_contract() {
    let (clock, _hand) = Clock::manual(limits().now);
    fulfils_the_contract(MemorySessions::default().clock(clock)).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_fulfils_the_contract() {
    let Some(redis) = support::redis::Redis::up("contract") else { return };
    fulfils_the_contract(tower_authn::store::RedisStore::open(&redis.url).unwrap()).await;
}

#[tokio::test(start_paused = true)]
async fn what_can_be_forgotten_is_removed_in_the_background() {
    let (clock, hand) = Clock::manual(limits().now);
    let store = MemorySessions::default().clock(clock);
    for number in 0..100 {
        store.create(key(number), of("alice"), limits()).await.unwrap();
    }
    store.end(&key(0), Reason::Revoked, limits()).await.unwrap();
    hand.advance(39 * MINUTE);
    tokio::time::sleep(2 * MINUTE).await;
    assert_eq!(store.len(), 99, "only what was revoked");
    hand.advance(MINUTE);
    tokio::time::sleep(2 * MINUTE).await;
    assert!(store.is_empty(), "{store:?}");
    assert_eq!(store.list("alice", limits()).await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn who_stays_signed_in_is_not_forgotten_with_the_others() {
    let (clock, hand) = Clock::manual(limits().now);
    let store = MemorySessions::default().clock(clock);
    store.create(key(1), of("alice"), limits()).await.unwrap();
    store.create(key(2), staying("alice"), limits()).await.unwrap();
    for (forward, kept) in [(14 * DAY, 1), (9 * MINUTE, 1), (MINUTE, 0)] {
        hand.advance(forward);
        tokio::time::sleep(2 * MINUTE).await;
        assert_eq!(store.len(), kept, "{forward:?}");
    }
}

#[tokio::test]
async fn a_full_store_refuses_new_sessions_and_keeps_the_others() {
    let (clock, hand) = Clock::manual(limits().now);
    let store = MemorySessions::new(2).clock(clock);
    store.create(key(1), of("alice"), limits()).await.unwrap();
    store.create(key(2), of("bob"), limits()).await.unwrap();
    let full = store.create(key(3), of("mallory"), limits()).await.unwrap_err();
    assert_eq!(full.reason(), Reason::Overloaded);
    assert_eq!(found(&store, 1, limits()).await, Ok("alice".into()));
    hand.advance(40 * MINUTE);
    // Of those that can be forgotten, the ones that would stand beside the new one are.
    assert_eq!(store.create(beside(1), of("carol"), later(40 * MINUTE)).await.unwrap(), Some(vec![]));
}

/// A key that the store in memory keeps beside another.
fn beside(number: u8) -> SessionKey {
    SessionKey::from_bytes(std::array::from_fn(|index| if index == 0 { 255 } else { number }))
}

#[tokio::test]
async fn a_full_store_forgets_what_signs_nobody_in_any_more() {
    let soon = later(10 * Duration::from_secs(1));
    let make_dead: [(&str, Limits); 3] =
        [("ended", limits()), ("replaced", soon), ("idle", later(30 * MINUTE))];
    for (how, then) in make_dead {
        let store = MemorySessions::new(2);
        assert_eq!(store.create(key(1), of("alice"), limits()).await.unwrap(), Some(vec![]));
        match how {
            "ended" => assert_eq!(store.end(&key(1), Reason::Revoked, limits()).await.unwrap(), [key(1)]),
            "replaced" => {
                assert_eq!(
                    store.replace(&key(1), key(2), of("alice"), limits()).await.unwrap(),
                    Some(vec![])
                );
            }
            _ => {}
        }
        if store.len() == 1 {
            assert_eq!(store.create(key(2), of("alice"), limits()).await.unwrap(), Some(vec![]));
        }
        let is_known = |found| found != Err(None);
        assert!(is_known(found(&store, 1, then).await), "{how}: as long as there is room");
        let mut record = of("alice");
        record.times = used_at(then);
        assert_eq!(store.create(beside(1), record, then).await.unwrap(), Some(vec![]), "{how}");
        assert_eq!(found(&store, 1, then).await, Err(None), "{how}");
        assert_eq!(store.len(), 2, "{how}");
        store.end_all("alice", then).await.unwrap();
        assert!(store.load(&key(2), then).await.unwrap().is_some());
    }
}

/// An identity that asks the store for a list when it is dropped.
struct Nosy(std::sync::Weak<MemorySessions<Nosy>>, std::sync::mpsc::Sender<usize>);

impl Drop for Nosy {
    fn drop(&mut self) {
        if let Some(store) = self.0.upgrade() {
            let _ = self.1.send(support::now(store.list("nosy", limits())).unwrap().len());
        }
    }
}

#[test]
fn an_identity_may_use_the_store_while_it_is_dropped() {
    let (sender, dropped) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let store = Arc::new(MemorySessions::new(5));
        let create = |number, then: Limits| {
            let identity = Arc::new(Nosy(Arc::downgrade(&store), sender.clone()));
            let record =
                SessionRecord { identity, subject: "nosy".into(), times: of("").times, version: None };
            support::now(store.create(key(number), record, Limits { per_subject: 3, ..then })).unwrap()
        };
        assert!(
            create(1, limits()).is_some() && create(1, limits()).is_none() && create(2, limits()).is_some()
        );
        assert!(create(3, limits()).is_some() && create(4, limits()).is_some());
        support::now(store.end(&key(2), Reason::Revoked, limits())).unwrap();
        support::now(store.end_all("nosy", limits())).unwrap();
        assert!(create(5, limits()).is_some());
        assert!(create(5, later(HOUR)).is_some(), "the store was full of what can be forgotten");
    });
    let drops: Vec<_> = std::iter::from_fn(|| dropped.recv_timeout(Duration::from_secs(20)).ok()).collect();
    assert_eq!(drops.len(), 6, "it waits for a lock that it holds");
}

#[tokio::test(flavor = "multi_thread")]
async fn sign_ins_uses_and_ends_at_the_same_time_leave_nothing_half_done() {
    let store = Arc::new(MemorySessions::default());
    let tasks = (0..8_u8).map(|task| {
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            for round in 0..200_u8 {
                let key = SessionKey::from_bytes([task.wrapping_mul(31) ^ round; 32]);
                let _ = store.create(key, of("alice"), limits()).await.unwrap();
                let _ = store.load(&key, later(MINUTE)).await.unwrap();
                let _ = store.replace(&key, SessionKey::from_bytes([round; 32]), of("bob"), limits()).await;
                if round % 16 == task {
                    store.end_all("alice", limits()).await.unwrap();
                }
                let _ = store.list("bob", limits()).await.unwrap();
                store.end(&key, Reason::Revoked, limits()).await.unwrap();
            }
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap();
    }
    for subject in ["alice", "bob"] {
        store.end_all(subject, limits()).await.unwrap();
        assert_eq!(store.list(subject, limits()).await.unwrap(), []);
    }
    for number in 0..=255 {
        assert!(found(&*store, number, limits()).await.is_err(), "{number} lives, and nobody's list had it");
    }
}

#[test]
fn of_a_rotation_and_an_end_at_the_same_time_nothing_lives_on() {
    // What they find, they find by chance; where it is known to hurt, tests of the store's own meet at will.
    const ROUNDS: usize = 1_000;
    let key = |number: usize| SessionKey::from_bytes([number.to_be_bytes(); 4].concat().try_into().unwrap());
    for reason in [Reason::Revoked, Reason::Replaced] {
        let store = MemorySessions::default();
        let (begun, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let until = |count: &AtomicUsize, rounds| {
            while count.load(Ordering::SeqCst) < rounds {
                std::thread::yield_now();
            }
        };
        let mut live_on = 0;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    until(&begun, round);
                    support::now(store.replace(&key(round), key(ROUNDS + round), of("admin"), limits()))
                        .unwrap();
                    done.store(round, Ordering::SeqCst);
                }
            });
            for round in 1..=ROUNDS {
                support::now(store.create(key(round), of("guest"), limits())).unwrap();
                begun.store(round, Ordering::SeqCst);
                // Sooner and later, so that they meet at every step.
                (0..round % 500).for_each(|_| std::hint::spin_loop());
                support::now(store.end(&key(round), reason, limits())).unwrap();
                until(&done, round);
                let new = support::now(store.load(&key(ROUNDS + round), limits())).unwrap();
                live_on += usize::from(matches!(new, Some(Stored::Live(_))));
            }
        });
        assert_eq!(live_on, 0, "{reason}");
    }
}

#[test]
fn a_runtime_without_time_is_tried_once() {
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.to_string().contains("timers are disabled") {
            PANICS.fetch_add(1, Ordering::SeqCst);
        } else {
            hook(panic);
        }
    }));
    let store = MemorySessions::default();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        for number in 0..5 {
            assert_eq!(store.create(key(number), of("alice"), limits()).await.unwrap(), Some(vec![]));
            tokio::task::yield_now().await;
        }
    });
    assert_eq!(PANICS.load(Ordering::SeqCst), 1);
}
