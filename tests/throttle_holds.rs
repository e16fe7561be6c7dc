//! Guesses at the same time: they are held before anybody looks at them, and wait for each other.
#![cfg(all(feature = "testing", feature = "tokio"))]

mod support;

use std::{
    collections::BTreeMap,
    future::ready,
    net::{IpAddr, SocketAddr},
    pin::{Pin, pin},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use support::secrets::basic;
use tokio::time::Instant;
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator as _, Clock, ManualClock, Reason, Rejection, RejectionKind, Scheme as _,
    scheme::{Basic, ClientAddr, UserPassword},
    throttle::{Attempt, FailureKey, FailureStore, Guess, Hold, MemoryFailures, Quota, Settlement, Throttle},
};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
const HOUR: Duration = Duration::from_secs(3600);

fn throttle(at_once: u32) -> (Throttle, ManualClock) {
    let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
    let throttle = Throttle::new(MemoryFailures::default().clock(clock));
    (throttle.by_user(Quota::new(at_once, HOUR)).by_address(Quota::new(10_000, HOUR)), hand)
}

/// Sends so many requests at once, each validated for a while, and returns how often each status was
/// the answer, and how often a validator was asked.
async fn at_once(throttle: &Throttle, requests: usize, password: &str) -> (BTreeMap<u16, usize>, usize) {
    let looks = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looks);
    let users = Basic::new("r").validated_by(move |credentials: UserPassword| {
        count.fetch_add(1, SeqCst);
        async move {
            tokio::time::sleep(Duration::from_millis(50)).await;
            Ok::<_, Rejection>((credentials.password().expose() == "right").then_some("alice"))
        }
    });
    let layer = AuthenticateLayer::new(users.throttled(throttle.clone()).by_user(UserPassword::user));
    let mut all = tokio::task::JoinSet::new();
    for _ in 0..requests {
        let mut request = support::request(&[("authorization", &basic("alice", password))]);
        request.extensions_mut().insert(SocketAddr::new(HERE, 4711));
        all.spawn(support::send(layer.layer(service_fn(support::whoami)), request));
    }
    let mut statuses = BTreeMap::new();
    while let Some(answer) = all.join_next().await {
        *statuses.entry(answer.unwrap().status.as_u16()).or_default() += 1;
    }
    (statuses, looks.load(SeqCst))
}

/// Polls a future once.
fn poll<F: Future + ?Sized>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

type Attempted<S = MemoryFailures> = Result<Attempt<S>, Rejection>;
type Waiting<S> = Pin<Box<dyn Future<Output = Attempted<S>>>>;

/// So many attempts that wait for others.
fn waiting<S: FailureStore>(throttle: &Throttle<S>, attempts: usize) -> Vec<Waiting<S>> {
    let attempt = |_| -> Waiting<S> {
        let throttle = throttle.clone();
        let mut attempt = Box::pin(async move { throttle.attempt(HERE, Some("alice")).await });
        assert!(poll(attempt.as_mut()).is_pending());
        attempt
    };
    (0..attempts).map(attempt).collect()
}

#[track_caller]
fn is_overloaded(attempted: Attempted) {
    let rejection = attempted.expect_err("it is held");
    assert_eq!((rejection.kind(), rejection.reason()), (RejectionKind::Unavailable, Reason::Overloaded));
    assert_eq!(rejection.retry_after(), Some(Duration::from_secs(1)));
}

// ===== no more looks than the quota =====

