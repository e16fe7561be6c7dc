//! Sessions in a real Redis, asked in this process: expiry, races, a full one, records that cannot be read.
//!
//! The app's clock stands still unless it is wound, and Redis has all the time that it wants, so that nothing here depends on
//! how busy the machine is. Only Redis's own clock runs: what it is told to keep is held against the time that really passed.
#![cfg(all(feature = "redis", feature = "testing"))]

mod support;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use sha2::{Digest as _, Sha256};
use support::{
    proxy::Proxy,
    redis::{Redis, Since, comes_true},
};
use tower_authn::{
    Clock, ManualClock, Reason, Validator as _, Visit,
    scheme::{SessionCookie, SessionToken},
    store::{Lifetime, RedisStore},
    validator::session::{Session, SessionId, Sessions},
};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A store that waits for Redis for as long as it takes.
fn patient(url: &str) -> RedisStore {
    RedisStore::open(url).unwrap().timeout(MINUTE)
}

/// Sessions in a store, and the hand that winds their clock.
fn wound(store: RedisStore) -> ((Sessions<String, RedisStore>, SessionCookie), ManualClock) {
    let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH + 1_000_000 * HOUR);
    let cookie = SessionCookie::new("web");
    ((Sessions::new(&cookie, store).clock(clock), cookie), hand)
}

fn sessions(redis: &Redis) -> (Sessions<String, RedisStore>, SessionCookie) {
    wound(patient(&redis.url)).0
}

/// The session that an id stands for, or why there is none.
async fn session(
    (sessions, cookie): &(Sessions<String, RedisStore>, SessionCookie),
    id: &SessionId,
) -> Result<Session<String>, Reason> {
    let token = SessionToken::new(id.expose().as_str(), cookie);
    let session =
        sessions.validate(token, &mut Visit::outside()).await.map_err(|rejection| rejection.reason())?;
    Ok(session.unwrap())
}

/// Who a session signs in, or why it does not.
async fn who(site: &(Sessions<String, RedisStore>, SessionCookie), id: &SessionId) -> Result<String, Reason> {
    session(site, id).await.map(|session| session.to_string())
}

#[tokio::test]
async fn redis_itself_removes_what_has_expired() {
    let Some(redis) = Redis::up("expiry") else { return };
    let mut site = sessions(&redis);
    let since = Since::now();
    let (id, _) = site.0.create("idle".to_owned()).await.unwrap();
    let (ended, _) = site.0.create("ended".to_owned()).await.unwrap();
    site.0.revoke(&ended.key()).await.unwrap();
    assert_eq!(who(&site, &id).await, Ok("idle".to_owned()));
    assert_eq!(redis.cli(&["DBSIZE"]), "3", "two sessions, and the index of the one that lives");
    since.lives_for(&redis, &Redis::key_of(&id.key()), 40 * MINUTE);
    since.lives_for(&redis, &Redis::key_of(&ended.key()), 10 * MINUTE);
    since.lives_for(&redis, &redis.cli(&["KEYS", "*:subject:*"]), 12 * HOUR + 10 * MINUTE);
    // With limits of a moment, they are gone after it.
    redis.cli(&["FLUSHALL"]);
    let moment = Duration::from_millis(1);
    site.0 = site.0.idle_limit(moment).absolute_limit(moment).remember_ended(moment);
    let (id, _) = site.0.create("idle".to_owned()).await.unwrap();
    let (ended, _) = site.0.create("ended".to_owned()).await.unwrap();
    site.0.revoke(&ended.key()).await.unwrap();
    comes_true(|| redis.cli(&["DBSIZE"]) == "0");
    assert_eq!(who(&site, &id).await, Err(Reason::Unknown));
    assert_eq!(redis.cli(&["DBSIZE"]), "0", "a miss writes nothing");
}

#[tokio::test]
async fn no_use_keeps_a_session_beyond_its_absolute_limit() {
    let Some(redis) = Redis::up("absolute") else { return };
    let (site, hand) = wound(patient(&redis.url));
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    let key = redis.session_key();
    for minutes in (20..12 * 60).step_by(20) {
        hand.advance(20 * MINUTE);
        let since = Since::now();
        assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
        let left = (12 * 60 - minutes).min(30);
        since.lives_for(&redis, &key, (left + 10) * MINUTE);
    }
    hand.advance(20 * MINUTE);
    assert_eq!(who(&site, &id).await, Err(Reason::AbsoluteTimeout));
}

