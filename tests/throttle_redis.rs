//! Guesses in a real Redis: shared by processes, through outages, and in a Redis that reads and does not write.
#![cfg(feature = "redis")]

mod support;

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use support::{
    redis::{Redis, comes_true},
    secrets::basic,
};
use tower::{Layer as _, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator as _, Reason, Rejection, RejectionKind, Scheme as _,
    scheme::{Basic, UserPassword},
    store::RedisStore,
    throttle::{FailureKey, FailureStore as _, Guess, Hold, Quota, Settlement, Throttle},
};

const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(203, 0, 113, 7));
const HOUR: Duration = Duration::from_secs(3600);

/// A store with a connection of its own, and time enough on a machine that is busy.
fn store(redis: &Redis) -> RedisStore {
    RedisStore::open(&redis.url).unwrap().timeout(Duration::from_secs(30))
}

fn throttle(redis: &Redis, at_once: u32) -> Throttle<RedisStore> {
    Throttle::new(store(redis)).by_user(Quota::new(at_once, HOUR)).by_address(Quota::new(1_000, HOUR))
}

/// A site with a throttle, and how often its validator was asked.
struct Site {
    throttle: Throttle<RedisStore>,
    looks: Arc<AtomicUsize>,
}

impl Site {
    fn new(redis: &Redis, at_once: u32) -> Self {
        Self { throttle: throttle(redis, at_once), looks: Arc::default() }
    }

    fn sign_in(&self, password: &str) -> impl Future<Output = support::Answered> + Send + use<> {
        let count = Arc::clone(&self.looks);
        let users = Basic::new("r").validated_by(move |credentials: UserPassword| {
            count.fetch_add(1, SeqCst);
            async move {
                tokio::task::yield_now().await;
                Ok::<_, Rejection>((credentials.password().expose() == "right").then_some("alice"))
            }
        });
        let layer =
            AuthenticateLayer::new(users.throttled(self.throttle.clone()).by_user(UserPassword::user));
        let mut request = support::request(&[("authorization", &basic("alice", password))]);
        request.extensions_mut().insert(SocketAddr::new(HERE, 4711));
        support::send(layer.layer(service_fn(support::whoami)), request)
    }

    fn looks(&self) -> usize {
        self.looks.load(SeqCst)
    }
}

/// Signs in so often at once, at the sites in turn, and returns the statuses.
async fn at_once(sites: &[Site], requests: usize, password: &str) -> Vec<u16> {
    let mut all = tokio::task::JoinSet::new();
    for site in sites.iter().cycle().take(requests) {
        all.spawn(site.sign_in(password));
    }
    all.join_all().await.iter().map(|answer| answer.status.as_u16()).collect()
}

fn guess(at_once: u32) -> Guess {
    Guess::new(FailureKey::of_address(HERE), Quota::new(1_000, HOUR))
        .against(FailureKey::of_user(HERE, "alice"), Quota::new(at_once, HOUR))
}

/// The keys of one kind that Redis has.
fn keys(redis: &Redis, kind: &str) -> Vec<String> {
    redis.cli(&["KEYS", &format!("*:{kind}:*")]).lines().map(str::to_owned).collect()
}

/// The key of what is counted against the user.
fn of_user(redis: &Redis, kind: &str) -> String {
    let is_of_user = |key: &String| !key.ends_with(":address");
    keys(redis, kind).into_iter().find(is_of_user).expect("a key of the user")
}

fn number(redis: &Redis, command: &[&str]) -> i64 {
    redis.cli(command).parse().unwrap()
}

/// How often a script was called.
fn calls(redis: &Redis) -> usize {
    let stats = redis.cli(&["INFO", "commandstats"]);
    let line = stats.lines().find_map(|line| line.strip_prefix("cmdstat_evalsha:calls="));
    line.map_or(0, |line| line.split(',').next().unwrap().parse().unwrap())
}

// ===== two processes =====

