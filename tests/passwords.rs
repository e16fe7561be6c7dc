//! What a sign-in costs, counted in hashes, and what comes of it.
#![cfg(feature = "passwords")]

use std::{
    future::{Future as _, pending},
    num::NonZeroUsize,
    pin::pin,
    task::{Context, Waker},
    time::Duration,
};

use support::{
    secrets::{basic, basic_of},
    sign_in::{
        APR1, BCRYPT, PASSWORD, cost, one_at_a_time, passwords, sign_in, started, users, while_no_hash_ends,
    },
};
use tokio::time::{Instant, timeout};
use tower_authn::{
    Reason, Rejection, RejectionKind, Scheme as _, Validator as _, Visit,
    scheme::{Basic, UserPassword},
    validator::passwords::{Hasher, PasswordMap, Passwords, Stored},
};

mod support;

// ===== who may come in =====

#[tokio::test]
async fn the_right_password_signs_in_and_others_do_not() {
    let passwords = passwords();
    assert_eq!(sign_in(&passwords, "alice", PASSWORD).await, Ok("alice"));
    assert_eq!(sign_in(&passwords, "alice", "open sesame").await, Err(Reason::WrongPassword));
    assert_eq!(sign_in(&passwords, "alice", "").await, Err(Reason::WrongPassword));
    assert_eq!(sign_in(&passwords, "Alice", PASSWORD).await, Err(Reason::Unknown));
    assert_eq!(sign_in(&passwords, "", "").await, Err(Reason::Unknown));
    assert_eq!(sign_in(&passwords, "former", PASSWORD).await, Err(Reason::Disabled));
    assert_eq!(sign_in(&passwords, "guessed", PASSWORD).await, Err(Reason::Locked));
    assert_eq!(sign_in(&passwords, "guessed", "wrong").await, Err(Reason::WrongPassword));
}

#[tokio::test]
async fn nobody_signs_in_with_the_password_of_a_decoy() {
    let nobody = Passwords::new(PasswordMap::<()>::default());
    for password in ["", ".", "\u{0}", PASSWORD] {
        assert!(sign_in(&nobody, "alice", password).await.is_err());
    }
}

