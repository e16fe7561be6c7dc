//! What the layer costs, against a bare service in the same run.
//!
//! `cargo bench --bench layer` prints nanoseconds and ratios;
//! `cargo bench --bench layer -- --instructions` counts instructions for each call with valgrind. With
//! `--features metrics,tracing`, and nobody who listens, they are within 3 % of those without.
#![allow(missing_docs)]

use std::{
    convert::Infallible,
    hint::black_box,
    pin::{Pin, pin},
    process::Command,
    task::{Context, Poll, Waker},
    time::Instant,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use sha2::{Digest as _, Sha256};
use tower::{Layer as _, Service, service_fn};
use tower_authn::{
    AuthenticateLayer, Authenticator, Scheme as _, Tokens, Users, Validator,
    respond::ProblemJson,
    scheme::{ApiKey, ApiKeyValue, Basic, Bearer},
};
use tower_http::auth::AsyncRequireAuthorizationLayer;

type Body = Full<Bytes>;

const TOKEN: &str = "n4bQgYhMfWWaL-qgxVrQFQ";

/// Runs something so many times.
type Run = Box<dyn Fn(u32)>;
/// A name, and what sets it up.
type Case = (&'static str, Box<dyn FnOnce() -> Run>);

fn cases() -> Vec<Case> {
    let bearer = || ("authorization", format!("Bearer {TOKEN}"));
    let basic = || ("authorization", format!("Basic {}", STANDARD.encode("alice:open sesame")));
    let key = || ("x-api-key", TOKEN.to_owned());
    let tower_http = || {
        AsyncRequireAuthorizationLayer::new(|request: Request<Body>| {
            let good = request
                .headers()
                .get("authorization")
                .is_some_and(|value| value == "Bearer n4bQgYhMfWWaL-qgxVrQFQ");
            Box::pin(async move {
                if good {
                    Ok(request)
                } else {
                    let mut refused = Response::new(Body::default());
                    *refused.status_mut() = StatusCode::UNAUTHORIZED;
                    Err(refused)
                }
            }) as Pin<Box<dyn Future<Output = _> + Send>>
        })
    };
    vec![
        ("bare service", Box::new(move || calls(service_fn(inner), Some(bearer())))),
        ("bare service, nothing sent", Box::new(move || calls(service_fn(inner), None))),
        (
            "tower-http, accepted",
            Box::new(move || calls(tower_http().layer(service_fn(inner)), Some(bearer()))),
        ),
        ("tower-http, refused", Box::new(move || calls(tower_http().layer(service_fn(inner)), None))),
        (
            "bearer, accepted",
            Box::new(move || calls(layer(by_bearer(1)).layer(service_fn(inner)), Some(bearer()))),
        ),
        ("bearer, refused", Box::new(move || calls(layer(by_bearer(1)).layer(service_fn(inner)), None))),
        (
            "or of two, accepted",
            Box::new(move || {
                calls(layer(by_bearer(1).or(by_basic())).layer(service_fn(inner)), Some(bearer()))
            }),
        ),
        (
            "or of two, refused",
            Box::new(move || calls(layer(by_bearer(1).or(by_basic())).layer(service_fn(inner)), None)),
        ),
        (
            "boxed, accepted",
            Box::new(move || calls(layer(by_bearer(1).boxed()).layer(service_fn(inner)), Some(bearer()))),
        ),
        (
            "basic, accepted",
            Box::new(move || calls(layer(by_basic()).layer(service_fn(inner)), Some(basic()))),
        ),
        (
            "API key of 1, accepted",
            Box::new(move || calls(layer(by_key(1)).layer(service_fn(inner)), Some(key()))),
        ),
        (
            "API key of 100,000, accepted",
            Box::new(move || calls(layer(by_key(100_000)).layer(service_fn(inner)), Some(key()))),
        ),
        ("look-up of one key", Box::new(|| look_ups(tokens(1), || ApiKeyValue::new(TOKEN)))),
        ("look-up in 100,000 keys", Box::new(|| look_ups(tokens(100_000), || ApiKeyValue::new(TOKEN)))),
        ("Basic parsed and looked up", Box::new(move || extractions(by_basic(), basic()))),
        (
            "one SHA-256 of a token",
            Box::new(|| {
                Box::new(|times| {
                    for _ in 0..times {
                        black_box(Sha256::digest(black_box(TOKEN)));
                    }
                })
            }),
        ),
    ]
}

fn layer<A: Authenticator>(authenticator: A) -> AuthenticateLayer<A, ProblemJson> {
    AuthenticateLayer::new(authenticator).respond_with(ProblemJson)
}

fn tokens(count: u32) -> Tokens<&'static str> {
    let tokens = Tokens::new();
    for index in 1..count {
        tokens.insert_weak(&format!("token {index}"), "somebody");
    }
    tokens.insert_weak(TOKEN, "alice");
    tokens
}

fn by_bearer(count: u32) -> impl Authenticator<Identity = &'static str> + Clone {
    Bearer::new("bench").validated_by(tokens(count))
}