#[tokio::test(flavor = "multi_thread")]
async fn of_a_thousand_wrong_guesses_at_once_at_two_processes_no_more_are_looked_at_than_the_quota() {
    let Some(redis) = Redis::up("thousand") else { return };
    let sites = [Site::new(&redis, 10), Site::new(&redis, 10)];
    let statuses = at_once(&sites, 1000, "wrong").await;
    assert_eq!(sites[0].looks() + sites[1].looks(), 10);
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 10);
    assert!(statuses.iter().all(|status| [401, 429, 503].contains(status)), "{statuses:?}");
    comes_true(|| keys(&redis, "holds").is_empty());
    assert_eq!(at_once(&sites, 20, "right").await, [429; 20]);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_right_ones_at_once_at_two_processes_all_come_in_though_ten_may_fail() {
    let Some(redis) = Redis::up("fifty") else { return };
    let sites = [Site::new(&redis, 10), Site::new(&redis, 10)];
    assert_eq!(at_once(&sites, 50, "right").await, [200; 50]);
    comes_true(|| redis.cli(&["DBSIZE"]) == "0");
}

#[tokio::test]
async fn a_guess_held_at_one_process_is_waited_for_at_the_other() {
    let Some(redis) = Redis::up("waits") else { return };
    let (here, there) = (throttle(&redis, 1), throttle(&redis, 1));
    let first = here.attempt(HERE, Some("alice")).await.unwrap();
    let before = calls(&redis);
    let second = tokio::spawn(async move { there.attempt(HERE, Some("alice")).await });
    // It has asked twice, and is not let in.
    comes_true_soon(|| calls(&redis) >= before + 2).await;
    first.undecided();
    second.await.unwrap().unwrap().undecided();
}