#[tokio::test(start_paused = true)]
async fn of_a_thousand_wrong_guesses_at_once_no_more_are_looked_at_than_the_quota() {
    let (throttle, hand) = throttle(10);
    let (statuses, looks) = at_once(&throttle, 1000, "wrong").await;
    assert_eq!(looks, 10);
    assert_eq!(statuses, BTreeMap::from([(401, 10), (429, 64), (503, 926)]), "64 waited in vain");
    // Nor is the debt ever so large that it is cut off.
    let (statuses, looks) = at_once(&throttle, 1000, "wrong").await;
    assert_eq!((looks, statuses), (0, BTreeMap::from([(429, 1000)])));
    hand.advance(HOUR);
    assert_eq!(at_once(&throttle, 2000, "wrong").await.1, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_on_several_threads() {
    let (throttle, _hand) = throttle(10);
    assert_eq!(at_once(&throttle, 1000, "wrong").await.1, 10);
}

#[tokio::test(start_paused = true)]
async fn fifty_right_ones_at_once_all_come_in_though_ten_may_fail() {
    let (throttle, _hand) = throttle(10);
    assert_eq!(at_once(&throttle, 50, "right").await, (BTreeMap::from([(200, 50)]), 50));
}

#[tokio::test(start_paused = true)]
async fn an_address_has_no_more_looks_than_its_quota_whatever_the_users() {
    let (throttle, _hand) = throttle(10);
    let throttle = throttle.by_address(Quota::new(3, HOUR));
    let held: Vec<_> = ["alice", "bob", "carol"]
        .into_iter()
        .map(|user| support::now(throttle.attempt(HERE, Some(user))).unwrap())
        .collect();
    let mut fourth = pin!(throttle.attempt(HERE, Some("dave")));
    assert!(poll(fourth.as_mut()).is_pending());
    drop(held);
    assert_eq!(fourth.await.unwrap_err().kind(), RejectionKind::Throttled);
}

// ===== waiting =====

/// A store in memory, and how often it was asked.
#[derive(Default)]
struct Counted(MemoryFailures, Arc<AtomicUsize>);

impl FailureStore for Counted {
    async fn ask(&self, guess: &Guess) -> Result<Option<Duration>, Rejection> {
        self.0.ask(guess).await
    }

    async fn hold(&self, guess: &Guess) -> Result<Hold, Rejection> {
        self.1.fetch_add(1, SeqCst);
        self.0.hold(guess).await
    }

    fn settle(&self, guess: Guess, settlement: Settlement) {
        self.0.settle(guess, settlement);
    }
}

/// One guess against each user at a time.
fn counted() -> (Throttle<Counted>, Arc<AtomicUsize>) {
    let store = Counted::default();
    let calls = Arc::clone(&store.1);
    (Throttle::new(store).by_user(Quota::new(1, HOUR)), calls)
}

#[tokio::test(start_paused = true)]
async fn a_line_asks_the_store_ten_times_a_second_however_long_it_is() {
    let (throttle, calls) = counted();
    let _first = throttle.attempt(HERE, Some("alice")).await.unwrap();
    let mut line = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let throttle = throttle.clone();
        line.spawn(async move { throttle.attempt(HERE, Some("alice")).await.map(drop) });
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    let before = calls.load(SeqCst);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(calls.load(SeqCst) - before, 10);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_woken_when_a_guess_is_settled() {
    let (throttle, _hand) = throttle(1);
    let started = Instant::now();
    let first = throttle.attempt(HERE, Some("alice")).await.unwrap();
    let second = tokio::spawn({
        let throttle = throttle.clone();
        async move { throttle.attempt(HERE, Some("alice")).await }
    });
    tokio::task::yield_now().await;
    first.undecided();
    second.await.unwrap().unwrap().undecided();
    assert_eq!(started.elapsed(), Duration::ZERO, "without asking in intervals");
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_429_once_failures_stand() {
    let (throttle, _hand) = throttle(1);
    let first = throttle.attempt(HERE, Some("alice")).await.unwrap();
    let mut second = waiting(&throttle, 1);
    first.failed();
    let refused = second.remove(0).await.unwrap_err();
    assert_eq!((refused.kind(), refused.retry_after()), (RejectionKind::Throttled, Some(HOUR)));
}

#[tokio::test(start_paused = true)]
async fn the_sixty_fifth_who_waits_for_one_key_is_503() {
    let (throttle, _hand) = throttle(1);
    let first = throttle.attempt(HERE, Some("alice")).await.unwrap();
    let mut all = waiting(&throttle, 64);
    for _ in 0..3 {
        is_overloaded(throttle.attempt(HERE, Some("alice")).await);
    }
    throttle.attempt(HERE, Some("bob")).await.unwrap().undecided();
    throttle.attempt([203, 0, 113, 8].into(), Some("alice")).await.unwrap().undecided();
    // A place that is left is free.
    drop(all.remove(30));
    all.extend(waiting(&throttle, 1));
    is_overloaded(throttle.attempt(HERE, Some("alice")).await);
    first.undecided();
    for attempt in all {
        attempt.await.unwrap().undecided();
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_of_more_than_five_seconds_is_503() {
    let (throttle, _hand) = throttle(1);
    let first = throttle.attempt(HERE, Some("alice")).await.unwrap();
    let started = Instant::now();
    let mut behind = waiting(&throttle, 1);
    is_overloaded(throttle.attempt(HERE, Some("alice")).await);
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    is_overloaded(behind.remove(0).await);
    assert_eq!(started.elapsed(), Duration::from_secs(5));
    first.undecided();
    throttle.attempt(HERE, Some("alice")).await.unwrap().undecided();
}

#[tokio::test(start_paused = true)]
async fn who_is_first_in_line_and_leaves_lets_the_next_ask() {
    let (throttle, _hand) = throttle(1);
    let first = throttle.attempt(HERE, Some("alice")).await.unwrap();
    let mut all = waiting(&throttle, 2);
    let next = all.remove(1);
    drop(all);
    first.undecided();
    next.await.unwrap().undecided();
}

#[tokio::test(start_paused = true)]
async fn who_waited_for_a_user_and_now_has_to_for_the_address_is_woken_by_that() {
    let (throttle, calls) = counted();
    let throttle = throttle.by_address(Quota::new(2, HOUR));
    let hold = |user| support::now(throttle.attempt(HERE, Some(user))).unwrap();
    let (started, alice, bob) = (Instant::now(), hold("alice"), hold("bob"));
    bob.undecided();
    let mut all = waiting(&throttle, 1);
    let bob = hold("bob");
    alice.undecided();
    let carol = hold("carol");
    let before = calls.load(SeqCst);
    assert!(poll(all[0].as_mut()).is_pending());
    assert_eq!(calls.load(SeqCst), before + 2, "in the one line, and in the other");
    bob.undecided();
    all.remove(0).await.unwrap().undecided();
    assert_eq!(started.elapsed(), Duration::ZERO);
    carol.undecided();
}

// ===== what is held, and for how long =====

fn guess(quota: Quota) -> Guess {
    Guess::new(FailureKey::of_address(HERE), Quota::new(10_000, HOUR))
        .against(FailureKey::of_user(HERE, "alice"), quota)
}

fn store() -> (MemoryFailures, ManualClock) {
    let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
    (MemoryFailures::default().clock(clock), hand)
}

#[tokio::test]
async fn a_hold_whose_owner_vanished_frees_after_a_minute() {
    let (store, hand) = store();
    let once = Quota::new(1, HOUR);
    assert_eq!(store.hold(&guess(once)).await.unwrap(), Hold::Held);
    hand.advance(Duration::from_secs(59));
    let key = FailureKey::of_user(HERE, "alice");
    assert_eq!(store.hold(&guess(once)).await.unwrap(), Hold::Busy(key));
    hand.advance(Duration::from_secs(1));
    assert_eq!(store.ask(&guess(once)).await.unwrap(), None);
    assert_eq!(store.hold(&guess(once)).await.unwrap(), Hold::Held);
}

#[tokio::test]
async fn who_is_slower_than_the_lease_has_failed_all_the_same() {
    let (store, hand) = store();
    let slow = guess(Quota::new(1, HOUR));
    assert_eq!(store.hold(&slow).await.unwrap(), Hold::Held);
    hand.advance(Duration::from_secs(300));
    store.hold(&guess(Quota::new(1, HOUR))).await.unwrap();
    store.settle(slow.clone(), Settlement::Failed);
    assert_eq!(store.ask(&slow).await.unwrap(), Some(HOUR));
}

#[tokio::test]
async fn what_is_held_or_settled_twice_counts_once() {
    let (store, _hand) = store();
    let twice = Quota::new(2, HOUR);
    let one = guess(twice);
    for _ in 0..3 {
        assert_eq!(store.hold(&one).await.unwrap(), Hold::Held);
    }
    let other = guess(twice);
    assert_eq!(store.hold(&other).await.unwrap(), Hold::Held, "one place is left");
    assert_eq!(store.hold(&one).await.unwrap(), Hold::Held, "it is not in its own way");
    for _ in 0..3 {
        store.settle(one.clone(), Settlement::Failed);
    }
    assert_eq!(store.ask(&one).await.unwrap(), None, "one failure of two");
    store.settle(other, Settlement::Undecided);
    // Nor does it wipe out what came later.
    let late = guess(twice);
    for guess in [&late, &one] {
        store.hold(&late).await.unwrap();
        store.settle(late.clone(), Settlement::Failed);
        store.settle(guess.clone(), Settlement::Succeeded);
    }
    assert!(store.ask(&late).await.unwrap().is_some());
}

#[tokio::test]
async fn a_guess_that_is_refused_under_one_key_is_held_under_no_other() {
    let (store, _hand) = store();
    let address = |at_once| (FailureKey::of_address(HERE), Quota::new(at_once, HOUR));
    let against = |user, at_once| {
        let (key, quota) = address(2);
        Guess::new(key, quota).against(FailureKey::of_user(HERE, user), Quota::new(at_once, HOUR))
    };
    assert_eq!(store.hold(&against("alice", 1)).await.unwrap(), Hold::Held);
    for _ in 0..5 {
        let busy = Hold::Busy(FailureKey::of_user(HERE, "alice"));
        assert_eq!(store.hold(&against("alice", 1)).await.unwrap(), busy);
    }
    assert_eq!(store.hold(&against("bob", 1)).await.unwrap(), Hold::Held, "the address has one more");
    assert_eq!(store.hold(&against("carol", 1)).await.unwrap(), Hold::Busy(address(2).0));
}

#[test]
fn guesses_under_keys_in_any_order_do_not_wait_for_each_other() {
    // One set, and few: both keys in one, and in either order.
    for places in [1, 16, 64] {
        let store = MemoryFailures::new(places);
        std::thread::scope(|scope| {
            for thread in 0..4_u8 {
                let store = &store;
                scope.spawn(move || {
                    for user in 0..500 {
                        let (address, quota) = ([10, 0, 0, thread].into(), Quota::new(10_000, HOUR));
                        let guess = Guess::new(FailureKey::of_address(address), quota)
                            .against(FailureKey::of_user(address, &user.to_string()), quota);
                        assert_eq!(support::now(store.hold(&guess)).unwrap(), Hold::Held);
                        store.settle(guess, Settlement::Failed);
                    }
                });
            }
        });
    }
}

// ===== who is dropped =====

/// Never answers, and writes down what is settled.
#[derive(Default)]
struct Silent(Arc<Mutex<Vec<Settlement>>>);

impl FailureStore for Silent {
    async fn ask(&self, _: &Guess) -> Result<Option<Duration>, Rejection> {
        std::future::pending().await
    }

    async fn hold(&self, _: &Guess) -> Result<Hold, Rejection> {
        std::future::pending().await
    }

    fn settle(&self, _: Guess, settlement: Settlement) {
        self.0.lock().unwrap().push(settlement);
    }
}

#[tokio::test]
async fn who_is_dropped_before_the_store_has_answered_is_no_failure() {
    let store = Silent::default();
    let settled = Arc::clone(&store.0);
    let throttle = Throttle::new(store);
    assert!(poll(pin!(throttle.attempt(HERE, None))).is_pending());
    assert_eq!(*settled.lock().unwrap(), [Settlement::Undecided]);
}

#[tokio::test(start_paused = true)]
async fn who_is_dropped_while_it_waits_is_no_failure() {
    let (throttle, _hand) = throttle(2);
    let held = [(); 2].map(|()| support::now(throttle.attempt(HERE, Some("alice"))).unwrap());
    drop(waiting(&throttle, 10));
    held.into_iter().for_each(Attempt::undecided);
    at_once(&throttle, 1, "wrong").await;
    assert_eq!(at_once(&throttle, 1, "right").await.0, BTreeMap::from([(200, 1)]));
}

#[tokio::test]
async fn a_validator_that_panics_has_failed() {
    let (throttle, _hand) = throttle(1);
    let panics = Basic::new("r").validated_by(|_: UserPassword| {
        assert!(HERE.is_ipv6(), "a mistake in it");
        ready(Ok::<_, Rejection>(Some("alice")))
    });
    let here = ClientAddr::new().peer_from(|_| Some(HERE));
    let throttled = panics.throttled(throttle.clone().address_from(here)).by_user(UserPassword::user);
    let request = support::request(&[("authorization", &basic("alice", "x"))]);
    let asked = support::send(AuthenticateLayer::new(throttled).layer(service_fn(support::whoami)), request);
    assert!(tokio::spawn(asked).await.unwrap_err().is_panic());
    let refused = throttle.attempt(HERE, Some("alice")).await.unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::Throttled);
}
