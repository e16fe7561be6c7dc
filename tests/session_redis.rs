//! Sessions in a real Redis: shared by processes, through outages, and what Redis itself gets to see.
#![cfg(all(feature = "axum", feature = "redis"))]

mod support;

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread::ScopedJoinHandle,
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use support::{
    redis::{Redis, comes_true},
    secrets::PASSWORD,
    site::{Seen, Site, USER},
};

/// After which time one more failure is let through.
const PAID_OFF: Duration = Duration::from_secs(30);

fn site(redis: &Redis) -> Site {
    Site::start(&[("REDIS_URL", &redis.url)])
}

fn is_live(site: &Site, cookie: &str) -> bool {
    let seen = site.get("/api/me", cookie);
    assert!([200, 401].contains(&seen.status), "{seen:?}");
    seen.status == 200
}

#[track_caller]
fn is_outage(seen: &Seen) {
    assert_eq!(seen.status, 503, "{seen:?}");
    assert!(seen.header("retry-after").is_some(), "{seen:?}");
    for header in ["set-cookie", "location", "www-authenticate", "clear-site-data"] {
        assert_eq!(seen.header(header), None, "{seen:?}");
    }
}

#[track_caller]
fn is_dead(seen: &Seen) {
    assert_eq!(seen.status, 401, "{seen:?}");
    let removal = "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
    assert_eq!(seen.header("set-cookie"), Some(removal), "{seen:?}");
}

// ===== two processes =====

#[test]
fn a_session_of_one_process_is_one_of_the_other() {
    let Some(redis) = Redis::up("shared") else { return };
    let (here, there) = (site(&redis), site(&redis));
    let cookie = here.sign_in();
    assert!(is_live(&here, &cookie) && is_live(&there, &cookie));
    assert_eq!(there.post("/logout", &cookie, "").status, 303);
    is_dead(&here.get("/api/me", &cookie));
    is_dead(&there.get("/api/me", &cookie));
}

#[test]
fn sign_out_everywhere_is_seen_by_the_other_process_at_once() {
    let Some(redis) = Redis::up("everywhere") else { return };
    let (here, there) = (site(&redis), site(&redis));
    let cookies = [here.sign_in(), there.sign_in(), there.sign_in()];
    assert!(cookies.iter().all(|cookie| is_live(&there, cookie)));
    assert_eq!(here.post("/logout-everywhere", &cookies[0], "").status, 303);
    for cookie in &cookies {
        is_dead(&there.get("/api/me", cookie));
        is_dead(&here.get("/api/me", cookie));
    }
    assert!(is_live(&there, &here.sign_in()));
}

#[test]
fn wrong_passwords_at_one_process_count_at_the_other() {
    let Some(redis) = Redis::up("guesses") else { return };
    let (here, there) = (site(&redis), site(&redis));
    let guesses: Vec<_> = (0..20).map(|_| here.try_password("guess").status).collect();
    // A failure is written down after the answer, and was held before it: none slips through.
    assert_eq!(guesses, [[401; 10], [429; 10]].concat());
    let seen = there.try_password(PASSWORD);
    assert_eq!((seen.status, seen.header("set-cookie")), (429, None), "{seen:?}");
    let wait: u64 = seen.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
}

#[test]
fn a_good_password_at_one_process_wipes_out_the_failures_at_the_other() {
    let Some(redis) = Redis::up("success") else { return };
    let (here, there) = (site(&redis), site(&redis));
    let began = Instant::now();
    for _ in 0..8 {
        assert_eq!(here.try_password("guess").status, 401);
    }
    let kept = || redis.cli(&["KEYS", "*:failures:*"]).lines().count();
    // They are written down behind the answers, and 30 seconds pay one off.
    let debt = |key: &str| redis.cli(&["PTTL", key]).parse::<i128>().unwrap();
    let most = || redis.cli(&["KEYS", "*:failures:*"]).lines().map(debt).max().unwrap_or_default();
    comes_true(|| Duration::from_millis(most().try_into().unwrap_or(0)) + began.elapsed() >= 8 * PAID_OFF);
    assert_eq!(kept(), 2, "of the address, and of the address with the user");
    there.sign_in();
    comes_true(|| kept() == 1);
    for _ in 0..8 {
        assert_eq!(here.try_password("guess").status, 401);
    }
}

// ===== outages =====