fn by_key(count: u32) -> impl Authenticator<Identity = &'static str> + Clone {
    ApiKey::new("bench").validated_by(tokens(count))
}

fn by_basic() -> impl Authenticator<Identity = &'static str> {
    Basic::new("bench").validated_by(Users::new().with("alice", "open sesame", "alice"))
}

async fn inner(_: Request<Body>) -> Result<Response<Body>, Infallible> {
    Ok(Response::new(Body::default()))
}

/// Each call has a request of its own, which is made and dropped in the loop, for the bare service as well.
fn calls<S>(service: S, header: Option<(&'static str, String)>) -> Run
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + 'static,
{
    let header = header.map(|(name, value)| (name, http::HeaderValue::try_from(value).expect("a header")));
    let run = move |times: u32| {
        let mut service = service.clone();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..times {
            let mut request = Request::new(Body::default());
            if let Some((name, value)) = &header {
                request.headers_mut().insert(*name, value.clone());
            }
            let _ = service.poll_ready(&mut context);
            drop(black_box(now(pin!(service.call(request)))));
        }
    };
    Box::new(run)
}

/// The validator alone, without scheme and layer.
fn look_ups<C: 'static>(validator: impl Validator<C>, credentials: fn() -> C) -> Run {
    Box::new(move |times| {
        for _ in 0..times {
            drop(black_box(now(pin!(validator.validate(black_box(credentials()))))));
        }
    })
}

/// Scheme and validator, without layer, over one head.
fn extractions(authenticator: impl Authenticator, (name, value): (&'static str, String)) -> Run {
    Box::new(move |times| {
        let (mut head, ()) = Request::get("/").header(name, &value).body(()).expect("a request").into_parts();
        for _ in 0..times {
            let Ok(Some(credentials)) = authenticator.extract(&mut head) else { panic!("nothing is found") };
            drop(black_box(now(pin!(authenticator.validate(credentials)))));
        }
    })
}

/// Runs a future that never waits.
fn now<F: Future>(future: Pin<&mut F>) -> F::Output {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("nothing here waits"),
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|argument| argument == "--case") {
        let times = arguments[at + 2].parse().expect("how often");
        let (_, set_up) = cases().into_iter().find(|(name, _)| *name == arguments[at + 1]).expect("a case");
        return set_up()(times);
    }
    let count = arguments.iter().any(|argument| argument == "--instructions");
    let unit = if count { "instructions" } else { "ns" };
    println!("{:<30} {unit:>12}  over bare", "");
    let mut bare = None;
    for (name, set_up) in cases() {
        let cost = if count { instructions(name) } else { nanoseconds(&*set_up()) };
        println!("{name:<30} {cost:>12.0}  {:>8.2}", cost / *bare.get_or_insert(cost));
    }
}

/// The best of several rounds.
fn nanoseconds(run: &dyn Fn(u32)) -> f64 {
    const TIMES: u32 = 20_000;
    run(TIMES);
    let rounds = (0..20).map(|_| {
        let start = Instant::now();
        run(TIMES);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(TIMES)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// The difference of two runs under callgrind, so that what is made once does not count.
fn instructions(case: &str) -> f64 {
    let collected = |times: u32| -> f64 {
        let program = std::env::current_exe().expect("this program");
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(program)
            .args(["--case", case, &times.to_string()])
            .output()
            .expect("valgrind");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().find_map(|line| line.split_once("Collected : ")).expect("callgrind's sum");
        line.1.trim().parse().expect("a number")
    };
    (collected(1_100) - collected(100)) / 1_000.0
}