#[tokio::test]
async fn no_key_says_whose_a_session_is() {
    let Some(redis) = Redis::up("subjects") else { return };
    let site = sessions(&redis);
    let long = "somebody with a name that is longer than a digest: ".repeat(20);
    for subject in ["alice", "alice@example.com", "", "zo\u{eb}", &long] {
        redis.cli(&["FLUSHALL"]);
        let (before, _) = site.0.create(subject.to_owned()).await.unwrap();
        let session = session(&site, &before).await.unwrap();
        let (id, _) = site.0.rotate(&session, subject.to_owned()).await.unwrap();
        let index = format!("{{tower-authn}}:subject:{}", URL_SAFE_NO_PAD.encode(Sha256::digest(subject)));
        let expected = BTreeSet::from([index, Redis::key_of(&before.key()), Redis::key_of(&id.key())]);
        let keys: BTreeSet<_> = redis.cli(&["KEYS", "*"]).lines().map(str::to_owned).collect();
        assert_eq!(keys, expected, "{subject:?}");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_read_ends_the_session() {
    let Some(redis) = Redis::up("unreadable") else { return };
    let site = sessions(&redis);
    for (field, value) in [
        ("i", "garbage"),
        ("i", "7"),
        ("i", ""),
        ("s", "x"),
        ("c", "x"),
        ("v", "x"),
        ("l", "x"),
        ("u", "\u{1}"),
    ] {
        redis.cli(&["FLUSHALL"]);
        let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
        redis.cli(&["HSET", &redis.session_key(), field, value]);
        let is_text = field == "u"; // any text is a subject
        let expected = if is_text { Ok("alice".to_owned()) } else { Err(Reason::Unreadable) };
        assert_eq!(who(&site, &id).await, expected, "{field}={value}");
    }
}

/// Half of them cannot be written as JSON.
#[derive(serde::Serialize, serde::Deserialize)]
enum Shape {
    Written(f64),
    Unwritten(std::collections::BTreeMap<(u8, u8), u8>),
}

impl tower_authn::validator::session::Subject for Shape {
    fn subject(&self) -> std::borrow::Cow<'_, str> {
        "alice".into()
    }
}

#[tokio::test]
async fn an_identity_that_cannot_be_written_or_read_back_signs_nobody_in() {
    let Some(redis) = Redis::up("unwritten") else { return };
    let cookie = SessionCookie::new("web");
    let sessions = Sessions::<Shape, _>::new(&cookie, patient(&redis.url));
    let unwritten = Shape::Unwritten([((1, 2), 3)].into());
    assert_eq!(sessions.create(unwritten).await.unwrap_err().reason(), Reason::Misconfigured);
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
    // JSON has no such number.
    let (id, _) = sessions.create(Shape::Written(f64::NAN)).await.unwrap();
    let token = SessionToken::new(id.expose().as_str(), &cookie);
    assert_eq!(
        sessions.validate(token, &mut Visit::outside()).await.unwrap_err().reason(),
        Reason::Unreadable
    );
    assert!(sessions.revoke(&id.key()).await.unwrap(), "it can still be ended");
}

#[tokio::test]
async fn of_rotations_at_the_same_time_one_wins() {
    let Some(redis) = Redis::up("rotations") else { return };
    let (here, there) = (sessions(&redis), sessions(&redis));
    let (id, _) = here.0.create("alice".to_owned()).await.unwrap();
    let before = session(&there, &id).await.unwrap();
    let rotate = |site: &(Sessions<String, RedisStore>, SessionCookie)| {
        let (sessions, before) = (site.0.clone(), before.clone());
        tokio::spawn(async move { sessions.rotate(&before, "alice".to_owned()).await })
    };
    let mut won = Vec::new();
    for task in [rotate(&here), rotate(&there), rotate(&here), rotate(&there)] {
        match task.await.unwrap() {
            Ok((id, _)) => won.push(id),
            Err(rejection) => assert_eq!(rejection.reason(), Reason::Replaced),
        }
    }
    assert_eq!(won.len(), 1);
    for id in [&id, &won[0]] {
        assert_eq!(who(&there, id).await, Ok("alice".to_owned()), "the old one for the grace");
    }
    assert_eq!(here.0.list("alice").await.unwrap().len(), 1);
    assert_eq!(there.0.revoke_all("alice").await.unwrap(), 2);
    for id in [&id, &won[0]] {
        assert_eq!(who(&here, id).await, Err(Reason::Revoked));
    }
}

#[tokio::test]
async fn a_replaced_id_ends_with_its_grace() {
    let Some(redis) = Redis::up("grace") else { return };
    let (site, hand) = wound(patient(&redis.url));
    let (old, _) = site.0.create("alice".to_owned()).await.unwrap();
    let since = Since::now();
    let (new, _) = site.0.rotate(&session(&site, &old).await.unwrap(), "alice".to_owned()).await.unwrap();
    since.lives_for(&redis, &Redis::key_of(&old.key()), 10 * SECOND + 10 * MINUTE);
    hand.advance(9 * SECOND);
    assert_eq!(who(&site, &old).await, Ok("alice".to_owned()));
    hand.advance(SECOND);
    assert_eq!(who(&site, &old).await, Err(Reason::Replaced));
    assert_eq!(who(&site, &new).await, Ok("alice".to_owned()));
}

#[tokio::test]
async fn another_prefix_shares_nothing() {
    let Some(redis) = Redis::up("prefix") else { return };
    let site = sessions(&redis);
    let shop = Sessions::new(&site.1, patient(&redis.url).prefix("shop"));
    let shop = (shop, site.1.clone());
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    assert_eq!(who(&shop, &id).await, Err(Reason::Unknown));
    assert_eq!(shop.0.revoke_all("alice").await.unwrap(), 0);
    assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
}

#[tokio::test]
async fn sessions_that_live_longer_are_revoked_with_those_that_do_not() {
    let Some(redis) = Redis::up("two-limits") else { return };
    let site = sessions(&redis);
    let moment = Duration::from_millis(1);
    let short = site.0.clone().idle_limit(moment).absolute_limit(moment).remember_ended(moment);
    let since = Since::now();
    let (long_id, _) = site.0.create("alice".to_owned()).await.unwrap();
    let (short_id, _) = short.create("alice".to_owned()).await.unwrap();
    let kept = || redis.cli(&["KEYS", "*:session:*"]).lines().count();
    comes_true(|| kept() == 1);
    since.lives_for(&redis, &redis.cli(&["KEYS", "*:subject:*"]), 12 * HOUR + 10 * MINUTE);
    assert_eq!(who(&site, &short_id).await, Err(Reason::Unknown));
    assert_eq!(site.0.list("alice").await.unwrap().len(), 1);
    assert_eq!(site.0.revoke_all("alice").await.unwrap(), 1);
    assert_eq!(who(&site, &long_id).await, Err(Reason::Revoked));
}

#[tokio::test]
async fn redis_keeps_who_stays_signed_in_for_as_long_as_that_is() {
    let Some(redis) = Redis::up("stay") else { return };
    let mut site = sessions(&redis);
    site.0 = site.0.touch_every(Duration::ZERO);
    let mut since = Since::now();
    let (ordinary, _) = site.0.create("alice".to_owned()).await.unwrap();
    let (stays, _) = site.0.stay_signed_in().create("alice".to_owned()).await.unwrap();
    let (of_ordinary, of_stays) = (Redis::key_of(&ordinary.key()), Redis::key_of(&stays.key()));
    let index = redis.cli(&["KEYS", "*:subject:*"]);
    let fortnight = 14 * 24 * HOUR;
    let all_live = |since: &Since| {
        since.lives_for(&redis, &of_ordinary, 40 * MINUTE);
        since.lives_for(&redis, &of_stays, fortnight + 10 * MINUTE);
        since.lives_for(&redis, &index, fortnight + 10 * MINUTE);
    };
    all_live(&since);
    // By uses, each is set anew.
    for key in [&of_ordinary, &of_stays, &index] {
        redis.cli(&["PEXPIRE", key, "600000"]);
    }
    since = Since::now();
    for id in [&stays, &ordinary] {
        assert_eq!(who(&site, id).await, Ok("alice".to_owned()));
    }
    all_live(&since);
    // Shorter times go for what exists, and Redis learns them by the next use.
    site.0 = site.0.stay_signed_in_for(HOUR);
    since = Since::now();
    assert_eq!(who(&site, &stays).await, Ok("alice".to_owned()));
    since.lives_for(&redis, &of_stays, HOUR + 10 * MINUTE);
}

#[tokio::test]
async fn a_record_without_a_lifetime_is_an_ordinary_session() {
    let Some(redis) = Redis::up("lifetime") else { return };
    let site = sessions(&redis);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    let fields = || {
        let mut fields: Vec<_> =
            redis.cli(&["HKEYS", &redis.session_key()]).lines().map(str::to_owned).collect();
        fields.sort();
        fields
    };
    assert_eq!(fields(), ["c", "i", "s", "u", "x"], "as before there were others");
    assert_eq!(session(&site, &id).await.unwrap().lifetime(), Lifetime::Ordinary);
    redis.cli(&["FLUSHALL"]);
    let (id, _) = site.0.stay_signed_in().create("alice".to_owned()).await.unwrap();
    assert_eq!(fields(), ["c", "i", "l", "s", "u", "x"]);
    assert_eq!(session(&site, &id).await.unwrap().lifetime(), Lifetime::StaySignedIn);
}

#[tokio::test]
async fn a_session_that_is_used_keeps_the_index_that_it_is_revoked_by() {
    let Some(redis) = Redis::up("index") else { return };
    let mut site = sessions(&redis);
    site.0 = site.0.touch_every(Duration::ZERO);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    let index = redis.cli(&["KEYS", "*:subject:*"]);
    // As if the clock here had been set back: the session is younger than Redis takes it for.
    redis.cli(&["PEXPIRE", &index, "600000"]);
    assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
    let left: u64 = redis.cli(&["PTTL", &index]).parse().unwrap();
    let lives: u64 = redis.cli(&["PTTL", &redis.session_key()]).parse().unwrap();
    assert!(left >= lives, "{left} {lives}");
    // Nor is one lost for good that Redis evicted.
    redis.cli(&["DEL", &index]);
    assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
    assert_eq!(redis.cli(&["ZCARD", &index]), "1");
    assert_ne!(redis.cli(&["PTTL", &index]), "-1");
    assert_eq!(site.0.revoke_all("alice").await.unwrap(), 1);
    assert_eq!(who(&site, &id).await, Err(Reason::Revoked));
}

#[tokio::test]
async fn an_index_holds_no_more_than_what_lives_whatever_the_limit() {
    let Some(redis) = Redis::up("stale") else { return };
    let mut site = sessions(&redis);
    site.0 = site.0.at_most_per_subject(usize::MAX);
    let index_len = || {
        let index = redis.cli(&["KEYS", "*:subject:*"]);
        if index.is_empty() { 0 } else { redis.cli(&["ZCARD", &index]).parse().unwrap() }
    };
    for _ in 0..3 {
        let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
        site.0.revoke(&id.key()).await.unwrap();
    }
    assert_eq!(index_len(), 0);
    for _ in 0..3 {
        let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
        // As if it had expired.
        assert_eq!(redis.cli(&["DEL", &Redis::key_of(&id.key())]), "1");
    }
    for _ in 0..2 {
        site.0.create("alice".to_owned()).await.unwrap().1.into_header_value();
        assert!((1..=2).contains(&index_len()), "two that are gone go for each that comes");
    }
}

#[tokio::test]
async fn an_index_whose_first_sessions_last_does_not_fill_up_behind_them() {
    let Some(redis) = Redis::up("stale-behind") else { return };
    let mut site = sessions(&redis);
    site.0 = site.0.at_most_per_subject(usize::MAX);
    for _ in 0..2 {
        site.0.stay_signed_in().create("alice".to_owned()).await.unwrap().1.into_header_value();
    }
    for _ in 0..200 {
        let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
        // As if it had expired.
        assert_eq!(redis.cli(&["DEL", &Redis::key_of(&id.key())]), "1");
    }
    let known: usize = redis.cli(&["ZCARD", &redis.cli(&["KEYS", "*:subject:*"])]).parse().unwrap();
    assert!(known < 50, "{known}: of any two that are looked at those go that are gone");
}

#[tokio::test]
async fn scripts_that_redis_forgot_are_sent_again() {
    let Some(redis) = Redis::up("scripts") else { return };
    let site = sessions(&redis);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    for _ in 0..2 {
        redis.cli(&["SCRIPT", "FLUSH"]);
        assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
    }
}

#[tokio::test]
async fn a_full_redis_begins_no_session_and_still_ends_them() {
    let Some(redis) = Redis::up("full") else { return };
    let site = sessions(&redis);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    let (other, _) = site.0.create("alice".to_owned()).await.unwrap();
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    let full = site.0.create("bob".to_owned()).await.unwrap_err();
    assert_eq!(full.reason(), Reason::BackEndFailed);
    assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
    assert!(site.0.revoke(&id.key()).await.unwrap());
    assert_eq!(who(&site, &id).await, Err(Reason::Revoked));
    assert_eq!(site.0.revoke_all("alice").await.unwrap(), 1);
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(who(&site, &other).await, Err(Reason::Revoked));
    assert!(site.0.create("bob".to_owned()).await.is_ok());
}

#[tokio::test]
async fn in_a_full_redis_a_use_that_cannot_be_written_down_passes_all_the_same() {
    let Some(redis) = Redis::up("full-use") else { return };
    let mut site = sessions(&redis);
    site.0 = site.0.touch_every(Duration::ZERO);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
}

#[tokio::test]
async fn a_restart_between_two_requests_is_not_noticed() {
    let Some(mut redis) = Redis::up("idle") else { return };
    let site = sessions(&redis);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    for _ in 0..3 {
        redis.kill();
        redis.start();
        assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
    }
}

#[tokio::test]
async fn a_call_that_timed_out_happens_wholly_or_not_at_all() {
    let Some(redis) = Redis::up("frozen") else { return };
    let store = patient(&redis.url);
    let ((hasty, _), _) = wound(store.clone().timeout(SECOND)); // over the same connection
    let (site, _) = wound(store);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    redis.freeze();
    let failed = hasty.revoke(&id.key()).await.unwrap_err();
    assert_eq!(failed.reason(), Reason::TimedOut);
    assert_eq!(hasty.create("bob".to_owned()).await.unwrap_err().reason(), Reason::TimedOut);
    redis.thaw();
    let after = who(&site, &id).await;
    assert!([Ok("alice".to_owned()), Err(Reason::Revoked)].contains(&after), "{after:?}");
    let kept = || redis.cli(&["KEYS", "*:session:*"]).lines().count();
    let began = Instant::now();
    while kept() != 1 + site.0.list("bob").await.unwrap().len() {
        assert!(began.elapsed() < MINUTE, "what was begun can be ended"); // it may be on its way
    }
}

#[tokio::test]
async fn a_changed_version_of_the_credentials_ends_sessions_of_all_processes() {
    let Some(redis) = Redis::up("version") else { return };
    let bound_to = |version: u64| {
        let (sessions, cookie) = sessions(&redis);
        (sessions.bound_to(move |_| std::future::ready(Ok(Some(version)))), cookie)
    };
    let (before, after) = (bound_to(1), bound_to(2));
    let (id, _) = before.0.create("alice".to_owned()).await.unwrap();
    assert_eq!(who(&before, &id).await, Ok("alice".to_owned()));
    assert_eq!(who(&after, &id).await, Err(Reason::CredentialsChanged));
    assert_eq!(who(&before, &id).await, Err(Reason::CredentialsChanged), "it ended for good");
}

#[tokio::test]
async fn forged_ids_write_nothing() {
    let Some(redis) = Redis::up("forged") else { return };
    let site = sessions(&redis);
    for number in 0..200 {
        let token = SessionToken::new(format!("{number:A>43}"), &site.1);
        let reason = site.0.validate(token, &mut Visit::outside()).await.unwrap_err().reason();
        assert!([Reason::Unknown, Reason::Malformed].contains(&reason), "{reason}");
    }
    assert_eq!(redis.cli(&["DBSIZE"]), "0");
}

#[tokio::test]
async fn a_connection_that_falls_silent_is_given_up() {
    let Some(redis) = Redis::up("silent") else { return };
    let proxy = Proxy::to(redis.port);
    let url = format!("redis://127.0.0.1:{}", proxy.port);
    let (site, _) = wound(RedisStore::open(&url).unwrap());
    let (id, _) = sessions(&redis).0.create("alice".to_owned()).await.unwrap();
    // What is busy may be late as well, but not for ever.
    let answers = async || {
        let (mut answers, began) = (Vec::new(), Instant::now());
        while answers.last() != Some(&Ok("alice".to_owned())) {
            assert!(began.elapsed() < MINUTE, "{answers:?}");
            answers.push(who(&site, &id).await);
        }
        answers.pop();
        assert!(answers.iter().all(|answer| *answer == Err(Reason::TimedOut)), "{answers:?}");
        answers.len()
    };
    answers().await;
    proxy.fall_silent();
    assert!(answers().await > 0);
}

#[tokio::test]
async fn the_first_call_after_an_outage_works() {
    let Some(mut redis) = Redis::down("first-call") else { return };
    let site = sessions(&redis);
    for _ in 0..3 {
        let down = site.0.create("alice".to_owned()).await.unwrap_err();
        assert_eq!(down.reason(), Reason::BackEndFailed, "nobody listens, which takes no second to find out");
    }
    redis.start();
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    redis.kill();
    for _ in 0..3 {
        assert_eq!(who(&site, &id).await, Err(Reason::BackEndFailed));
    }
    redis.start();
    assert_eq!(who(&site, &id).await, Ok("alice".to_owned()));
}
