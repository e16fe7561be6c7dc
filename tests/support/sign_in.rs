//! Sign-ins, and what they cost in hashes.

use std::{
    future::Future,
    num::NonZeroUsize,
    pin::Pin,
    sync::mpsc,
    task::{Context, Waker},
    time::Duration,
};

use tower_authn::{
    Reason, Validator as _, Visit,
    scheme::UserPassword,
    validator::passwords::{Hasher, LookUp, PasswordHash, PasswordMap, Passwords, Stored},
};

pub const PASSWORD: &str = "open sesame: twice";
/// [`PASSWORD`], of a low cost.
pub const BCRYPT: &str = "$2y$04$N9Av0UCuvAXvbMnngUpkfOrnDJaE4wHVN2DAiq552PcDio9GFPZES";
/// Costs another amount.
pub const APR1: &str = "$apr1$KWhKELiR$gRjlV1IBYo4z2MXqb9H1G/";

pub fn stored() -> Stored<&'static str> {
    Stored::new(BCRYPT.parse::<PasswordHash>().unwrap(), "alice")
}

pub fn users() -> PasswordMap<&'static str> {
    let users = [
        ("alice", stored()),
        ("former", stored().disabled()),
        ("guessed", stored().locked()),
        ("old", Stored::new(APR1.parse::<PasswordHash>().unwrap(), "old")),
    ];
    users.into_iter().map(|(user, stored)| (user.to_owned(), stored)).collect()
}

pub fn passwords() -> Passwords<PasswordMap<&'static str>> {
    Passwords::new(users())
}

pub fn one_at_a_time(waiting: usize, longest: Duration) -> Hasher {
    Hasher::new(NonZeroUsize::MIN).queue(waiting, longest)
}

pub async fn sign_in<L: LookUp>(
    passwords: &Passwords<L>,
    user: &str,
    password: &str,
) -> Result<L::Identity, Reason> {
    let found = passwords.validate(UserPassword::new(user, password), &mut Visit::outside()).await;
    found.map_err(|rejection| rejection.reason())?.ok_or(Reason::Unknown)
}

/// Hashes and work of one sign-in.
pub async fn cost<L: LookUp>(passwords: &Passwords<L>, user: &str, password: &str) -> (u64, u64) {
    let before = passwords.hasher().stats();
    let _ = sign_in(passwords, user, password).await;
    let after = passwords.hasher().stats();
    (after.hashes - before.hashes, after.work - before.work)
}

/// Holds up the only blocking thread, so that hashes are under way, but do not end, until the gate is dropped.
pub fn while_no_hash_ends(test: impl AsyncFnOnce(mpsc::Sender<()>)) {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        let (gate, closed) = mpsc::channel();
        tokio::task::spawn_blocking(move || closed.recv());
        test(gate).await;
    });
}

/// Starts a sign-in, so that it holds the only permit or waits for it.
pub fn started<F: Future>(sign_in: Pin<&mut F>) {
    assert!(sign_in.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}
