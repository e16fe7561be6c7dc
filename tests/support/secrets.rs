//! The credentials of the tests, and the validators that know them.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tower_authn::{
    Authenticator, BearerToken, Rejection, Scheme as _, Tokens, Users,
    scheme::{ApiKey, Basic, Bearer},
};

pub const TOKEN: &str = "n4bQgYhMfWWaL-qgxVrQFQ";
pub const KEY: &str = "2f1acc6c3a604b88aa6e7b4ea8f0ddc1";
pub const PASSWORD: &str = "open sesame: twice";

/// `Authorization` with the good token.
pub fn bearer() -> String {
    format!("Bearer {TOKEN}")
}

/// `Authorization` with a user and a password.
pub fn basic(user: &str, password: &str) -> String {
    basic_of(format!("{user}:{password}").as_bytes())
}

/// `Authorization` with raw bytes in base64.
pub fn basic_of(bytes: &[u8]) -> String {
    format!("Basic {}", STANDARD.encode(bytes))
}

pub fn tokens() -> Tokens<&'static str> {
    let tokens = Tokens::new();
    tokens.insert(TOKEN, "alice").unwrap();
    tokens
}

pub fn users() -> Users<&'static str> {
    Users::new().with("alice", PASSWORD, "alice").with("zo\u{eb}", "p\u{e4}ss", "zo\u{eb}")
}

pub fn by_bearer() -> impl Authenticator<Identity = &'static str> {
    Bearer::new("r").validated_by(tokens())
}

pub fn by_basic() -> impl Authenticator<Identity = &'static str> {
    Basic::new("r").validated_by(users())
}

pub fn by_key() -> impl Authenticator<Identity = &'static str> {
    let keys = Tokens::new();
    keys.insert(KEY, "alice").unwrap();
    ApiKey::new("r").validated_by(keys)
}

/// Bearer whose validator always says the same.
pub fn bearer_that<F>(refuse: F) -> impl Authenticator<Identity = &'static str>
where
    F: Fn() -> Rejection + Clone + Send + Sync + 'static,
{
    Bearer::new("r").validated_by(move |_| {
        let rejection = refuse();
        async move { Err::<Option<&'static str>, _>(rejection) }
    })
}

/// Bearer whose validator accepts everything, and how often it was asked.
pub fn counted_bearer() -> (impl Authenticator<Identity = &'static str>, Arc<AtomicUsize>) {
    let looked_up = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&looked_up);
    let counted = Bearer::new("r").validated_by(move |_: BearerToken| {
        count.fetch_add(1, Ordering::SeqCst);
        async { Ok::<_, Rejection>(Some("alice")) }
    });
    (counted, looked_up)
}