/// Waits while other tasks go on.
async fn comes_true_soon(what: impl Fn() -> bool) {
    let started = Instant::now();
    while !what() {
        assert!(started.elapsed() < Duration::from_secs(20), "it does not come true");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// ===== a Redis that reads, and does not write =====

/// With a Redis in this state, nothing is validated; afterwards all is as before.
async fn fails_closed(redis: &Redis, break_it: impl FnOnce(), mend_it: impl FnOnce()) {
    let site = Site::new(redis, 3);
    assert_eq!(at_once(std::slice::from_ref(&site), 1, "wrong").await, [401]);
    comes_true(|| keys(redis, "holds").is_empty());
    break_it();
    for password in ["wrong", "right"] {
        assert_eq!(at_once(std::slice::from_ref(&site), 100, password).await, [503; 100]);
    }
    assert_eq!(site.looks(), 1, "nobody was asked");
    let rejection = site.throttle.attempt(HERE, Some("alice")).await.unwrap_err();
    assert_eq!((rejection.kind(), rejection.reason()), (RejectionKind::Unavailable, Reason::BackEndFailed));
    mend_it();
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(site.sign_in("wrong").await.status.as_u16());
    }
    assert_eq!(statuses, [401, 401, 429], "what was counted is still there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_redis_is_503_and_nothing_is_validated() {
    let Some(redis) = Redis::up("full-throttle") else { return };
    let most = |bytes| assert_eq!(redis.cli(&["CONFIG", "SET", "maxmemory", bytes]), "OK");
    fails_closed(&redis, || most("1"), || most("0")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_cannot_save_is_503_and_nothing_is_validated() {
    let Some(redis) = Redis::up("unsaved-throttle") else { return };
    fails_closed(&redis, || redis.cannot_save(), || redis.can_save()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_only_replica_is_503_and_nothing_is_validated() {
    let (Some(redis), Some(master)) = (Redis::up("replica"), Redis::up("master")) else { return };
    let follow = |port: &str| {
        redis.cli(&["REPLICAOF", "127.0.0.1", port]);
        comes_true(|| redis.cli(&["INFO", "replication"]).contains("master_link_status:up"));
    };
    // What is counted is copied first, for a replica forgets its own.
    let copy = || {
        let dump = |key: &str| (key.to_owned(), number(&redis, &["PTTL", key]).to_string());
        for (key, lives) in keys(&redis, "failures").iter().map(|key| dump(key)) {
            master.cli(&["SET", &key, "", "PX", &lives]);
        }
        follow(&master.port.to_string());
    };
    let alone = || assert_eq!(redis.cli(&["REPLICAOF", "NO", "ONE"]), "OK");
    fails_closed(&redis, copy, alone).await;
}

#[tokio::test]
async fn a_trial_asks_a_read_only_replica_and_writes_nothing() {
    let (Some(redis), Some(master)) = (Redis::up("replica-asks"), Redis::up("master-asks")) else { return };
    let store = store(&redis);
    redis.cli(&["REPLICAOF", "127.0.0.1", &master.port.to_string()]);
    assert_eq!(store.ask(&guess(1)).await.unwrap(), None);
}

#[tokio::test]
async fn a_redis_that_filled_up_meanwhile_still_learns_of_a_failure() {
    let Some(redis) = Redis::up("full-later") else { return };
    let throttle = throttle(&redis, 1);
    let attempt = throttle.attempt(HERE, Some("alice")).await.unwrap();
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    attempt.failed();
    comes_true_soon(|| !keys(&redis, "failures").is_empty()).await;
    let refused = throttle.attempt(HERE, Some("alice")).await.unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::Throttled, "429 needs no write");
}

#[tokio::test]
async fn a_failure_that_cannot_be_written_down_is_written_down_later() {
    let Some(redis) = Redis::up("later") else { return };
    let throttle = throttle(&redis, 1);
    let attempt = throttle.attempt(HERE, Some("alice")).await.unwrap();
    redis.cannot_save();
    let before = calls(&redis);
    attempt.failed();
    comes_true_soon(|| calls(&redis) > before + 2).await; // it was refused
    assert!(keys(&redis, "failures").is_empty());
    redis.can_save();
    comes_true_soon(|| keys(&redis, "failures").len() == 2).await;
}

// ===== what becomes of a guess =====

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_dropped_has_failed() {
    let Some(redis) = Redis::up("dropped") else { return };
    let throttle = throttle(&redis, 1);
    drop(throttle.attempt(HERE, Some("alice")).await.unwrap());
    comes_true(|| keys(&redis, "failures").len() == 2 && keys(&redis, "holds").is_empty());
    assert!(throttle.attempt(HERE, Some("alice")).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_success_clears_the_failures_against_its_user_and_leaves_those_of_the_address() {
    let Some(redis) = Redis::up("clears") else { return };
    let throttle = throttle(&redis, 2);
    throttle.attempt(HERE, Some("alice")).await.unwrap().failed();
    comes_true(|| keys(&redis, "failures").len() == 2);
    throttle.attempt(HERE, Some("alice")).await.unwrap().succeeded();
    comes_true(|| keys(&redis, "failures").len() == 1);
    assert!(keys(&redis, "failures")[0].ends_with(":failures:address"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_or_settled_twice_counts_once() {
    let Some(redis) = Redis::up("twice") else { return };
    let (store, guess) = (store(&redis), guess(1));
    for _ in 0..3 {
        assert_eq!(store.hold(&guess).await.unwrap(), Hold::Held);
    }
    assert_eq!(number(&redis, &["ZCARD", &of_user(&redis, "holds")]), 1);
    let settle = |settlement| {
        let before = calls(&redis);
        store.settle(guess.clone(), settlement);
        comes_true(|| calls(&redis) > before);
    };
    for _ in 0..3 {
        settle(Settlement::Failed);
    }
    let debt = number(&redis, &["PTTL", &of_user(&redis, "failures")]);
    assert!(debt <= 3_600_000, "{debt}");
    settle(Settlement::Succeeded);
    assert_eq!(keys(&redis, "failures").len(), 2, "nor does it wipe out what came before");
}

#[tokio::test]
async fn a_hold_whose_owner_vanished_frees_after_a_minute() {
    let Some(redis) = Redis::up("lease") else { return };
    let (store, first) = (store(&redis), guess(1));
    assert_eq!(store.hold(&first).await.unwrap(), Hold::Held);
    let busy = Hold::Busy(FailureKey::of_user(HERE, "alice"));
    assert_eq!(store.hold(&guess(1)).await.unwrap(), busy);
    // As if a minute had passed.
    let holds = of_user(&redis, "holds");
    redis.cli(&["ZINCRBY", &holds, "-60000", &format!("{:032x}", first.id())]);
    assert_eq!(store.ask(&guess(1)).await.unwrap(), None);
    assert_eq!(store.hold(&guess(1)).await.unwrap(), Hold::Held);
    // If its owner is only slow, it counts all the same.
    assert_eq!(number(&redis, &["ZCARD", &holds]), 2);
    store.settle(first, Settlement::Failed);
    comes_true_soon(|| !keys(&redis, "failures").is_empty()).await;
    // What nobody settles is forgotten, by the next guess or by Redis itself.
    let lives = number(&redis, &["PTTL", &holds]);
    assert!((1..=600_000).contains(&lives), "{lives}");
    let member = redis.cli(&["ZRANGE", &holds, "0", "0"]);
    redis.cli(&["ZADD", &holds, "1", &member]);
    assert_eq!(store.hold(&guess(10)).await.unwrap(), Hold::Held);
    assert_eq!(number(&redis, &["ZCARD", &holds]), 1);
}

#[tokio::test]
async fn a_lease_is_a_minute() {
    let Some(redis) = Redis::up("minute") else { return };
    let (store, first) = (store(&redis), guess(1));
    let now = |seconds: i64| {
        let time = redis.cli(&["TIME"]);
        (time.lines().next().unwrap().parse::<i64>().unwrap() + seconds) * 1000
    };
    store.hold(&first).await.unwrap();
    let holds = of_user(&redis, "holds");
    let since = number(&redis, &["ZSCORE", &holds, &format!("{:032x}", first.id())]);
    assert!(since <= now(1), "it begins by the clock of Redis");
    for (seconds, is_busy) in [(-61, false), (-1, true)] {
        redis.cli(&["ZADD", &holds, &now(seconds).to_string(), &format!("{:032x}", first.id())]);
        let answer = store.hold(&guess(1)).await.unwrap();
        assert_eq!(matches!(answer, Hold::Busy(_)), is_busy, "{seconds}");
        redis.cli(&["DEL", &holds]);
    }
}

#[tokio::test]
async fn a_guess_that_redis_did_not_answer_in_time_is_given_back_when_it_thaws() {
    let Some(redis) = Redis::up("thaws") else { return };
    let store = RedisStore::open(&redis.url).unwrap();
    let (throttle, quota) = (Throttle::new(store.clone()), Quota::new(1, HOUR));
    let throttle = throttle.by_user(quota);
    throttle.attempt(HERE, Some("bob")).await.unwrap().undecided();
    comes_true_soon(|| keys(&redis, "holds").is_empty()).await;
    let before = calls(&redis);
    redis.freeze();
    let outage = throttle.attempt(HERE, Some("alice")).await.unwrap_err();
    assert_eq!(outage.reason(), Reason::TimedOut);
    redis.thaw();
    // It may have been held after the outage; either way nothing is left of it.
    comes_true_soon(|| calls(&redis) >= before + 2 && keys(&redis, "holds").is_empty()).await;
    assert_eq!(store.hold(&guess(1)).await.unwrap(), Hold::Held);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_outlive_a_restart_and_the_first_guess_after_it_is_answered() {
    let Some(mut redis) = Redis::up("restart") else { return };
    let throttle = throttle(&redis, 2);
    for failures in 1..=2 {
        let attempt = throttle.attempt(HERE, Some("alice")).await.unwrap();
        attempt.failed();
        comes_true(|| keys(&redis, "failures").len() == 2 && keys(&redis, "holds").is_empty());
        if failures == 1 {
            redis.kill();
            redis.start();
        }
    }
    let refused = throttle.attempt(HERE, Some("alice")).await.unwrap_err();
    assert_eq!(refused.kind(), RejectionKind::Throttled);
}

// ===== keys =====

#[tokio::test]
async fn the_keys_of_one_guess_are_in_one_slot_of_a_cluster() {
    let Some(redis) = Redis::cluster("slots") else { return };
    let throttle = throttle(&redis, 2);
    for (address, user) in [(HERE, "alice"), (HERE, "bob"), ("2001:db8::1".parse().unwrap(), "alice")] {
        throttle.attempt(address, Some(user)).await.unwrap().failed();
    }
    comes_true_soon(|| keys(&redis, "failures").len() == 5).await; // two addresses, three users
    throttle.attempt(HERE, None).await.unwrap().undecided();
    let slots: std::collections::BTreeSet<_> =
        keys(&redis, "failures").iter().map(|key| redis.cli(&["CLUSTER", "KEYSLOT", key])).collect();
    assert_eq!(slots.len(), 2, "one for each address");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_sees_neither_address_nor_user() {
    let Some(redis) = Redis::up("in-clear") else { return };
    let throttle = throttle(&redis, 2);
    throttle.attempt(HERE, Some("alice")).await.unwrap().failed();
    comes_true(|| keys(&redis, "failures").len() == 2);
    let written = String::from_utf8_lossy(&redis.written()).into_owned();
    assert!(written.contains("failures:address"), "here they would be");
    assert!(!written.contains("203.0.113") && !written.contains("alice"));
}