#[tokio::test]
async fn row_4_all_four_refusals_cost_the_same_and_are_the_same_bytes() {
    let passwords = passwords();
    let mut answers = Vec::new();
    for (user, password) in [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("former", PASSWORD),
        ("guessed", PASSWORD),
        ("former", "x"),
    ] {
        assert_eq!(cost(&passwords, user, password).await, (1, 1 << 4), "{user}");
        let by_basic = Basic::new("r").validated_by(passwords.clone());
        let answer = support::ask(by_basic, &[("authorization", &basic(user, password))]).await;
        assert_eq!(answer.status, 401);
        answers.push((answer.lines(), answer.body));
    }
    answers.dedup();
    assert_eq!(answers.len(), 1, "{answers:?}");
    assert!(answers[0].0.contains(&r#"www-authenticate: Basic realm="r", charset="UTF-8""#.to_owned()));
}

#[tokio::test]
async fn an_unknown_user_costs_what_most_users_cost() {
    assert_eq!(cost(&passwords(), "nobody", "x").await, cost(&passwords(), "alice", "x").await);
    assert_eq!(cost(&passwords(), "old", "x").await, (1, 1000)); // the docs say what that means

    let of_database = Passwords::new(async |_: String| Ok::<Option<Stored<()>>, Rejection>(None));
    assert_eq!(cost(&of_database, "nobody", "x").await, (1, 2 * 19 * 1024)); // today's
    let like_it = of_database.unknown_like(APR1.parse().unwrap());
    assert_eq!(cost(&like_it, "nobody", "x").await, (1, 1000));
}

#[tokio::test]
async fn a_look_up_that_refuses_by_itself_costs_a_hash_too() {
    let refuse =
        async |_: String| Err::<Option<Stored<()>>, _>(Rejection::invalid().with_reason(Reason::Disabled));
    let passwords = Passwords::new(refuse).unknown_like(BCRYPT.parse().unwrap());
    assert_eq!(sign_in(&passwords, "former", PASSWORD).await, Err(Reason::Disabled));
    assert_eq!(passwords.hasher().stats().hashes, 1);
}

// ===== bad input =====

#[tokio::test]
async fn a_password_that_is_too_long_or_has_a_nul_is_refused_without_a_hash_whoever_it_is() {
    let passwords = passwords();
    for user in ["alice", "nobody", "former"] {
        assert_eq!(sign_in(&passwords, user, &"x".repeat(1024 * 1024)).await, Err(Reason::TooLong));
        assert_eq!(sign_in(&passwords, user, &format!("{PASSWORD}\0")).await, Err(Reason::Malformed));
    }
    assert_eq!(passwords.hasher().stats().hashes, 0);
}

#[tokio::test]
async fn a_password_of_73_bytes_costs_a_hash_and_is_refused_by_bcrypt() {
    let hash = "$2b$04$LWtvIGOIZRobg9Angx/HguhQUlRietyLkoJhZQYiCj8hs1/OTAeQG";
    let passwords = Passwords::from_hashes([("alice", hash, ())]).unwrap();
    assert_eq!(sign_in(&passwords, "alice", &"a".repeat(72)).await, Ok(()));
    assert_eq!(cost(&passwords, "alice", &"a".repeat(73)).await, (1, 16));
    assert_eq!(sign_in(&passwords, "alice", &"a".repeat(73)).await, Err(Reason::WrongPassword));
}

#[tokio::test]
async fn rule_5_bytes_are_used_as_received() {
    let hash = "$apr1$KWhKELiR$gRjlV1IBYo4z2MXqb9H1G/"; // of `pass:wörd` in UTF-8, composed
    let passwords = Passwords::from_hashes([("zo\u{eb}", hash, "zo\u{eb}")]).unwrap();
    let strict = || Basic::new("r").validated_by(passwords.clone());
    let lenient = || Basic::new("r").or_latin1().validated_by(passwords.clone());
    let (composed, latin1) = ("zo\u{eb}:pass:w\u{f6}rd", b"zo\xeb:pass:w\xf6rd");
    let decomposed = "zo\u{eb}:pass:wo\u{308}rd";

    assert_eq!(
        support::ask(strict(), &[("authorization", &basic_of(composed.as_bytes()))]).await.status,
        200
    );
    assert_eq!(
        support::ask(strict(), &[("authorization", &basic_of(decomposed.as_bytes()))]).await.status,
        401
    );
    assert_eq!(support::ask(strict(), &[("authorization", &basic_of(latin1))]).await.status, 401);
    assert_eq!(support::ask(lenient(), &[("authorization", &basic_of(latin1))]).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn row_23_a_look_up_that_fails_is_503() {
    let fails = Passwords::new(async |_: String| {
        Err::<Option<Stored<&'static str>>, Rejection>(std::io::Error::other("down").into())
    });
    let failed =
        fails.validate(UserPassword::new("alice", PASSWORD), &mut Visit::outside()).await.unwrap_err();
    assert_eq!((failed.kind(), failed.reason()), (RejectionKind::Unavailable, Reason::BackEndFailed));

    let answer =
        support::ask(Basic::new("r").validated_by(fails), &[("authorization", &basic("alice", "x"))]).await;
    assert_eq!(
        (answer.status.as_u16(), answer.one("retry-after"), answer.challenges().len()),
        (503, Some("5"), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn row_23_a_look_up_that_hangs_is_503_after_five_seconds_or_as_long_as_was_said() {
    let hangs = || Passwords::new(|_: String| pending::<Result<Option<Stored<&'static str>>, Rejection>>());
    let half_a_minute = Duration::from_secs(30);
    for (passwords, limit) in
        [(hangs(), Duration::from_secs(5)), (hangs().look_up_within(half_a_minute), half_a_minute)]
    {
        let begun = Instant::now();
        let mut visit = Visit::outside();
        let validated = passwords.validate(UserPassword::new("alice", PASSWORD), &mut visit);
        let hung = timeout(Duration::from_secs(3600), validated).await.expect("a limit").unwrap_err();
        assert_eq!((hung.kind(), hung.reason()), (RejectionKind::Unavailable, Reason::TimedOut));
        // tokio's timers count in milliseconds.
        assert_eq!(begun.elapsed().as_secs(), limit.as_secs());
        assert_eq!(passwords.hasher().stats().hashes, 0);
    }
}

#[test]
fn all_problems_of_a_map_are_reported_at_once() {
    let error =
        Passwords::from_hashes([("a", "secret", 1), ("b", BCRYPT, 2), ("b", BCRYPT, 3), ("c", "$2y$99$", 4)])
            .unwrap_err();
    assert_eq!(error.problems().map(|(user, _)| user).collect::<Vec<_>>(), ["a", "b", "c"]);
    assert!(!error.to_string().contains("secret"));
}

// ===== permits =====

#[test]
fn row_23_beyond_the_queue_it_is_503_at_once_and_within_it_is_not() {
    while_no_hash_ends(async |gate| {
        let passwords = passwords().hashed_by(one_at_a_time(1, Duration::from_secs(60)));
        let (mut first, mut second) =
            (pin!(sign_in(&passwords, "alice", PASSWORD)), pin!(sign_in(&passwords, "alice", PASSWORD)));
        started(first.as_mut());
        started(second.as_mut());

        let by_basic = Basic::new("r").validated_by(passwords.clone());
        let answer = support::ask(by_basic, &[("authorization", &basic("alice", PASSWORD))]).await;
        assert_eq!(
            (answer.status.as_u16(), answer.one("retry-after"), answer.challenges().len()),
            (503, Some("1"), 0)
        );
        assert_eq!(sign_in(&passwords, "nobody", "x").await, Err(Reason::Overloaded));

        drop(gate);
        assert_eq!((first.await, second.await), (Ok("alice"), Ok("alice")));
        let stats = passwords.hasher().stats();
        assert_eq!((stats.hashes, stats.turned_away), (2, 2));
    });
}

#[test]
fn the_wait_is_bounded() {
    while_no_hash_ends(async |gate| {
        let hasher = one_at_a_time(8, Duration::ZERO);
        let passwords = passwords().hashed_by(hasher);
        let mut first = pin!(sign_in(&passwords, "alice", PASSWORD));
        started(first.as_mut());
        assert_eq!(sign_in(&passwords, "alice", PASSWORD).await, Err(Reason::Overloaded));
        drop(gate);
        assert_eq!(first.await, Ok("alice"));
    });
}

#[test]
fn a_cancelled_sign_in_gives_its_permit_and_its_place_back() {
    while_no_hash_ends(async |gate| {
        let passwords = passwords().hashed_by(one_at_a_time(1, Duration::from_secs(60)));
        let mut computing = Box::pin(sign_in(&passwords, "alice", PASSWORD));
        started(computing.as_mut());
        for _ in 0..5 {
            let mut waiting = Box::pin(sign_in(&passwords, "alice", PASSWORD));
            started(waiting.as_mut());
        }
        drop(computing);
        // Its permit goes with the hash, which is still computed: memory stays bounded.
        let mut next = pin!(sign_in(&passwords, "alice", PASSWORD));
        started(next.as_mut());
        assert_eq!(sign_in(&passwords, "alice", PASSWORD).await, Err(Reason::Overloaded));
        drop(gate);
        assert_eq!(next.await, Ok("alice"));
        assert_eq!(passwords.hasher().stats().hashes, 2);
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_more_than_the_permits_are_computed_at_once() {
    for permits in [1, 3] {
        let hasher = Hasher::new(NonZeroUsize::new(permits).unwrap()).queue(64, Duration::from_secs(60));
        let passwords = Passwords::from_hashes([("alice", BCRYPT, 1)]).unwrap().hashed_by(hasher.clone());
        let sign_in = |passwords: Passwords<_>| async move {
            assert_eq!(
                passwords
                    .validate(UserPassword::new("alice", PASSWORD), &mut Visit::outside())
                    .await
                    .unwrap(),
                Some(1)
            );
        };
        let sign_ins: Vec<_> = (0..32).map(|_| tokio::spawn(sign_in(passwords.clone()))).collect();
        for sign_in in sign_ins {
            sign_in.await.unwrap();
        }
        assert_eq!(hasher.stats().hashes, 32);
        assert!((1..=permits).contains(&hasher.stats().most_at_once), "{:?}", hasher.stats());
    }
}

#[test]
fn one_hasher_serves_several_validators_and_new_accounts() {
    while_no_hash_ends(async |gate| {
        let hasher = one_at_a_time(0, Duration::ZERO);
        let (site, forum) = (passwords().hashed_by(hasher.clone()), passwords().hashed_by(hasher.clone()));
        let mut first = pin!(sign_in(&site, "alice", PASSWORD));
        started(first.as_mut());
        assert_eq!(sign_in(&forum, "alice", PASSWORD).await, Err(Reason::Overloaded));
        assert_eq!(hasher.hash("new").await.unwrap_err().reason(), Reason::Overloaded);
        drop(gate);
        assert_eq!(first.await, Ok("alice"));
        let made = hasher.hash("new").await.unwrap();
        assert!(!made.is_outdated());
        assert_eq!(hasher.hash("new\0").await.unwrap_err().kind(), RejectionKind::Invalid);
    });
}

#[test]
fn without_a_runtime_it_is_misconfigured_and_does_not_panic() {
    let passwords = passwords();
    let mut visit = Visit::outside();
    let mut validate = pin!(passwords.validate(UserPassword::new("alice", PASSWORD), &mut visit));
    let std::task::Poll::Ready(Err(rejection)) =
        validate.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    else {
        panic!("it is decided at once");
    };
    assert_eq!(rejection.kind(), RejectionKind::Misconfigured);
}

// ===== upgrades =====

#[tokio::test]
async fn an_outdated_hash_is_made_anew_after_a_success_and_only_then() {
    let (sender, mut receiver) = tokio::sync::mpsc::unbounded_channel();
    let passwords = passwords().upgraded_by(move |user, hash| {
        let sender = sender.clone();
        async move { sender.send((user, hash)).unwrap() }
    });
    for (user, password) in [("alice", "wrong"), ("nobody", PASSWORD), ("former", PASSWORD)] {
        assert!(sign_in(&passwords, user, password).await.is_err());
    }
    assert_eq!(sign_in(&passwords, "alice", PASSWORD).await, Ok("alice"));

    let (user, hash) = receiver.recv().await.unwrap();
    assert_eq!((user.as_str(), hash.is_outdated()), ("alice", false));
    assert!(receiver.try_recv().is_err(), "the failures upgraded nothing");

    // An upgrade would take the only permit at once, so that the next sign-in would wait for its
    // hash.
    let upgraded = Passwords::from_hashes([("alice", hash.as_str(), 1)]).unwrap();
    let upgraded = upgraded.hashed_by(one_at_a_time(8, Duration::from_secs(60))).upgraded_by(|_, _| async {});
    for hashes in 1..=3 {
        assert_eq!(sign_in(&upgraded, "alice", PASSWORD).await, Ok(1));
        assert_eq!(upgraded.hasher().stats().hashes, hashes);
    }
}

// ===== secrets =====

#[test]
fn debug_shows_no_user_and_no_hash() {
    let shown = format!("{:?} {:?}", passwords(), users());
    assert!(shown.contains("PasswordMap(4)"), "{shown}");
    for secret in ["alice", "former", BCRYPT, "$2y$", "apr1$"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
