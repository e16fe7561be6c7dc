//! In a tokio runtime without timers, and in none at all, the client gets an answer, and the operator is told what to do.
#![cfg(feature = "tokio")]

mod support;

use support::{Answered, ask_layer, now};
use tower_authn::{AuthenticateLayer, Authenticator, Reason, Rejection, RejectionKind};

/// Asks in a runtime without timers, and in none.
#[track_caller]
fn is_misconfigured(authenticator: impl Authenticator<Identity = &'static str>, header: (&str, &str)) {
    let layer = AuthenticateLayer::new(authenticator);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    for _ in 0..2 {
        is_told(&runtime.block_on(ask_layer(layer.clone(), &[header])));
        is_told(&now(ask_layer(layer.clone(), &[header])));
    }
}

#[track_caller]
fn is_told(answer: &Answered) {
    let rejection = answer.extensions.get::<Rejection>().unwrap();
    assert_eq!((answer.status.as_u16(), rejection.reason()), (500, Reason::Misconfigured), "{rejection}");
    says_what_to_call(rejection);
    assert!(!answer.body.contains("enable_"), "{}", answer.body);
}

#[track_caller]
fn says_what_to_call(rejection: &Rejection) {
    assert_eq!(rejection.kind(), RejectionKind::Misconfigured);
    let cause = rejection.findings()[0].cause().unwrap().to_string();
    assert!(cause.contains("`enable_time()` or `enable_all()`"), "{cause}");
}

#[test]
fn of_a_guess_that_has_to_wait() {
    use support::secrets::{PASSWORD, basic, by_basic};
    use tower_authn::{
        scheme::ClientAddr,
        throttle::{Quota, Throttle},
    };

    let here = std::net::IpAddr::from([203, 0, 113, 7]);
    let once = Quota::new(1, std::time::Duration::from_secs(60));
    let throttle = Throttle::default()
        .address_from(ClientAddr::new().peer_from(|_| Some([203, 0, 113, 7].into())))
        .by_user(once);
    let throttled = || by_basic().throttled(throttle.clone()).by_user(|_| "alice");
    let right = basic("alice", PASSWORD);
    let first = now(throttle.attempt(here, Some("alice"))).unwrap();
    is_misconfigured(throttled(), ("authorization", &right));
    // Nothing else needs a timer.
    first.undecided();
    let layer = AuthenticateLayer::new(throttled());
    assert_eq!(now(ask_layer(layer, &[("authorization", &right)])).status, 200);
}

#[cfg(feature = "passwords")]
#[test]
fn of_passwords() {
    use support::{
        secrets::basic,
        sign_in::{PASSWORD, passwords},
    };
    use tower_authn::{
        Scheme as _,
        scheme::Basic,
        validator::passwords::{Hasher, Remember},
    };

    for passwords in [passwords(), passwords().cached(Remember::default()).unwrap()] {
        for password in [PASSWORD, "wrong"] {
            let by_basic = Basic::new("r").validated_by(passwords.clone());
            is_misconfigured(by_basic, ("authorization", &basic("alice", password)));
        }
        assert_eq!(passwords.hasher().stats().hashes, 0);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    says_what_to_call(&runtime.block_on(Hasher::default().hash("new")).unwrap_err());
    says_what_to_call(&now(Hasher::default().hash("new")).unwrap_err());
}

#[cfg(feature = "passwords")]
#[test]
fn a_file_of_passwords_is_looked_at_by_a_thread_of_its_own_and_its_validator_says_what_to_call() {
    use support::{folder::Folder, secrets::basic};
    use tower_authn::{
        Scheme as _,
        scheme::Basic,
        validator::passwords::{Htpasswd, LookUp as _, Passwords},
    };

    let folder = Folder::new("no-timers");
    std::fs::write(folder.path("users"), format!("alice:{}\n", support::sign_in::BCRYPT)).unwrap();
    let file = Htpasswd::new(folder.path("users")).check_every(std::time::Duration::ZERO).open().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert!(runtime.block_on(file.hash_of("alice")).unwrap().is_some());
    let by_file = Basic::new("r").validated_by(Passwords::new(file)).map(|_| "alice");
    is_misconfigured(by_file, ("authorization", &basic("alice", "x")));
}

#[cfg(feature = "redis")]
#[test]
fn of_redis() {
    use support::secrets::{PASSWORD, basic, by_basic};
    use tower_authn::{
        Scheme as _,
        scheme::{ClientAddr, SessionCookie},
        store::RedisStore,
        throttle::Throttle,
        validator::session::Sessions,
    };

    let Some(redis) = support::redis::Redis::up("no-timers") else { return };
    let store = RedisStore::open(&redis.url).unwrap();
    let cookie = SessionCookie::new("web");
    let sessions = Sessions::<String, _>::new(&cookie, store.clone());
    let throttle =
        Throttle::new(store).address_from(ClientAddr::new().peer_from(|_| Some([203, 0, 113, 7].into())));
    says_what_to_call(&now(sessions.create("alice".to_owned())).unwrap_err());

    // Also where a runtime with timers has opened the connection.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let (id, _) = runtime.block_on(sessions.create("alice".to_owned())).unwrap();
    let sent = format!("__Host-session={}", &*id.expose());
    let by_session = || cookie.clone().validated_by(sessions.clone()).map(|_| "alice");
    is_misconfigured(by_session(), ("cookie", &sent));
    is_misconfigured(by_basic().throttled(throttle), ("authorization", &basic("alice", PASSWORD)));
    let layer = AuthenticateLayer::new(by_session());
    assert_eq!(runtime.block_on(ask_layer(layer, &[("cookie", &sent)])).status, 200);
}

#[cfg(all(feature = "jwt-aws-lc", feature = "testing"))]
#[test]
fn of_keys_on_the_network() {
    use support::{
        mint::{AUDIENCE, ISSUER},
        provider::{Provider, Signer, URL},
    };
    use tower_authn::{
        Scheme as _,
        scheme::Bearer,
        validator::jwt::{Jwt, StandardClaims},
    };

    let (provider, one, two) = (Provider::default(), Signer::new("one"), Signer::new("two"));
    provider.publishes(&[&one]);
    let token = format!("Bearer {}", one.token());
    let by_jwt = |jwt: &Jwt| Bearer::new("r").validated_by(jwt.clone()).map(|_| "alice");
    let builder = || Jwt::<StandardClaims>::issuer(ISSUER).audience(AUDIENCE);
    for jwt in [
        builder().jwks_uri(URL, provider.clone()).build().unwrap(),
        builder().discover(provider.clone()).build().unwrap(),
    ] {
        is_misconfigured(by_jwt(&jwt), ("authorization", &token));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(jwt.ready());
        assert!(!jwt.keys()[0].is_ready());
    }
    assert_eq!(provider.asked(), 0);

    // Keys that a runtime with timers fetched are good here too; others cannot be looked for.
    let jwt = builder().jwks_uri(URL, provider.clone()).build().unwrap();
    let with_timers = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    with_timers.block_on(jwt.ready());
    let layer = AuthenticateLayer::new(by_jwt(&jwt));
    assert_eq!(now(ask_layer(layer, &[("authorization", &token)])).status, 200);
    is_misconfigured(by_jwt(&jwt), ("authorization", &format!("Bearer {}", two.token())));
    drop(with_timers);
    is_misconfigured(by_jwt(&jwt), ("authorization", &format!("Bearer {}", two.token())));
}
