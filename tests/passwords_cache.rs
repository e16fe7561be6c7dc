//! Verified passwords that are remembered: when a sign-in needs no hash, counted.
#![cfg(all(feature = "passwords", feature = "testing"))]

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use support::sign_in::{
    APR1, BCRYPT, PASSWORD, cost, one_at_a_time, passwords, sign_in, started, stored, while_no_hash_ends,
};
use tower_authn::{
    Clock, ManualClock, Reason, Rejection,
    validator::passwords::{PasswordHash, PasswordMap, Passwords, Remember, Stored},
};

mod support;

fn cached() -> (Passwords<PasswordMap<&'static str>>, ManualClock) {
    let (clock, hand) = Clock::manual(std::time::SystemTime::UNIX_EPOCH);
    (passwords().cached_by(Remember::default(), clock).unwrap(), hand)
}

#[tokio::test]
async fn a_remembered_sign_in_needs_no_hash_until_its_time_is_up() {
    let (passwords, hand) = cached();
    assert_eq!(cost(&passwords, "alice", PASSWORD).await.0, 1);
    assert_eq!(cost(&passwords, "alice", PASSWORD).await.0, 0);
    assert_eq!(sign_in(&passwords, "alice", PASSWORD).await, Ok("alice"));
    hand.advance(Duration::from_secs(299));
    assert_eq!(cost(&passwords, "alice", PASSWORD).await.0, 0);
    hand.advance(Duration::from_secs(1));
    assert_eq!(cost(&passwords, "alice", PASSWORD).await.0, 1);
}

#[tokio::test]
async fn only_successes_are_remembered() {
    let (passwords, _hand) = cached();
    for (user, password) in
        [("alice", "wrong"), ("nobody", PASSWORD), ("former", PASSWORD), ("guessed", PASSWORD)]
    {
        assert_eq!(cost(&passwords, user, password).await.0, 1, "{user}");
        assert_eq!(cost(&passwords, user, password).await.0, 1, "{user}");
    }
    assert_eq!(passwords.remembered(), 0);
}

#[tokio::test]
async fn user_and_password_are_framed_in_the_key() {
    let (letter, rest) = PASSWORD.split_at(1);
    let longer = format!("a{letter}");
    let users = [("a", BCRYPT, 1), (&longer, BCRYPT, 2)];
    let passwords = Passwords::from_hashes(users).unwrap().cached(Remember::default()).unwrap();
    assert_eq!(sign_in(&passwords, "a", PASSWORD).await, Ok(1));
    // The same letters and the same hash, with one letter moved from the password to the user.
    assert_eq!(sign_in(&passwords, &longer, rest).await, Err(Reason::WrongPassword));
    assert_eq!(sign_in(&passwords, &longer, PASSWORD).await, Ok(2));
}

#[tokio::test]
async fn a_changed_hash_and_a_disabled_user_are_noticed_at_once() {
    let stage = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&stage);
    let look_up = move |_: String| {
        let found = match seen.load(SeqCst) {
            0 => Some(stored()),
            1 => Some(stored().disabled()),
            2 => Some(Stored::new(APR1.parse::<PasswordHash>().unwrap(), "alice")),
            _ => None,
        };
        async move { Ok::<_, Rejection>(found) }
    };
    let passwords =
        Passwords::new(look_up).unknown_like(BCRYPT.parse().unwrap()).cached(Remember::default()).unwrap();
    assert_eq!(sign_in(&passwords, "alice", PASSWORD).await, Ok("alice"));
    for (next, reason) in [(1, Reason::Disabled), (2, Reason::WrongPassword), (3, Reason::Unknown)] {
        stage.store(next, SeqCst);
        let before = passwords.hasher().stats().hashes;
        assert_eq!(sign_in(&passwords, "alice", PASSWORD).await, Err(reason));
        assert_eq!(passwords.hasher().stats().hashes - before, 1, "as long as any other refusal");
    }
}

#[tokio::test]
async fn what_is_forgotten_needs_a_hash_again_and_others_do_not() {
    let users = [("alice", BCRYPT, 1), ("bob", BCRYPT, 2)];
    let passwords = Passwords::from_hashes(users).unwrap().cached(Remember::default()).unwrap();
    for user in ["alice", "bob"] {
        assert_eq!(cost(&passwords, user, PASSWORD).await.0, 1);
    }
    passwords.forget("alice");
    assert_eq!(cost(&passwords, "bob", PASSWORD).await.0, 0);
    assert_eq!(cost(&passwords, "alice", PASSWORD).await.0, 1);
}

#[test]
fn a_sign_in_under_way_is_not_remembered_after_its_user_was_forgotten() {
    while_no_hash_ends(async |gate| {
        let (passwords, _hand) = cached();
        let mut under_way = pin!(sign_in(&passwords, "alice", PASSWORD));
        started(under_way.as_mut());
        passwords.forget("alice");
        drop(gate);
        assert_eq!(under_way.await, Ok("alice"));
        assert_eq!(passwords.remembered(), 0);
    });
}

#[test]
fn equal_sign_ins_at_one_time_need_one_hash() {
    while_no_hash_ends(async |gate| {
        let (passwords, _hand) = cached();
        let passwords = passwords.hashed_by(one_at_a_time(2, Duration::from_secs(60)));
        let cases = [
            ("alice", PASSWORD, Ok("alice")),
            ("alice", "wrong", Err(Reason::WrongPassword)),
            ("nobody", "x", Err(Reason::Unknown)),
        ];
        let mut all = Vec::new();
        for (user, password, result) in cases {
            for _ in 0..50 {
                let mut sign_in = Box::pin(sign_in(&passwords, user, password));
                started(sign_in.as_mut());
                all.push((sign_in, result));
            }
        }
        drop(gate);
        for (sign_in, result) in all {
            assert_eq!(sign_in.await, result);
        }
        assert_eq!(passwords.hasher().stats().hashes, 3);
    });
}

#[test]
fn who_waits_takes_over_when_the_first_goes_away() {
    while_no_hash_ends(async |gate| {
        let hasher = one_at_a_time(8, Duration::from_secs(60));
        let busy = passwords().hashed_by(hasher.clone());
        let (clock, _hand) = Clock::manual(std::time::SystemTime::UNIX_EPOCH);
        let passwords = passwords().hashed_by(hasher).cached_by(Remember::default(), clock).unwrap();

        let mut holds = pin!(sign_in(&busy, "old", "x"));
        started(holds.as_mut());
        let mut first = Box::pin(sign_in(&passwords, "alice", PASSWORD));
        let mut second = pin!(sign_in(&passwords, "alice", PASSWORD));
        started(first.as_mut());
        started(second.as_mut());
        drop(first);
        drop(gate);
        assert_eq!(second.await, Ok("alice"));
        assert_eq!(holds.await, Err(Reason::WrongPassword));
    });
}

#[tokio::test]
async fn the_cache_is_bounded() {
    let users: PasswordMap<()> = (0..200)
        .map(|n| (format!("user{n}"), Stored::new(APR1.parse::<PasswordHash>().unwrap(), ())))
        .collect();
    let passwords = Passwords::new(users).cached(Remember { most: 10, ..Remember::default() }).unwrap();
    for n in 0..200 {
        assert_eq!(sign_in(&passwords, &format!("user{n}"), "pass:w\u{f6}rd").await, Ok(()));
    }
    assert!((1..=10).contains(&passwords.remembered()), "{}", passwords.remembered());
}