#[test]
fn a_killed_redis_is_an_outage_and_never_a_sign_out() {
    let Some(mut redis) = Redis::up("killed") else { return };
    let site = site(&redis);
    let cookie = site.sign_in();
    redis.kill();
    for path in ["/me", "/api/me", "/login"] {
        is_outage(&site.get(path, &cookie));
        is_outage(&site.open(path, &cookie));
    }
    is_outage(&site.post("/logout", &cookie, ""));
    is_outage(&site.post("/logout-everywhere", &cookie, ""));
    is_outage(&site.try_password(PASSWORD));
    assert_eq!(site.get("/api/me", "").status, 401, "who has no cookie needs no store");
    assert_eq!(site.open("/login", "").status, 200);
    redis.start();
    comes_true(|| site.get("/api/me", &cookie).status == 200);
    assert_eq!(site.open("/me", &cookie).status, 200);
}

#[test]
fn under_load_a_redis_that_is_killed_and_started_again_signs_nobody_out() {
    let Some(mut redis) = Redis::up("load") else { return };
    let site = site(&redis);
    let (cookie, ended) = (site.sign_in(), site.sign_in());
    assert_eq!(site.post("/logout", &ended, "").status, 303);
    let stop = AtomicBool::new(false);
    let load = |progress: &Progress| {
        while !stop.load(Ordering::SeqCst) {
            let (signed_in, signed_out) = (site.get("/api/me", &cookie), site.get("/api/me", &ended));
            assert!([401, 503].contains(&signed_out.status), "{signed_out:?}");
            if signed_in.status == 200 {
                progress.accepted.fetch_add(1, Ordering::SeqCst);
            } else {
                is_outage(&signed_in);
                progress.outages.fetch_add(1, Ordering::SeqCst);
            }
        }
    };
    let sign_ins = || {
        let mut cookies = Vec::new();
        while !stop.load(Ordering::SeqCst) && cookies.len() < 50 {
            let seen = site.try_password(PASSWORD);
            match seen.cookie() {
                Some(cookie) => cookies.push(cookie),
                None => is_outage(&seen),
            }
            std::thread::sleep(Duration::from_millis(30));
        }
        cookies
    };
    let progress: [Progress; 4] = Default::default();
    std::thread::scope(|scope| {
        let loads = progress.each_ref().map(|progress| scope.spawn(|| load(progress)));
        let sign_ins = scope.spawn(sign_ins);
        // Each thread sees ten answers of each time, however long it takes; one that panicked sees none.
        let see = |count: fn(&Progress) -> &AtomicUsize| {
            let before = progress.each_ref().map(|progress| count(progress).load(Ordering::SeqCst));
            comes_true(|| {
                assert!(!loads.iter().any(ScopedJoinHandle::is_finished));
                let has_seen = |(progress, before)| count(progress).load(Ordering::SeqCst) >= before + 10;
                progress.iter().zip(before).all(has_seen)
            });
        };
        let seen = std::panic::catch_unwind(AssertUnwindSafe(|| {
            see(|progress| &progress.accepted);
            for _ in 0..2 {
                redis.kill();
                see(|progress| &progress.outages);
                redis.start();
                see(|progress| &progress.accepted);
            }
        }));
        stop.store(true, Ordering::SeqCst);
        for cookie in sign_ins.join().unwrap() {
            assert!(is_live(&site, &cookie), "a sign-in that was answered");
        }
        for load in loads {
            load.join().unwrap();
        }
        seen.unwrap();
    });
}

/// What one of those has seen that ask all the time.
#[derive(Default)]
struct Progress {
    accepted: AtomicUsize,
    outages: AtomicUsize,
}

#[test]
fn a_server_that_starts_before_its_redis_needs_no_restart() {
    let Some(mut redis) = Redis::down("late") else { return };
    let site = site(&redis);
    is_outage(&site.get("/api/me", &format!("session={}", "A".repeat(43))));
    is_outage(&site.try_password(PASSWORD));
    redis.start();
    comes_true(|| site.try_password(PASSWORD).status == 303);
    assert!(is_live(&site, &site.sign_in()));
    is_dead(&site.get("/api/me", &format!("session={}", "A".repeat(43))));
}

