//! What must not show: secrets in `Debug` and `Display`, and anything of a request in an answer.
#![cfg(feature = "testing")]

mod support;

use std::fmt::Debug;

use support::{ask_layer, secrets::*};
use tower::{Layer as _, Service as _, service_fn};
use tower_authn::{
    AnyOf, Asked, AuthenticateLayer, Authenticated, Authenticator, BearerToken, Granted, Rejection,
    RequireLayer, Scheme as _, Users,
    respond::{Empty, Html, Negotiate, Plain, ProblemJson},
    scheme::{ApiKeyValue, Basic, Bearer, Password, UserPassword},
    validator::FromService,
    with_state,
};

const SECRET: &str = "s3cr3t-9f86d081884c7d65-Fq0";

#[track_caller]
fn hides(value: &impl Debug) {
    for text in [format!("{value:?}"), format!("{value:#?}")] {
        assert!(!text.contains("s3cr3t") && !text.contains("carol"), "{text}");
    }
}

#[test]
fn credentials_validators_and_stacks_show_no_secret() {
    hides(&BearerToken::new(SECRET));
    hides(&ApiKeyValue::new(SECRET));
    hides(&Password::new(SECRET));
    hides(&UserPassword::new("carol", SECRET));
    let tokens = tower_authn::Tokens::new();
    tokens.insert(SECRET, "carol").unwrap();
    let users = || Users::new().with("carol", SECRET, "carol");
    hides(&tokens);
    hides(&users());
    hides(&with_state(SECRET, |_: &'static str, _: BearerToken| async { Ok::<_, Rejection>(Some(1)) }));
    hides(&FromService::new(service_fn(|_: BearerToken| async { Ok::<_, std::io::Error>(Some(SECRET)) })));
    let bearer = || Bearer::new("r").validated_by(tokens.clone());
    hides(&bearer());
    let either = || bearer().or(Basic::new("r").validated_by(users()));
    hides(&either());
    hides(&either().optional());
    hides(&bearer().and(bearer()));
    hides(&bearer().map(str::len).require(|_| true));
    hides(&bearer().and_then(|name| async move { Ok::<_, Rejection>(Some(name)) }));
    hides(&bearer().boxed());
    hides(&AnyOf::try_from(vec![bearer().boxed(), bearer().boxed()]).unwrap());
    let layer = AuthenticateLayer::new(either());
    hides(&layer);
    hides(&layer.layer("a service"));
    let token = format!("Bearer {SECRET}");
    let called =
        layer.layer(service_fn(support::whoami)).call(support::request(&[("authorization", &token)]));
    hides(&called);
    let required = RequireLayer::new(|user: &String| user == "carol");
    hides(&required);
    hides(&required.layer("a service"));
    hides(&Granted::new("carol", "Basic"));
    hides(&Authenticated::assume("carol"));
}

#[test]
fn what_was_extracted_shows_no_secret_and_is_marked_sensitive() {
    let sent = [
        ("authorization", format!("Bearer {SECRET}")),
        ("x-api-key", SECRET.to_owned()),
        ("cookie", format!("sid={SECRET}")),
    ];
    let sent: Vec<_> = sent.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (mut head, _) = support::request(&sent).into_parts();
    let asked = Asked::of(&head);
    let credentials = by_bearer().or(by_key()).boxed().extract(&mut head, &asked).unwrap().unwrap();
    hides(&credentials);
    assert_eq!(tower_authn::scheme::cookie(&mut head, "sid"), Some(SECRET));
    hides(&head.headers);
    let twice = support::request(&[("authorization", SECRET), ("authorization", SECRET)]);
    let (mut head, _) = twice.into_parts();
    hides(&by_bearer().extract(&mut head, &asked).map(|_| ()).unwrap_err());
    hides(&head.headers);
}

#[tokio::test]
async fn answers_reflect_nothing_of_the_request() {
    let basic_secret = basic("carol", SECRET);
    let requests: [&[(&str, &str)]; 7] = [
        &[("authorization", "Bearer s3cr3t-token")],
        &[("authorization", "Bearer s3cr3t token")],
        &[("authorization", &basic_secret)],
        &[("authorization", "Basic s3cr3t")],
        &[("x-api-key", "s3cr3t")],
        &[("authorization", "s3cr3t"), ("authorization", "s3cr3t")],
        &[
            ("cookie", "s3cr3t=1"),
            ("host", "s3cr3t.example"),
            ("origin", "https://s3cr3t.example"),
            ("accept", "s3cr3t/html"),
        ],
    ];
    for headers in requests {
        let all = || by_bearer().or(by_basic()).or(by_key());
        let answers = [
            ask_layer(AuthenticateLayer::new(all()), headers).await,
            ask_layer(AuthenticateLayer::new(all()).respond_with(ProblemJson), headers).await,
            ask_layer(AuthenticateLayer::new(all()).respond_with(Html), headers).await,
            ask_layer(AuthenticateLayer::new(all()).respond_with(Plain), headers).await,
            ask_layer(AuthenticateLayer::new(all()).respond_with(Empty), headers).await,
        ];
        for answer in answers {
            assert!(matches!(answer.status.as_u16(), 400 | 401));
            let whole = format!("{} {}", answer.lines().join("\n"), answer.body);
            assert!(!whole.contains("s3cr3t") && !whole.contains("carol"), "{whole}");
            let rejection = answer.extensions.get::<Rejection>().unwrap();
            assert!(!format!("{rejection} {rejection:?}").contains("s3cr3t"));
        }
    }
    // Neither the path, in any representation.
    for accept in ["text/html", "application/json", "text/plain"] {
        let service =
            AuthenticateLayer::new(by_bearer()).respond_with(Negotiate).layer(service_fn(support::whoami));
        let mut request = support::request(&[("accept", accept)]);
        *request.uri_mut() = "/s3cr3t/path?s3cr3t=1".parse().unwrap();
        let answer = support::send(service, request).await;
        assert!(!answer.body.contains("s3cr3t"));
    }
}
