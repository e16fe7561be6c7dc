//! What the table of failures in memory keeps, and what its keys are.
#![cfg(feature = "testing")]

mod support;

use std::{
    net::IpAddr,
    time::{Duration, SystemTime},
};

use support::now;
use tower_authn::{
    Clock,
    throttle::{FailureKey, FailureStore, Guess, Hold, MemoryFailures, Quota, Settlement},
};

const HERE: &str = "203.0.113.7";

fn key(address: &str) -> FailureKey {
    FailureKey::of_address(address.parse().unwrap())
}

/// Counts a failure of an address.
fn fail(store: &MemoryFailures, key: FailureKey, quota: Quota) {
    let guess = Guess::new(key, quota);
    assert_eq!(now(store.hold(&guess)).unwrap(), Hold::Held);
    store.settle(guess, Settlement::Failed);
}

fn wait(store: &MemoryFailures, key: FailureKey, quota: Quota) -> Option<Duration> {
    now(store.ask(&Guess::new(key, quota))).unwrap()
}

// ===== the table =====

fn five() -> Quota {
    Quota::new(5, Duration::from_secs(30))
}

/// A table in which one address has failed too often.
fn table(places: usize) -> MemoryFailures {
    let store = MemoryFailures::new(places).clock(Clock::manual(SystemTime::UNIX_EPOCH).0);
    for _ in 0..5 {
        fail(&store, key(HERE), five());
    }
    store
}

#[test]
fn a_quarter_of_a_million_addresses_take_no_more_memory_and_do_not_flush_out_who_failed_often() {
    let store = table(10_000);
    assert_eq!(store.places(), 10_000);
    for address in 0..250_000_u32 {
        fail(&store, FailureKey::of_address(IpAddr::from(address.to_be_bytes())), five());
    }
    assert_eq!(store.places(), 10_000);
    assert_eq!(wait(&store, key(HERE), five()), Some(Duration::from_secs(30)));
}

#[test]
fn guesses_that_are_held_take_no_place_of_a_failure() {
    let store = table(8);
    let guesses = |address: u32| Guess::new(FailureKey::of_address(address.to_be_bytes().into()), five());
    let held: Vec<_> = (0..2_000).map(guesses).collect();
    for guess in &held {
        assert_eq!(now(store.hold(guess)).unwrap(), Hold::Held);
    }
    assert_eq!((store.places(), store.used()), (8, 1));
    for guess in held {
        store.settle(guess, Settlement::Undecided);
    }
    assert_eq!(store.used(), 1);
    assert_eq!(wait(&store, key(HERE), five()), Some(Duration::from_secs(30)));
}

#[test]
fn absurd_quotas_neither_panic_nor_lock_for_ever_nor_let_everything_pass() {
    let (clock, hand) = Clock::manual(SystemTime::UNIX_EPOCH);
    for (at_once, every) in [(0, Duration::MAX), (3, Duration::MAX), (1, Duration::from_secs(86_400))] {
        let (store, quota) = (MemoryFailures::new(0).clock(clock.clone()), Quota::new(at_once, every));
        for _ in 0..at_once.max(1) {
            fail(&store, key(HERE), quota);
        }
        assert_eq!(wait(&store, key(HERE), quota), Some(Duration::from_secs(3600)), "{quota:?}");
        hand.advance(Duration::from_secs(3600));
        assert_eq!(wait(&store, key(HERE), quota), None, "{quota:?}");
    }
    for quota in [Quota::new(u32::MAX, Duration::MAX), Quota::new(1, Duration::ZERO)] {
        let store = MemoryFailures::new(0).clock(clock.clone());
        for _ in 0..10 {
            fail(&store, key(HERE), quota);
        }
        assert_eq!(wait(&store, key(HERE), quota), None, "{quota:?}");
    }
}

#[test]
fn nobody_waits_for_more_than_an_hour_though_the_quota_was_made_stricter() {
    let strict = Quota::new(2, Duration::from_secs(60));
    let debt = strict.fail(Duration::from_secs(500 * 60));
    assert_eq!(strict.wait(debt), Some(Duration::from_secs(3600)));
}

// ===== the keys =====

#[test]
fn a_mapped_address_has_the_key_of_the_ipv4_address() {
    for (one, other) in [(HERE, "::ffff:203.0.113.7"), ("0.0.0.1", "::ffff:0.0.0.1")] {
        let (mapped, other): (IpAddr, IpAddr) = (other.parse().unwrap(), one.parse().unwrap());
        assert_eq!(FailureKey::of_address(mapped), FailureKey::of_address(other));
        assert_eq!(FailureKey::of_user(mapped, "alice"), FailureKey::of_user(other, "alice"));
    }
    // Not all of them have one, as the first 64 bits of all mapped addresses are the same.
    let (one, other) = ("::ffff:203.0.113.7", "::ffff:203.0.113.8");
    assert_ne!(key(one), key(other));
    let of_user = |address: &str| FailureKey::of_user(address.parse().unwrap(), "alice");
    assert_ne!(of_user(one), of_user(other));
}

#[test]
fn keys_differ_by_address_and_by_user_and_by_what_they_are() {
    let address = |text: &str| text.parse::<IpAddr>().unwrap();
    let all = [
        key(HERE),
        key("203.0.113.8"),
        key("2001:db8:0:1::1"),
        key("2001:db8:0:2::1"),
        FailureKey::of_user(address(HERE), ""),
        FailureKey::of_user(address(HERE), "alice"),
        FailureKey::of_user(address("203.0.113.8"), "alice"),
        FailureKey::of_user(address("2001:db8:0:1::1"), "alice"),
        // The bytes of an IPv4 address and a user are not those of an IPv6 address.
        FailureKey::of_user(address("32.1.13.184"), "\0\0\0\u{1}alice"),
    ];
    for (index, one) in all.iter().enumerate() {
        assert!(all[index + 1..].iter().all(|other| one != other), "{index}");
    }
    assert_eq!(key("2001:db8:0:1::1"), key("2001:db8:0:1:ffff::1"));
}
