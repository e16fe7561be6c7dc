//! What the layer allocates: counted, never timed. One test, since the counter counts for the whole process.

mod support;

use std::{alloc::System, convert::Infallible};

use http::{Request, Response};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use support::{Body, now, request, secrets::*};
use tower::{Layer as _, Service, service_fn};
use tower_authn::{AnyOf, Asked, AuthenticateLayer, Authenticator, respond::ProblemJson};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How often something allocates, once what is made at the first use is made.
fn allocations<T>(mut prepare: impl FnMut() -> T, mut run: impl FnMut(T)) -> usize {
    let counted = (0..8).map(|_| {
        let prepared = prepare();
        let region = Region::new(ALLOCATOR);
        run(prepared);
        let change = region.change();
        change.allocations + change.reallocations
    });
    counted.skip(3).min().unwrap()
}

async fn bare(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::default()))
}

fn calls(authenticator: impl Authenticator, headers: &[(&str, &str)]) -> usize {
    let mut service = AuthenticateLayer::new(authenticator).respond_with(ProblemJson).layer(service_fn(bare));
    allocations(
        || request(headers),
        |request| {
            // What is returned is dropped after it is counted.
            std::mem::forget(now(service.call(request)).unwrap());
        },
    )
}

fn extracts(authenticator: &impl Authenticator, headers: &[(&str, &str)]) -> usize {
    allocations(
        || {
            let head = request(headers).into_parts().0;
            let asked = Asked::of(&head);
            (head, asked)
        },
        |(mut head, asked)| assert!(authenticator.extract(&mut head, &asked).unwrap().is_none()),
    )
}

/// What the layer that drains takes to hand a body on.
#[cfg(feature = "drain")]
fn drained(body: &'static str) -> usize {
    use tower_authn::drain::{DrainLayer, RequestBody};

    let mut service = DrainLayer::new().layer(service_fn(|request: Request<RequestBody<Body>>| {
        std::future::ready(Ok::<_, Infallible>(request))
    }));
    allocations(|| Request::new(Body::from(body)), |request| std::mem::forget(now(service.call(request))))
}

#[test]
fn the_layer_keeps_its_budget() {
    let token = bearer();
    let other = [("authorization", "Digest username=x"), ("cookie", "theme=dark"), ("accept", "*/*")];

    for headers in [&[][..], &other] {
        assert_eq!(extracts(&by_basic(), headers), 0, "Basic");
        assert_eq!(extracts(&by_bearer(), headers), 0, "Bearer");
        assert_eq!(extracts(&by_key(), headers), 0, "API key");
        assert_eq!(extracts(&by_bearer().or(by_basic()), headers), 0, "or");
        assert_eq!(extracts(&by_bearer().boxed(), headers), 0, "boxed");
        let list = AnyOf::try_from(vec![by_bearer().boxed(), by_basic().boxed()]).unwrap();
        assert_eq!(extracts(&list, headers), 0, "any of");
    }

    #[cfg(all(feature = "session", feature = "testing"))]
    {
        let site = support::session::site();
        let cookie = now(site.signed_in("alice"));
        let by_session = || tower_authn::Scheme::validated_by(site.cookie.clone(), site.sessions.clone());
        assert_eq!(extracts(&by_session(), &other), 0, "session");
        let accepted = calls(by_session(), &[("cookie", &cookie)]);
        println!("session {accepted}");
        assert!(accepted <= 8, "a session in memory: {accepted}");
    }

    {
        use tower_authn::{
            Scheme as _,
            scheme::{Basic, ClientAddr, UserPassword},
            throttle::Throttle,
        };
        let right = [("authorization", &*basic("alice", PASSWORD))];
        let here = ClientAddr::new().peer_from(|_| Some([203, 0, 113, 7].into()));
        let by_user = || Basic::new("r").validated_by(users());
        let throttled =
            by_user().throttled(Throttle::default().address_from(here)).by_user(UserPassword::user);
        let (without, with) = (calls(by_user(), &right), calls(throttled, &right));
        println!("Basic {without}, throttled {with}");
        assert!(with <= without + 1, "the user's name is kept, and nothing else: {without} {with}");
    }

    #[cfg(feature = "drain")]
    {
        assert_eq!(drained(""), 0, "no body to drain");
        let with_a_body = drained("a body");
        assert!(with_a_body <= 2, "a body to drain: {with_a_body}");
    }

    let accepted = calls(by_bearer(), &[("authorization", &token)]);
    let refused = calls(by_bearer().or(by_basic()), &[]);
    let refused_by_one = calls(by_bearer(), &[]);
    let either = calls(by_bearer().or(by_basic()), &[("authorization", &token)]);
    println!("accepted {accepted}, or {either}, refused {refused_by_one}, refused by two schemes {refused}");
    assert!(accepted <= 5, "a static token: {accepted}");
    assert!(either <= 5, "either of two: {either}");
    assert!(refused_by_one <= 6, "a whole 401: {refused_by_one}");
    assert!(refused <= 6, "a whole 401 with two challenges: {refused}");
}