#[test]
fn a_redis_that_is_slow_is_an_outage_within_the_timeout() {
    let Some(redis) = Redis::up("slow") else { return };
    let site = site(&redis);
    let cookie = site.sign_in();
    redis.freeze();
    for _ in 0..2 {
        let started = Instant::now();
        is_outage(&site.get("/api/me", &cookie));
        // How long exactly is tested without a Redis, where time can be wound.
        assert!(started.elapsed() >= Duration::from_millis(900));
    }
    is_outage(&site.open("/me", &cookie));
    is_outage(&site.post("/logout", &cookie, ""));
    redis.thaw();
    comes_true(|| site.get("/api/me", &cookie).status != 503);
    assert!(is_live(&site, &cookie), "who was told that it failed is not signed out");
    assert!(is_live(&site, &site.sign_in()));
}

// ===== what Redis sees =====

#[test]
fn an_accepted_request_is_one_call() {
    let Some(redis) = Redis::up("calls") else { return };
    let site = site(&redis);
    let cookie = site.sign_in();
    assert!(is_live(&site, &cookie));
    // Failures are wiped out behind the answer to the sign-in.
    comes_true(|| redis.cli(&["INFO", "commandstats"]).contains("cmdstat_del:"));
    redis.cli(&["CONFIG", "RESETSTAT"]);
    for _ in 0..50 {
        assert!(is_live(&site, &cookie));
    }
    let stats = redis.cli(&["INFO", "commandstats"]);
    let calls: BTreeMap<&str, &str> = stats
        .lines()
        .filter_map(|line| line.strip_prefix("cmdstat_")?.split_once(":calls="))
        .map(|(name, rest)| (name, rest.split(',').next().unwrap()))
        .filter(|(name, _)| !name.starts_with("config") && *name != "info")
        .collect();
    // The script itself calls HMGET.
    assert_eq!(calls, BTreeMap::from([("evalsha", "50"), ("hmget", "50")]));
}

#[test]
fn redis_never_sees_the_id() {
    let Some(redis) = Redis::up("id") else { return };
    redis.cli(&["CONFIG", "SET", "slowlog-log-slower-than", "0"]);
    let site = site(&redis);
    let cookies: Vec<_> = (0..3).map(|_| site.sign_in()).collect();
    assert!(cookies.iter().all(|cookie| is_live(&site, cookie)));
    site.post("/logout", &cookies[2], "");
    // All that was kept, and all that was sent.
    let (kept, sent) = (redis.written(), redis.cli(&["SLOWLOG", "GET", "-1"]));
    let holds = |text: &[u8], what: &[u8]| text.windows(what.len()).any(|window| window == what);
    assert!(holds(&kept, USER.as_bytes()) && sent.contains("EVALSHA"), "here it would be: {sent}");
    for cookie in &cookies {
        let id = cookie.strip_prefix("session=").unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(id).unwrap();
        assert!(!holds(&kept, id.as_bytes()) && !holds(&kept, &bytes) && !sent.contains(id));
    }
    assert!(!holds(&kept, PASSWORD.as_bytes()) && !sent.contains(PASSWORD));
    let keys = redis.cli(&["KEYS", "*"]);
    assert!(!keys.contains(USER), "{keys}");
    assert!(keys.lines().all(|key| key.starts_with("{tower-authn}:") || key.starts_with("tower-authn:")));
}

#[test]
fn the_identity_goes_when_the_session_ends() {
    let Some(redis) = Redis::up("identity") else { return };
    let site = site(&redis);
    let cookie = site.sign_in();
    let key = redis.session_key();
    assert_eq!(redis.cli(&["HGET", &key, "i"]), format!("\"{USER}\""));
    site.post("/logout", &cookie, "");
    assert_eq!(redis.cli(&["HGETALL", &key]), "e\nrevoked");
}

#[test]
fn a_record_that_cannot_be_read_is_401_and_the_next_sign_in_works() {
    let Some(redis) = Redis::up("unreadable-site") else { return };
    let site = site(&redis);
    let cookie = site.sign_in();
    redis.cli(&["HSET", &redis.session_key(), "i", "{\"another\": \"type\"}"]);
    let seen = site.get("/api/me", &cookie);
    is_dead(&seen);
    assert!(!seen.body.contains("unreadable"), "{seen:?}");
    let seen = site.open("/me", &cookie);
    assert_eq!((seen.status, seen.header("location")), (302, Some("/login?next=/me")));
    assert_eq!(site.open("/login", &cookie).status, 200);
    assert!(is_live(&site, &site.sign_in()));
}
