//! Sessions in a real Redis, asked in this process: expiry, races, a full one, records that cannot be read.
#![cfg(feature = "redis")]

mod support;

use std::time::{Duration, Instant};

use support::{
    proxy::Proxy,
    redis::{Redis, comes_true},
};
use tower_authn::{
    Reason, Validator as _, Visit,
    scheme::{SessionCookie, SessionToken},
    store::{Lifetime, RedisStore},
    validator::session::{Session, SessionId, Sessions},
};

fn sessions(redis: &Redis) -> (Sessions<String, RedisStore>, SessionCookie) {
    let cookie = SessionCookie::new("web");
    (Sessions::new(&cookie, RedisStore::open(&redis.url).unwrap()), cookie)
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

/// Short limits: an idle session is gone after 600 milliseconds, any after 1.2 seconds.
fn short_lived(redis: &Redis) -> (Sessions<String, RedisStore>, SessionCookie) {
    let (sessions, cookie) = sessions(redis);
    let sessions = sessions
        .idle_limit(Duration::from_millis(400))
        .absolute_limit(Duration::from_secs(1))
        .remember_ended(Duration::from_millis(200));
    (sessions, cookie)
}

#[tokio::test]
async fn redis_itself_removes_what_has_expired() {
    let Some(redis) = Redis::up("expiry") else { return };
    let site = short_lived(&redis);
    let (id, _) = site.0.create("idle".to_owned()).await.unwrap();
    let (ended, _) = site.0.create("ended".to_owned()).await.unwrap();
    site.0.revoke(&ended.key()).await.unwrap();
    assert_eq!(who(&site, &id).await, Ok("idle".to_owned()));
    assert_eq!(redis.cli(&["DBSIZE"]), "3", "two sessions, and the index of the one that lives");
    comes_true(|| redis.cli(&["DBSIZE"]) == "0");
    assert_eq!(who(&site, &id).await, Err(Reason::Unknown));
    assert_eq!(redis.cli(&["DBSIZE"]), "0", "a miss writes nothing");
}

#[tokio::test]
async fn no_use_keeps_a_session_beyond_its_absolute_limit() {
    let Some(redis) = Redis::up("absolute") else { return };
    let site = short_lived(&redis);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    let created = Instant::now();
    let ended = loop {
        match who(&site, &id).await {
            Ok(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            Err(reason) => break reason,
        }
        assert!(created.elapsed() < Duration::from_secs(5));
    };
    assert_eq!(ended, Reason::AbsoluteTimeout);
    comes_true(|| redis.cli(&["DBSIZE"]) == "0");
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
    let sessions = Sessions::<Shape, _>::new(&cookie, RedisStore::open(&redis.url).unwrap());
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
    let mut site = sessions(&redis);
    site.0 = site.0.rotation_grace(Duration::from_millis(300)).remember_ended(Duration::from_secs(5));
    let (old, _) = site.0.create("alice".to_owned()).await.unwrap();
    let (new, _) = site.0.rotate(&session(&site, &old).await.unwrap(), "alice".to_owned()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(350)).await;
    assert_eq!(who(&site, &old).await, Err(Reason::Replaced));
    assert_eq!(who(&site, &new).await, Ok("alice".to_owned()));
}

#[tokio::test]
async fn another_prefix_shares_nothing() {
    let Some(redis) = Redis::up("prefix") else { return };
    let site = sessions(&redis);
    let shop = Sessions::new(&site.1, RedisStore::open(&redis.url).unwrap().prefix("shop"));
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
    let short = short_lived(&redis);
    let (long_id, _) = site.0.create("alice".to_owned()).await.unwrap();
    let (short_id, _) = short.0.create("alice".to_owned()).await.unwrap();
    let kept = || redis.cli(&["KEYS", "*:session:*"]).lines().count();
    comes_true(|| kept() == 1);
    tokio::time::sleep(Duration::from_millis(800)).await; // longer than anything of the short-lived ones stays
    assert_eq!(who(&short, &short_id).await, Err(Reason::Unknown));
    assert_eq!(site.0.list("alice").await.unwrap().len(), 1);
    assert_eq!(site.0.revoke_all("alice").await.unwrap(), 1);
    assert_eq!(who(&site, &long_id).await, Err(Reason::Revoked));
}

#[tokio::test]
async fn redis_keeps_who_stays_signed_in_for_as_long_as_that_is() {
    let Some(redis) = Redis::up("stay") else { return };
    let mut site = sessions(&redis);
    site.0 = site.0.touch_every(Duration::ZERO);
    let left = |key: &str| -> u64 { redis.cli(&["PTTL", key]).parse().unwrap() };
    let is_left = |key: &str, seconds: u64| {
        let left = left(key);
        assert!((seconds * 1000 - 20_000..=seconds * 1000).contains(&left), "{left}");
    };
    let (ordinary, _) = site.0.create("alice".to_owned()).await.unwrap();
    let of_ordinary = redis.session_key();
    let (stays, _) = site.0.stay_signed_in().create("alice".to_owned()).await.unwrap();
    let of_stays = of_ordinary.replace(&ordinary.key().to_string(), &stays.key().to_string());
    let index = redis.cli(&["KEYS", "*:subject:*"]);
    let all_is_left = || {
        is_left(&of_ordinary, (30 + 10) * 60);
        is_left(&of_stays, 14 * 24 * 3600 + 10 * 60);
        assert!(left(&index) >= left(&of_stays));
    };
    all_is_left();
    // By uses, each is set anew.
    for key in [&of_ordinary, &of_stays, &index] {
        redis.cli(&["PEXPIRE", key, "60000"]);
    }
    for id in [&stays, &ordinary] {
        assert_eq!(who(&site, id).await, Ok("alice".to_owned()));
    }
    all_is_left();
    // Shorter times go for what exists, and Redis learns them by the next use.
    site.0 = site.0.stay_signed_in_for(Duration::from_secs(3600));
    assert_eq!(who(&site, &stays).await, Ok("alice".to_owned()));
    is_left(&of_stays, 3600 + 10 * 60);
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
    redis.cli(&["PEXPIRE", &index, "1000"]);
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
    let mut site = short_lived(&redis);
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
        site.0.create("alice".to_owned()).await.unwrap().1.into_header_value();
    }
    comes_true(|| redis.cli(&["KEYS", "*:session:*"]).is_empty());
    for _ in 0..2 {
        site.0.create("alice".to_owned()).await.unwrap().1.into_header_value();
        assert!(index_len() <= 2, "two that are gone go for each that comes");
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
        assert_eq!(redis.cli(&["DEL", &format!("{{tower-authn}}:session:{}", id.key())]), "1");
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
    let site = sessions(&redis);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    redis.freeze();
    let failed = site.0.revoke(&id.key()).await.unwrap_err();
    assert_eq!(failed.reason(), Reason::TimedOut);
    assert_eq!(site.0.create("bob".to_owned()).await.unwrap_err().reason(), Reason::TimedOut);
    redis.thaw();
    let after = who(&site, &id).await;
    assert!([Ok("alice".to_owned()), Err(Reason::Revoked)].contains(&after), "{after:?}");
    let of_bob = site.0.list("bob").await.unwrap();
    let kept = redis.cli(&["KEYS", "*:session:*"]).lines().count();
    assert_eq!(kept, 1 + of_bob.len(), "what was begun can be ended");
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
    let cookie = SessionCookie::new("web");
    let site = (Sessions::new(&cookie, RedisStore::open(&url).unwrap()), cookie);
    let (id, _) = site.0.create("alice".to_owned()).await.unwrap();
    proxy.fall_silent();
    let mut answers = Vec::new();
    while answers.len() < 5 && answers.last() != Some(&Ok("alice".to_owned())) {
        answers.push(who(&site, &id).await);
    }
    assert_eq!(answers.pop(), Some(Ok("alice".to_owned())), "{answers:?}");
    assert!(
        !answers.is_empty() && answers.iter().all(|answer| *answer == Err(Reason::TimedOut)),
        "{answers:?}"
    );
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
